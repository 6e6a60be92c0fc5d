"""What both sides cost: CPU time and memory of their processes and of all that these started."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MIB = 1024  # KiB


@dataclass(frozen=True)
class Reading:
    wall: float  # seconds
    cpu: dict[int, float]  # seconds, by process

    def since(self, before: Reading) -> tuple[float, float]:
        """Seconds of wall time and of CPU between two moments."""
        return self.wall - before.wall, sum(self.cpu[pid] - before.cpu.get(pid, 0) for pid in self.cpu)


def family(*roots: int) -> list[int]:
    """Processes and all that descend from them. Takes milliseconds."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(folder.name))
    found = list(roots)
    for pid in found:
        found += children.get(pid, [])
    return found


class Meter:
    """CPU time of two processes and of what descends from them, and the memory that they take."""

    def __init__(self, *roots: int) -> None:
        self._roots = roots
        self._pids: list[int] = list(roots)

    def find(self) -> None:
        """Look for the processes, some time before the first reading."""
        self._pids = family(*self._roots)

    def read(self) -> Reading:
        cpu = {}
        for pid in self._pids:
            with suppress(OSError):
                cpu[pid] = time.clock_gettime((~pid) << 3 | 2)  # clock_getcpuclockid()
        return Reading(time.monotonic(), cpu)

    def memory(self) -> tuple[float, float]:
        """MiB: the peaks of what is resident, added up, and what is resident now with shared pages counted once."""
        self.find()
        peak = sum(_field(pid, "status", "VmHWM") for pid in self._pids)
        return peak, sum(_field(pid, "smaps_rollup", "Pss") for pid in self._pids)


def _field(pid: int, file: str, name: str) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) / MIB
    return 0.0
