"""Framewire: bench/leased_send.c, which copies a picture into each frame, and a framewire.Receiver."""

from __future__ import annotations

import os

from framewire import Receiver

from ..run import program
from .frames import Source, Taker
from .sides import Link

CREDIT = 2


def send(link: Link, source: Source) -> None:
    """This process becomes the sender in C."""
    load = source.load
    os.dup2(os.open(f"{link.folder}/url", os.O_WRONLY | os.O_CREAT, 0o600), 1)
    fill = "stamps" if source.in_place else "copy"
    to = "push+tcp://127.0.0.1:*" if link.variant == "push+tcp" else "tcp://127.0.0.1:*"
    command = [program("leased_send"), to, f"{load.width}x{load.height}", str(load.total), fill, "1", str(load.rate)]
    os.execve(command[0], command, os.environ | {"FRAMEWIRE_DOOR": link.folder})


def receive(link: Link, taker: Taker) -> None:
    """The variant is also how the pixels are to come."""
    way = "shm" if link.variant == "shm" else "tcp"
    door = link.folder if way == "shm" else f"{link.folder}/none"
    with Receiver(link.wait("url", "\n"), credit=CREDIT, door=door) as receiver:
        for frame in receiver:
            if frame.transport != way:
                raise ValueError(f"frames came by {frame.transport}, not by {way}")
            taker.take(frame.array)
            del frame  # else it keeps its slot while the next is awaited
