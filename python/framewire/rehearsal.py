"""Rehearsals, on a stage: a door with nobody behind it, and memory without pages.

A frame's way from the door to the handler is walked here with one that nobody sent, so that the code and the data that
it takes are in the caches when the next one comes (see beat.py for when, and what it is worth).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Callable
from typing import Protocol

from .door import PACKET_MAX, Visit
from .inside import Inside
from .shm import NO_CHANGE, NO_WRITE, Region


class Actor(Protocol):
    """One like the worker whose frames are rehearsed."""

    def walk(self) -> None:
        """What is there by now is read, up to the frame's array."""


class Rehearsals:
    """Those of a worker; its driver's."""

    def __init__(self, cast: Callable[[Inside], Actor]) -> None:
        """cast: gives the actor who is in at that door."""
        self._cast = cast
        self._stage: Stage | None = None
        self._actor: Actor | None = None

    def hold(self, region: Region, parts: list[bytes]) -> None:
        """With a frame that came in this memory, in these parts."""
        stage, actor = self._stage, self._actor
        if stage is None or actor is None or stage.region is not region:
            self.close()
            stage = self._stage = Stage(region)
            actor = self._actor = self._cast(stage.inside)
        stage.send(parts)
        actor.walk()
        stage.clear()

    def close(self) -> None:
        if self._stage is not None:
            self._stage.close()
        self._stage = self._actor = None


class Stage:
    """`inside` is as a worker's that is in, and hears what is `sent`."""

    def __init__(self, region: Region) -> None:
        """region: that of the frames that are rehearsed. Raises OSError, Error."""
        self.region = region
        near, self._far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._sender = Visit.over(self._far)
        visit = Visit.over(near)
        beside, self._aside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        visit.use_aside(beside.detach())
        self.inside = Inside(None, _nothing, _nothing)
        empty = Region(region.number, _memory(region.size), region.size, self.inside.releases)
        self.inside.enter(visit, empty)

    def send(self, parts: list[bytes]) -> None:
        self._sender.send(parts)

    def clear(self) -> None:
        """What was said, and what was held, is of no interest."""
        self.inside.released()
        for said in (self._aside, self._far):
            with contextlib.suppress(BlockingIOError):
                said.recv(PACKET_MAX, socket.MSG_DONTWAIT)

    def close(self) -> None:
        self.inside.leave()
        self.inside.close()
        self._far.close()
        self._aside.close()


def _memory(size: int) -> int:
    fd = os.memfd_create("framewire-rehearsal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, NO_CHANGE | NO_WRITE)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _nothing() -> None:
    """Nobody waits for the door."""
