"""One Python worker in a process of its own, as leased_work.c: python -m bench.worker URL CREDIT DOOR|- LOOK SLEEP.

LOOK: `number` reads a frame's first 64 bytes, `stamps` one byte of each 64 KiB, `clock` how long ago it was sent.
SLEEP: microseconds that each frame takes. `bare:SOCKET:MEMORY` instead of a URL reads what bare_descriptor sends.
Prints the microseconds of CPU a frame, how the pixels came, and what was read of the clocks.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from framewire import Receiver

STEP = 65536


def ours(url: str, credit: int, door: str) -> Iterator[tuple[NDArray[np.uint8], str]]:
    with Receiver(url, credit=credit, door=door if door != "-" else "/nonexistent") as receiver:
        for frame in receiver:
            yield frame.array.reshape(-1), frame.transport
            del frame  # else it keeps its slot while the next is awaited


def bare(path: str, memory: str) -> Iterator[tuple[NDArray[np.uint8], str]]:
    fd = os.open(memory, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link, mmap.mmap(fd, 0, prot=mmap.PROT_READ) as slots:
        link.connect(path)
        while place := link.recv(16):
            offset, size = struct.unpack("<2Q", place)
            yield np.frombuffer(slots, np.uint8, size, offset), "shm"
            link.send(b"\0")


def main() -> None:
    url, credit, door, look, sleep = sys.argv[1:]
    pause = int(sleep) / 1e6
    kind, _, rest = url.partition(":")
    frames = bare(*rest.split(":")) if kind == "bare" else ours(url, int(credit), door)
    delays: list[int] = []
    count, total = 0, 0
    came = ""
    begin = time.process_time()
    for array, came in frames:  # noqa: B007
        if look == "clock":
            delays.append(time.monotonic_ns() - int.from_bytes(array[:8].tobytes(), "little"))
        else:
            total += int(array[::STEP].sum()) if look == "stamps" else array[:64].tobytes()[-1]
        del array
        if pause:
            time.sleep(pause)
        count += 1
    cpu = (time.process_time() - begin) / max(count, 1) * 1e6
    print(json.dumps({"frames": count, "cpu": cpu, "transport": came, "delays": delays[len(delays) // 10 :]}))


if __name__ == "__main__":
    main()
