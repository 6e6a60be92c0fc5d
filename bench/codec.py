"""The header codec beside msgpack's own packing and unpacking of the same map, in C and in Python.

Microseconds in Python are medians of interleaved rounds; the C program does the same for itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from timeit import timeit

import msgpack

from framewire.header import Header
from framewire.message import check_message

from .run import Part, Row, interleaved, output, program, ratio

MESSAGES = 5000
ROUNDS = 31
MOST = 1.5  # times msgpack-c's own time


def run(quick: bool) -> Part:
    rounds = 5 if quick else ROUNDS
    return Part(in_c(rounds) + in_python(rounds))


def in_c(rounds: int) -> list[Row]:
    found = output(program("codec"), str(rounds))
    rows = []
    for what in ("pack", "unpack"):
        pair = (found[f"{what}_ns"], found[f"{what}_bare_ns"])
        rows.append(ratio(f"header {what} in C : msgpack-c", "ns", [pair], MOST, least=False))
    return rows


def in_python(rounds: int) -> list[Row]:
    header = Header(
        "frame",
        epoch=0xC0FFEE0123456789,
        seq=1000000,
        shape=(1080, 1920, 3),
        dtype="|u1",
        format="rgb8",
        item="sub/folder/img_0001.tif#3",
        time=1763800000000000000,
        meta={"file": "photos/sub/folder/img_0001.tif", "size": 6220800, "exposure": 0.01},
    )
    packed = header.pack()
    fields = msgpack.unpackb(packed)
    parts = [b"photos", packed, memoryview(bytes(1080 * 1920 * 3))]

    def timed(work: Callable[[], object]) -> Callable[[], float]:
        return lambda: timeit(work, timer=time.thread_time, number=MESSAGES) / MESSAGES * 1e6

    done = interleaved(
        rounds,
        timed(lambda: check_message(parts)),
        timed(lambda: msgpack.unpackb(packed)),
        timed(lambda: header.answer("done", worker="host/4242").pack()),
        timed(lambda: msgpack.packb(fields)),
    )
    return [
        ratio("message checked in Python : msgpack alone", "us", [(a, b) for a, b, _, _ in done], None),
        ratio("answer packed in Python : msgpack alone", "us", [(a, b) for _, _, a, b in done], None),
    ]
