"""multiprocessing.shared_memory: slots in turn, their numbers through one multiprocessing.Queue and back by another."""

from __future__ import annotations

from multiprocessing.shared_memory import SharedMemory

from .frames import LIMIT, Source, Taker
from .sides import Link

SLOTS = 3  # one is written, one waits, one is read


def send(link: Link, source: Source) -> None:
    size = source.load.size
    memory = SharedMemory(create=True, size=SLOTS * size)
    try:
        link.offer("name", memory.name)
        for slot in range(SLOTS):
            link.back.put(slot)
        for _ in source:
            slot = link.back.get(timeout=LIMIT)
            source.write(memory.buf[slot * size : (slot + 1) * size])
            link.there.put(slot)
    finally:
        memory.close()
        memory.unlink()


def receive(link: Link, taker: Taker) -> None:
    size = taker.load.size
    memory = SharedMemory(name=link.wait("name"))
    while taker.wants:
        slot = link.there.get(timeout=LIMIT)
        taker.take(memory.buf[slot * size : (slot + 1) * size])
        link.back.put(slot)
    memory.close()
