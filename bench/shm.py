"""Leased delivery in shared memory: beside one core's memcpy, and beside the least that a descriptor takes."""

from __future__ import annotations

import os
from dataclasses import replace

from .jpeg import FOLDER, bare_jpeg, make_pictures
from .lease import alone
from .run import Part, Row, interleaved, ratio
from .workers import Load, copied_bare, copying, descriptors, folder, kill_one
from .workers import run as measure

SIZES = (("1080p", "1920x1080", 6000), ("4K", "3840x2160", 800))
LEAST_COPY = 0.9  # of one core's memcpy
LEAST_C, LEAST_PYTHON = 40_000, 15_000  # frames a second, filled in place
FRAME, FPS = 1920 * 1080 * 3, 60
DELAY = 0.12  # ms, p50 in Python
MORE_DELAY = 2.0  # x the bare descriptor's
SLEEP, SLEEPERS = 5000, 4
LEAST_SLEEPING = 0.93  # of what sleeping workers allow
DECODED, LEAST_DECODED = 1800, 0.95  # JPEG files; of bare libjpeg-turbo's threads


def run(quick: bool) -> Part:
    rounds = 3 if quick else 7
    return Part([*copied(rounds), *in_place(rounds), *delays(min(rounds, 5)), *sleeping(3), *decoded(rounds)])


def copied(rounds: int) -> list[Row]:
    rows = []
    for name, size, count in SIZES:
        load = Load(size, count, fill="copy", look="stamps", credit=2, shared=True)

        def ours(load: Load = load) -> float:
            return measure(load).fps

        def memcpy(load: Load = load) -> float:
            return copying(load.size, load.count)

        def bare(load: Load = load) -> float:
            return copied_bare(load.size, load.count)

        found: list[tuple[float, float, float]] = interleaved(rounds, ours, memcpy, bare)
        pairs = [(mine, alone) for mine, alone, _ in found]
        rows.append(ratio(f"{name} RGB, copied in, C worker, to memcpy", "frames/s", pairs, LEAST_COPY))
        pairs = [(least, alone) for _, alone, least in found]
        rows.append(ratio("  a bare descriptor, copied in, to memcpy", "frames/s", pairs, None))
    return rows


def in_place(rounds: int) -> list[Row]:
    c = Load("1920x1080", 100_000, credit=16, shared=True)
    py = Load("1920x1080", 40_000, credit=16, shared=True, python=True)
    found = interleaved(rounds, lambda: measure(c), lambda: measure(py))
    rows = [
        alone("1080p RGB, in place, 1 C worker", "frames/s", [one.fps for one, _ in found], LEAST_C),
        alone("  CPU a frame, sender", "us", [one.sender for one, _ in found], None),
        alone("  CPU a frame, worker", "us", [one.workers for one, _ in found], None),
        alone("1080p RGB, in place, 1 Python worker", "frames/s", [one.fps for _, one in found], LEAST_PYTHON),
        alone("  CPU a frame, sender", "us", [one.sender for _, one in found], None),
        alone("  CPU a frame, worker", "us", [one.workers for _, one in found], None),
    ]
    return rows


def delays(rounds: int) -> list[Row]:
    load = Load("1920x1080", 600, fill="clock", look="clock", shared=True, python=True, rate=FPS)
    found = interleaved(rounds, lambda: measure(load), lambda: descriptors(FRAME, load.count, FPS))
    p50 = [(a.delay(0.5), b.delay(0.5)) for a, b in found]
    p99 = [(a.delay(0.99), b.delay(0.99)) for a, b in found]
    return [
        alone(f"1080p at {FPS} fps, from send to handler, p50", "ms", [a for a, _ in p50], DELAY, least=False),
        ratio("  to the bare descriptor, p50", "ms", p50, MORE_DELAY, least=False),
        ratio("  to the bare descriptor, p99", "ms", p99, MORE_DELAY, least=False),
    ]


def sleeping(rounds: int) -> list[Row]:
    load = Load("1920x1080", 3200, look="number", workers=SLEEPERS, shared=True, python=True, sleep=SLEEP)
    most = SLEEPERS * 1e6 / SLEEP
    pairs = [(measure(load).fps, most) for _ in range(rounds)]
    killed = [measure(replace(load, during=kill_one(2.0, []))) for _ in range(rounds)]
    if not all(one.redelivered for one in killed):
        raise SystemExit("nobody was killed with a frame in hand")
    name = f"{SLEEPERS} Python workers that sleep {SLEEP // 1000} ms, to their limit"
    return [
        ratio(name, "frames/s", pairs, LEAST_SLEEPING),
        alone("  frames lost when one is killed", "frames", [float(one.lost) for one in killed], 0, least=False),
    ]


def decoded(rounds: int) -> list[Row]:
    files, cores = make_pictures(), os.cpu_count() or 1

    def ours() -> float:
        return folder(str(FOLDER), DECODED, 2)

    def bare() -> float:
        return float(bare_jpeg(cores, DECODED // cores, files)["fps"])

    pairs: list[tuple[float, float]] = interleaved(rounds, ours, bare)
    name = f"JPEG 1080p to 2 Python workers : {cores} bare threads"
    return [ratio(name, "frames/s", pairs, LEAST_DECODED)]
