"""The sender's memory: bounded while a reader stands still, and flat over many frames."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .run import LIMIT, Row, Sending

MIB = 1 << 20
BUDGET = 128  # MiB
MORE = 48  # MiB beyond the budget, at most
STALL = 30.0  # seconds that the reader stands still
FRAMES = 100_000
GROWTH = 1.0  # MiB, at most, from a tenth of the frames to the last


@dataclass
class Sample:
    seconds: float
    rss: float  # MiB


def field(pid: int, name: str) -> float:
    """A field of /proc/PID/status, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"process {pid} has ended")


def run(quick: bool) -> list[Row]:
    stalled, peak, _ = stall(3.0 if quick else STALL)
    grown = flat(FRAMES // 20 if quick else FRAMES)
    return [
        Row(
            f"RSS, 4K, --memory {BUDGET}MiB, reader stands still",
            peak, None, "MiB", peak, BUDGET + MORE, False, (min(s.rss for s in stalled), peak),
        ),
        Row(
            f"RSS growth over {FRAMES if not quick else FRAMES // 20} frames of 640x480",
            grown[-1].rss, None, "MiB", grown[-1].rss - grown[0].rss, GROWTH, False,
            (min(s.rss for s in grown) - grown[0].rss, max(s.rss for s in grown) - grown[0].rss),
        ),
    ]  # fmt: skip
