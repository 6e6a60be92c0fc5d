"""One reader in a process of its own: python -m bench.reader ours|bare stamp|touch|size URL PID WARM COUNT SHAPE.

Takes WARM + COUNT frames and prints what the COUNT cost, as one line of JSON: frames a second, and microseconds of CPU
a frame in the sender (process PID) and here. Whatever the side, the same bytes of a frame are looked at:
`stamp` all stamps of a test frame, `touch` one byte of each 64 KiB, `size` none.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np
import zmq
from numpy.typing import NDArray

from framewire import Receiver

STEP = 65536
AHEAD = 2  # as Framewire's credit


class Meter:
    """Wall time and CPU of the sender and of this process, between two moments."""

    def __init__(self, pid: int) -> None:
        self._sender = (~pid) << 3 | 2  # clock_getcpuclockid(): its CPU time, threads that have ended included

    def now(self) -> tuple[float, float, float]:
        return time.monotonic(), time.clock_gettime(self._sender), time.process_time()


def ours(url: str, shape: tuple[int, ...] | None) -> Iterator[NDArray[np.uint8]]:
    with Receiver(url) as receiver:
        for frame in receiver:
            yield frame.array if shape else np.frombuffer(frame.data, np.uint8)


def bare(url: str, shape: tuple[int, ...] | None) -> Iterator[NDArray[np.uint8]]:
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        socket.rcvhwm = AHEAD
        socket.connect(url)
        while True:
            parts: list[Any] = socket.recv_multipart(copy=False)
            array = np.frombuffer(parts[2], np.uint8)
            yield array.reshape(shape) if shape else array


def stamp_check(shape: tuple[int, ...]) -> Callable[[NDArray[np.uint8], int], None]:
    size = prod(shape)
    places = [*range(0, size - 15, STEP), size - 16]
    index = np.array(places)[:, None] + np.arange(16)

    def check(array: NDArray[np.uint8], number: int) -> None:
        stamps = array.reshape(-1)[index].view("<u8")
        if not (stamps[:, 0] == number).all() or not (stamps[:, 1] == ~stamps[:, 0]).all():
            raise SystemExit(f"frame {number} is not whole, or not the one that was due: {stamps[0]}")

    return check


def touch(array: NDArray[np.uint8], number: int) -> None:
    array.reshape(-1)[::STEP].sum()


def size(array: NDArray[np.uint8], number: int) -> None:
    if not array.size:
        raise SystemExit(f"frame {number} is empty")


def main() -> None:
    side, look, url, pid, warm, count, dims = sys.argv[1:]
    shape = tuple(map(int, dims.split("x"))) if look != "size" else None
    check = stamp_check(shape) if look == "stamp" and shape else touch if look == "touch" else size
    meter = Meter(int(pid))
    first, last = int(warm), int(warm) + int(count) - 1
    begin = end = meter.now()
    for number, array in enumerate((ours if side == "ours" else bare)(url, shape)):
        check(array, number)
        if number == first - 1:
            begin = meter.now()
        elif number == last:
            end = meter.now()
            break
    else:
        raise SystemExit(f"the stream ended before frame {last}")
    wall, sender, reader = (after - before for before, after in zip(begin, end, strict=True))
    frames = int(count)
    print(json.dumps({"fps": frames / wall, "sender": sender / frames * 1e6, "reader": reader / frames * 1e6}))


if __name__ == "__main__":
    main()
