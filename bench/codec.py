"""Time a message that the header codec takes in Python, beside msgpack's own: python bench/codec.py [ROUNDS].

Prints one line of JSON, in microseconds: medians of interleaved rounds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from statistics import median
from timeit import timeit

import msgpack

from framewire.header import Header
from framewire.message import check_message

MESSAGES = 5000


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
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
    work: dict[str, Callable[[], object]] = {
        "unpack": lambda: Header.unpack(packed),
        "unpack_bare": lambda: msgpack.unpackb(packed),
        "check_message": lambda: check_message(parts),
        "pack": lambda: header.pack(),
        "pack_bare": lambda: msgpack.packb(fields),
        "answer_and_pack": lambda: header.answer("done", worker="host/4242").pack(),
    }
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            times[name].append(timeit(run, number=MESSAGES) / MESSAGES * 1e6)
    print(json.dumps({"header_bytes": len(packed)} | {f"{n}_us": round(median(t), 2) for n, t in times.items()}))


if __name__ == "__main__":
    main()
