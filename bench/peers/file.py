"""A file a frame in /dev/shm, as NumPy writes and maps it; its name goes through a multiprocessing.Queue."""

from __future__ import annotations

import os
import tempfile

import numpy as np

from .frames import LIMIT, Source, Taker
from .sides import Link

AHEAD = 2


def send(link: Link, source: Source) -> None:
    for _ in range(AHEAD):
        link.back.put(None)
    with tempfile.TemporaryDirectory(prefix="fw-peers-", dir="/dev/shm") as folder:
        for number, picture in enumerate(source):
            link.back.get(timeout=LIMIT)
            name = f"{folder}/{number}.npy"
            np.save(name, picture)
            link.there.put(name)


def receive(link: Link, taker: Taker) -> None:
    while taker.wants:
        name = link.there.get(timeout=LIMIT)
        taker.take(np.load(name, mmap_mode="r"))
        os.unlink(name)
        link.back.put(None)
