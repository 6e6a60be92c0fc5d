"""Leased delivery beside push+ from the same sender: large frames, small frames, many workers, one that is killed."""

from __future__ import annotations

from statistics import median

from .run import Part, Row, difference, interleaved, ratio
from .workers import PUSH, Load, Outcome, kill_one
from .workers import run as measure

LEAST = 0.95  # of push+, at 1080p
LEAST_SMALL = 0.6  # of push+ at 64x64; or
SMALL = 40_000  # frames a second, whichever is less
LEAST_PYTHON = 10_000  # frames a second to one worker
FLAT = 1.2  # CPU a frame with the most workers to that with one
MANY = (1, 4, 16, 64)
RATE, SLEEP, KILL_AFTER = 400, 2500, 2.0  # three workers can keep up, too
LOST = 5.0  # percent of a second's frames that a kill costs, at most


def run(quick: bool) -> Part:
    rounds = 3 if quick else 7
    return Part([*large(3 if quick else 15), *small(rounds), *python(rounds), *many(3 if quick else 5), *killed(3)])


def large(rounds: int) -> list[Row]:
    rows = []
    for workers in (1, 4):
        leased = Load("1920x1080", 1000, fill="stamps", look="stamps", workers=workers)
        pairs = both(rounds, leased)
        name = f"1080p RGB, {workers} C worker{'s' * (workers > 1)}, leased to push+"
        rows.append(ratio(name, "frames/s", [(a.fps, b.fps) for a, b in pairs], LEAST))
        rows.append(difference("  CPU a frame, sender", "us", [(a.sender, b.sender) for a, b in pairs], None))
        rows.append(difference("  CPU a frame, workers", "us", [(a.workers, b.workers) for a, b in pairs], None))
    return rows


def both(rounds: int, leased: Load) -> list[tuple[Outcome, Outcome]]:
    plain = Load(leased.size, leased.count, PUSH, leased.fill, leased.look, leased.workers, 2, leased.python)
    return interleaved(rounds, lambda: measure(leased), lambda: measure(plain))


def small(rounds: int) -> list[Row]:
    """What a lease costs where nothing else does."""
    rows = []
    for workers in (1, 4):
        pairs = both(rounds, Load("64x64", 40_000, workers=workers, credit=16))
        name = f"64x64 RGB, {workers} C worker{'s' * (workers > 1)}, leased to push+"
        least = min(LEAST_SMALL, SMALL / median(b.fps for _, b in pairs)) if workers == 4 else None
        rows.append(ratio(name, "frames/s", [(a.fps, b.fps) for a, b in pairs], least))
        rows.append(difference("  a lease, sender", "us", [(a.sender, b.sender) for a, b in pairs], None))
        rows.append(difference("  a lease, workers", "us", [(a.workers, b.workers) for a, b in pairs], None))
    return rows


def python(rounds: int) -> list[Row]:
    pairs = both(rounds, Load("64x64", 20_000, credit=16, python=True))
    rows = [alone("64x64 RGB, 1 Python worker, leased", "frames/s", [a.fps for a, _ in pairs], LEAST_PYTHON)]
    rows.append(ratio("  to push+", "frames/s", [(a.fps, b.fps) for a, b in pairs], None))
    rows.append(difference("  a lease, sender", "us", [(a.sender, b.sender) for a, b in pairs], None))
    rows.append(difference("  a lease, worker", "us", [(a.workers, b.workers) for a, b in pairs], None))
    return rows


def many(rounds: int) -> list[Row]:
    """CPU a frame in the sender at a rate that one worker keeps up with, so that all are idle at each frame."""
    loads = [Load("64x64", 4000, workers=workers, rate=1000) for workers in MANY]
    found = interleaved(rounds, *((lambda load=load: measure(load).sender) for load in loads))
    return [
        ratio(f"CPU a frame, {workers} workers to 1", "us", [(one[at], one[0]) for one in found], FLAT, least=False)
        for at, workers in enumerate(MANY)
        if at > 0
    ]


def killed(rounds: int) -> list[Row]:
    """How many of a second's frames the second after one of four workers was killed lacks, beside the one before."""
    missing = []
    for _ in range(rounds):
        moment: list[float] = []
        load = Load(
            "640x480", int(RATE * (KILL_AFTER + 2)), workers=4, sleep=SLEEP, rate=RATE, times=True,
            during=kill_one(KILL_AFTER, moment),
        )  # fmt: skip
        times = measure(load).times
        before, after = (sum(begin <= at < begin + 1 for at in times) for begin in (moment[0] - 1, moment[0]))
        missing.append(max(0.0, 100 * (before - after) / RATE))
    return [alone("1 of 4 workers killed: of a second's frames", "%", missing, LOST, least=False)]


def alone(name: str, unit: str, values: list[float], bound: float | None, least: bool = True) -> Row:
    middle = median(values)
    return Row("alone", name, middle, None, unit, middle, bound, least, (min(values), max(values)))
