"""A pipe, as from a program that writes raw video: as large as it may be made, and read into one buffer."""

from __future__ import annotations

import fcntl
import os

from .frames import Source, Taker
from .sides import Link

ROOM = 1 << 20  # /proc/sys/fs/pipe-max-size, for who is not root


def send(link: Link, source: Source) -> None:
    path = f"{link.folder}/pipe"
    os.mkfifo(path)
    link.offer("path", path)
    with open(path, "wb", buffering=0) as pipe:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, ROOM)
        for picture in source:
            left = memoryview(picture).cast("B")
            while left:
                left = left[pipe.write(left) :]


def receive(link: Link, taker: Taker) -> None:
    with open(link.wait("path"), "rb") as pipe:
        buffer = bytearray(taker.load.size)
        while taker.wants:
            if pipe.readinto(buffer) != len(buffer):
                raise EOFError("the pipe was closed")
            taker.take(buffer)
