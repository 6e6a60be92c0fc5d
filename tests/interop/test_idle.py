"""Memory that a sender does not use goes back to the system, and its workers go on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.command import Running, wait_until
from helpers.pictures import ppm

ROOT = Path(__file__).parents[2]
# `framewire work` is framewire-work on PATH; it stands beside the interpreter that runs the tests.
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def shared(process: int) -> int:
    """Bytes of shared memory that are resident in a process."""
    found = re.search(r"^RssShmem:\s+(\d+) kB$", Path(f"/proc/{process}/status").read_text(), re.M)
    assert found
    return int(found[1]) << 10


def family(process: int) -> list[int]:
    """The process, and its children."""
    return [process, *map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())]


@pytest.fixture(params=["c", "python"])
def work(
    request: pytest.FixtureRequest, start: Callable[..., Running], framewire_path: Path, tmp_path: Path
) -> Callable[[str, dict[str, str]], Running]:
    """work(url, env): a worker that answers with the mean, on its own."""

    def begin(url: str, env: dict[str, str]) -> Running:
        if request.param == "python":
            return start("work", ROOT / "examples/workers/mean.py", "--from", url, env=env)
        running = Running(framewire_path.parents[2] / "examples" / "worker", [url], tmp_path, env=env)
        request.addfinalizer(running.kill)
        return running

    return begin


def test_an_idle_sender_gives_its_memory_back(
    start: Callable[..., Running], work: Callable[[str, dict[str, str]], Running], tmp_path: Path
) -> None:
    env = {"FRAMEWIRE_DOOR": str(tmp_path / "door"), "PATH": PATH}
    results = tmp_path / "results.jsonl"
    large = [ppm(tmp_path / f"{value}.ppm", width=4000, height=2000, value=value) for value in range(4)]
    small = ppm(tmp_path / "9.ppm", value=9)  # the last one waits for late observers
    sender = start(
        "send", "--list", "-", "--to", "tcp://127.0.0.1:*", "--results", results, stdin=subprocess.PIPE, env=env
    )
    worker = work(sender.url, env)
    most = {"sender": 0, "worker": 0}

    def memory() -> dict[str, int]:
        pids = family(worker.process.pid)
        now = {"sender": shared(sender.process.pid), "worker": max(map(shared, pids))}
        most.update({who: max(most[who], size) for who, size in now.items()})
        return now

    def answered(count: int) -> bool:
        memory()
        return results.exists() and results.read_bytes().count(b"\n") == count

    def send(*pictures: Path) -> None:
        assert sender.process.stdin
        sender.process.stdin.write(b"".join(b"%s\n" % os.fsencode(picture) for picture in pictures))
        sender.process.stdin.flush()

    send(*large[:2], small)
    wait_until(lambda: answered(3), "results")
    wait_until(lambda: max(memory().values()) < 1 << 20, "all give it back")
    assert min(most.values()) > 20 << 20
    send(*large[2:], small)
    wait_until(lambda: answered(6), "more results")
    assert sender.process.stdin
    sender.process.stdin.close()
    assert sender.wait() == 0, sender.stderr
    assert worker.wait() == 0, worker.stderr
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert sorted(line["value"]["mean"] for line in lines) == [0, 1, 2, 3, 9, 9]
