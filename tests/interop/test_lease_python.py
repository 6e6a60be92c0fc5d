"""Python workers and observers at a real hub: every frame is answered once, whatever becomes of who had it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import framewire
from framewire import aio
from helpers.command import PATIENCE, Running, wait_until

Start = Callable[..., Running]

PACKAGE = Path(framewire.__file__).parent.parent
BOUND = "tcp://127.0.0.1:*"


def lines_of(file: Path) -> dict[int, dict[str, Any]]:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    by_seq = {line["seq"]: line for line in lines}
    assert len(by_seq) == len(lines), "a frame was answered twice"
    return by_seq


def work(folder: Path, source: str, url: str, *options: str) -> subprocess.Popen[str]:
    (folder / "handler.py").write_text(source)
    words = [sys.executable, "-m", "framewire.cli.work", "handler.py", "--from", url, *options]
    env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    return subprocess.Popen(words, cwd=folder, env=env, stderr=subprocess.PIPE, text=True)


def test_a_loop_answers_every_frame(start: Start, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    sender = start("send", "test:gradient?size=64x48&format=rgb8&count=50", "--to", BOUND, "--results", results)
    means = {}
    with framewire.Receiver(sender.url) as receiver:
        for frame in receiver:
            means[frame.seq] = float(frame.array.mean())
            assert (frame.shape, frame.format, frame.attempt) == ((48, 64, 3), "rgb8", 1)
            if frame.seq % 2:
                frame.reply({"mean": means[frame.seq]})
    assert sender.wait() == 0, sender.stderr
    lines = lines_of(results)
    assert sorted(lines) == list(range(50))
    for seq, line in lines.items():
        assert line["value"] == ({"mean": means[seq]} if seq % 2 else None)
        assert (line["status"], line["item"], line["shape"]) == ("done", str(seq), [48, 64, 3])
        assert line["worker"].endswith(f"/{os.getpid()}")


def test_the_same_under_asyncio_with_an_observer_beside(start: Start, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    sender = start("send", "test:bars?size=64x48&count=30", "--to", BOUND, "--results", results, "--rate", "100fps")
    seen: list[framewire.Result] = []

    def watch() -> None:
        with framewire.Receiver(sender.url, role="observer", on_result=seen.append) as receiver:
            frames = list(receiver)
            assert frames and len(frames) + receiver.stats.dropped <= 30

    async def answer() -> None:
        async with aio.Receiver(sender.url) as receiver:
            async for frame in receiver:
                await asyncio.sleep(0)
                frame.reply(frame.seq, half=frame.array[::2])

    watcher = threading.Thread(target=watch)
    watcher.start()
    asyncio.run(answer())
    assert sender.wait() == 0, sender.stderr
    watcher.join()
    assert {seq: line["value"] for seq, line in lines_of(results).items()} == {seq: seq for seq in range(30)}
    assert seen and all(result.value == result.seq for result in seen)
    assert all(result.arrays["half"].shape == (24, 64, 3) for result in seen)


def test_what_is_given_back_comes_again(start: Start, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    sender = start("send", "test:bars?size=64x48&count=6", "--to", BOUND, "--results", results, "--summary", "-")
    with framewire.Receiver(sender.url) as receiver:
        for _ in receiver:
            break
    with framewire.Receiver(sender.url, credit=4) as receiver:
        kept = receiver.batch(3, 20)
        assert len(kept) == 3
        kept[0].reply("kept")
    with framewire.Receiver(sender.url) as receiver:
        for frame in receiver:
            frame.reply("last")
    assert sender.wait() == 0, sender.stderr
    values = [line["value"] for line in lines_of(results).values()]
    assert sorted(values) == ["kept"] + 5 * ["last"]
    assert json.loads(sender.stdout)["dead"] == 0


def test_a_poison_frame_dies_alone(start: Start, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    sender = start("send", "test:bars?size=64x48&count=20", "--to", BOUND, "--results", results, "--attempts", "2")
    source = "import os, signal\ndef handle(frame):\n    if frame.seq == 7: os.kill(os.getpid(), signal.SIGKILL)\n"
    workers = work(tmp_path, source, sender.url, "--processes", "2")
    assert sender.wait() == 3, sender.stderr
    _, said = workers.communicate(timeout=PATIENCE)
    assert workers.returncode == 0, said
    lines = lines_of(results)
    assert sorted(lines) == list(range(20))
    assert [seq for seq, line in lines.items() if line["status"] == "dead"] == [7]
    assert "died by SIGKILL; restarting in" in said


def test_workers_go_on_with_the_next_run_of_a_killed_sender(start: Start, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    common = ["test:bars?size=64x48&count=300", "--rate", "300fps", "--results", results]
    sender = start("send", *common, "--to", BOUND)
    url = sender.url
    source = "import os\nfrom pathlib import Path\ndef handle(frame):\n    return 1"
    workers = work(tmp_path, source, url)
    wait_until(lambda: results.exists() and results.read_text().count("\n") > 20, "some results")
    sender.signal(signal.SIGKILL)
    sender.wait()
    again = start("send", *common, "--to", url, "--resume", "--summary", "-")
    assert again.wait() == 0, again.stderr
    _, said = workers.communicate(timeout=PATIENCE)
    assert workers.returncode == 0
    assert f"the sender at {url} was started anew; going on with its new run" in said
    assert sorted(int(line["item"]) for line in map(json.loads, results.read_text().splitlines())) == list(range(300))
    assert json.loads(again.stdout)["skipped"] > 20


def test_sigterm_gives_back_what_was_not_begun(start: Start, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    sender = start("send", "test:bars?size=64x48&count=4", "--to", BOUND, "--results", results, "--summary", "-")
    source = (
        "import signal, time\nfrom pathlib import Path\n"
        "def handle(frame):\n"
        "    told, leave = [], signal.getsignal(signal.SIGTERM)\n"
        "    signal.signal(signal.SIGTERM, lambda *of: (told.append(leave(*of))))\n"
        "    Path('begun').touch()\n"
        "    while not told: time.sleep(0.01)\n"
        "    return 'first'\n"
    )
    workers = work(tmp_path, source, sender.url, "--credit", "4")
    wait_until((tmp_path / "begun").exists, "the first frame")
    workers.send_signal(signal.SIGTERM)
    workers.communicate(timeout=PATIENCE)
    with framewire.Receiver(sender.url) as receiver:
        for frame in receiver:
            frame.reply("second")
    assert sender.wait() == 0, sender.stderr
    assert sorted(line["value"] for line in lines_of(results).values()) == ["first"] + 3 * ["second"]
    assert json.loads(sender.stdout)["redelivered"] == 3
