"""Processes that are killed or stopped: what is lost is counted, and what is left goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.command import Running, wait_until
from helpers.plain import Receiver, Results

Start = Callable[..., Running]

# `framewire work` is framewire-work on PATH; it stands beside the interpreter that runs the tests.
WITH_WORK = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
COLLECT = ("--to", "push+tcp://127.0.0.1:*", "--collect", "tcp://127.0.0.1:*", "--deadline", "3s")


def summary_of(path: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(path.read_text())
    assert summary["captured"] == summary["sent"] + summary["dropped"] + summary["in_flight"]
    return summary


def test_a_killed_worker_is_replaced_and_its_frames_are_counted_as_lost(start: Start, tmp_path: Path) -> None:
    handler = tmp_path / "fatal.py"
    handler.write_text(
        "import os, signal\n"
        "def handle(frame):\n"
        "    if frame.seq == 7:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return frame.seq\n"
    )
    results, account = tmp_path / "results.jsonl", tmp_path / "summary.json"
    sender = start("send", "test:bars?size=1920x1080&count=40", *COLLECT, "--results", results, "--summary", account)
    frames, answers = sender.urls
    work = start("work", handler, "--from", frames, "--results", answers, env=WITH_WORK)
    assert sender.wait() == 3, sender.stderr
    assert work.wait() == 0, work.stderr
    assert "SIGKILL" in work.stderr

    summary = summary_of(account)
    answered = {json.loads(line)["seq"] for line in results.read_text().splitlines()}
    assert 7 not in answered
    assert summary["results"] == len(answered) == 40 - summary["lost"]
    assert 1 <= summary["lost"] <= 8  # what the dead process had taken in; the others were answered

    again = start(
        "send", "test:bars?size=1920x1080&count=40", *COLLECT, "--results", results, "--summary", account, "--resume"
    )
    frames, answers = again.urls
    handler.write_text("def handle(frame):\n    return frame.seq\n")
    work = start("work", handler, "--from", frames, "--results", answers, env=WITH_WORK)
    assert again.wait() == 0, again.stderr
    assert summary_of(account)["skipped"] == len(answered)
    items = [json.loads(line)["item"] for line in results.read_text().splitlines()]
    assert sorted(items, key=int) == [str(number) for number in range(40)]


def test_a_killed_sender_is_waited_for_and_its_next_run_gone_on_with(start: Start, tmp_path: Path) -> None:
    handler = tmp_path / "echo.py"
    handler.write_text("def handle(frame):\n    return frame.seq\n")
    first = start("send", "test:noise?size=64x64", "--rate", "100fps", *COLLECT, "--results", tmp_path / "first.jsonl")
    frames, answers = first.urls
    work = start("work", handler, "--from", frames, "--results", answers, env=WITH_WORK)
    wait_until(lambda: (tmp_path / "first.jsonl").read_text().count("\n") > 3, "results of the first run")
    first.signal(signal.SIGKILL)
    first.wait()
    for line in (tmp_path / "first.jsonl").read_text().splitlines():
        json.loads(line)

    results = tmp_path / "second.jsonl"
    second = start(
        *("send", "test:noise?size=64x64&count=20", "--to", frames, "--collect", answers, "--deadline", "10s"),
        *("--results", results),
    )
    assert second.wait() == 0, second.stderr
    assert work.wait() == 0, work.stderr
    assert results.read_text().count('"status":"done"') == 20


def test_a_worker_that_stops_reading_costs_no_more_than_the_drain_time(start: Start, tmp_path: Path) -> None:
    account = tmp_path / "summary.json"
    sender = start(
        *("send", "test:bars?size=1920x1080&count=30", "--to", "push+tcp://127.0.0.1:*", "--wait-workers", "2"),
        *("--drain", "1s", "--summary", account),
    )
    with Receiver(sender.url, queue=1) as stuck, Receiver(sender.url, queue=1) as good:
        seen = {frame.seq for frame in good}
        assert good.end is not None
        assert sender.wait() in (0, 3), sender.stderr
        summary = summary_of(account)
        assert summary["captured"] == 30
        assert len(seen) + summary["in_flight"] < 30, "the stuck worker was given nothing, so nothing is tested"
        assert stuck.receive().kind == "frame"


def test_a_reader_that_reads_nothing_does_not_make_the_sender_grow(start: Start) -> None:
    sender = start(
        *("send", "test:noise?size=3840x2160&format=rgb8", "--to", "push+tcp://127.0.0.1:*", "--memory", "128MiB")
    )
    with Receiver(sender.url, queue=1) as reader:
        for _ in range(3):
            reader.receive()
        status = Path(f"/proc/{sender.process.pid}/status")

        def resident() -> int:
            return int(re.findall(r"VmRSS:\s+(\d+) kB", status.read_text())[0]) // 1024

        stat = Path(f"/proc/{sender.process.pid}/stat")

        def cpu() -> int:
            return sum(map(int, stat.read_text().rsplit(")", 1)[1].split()[11:13]))

        # Idle: it made as many frames as it may, and waits.
        before = [-1]

        def idle() -> bool:
            now = cpu()
            still, before[0] = now == before[0], now
            return still

        wait_until(idle, "the sender waits")
        assert resident() <= 128 + 48
        sender.signal(signal.SIGTERM)
        sender.signal(signal.SIGTERM)
        sender.wait()


def test_results_of_a_killed_sender_are_taken_up_where_they_ended(start: Start, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    first = start("send", "test:noise?size=64x64&count=50", "--rate", "200fps", *COLLECT, "--results", results)
    frames, answers = first.urls
    with Receiver(frames) as receiver:
        replies = Results(answers)
        for _ in range(10):
            replies.reply(receiver.receive(), 1)
        wait_until(lambda: results.read_text().count("\n") == 10, "ten lines")
        first.signal(signal.SIGKILL)
        first.wait()
        replies.close()
    with results.open("ab") as torn:
        torn.write(b'{"stream":"test","seq":11,"ite')

    second = start(
        *("send", "test:noise?size=64x64&count=50", *COLLECT, "--results", results, "--resume"),
    )
    frames, answers = second.urls
    with Receiver(frames) as receiver:
        replies = Results(answers)
        for frame in receiver:
            replies.reply(frame, 2)
        replies.close()
    assert second.wait() == 0, second.stderr
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert sorted(int(line["item"]) for line in lines) == list(range(50))
    assert [line["value"] for line in lines].count(1) == 10
