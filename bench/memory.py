"""The sender's memory: bounded while a reader stands still, and flat over many frames."""

from __future__ import annotations

import time
from dataclasses import astuple, dataclass
from pathlib import Path

from framewire import Receiver

from .run import LIMIT, Part, Row, Sending

MIB = 1 << 20
BUDGET = 128  # MiB
MORE = 48  # MiB beyond the budget, at most
STALL = 30.0  # seconds that the reader stands still
PERIOD = 0.25  # seconds between samples
TAKEN = 10  # frames before and after
FRAMES = 100_000
GROWTH = 1.0  # MiB, at most, from a tenth of the frames to the last


@dataclass
class Sample:
    at: float  # seconds, or frames
    rss: float  # MiB


def status_field(pid: int, name: str) -> float:
    """A field of /proc/PID/status, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"process {pid} has ended")


def run(quick: bool) -> Part:
    frames = FRAMES // 20 if quick else FRAMES
    stalled, peak = stall(3.0 if quick else STALL)
    grown = flat(frames)
    growth = [sample.rss - grown[0].rss for sample in grown]
    rows = [
        Row(
            "alone", f"RSS, 4K, --memory {BUDGET}MiB, reader stands still", peak, None, "MiB",
            peak, BUDGET + MORE, False, (stalled[0].rss, peak),
        ),
        Row(
            "alone", f"RSS over {frames} frames of 640x480, growth", grown[-1].rss, None, "MiB",
            growth[-1], GROWTH, False, (min(growth), max(growth)),
        ),
    ]  # fmt: skip
    return Part(rows, {"stalled": [astuple(s) for s in stalled], "flat": [astuple(s) for s in grown]})


def stall(seconds: float) -> tuple[list[Sample], float]:
    """Samples of a sender whose reader takes some frames, then none for so long, then some again; and the peak."""
    arguments = ("test:noise?size=3840x2160", "--memory", f"{BUDGET}MiB")
    samples = []
    with Sending(*arguments) as sending, Receiver(sending.url) as receiver:
        pid = sending.process.pid
        for _ in range(TAKEN):
            receiver.receive(timeout=LIMIT)
        begin = time.monotonic()
        while (elapsed := time.monotonic() - begin) < seconds:
            samples.append(Sample(elapsed, status_field(pid, "VmRSS")))
            time.sleep(PERIOD)
        for _ in range(TAKEN):
            receiver.receive(timeout=LIMIT)
        return samples, status_field(pid, "VmHWM")


def flat(frames: int) -> list[Sample]:
    """Samples of a sender at each hundredth of its frames, from the tenth on."""
    samples = []
    with Sending(f"test:bars?size=640x480&count={frames}") as sending, Receiver(sending.url) as receiver:
        for frame in receiver:
            done = frame.seq + 1
            if done * 10 >= frames and done % (frames // 100) == 0 and done < frames:
                samples.append(Sample(done, status_field(sending.process.pid, "VmRSS")))
    return samples
