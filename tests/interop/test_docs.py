"""What the README and docs/test-source.md show in Python does what they say of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from helpers.command import PATIENCE, Running
from helpers.plain import take_all

ROOT = Path(__file__).parents[2]
Start = Callable[..., Running]
SEND = ["send", "test:gradient?size=64x48&count=20"]


def snippet(page: str, words: str) -> str:
    """The piece of Python on this page that has these words."""
    found = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    (one,) = [text for text in found if words in text]
    return str(one)


def run(script: str, url: str) -> str:
    """Run the script at this URL in place of its own."""
    address = re.compile(r"tcp://127\.0\.0\.1:5555")
    assert address.search(script)
    command = [sys.executable, "-c", address.sub(url.removeprefix("push+"), script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_loop_of_the_readme(start: Start, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    sender = start(*SEND, "--to", "tcp://127.0.0.1:*", "--results", results)
    run(snippet("README.md", "framewire.Receiver("), sender.url)
    assert sender.wait() == 0, sender.stderr
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert len(lines) == 20 and all(0 < line["value"]["mean"] < 255 for line in lines)


def test_the_plain_client_of_the_readme(start: Start) -> None:
    sender = start(*SEND, "--to", "push+tcp://127.0.0.1:*")
    printed = run(snippet("README.md", "zmq.PULL"), sender.url).splitlines()
    assert sender.wait() == 0, sender.stderr
    assert [line.rsplit(" ", 1)[0] for line in printed] == [f"{seq} (48, 64, 3)" for seq in range(20)]


def test_the_stamps_tell_which_frame_it_is_and_that_it_is_whole(start: Start) -> None:
    names: dict[str, Callable[[bytes], int | None]] = {}
    exec(snippet("docs/test-source.md", "def number("), names)
    number = names["number"]
    sender = start("send", "test:noise?size=320x240&count=3", "--to", "push+tcp://127.0.0.1:*")
    frames, _ = take_all(sender.url)
    assert sender.wait() == 0, sender.stderr
    assert [number(frame.payloads[0]) for frame in frames] == [0, 1, 2]
    assert number(frames[0].payloads[0][:-16] + frames[1].payloads[0][-16:]) is None
