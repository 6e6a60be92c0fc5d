"""Running both sides: programs, their readers, and rounds whose order alternates."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench-c"
FRAMEWIRE = BUILD / "cmd" / "framewire" / "framewire"
LIMIT = 300.0  # seconds; a run that takes longer is stuck


@dataclass(frozen=True)
class Cost:
    """What a run cost: frames a second, and microseconds of CPU a frame in the sender and in the reader."""

    fps: float
    sender: float
    reader: float

    @property
    def cpu(self) -> float:
        return self.sender + self.reader


@dataclass(frozen=True)
class Look:
    """What the reader does: how many frames it takes before and while it measures, and what of them it looks at."""

    warm: int
    count: int
    look: str
    shape: str = "1"


def program(name: str) -> str:
    return str(BUILD / "bench" / name)


def output(*command: str) -> dict[str, Any]:
    """What a program prints as JSON."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:6])}: exit {done.returncode}\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def read(side: str, url: str, pid: int, look: Look) -> Cost:
    """Let a reader take what the sender `pid` sends."""
    arguments = (side, look.look, url, str(pid), str(look.warm), str(look.count), look.shape)
    return Cost(**output(sys.executable, "-m", "bench.reader", *arguments))


class Sending:
    """`framewire send` while it runs; `url` is where it listens."""

    def __init__(self, *arguments: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="framewire-bench-")
        ready = Path(self._folder.name) / "url"
        self._log = Path(self._folder.name) / "log"
        command = [str(FRAMEWIRE), "send", *arguments, "--to", "push+tcp://127.0.0.1:*", "--ready-file", str(ready)]
        with self._log.open("w") as log:
            self.process = subprocess.Popen([*command, "--quiet"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.url = read_ready(self.process, ready)

    def __enter__(self) -> Sending:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._folder.cleanup()


def read_ready(sender: subprocess.Popen[Any], file: str | Path) -> str:
    """Where a sender listens, once it does; SystemExit if it ended before."""
    until = time.monotonic() + LIMIT
    while not (text := Path(file).read_text() if Path(file).exists() else ""):
        if sender.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"{' '.join(map(str, sender.args))}: it did not begin to listen")
        time.sleep(0.002)
    return text.strip()


def send_ours(look: Look, *arguments: str) -> Cost:
    with Sending(*arguments) as sending:
        return read("ours", sending.url, sending.process.pid, look)


def send_bare(look: Look, name: str, *arguments: str) -> Cost:
    command = [program(name), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout is not None
        try:
            return read("bare", sender.stdout.readline().strip(), sender.pid, look)
        finally:
            sender.kill()


def interleaved(rounds: int, *sides: Callable[[], Any]) -> list[tuple[Any, ...]]:
    """Each side once a round, the first one last in every second round: what disturbs one disturbs all."""
    results = []
    for number in range(rounds):
        order = list(range(len(sides)))
        if number % 2:
            order.reverse()
        done = {side: sides[side]() for side in order}
        results.append(tuple(done[side] for side in range(len(sides))))
        if sys.stderr.isatty():
            print(f"\r  round {number + 1} of {rounds} ", end="", file=sys.stderr)
    return results


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, both sides, and the bound. `value` is what the bound is on."""

    kind: str  # what value is: "ratio" or "difference" of ours to bare, or "alone"
    name: str
    ours: float
    bare: float | None
    unit: str
    value: float
    bound: float | None
    least: bool  # value is to be at least the bound; else at most
    spread: tuple[float, float]  # of value, over the rounds

    @property
    def kept(self) -> bool | None:
        if self.bound is None:
            return None
        return self.value >= self.bound if self.least else self.value <= self.bound


@dataclass(frozen=True)
class Part:
    """What a part of the benchmarks found: lines of the table, and series of points for plots."""

    rows: list[Row]
    series: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)


def ratio(name: str, unit: str, pairs: list[tuple[float, float]], bound: float | None, least: bool = True) -> Row:
    """The median of the paired ratios of ours to bare."""
    ratios = [a / b for a, b in pairs]
    spread = (min(ratios), max(ratios))
    return Row("ratio", name, *_medians(pairs), unit, median(ratios), bound, least, spread)


def difference(name: str, unit: str, pairs: list[tuple[float, float]], bound: float | None) -> Row:
    """The median of the paired differences: how much more ours takes."""
    differences = [a - b for a, b in pairs]
    spread = (min(differences), max(differences))
    return Row("difference", name, *_medians(pairs), unit, median(differences), bound, False, spread)


def _medians(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    return median(a for a, _ in pairs), median(b for _, b in pairs)


def machine() -> dict[str, str]:
    """The machine in general terms."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), "unknown CPU")
    return {
        "cores": str(os.cpu_count()),
        "cpu": model,
        "kernel": os.uname().release.split("-")[0],
        "load": f"{os.getloadavg()[0]:.1f}",
    }
