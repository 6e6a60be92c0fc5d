"""A sender that draws nothing and its workers, in C or in Python, each a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .run import FRAMEWIRE, LIMIT, ROOT, output, program, read_ready

LEASED = "tcp://127.0.0.1:*"
PUSH = "push+tcp://127.0.0.1:*"


@dataclass(frozen=True)
class Load:
    """Which frames go to whom."""

    size: str
    count: int
    to: str = LEASED
    fill: str = "number"
    look: str = "number"
    workers: int = 1
    credit: int = 2
    python: bool = False
    shared: bool = False  # in shared memory
    sleep: int = 0  # us that a worker sleeps over each frame
    rate: float = 0  # frames a second; 0: as fast as they are taken
    times: bool = False  # when each result came is wanted
    during: Callable[[list[subprocess.Popen[str]]], None] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Outcome:
    """What came of it: frames a second, and microseconds of CPU a frame in the sender and in its workers."""

    fps: float
    sender: float
    workers: float
    delays: list[float]  # ms, from the sender's clock to the handler
    times: list[float]  # s, of results
    redelivered: int
    lost: int  # frames without a result

    def delay(self, part: float) -> float:
        return sorted(self.delays)[int(len(self.delays) * part)]


def run(load: Load) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="framewire-bench-") as door:
        return _run(load, door)


def _run(load: Load, door: str) -> Outcome:
    command = [program("leased_send"), load.to, load.size, str(load.count), load.fill, str(load.workers)]
    command += [str(load.rate), *(["times"] if load.times else [])]
    pipe, environment = subprocess.PIPE, os.environ | {"FRAMEWIRE_DOOR": door}
    started: list[subprocess.Popen[str]] = []
    with subprocess.Popen(command, stdout=pipe, text=True, env=environment, cwd=ROOT) as sender:
        started.append(sender)
        try:
            assert sender.stdout is not None
            url = sender.stdout.readline().strip()
            worker = [sys.executable, "-m", "bench.worker"] if load.python else [program("leased_work")]
            worker += [url, str(load.credit), door if load.shared else "-", load.look, str(load.sleep)]
            for _ in range(load.workers):
                started.append(subprocess.Popen(worker, stdout=pipe, text=True, cwd=ROOT))
            all_there = bool(sender.stdout.readline())
            if all_there and load.during is not None:
                load.during(started[1:])
            said, _ = sender.communicate(timeout=LIMIT)
            if sender.returncode:
                raise SystemExit(f"the sender broke: {load}")
            told = [one.communicate(timeout=LIMIT)[0] for one in started[1:]]
        finally:
            for one in started:
                one.kill()
    return _outcome(load, said, told)


def _outcome(load: Load, said: str, told: list[str]) -> Outcome:
    sent: dict[str, Any] = json.loads(said)
    heard: list[dict[str, Any]] = [json.loads(text) for text in told if text]
    if load.python and any((one["transport"] == "shm") != load.shared for one in heard if one["frames"]):
        ways = {one["transport"] for one in heard}
        raise SystemExit(f"frames were to come {'' if load.shared else 'not '}in shared memory, and came by {ways}")
    frames = sum(one["frames"] for one in heard)
    return Outcome(
        fps=sent["fps"],
        sender=sent["cpu"],
        workers=sum(one["cpu"] * one["frames"] for one in heard) / max(frames, 1),
        delays=[delay / 1e6 for one in heard for delay in one.get("delays", [])],
        times=[at / 1e9 for at in sent["times"]],
        redelivered=sent["redelivered"],
        lost=sent["lost"],
    )


def folder(path: str, count: int, workers: int) -> float:
    """Frames a second of `framewire send` that decodes a folder of files, over and over, for Python workers here."""
    with tempfile.TemporaryDirectory(prefix="framewire-bench-") as door:
        ready = f"{door}/url"
        command = [str(FRAMEWIRE), "send", path, "--loop", "0", "--count", str(count), "--to", LEASED, "--quiet"]
        command += ["--door", f"{door}/doors", "--wait-workers", str(workers), "--summary", "-", "--ready-file", ready]
        started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)]
        try:
            url = read_ready(started[0], ready)
            worker = [sys.executable, "-m", "bench.worker", url, "2", f"{door}/doors", "number", "0"]
            for _ in range(workers):
                started.append(subprocess.Popen(worker, stdout=subprocess.PIPE, text=True, cwd=ROOT))
            said, *told = [json.loads(one.communicate(timeout=LIMIT)[0]) for one in started]
        finally:
            for one in started:
                one.kill()
    if {one["transport"] for one in told} != {"shm"}:
        raise SystemExit(f"frames were to come in shared memory: {told}")
    return float(said["fps"])


def copying(size: str, count: int) -> float:
    """Frames a second that one core copies into a warm slot."""
    return float(output(program("leased_send"), "memcpy", size, str(count))["fps"])


def copied_bare(size: str, count: int) -> float:
    """Frames a second of bare_copy, which does the same as `copy` with a bare descriptor."""
    width, height = map(int, size.split("x"))
    return float(output(program("bare_copy"), str(width * height * 3), str(count))["fps"])


def descriptors(size: int, count: int, rate: int) -> Outcome:
    """bare_descriptor and its Python reader."""
    with tempfile.TemporaryDirectory(prefix="framewire-bench-") as folder:
        path = f"{folder}/bare"
        command = [program("bare_descriptor"), path, str(size), str(count), str(rate)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
            try:
                assert sender.stdout is not None
                memory = sender.stdout.readline().strip()
                url = f"bare:{path}:{memory}"
                heard = output(sys.executable, "-m", "bench.worker", url, "0", "-", "clock", "0")
                said = json.loads(sender.communicate(timeout=LIMIT)[0])
            finally:
                sender.kill()
    return Outcome(said["fps"], 0.0, heard["cpu"], [delay / 1e6 for delay in heard["delays"]], [], 0, 0)


def kill_one(after: float, killed: list[float]) -> Callable[[list[subprocess.Popen[str]]], None]:
    """Kill the first worker so many seconds after the first frame; `killed` gets the moment."""

    def during(workers: list[subprocess.Popen[str]]) -> None:
        time.sleep(after)
        killed.append(time.monotonic())
        workers[0].kill()

    return during
