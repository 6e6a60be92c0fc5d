"""What the rounds of a contender showed at one size of frames, and where it is ahead of Framewire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from .contenders import Contender
from .sides import Report

CLEAR = 1.05  # less is not called a difference


@dataclass(frozen=True)
class Figure:
    """A column of the table, from a report and a frame's bytes."""

    key: str
    title: str
    unit: str
    of: Callable[[Report, int], float]
    more: bool = False  # is better
    paced: bool = False  # from the rounds at a camera's rate


FIGURES = (
    Figure("fps", "frames/s", "frames/s", lambda report, size: report.fps, more=True),
    Figure("rate", "GB/s", "GB/s", lambda report, size: report.fps * size / 1e9, more=True),
    Figure("cpu", "CPU s/GB", "CPU s/GB", lambda report, size: report.cpu / (report.fps * size / 1e9)),
    Figure("p50", "p50 ms", "ms", lambda report, size: report.p50, paced=True),
    Figure("p99", "p99 ms", "ms", lambda report, size: report.p99, paced=True),
    Figure("peak", "peak RSS MiB", "MiB", lambda report, size: report.peak),
    Figure("pss", "PSS MiB", "MiB", lambda report, size: report.pss),
)
COMPARED = [figure for figure in FIGURES if figure.key != "rate"]


@dataclass
class Found:
    contender: Contender
    size: int  # bytes of a frame
    count: int = 0  # frames a round
    fast: list[Report | None] = field(default_factory=list)
    paced: list[Report | None] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # of runs that gave no report

    @property
    def measured(self) -> bool:
        return any(self.fast) and any(self.paced)

    def median(self, figure: Figure) -> float:
        reports = self.paced if figure.paced else self.fast
        return median(figure.of(report, self.size) for report in reports if report is not None)

    @property
    def paced_fps(self) -> float:
        return median(report.fps for report in self.paced if report is not None)

    def plain(self) -> dict[str, Any]:
        return {
            "name": self.contender.name,
            "failures": self.failures,
            "medians": {one.key: self.median(one) for one in FIGURES} if self.measured else {},
            "fast": [asdict(report) for report in self.fast if report is not None],
            "paced": [asdict(report) for report in self.paced if report is not None],
        }


def ordered(found: list[Found]) -> list[Found]:
    """The measured ones, the fastest first."""
    return sorted((one for one in found if one.measured), key=lambda one: -one.median(FIGURES[0]))


def reference(one: Found, found: list[Found]) -> Found | None:
    """What of Framewire's a contender is compared with: the same way of writing frames, in shared memory."""
    for ours in found:
        ways = ours.contender
        if ways.ours and ways.variant == "shm" and ways.in_place == one.contender.in_place and ours.measured:
            return None if one.contender.ours else ours
    return None


def times(ours: Found, one: Found) -> float:
    """How many times as many frames a second Framewire carries: the median of the rounds' ratios."""
    pairs = zip(ours.fast, one.fast, strict=True)
    ratios = [a.fps / b.fps for a, b in pairs if a is not None and b is not None]
    return median(ratios) if ratios else ours.median(FIGURES[0]) / one.median(FIGURES[0])


def ahead(one: Found, ours: Found) -> list[Figure]:
    """The figures in which a contender is clearly better than Framewire."""

    def better(figure: Figure) -> bool:
        its, our = one.median(figure), ours.median(figure)
        return its > our * CLEAR if figure.more else its * CLEAR < our

    return [figure for figure in COMPARED if better(figure)]
