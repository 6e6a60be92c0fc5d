"""Frames in a sender's shared memory: mapped read-only, and given back when the last view of them has died."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from collections import deque

import numpy as np
from numpy.typing import NDArray

from . import forks
from .errors import BadMessage, Error
from .leased import Filling, Place

ALIGNMENT = 64  # bytes: where a slot may begin
_SIZE_MAX = 1 << 47  # bytes that a process can map
_F_SEAL_FUTURE_WRITE = 0x10  # Linux 5.1; fcntl names it from Python 3.13 on
NO_CHANGE = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
NO_WRITE = fcntl.F_SEAL_WRITE | _F_SEAL_FUTURE_WRITE


class _Wake:
    """An eventfd that is closed with the last who knows it: who writes to it late must not hit another file."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def __del__(self) -> None:
        os.close(self.number)


class Releases:
    """Slots whose last view has died: put in from whatever thread that was, taken out by their owner's.

    Readable (select, zmq.Poller) while some are to be taken, for an owner who has said that it goes to sleep.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._forks = forks.count
        self.held = 0  # slots that are viewed, or whose release was not taken yet; as often as they are held
        self.holds: dict[Filling, int] = {}  # how often each is held; the owner's
        self.waiting: deque[Filling] = deque()  # for who wants to know whether there are any to take
        self.asleep = False  # the owner is, or is about to be: who wakes up says so
        self._woken = False  # there is something to read from _wake, or was
        self._wake: _Wake | None = _Wake()  # None: closed

    def fileno(self) -> int:
        return self._wake.number if self._wake is not None else -1

    def hold(self, slot: Filling) -> None:
        """It is viewed from here on. The owner's thread."""
        self.holds[slot] = self.holds.get(slot, 0) + 1
        self.held += 1

    def put(self, slot: Filling) -> None:
        """Called by finalizers: never waits, takes no lock, touches no socket."""
        if forks.count != self._forks:
            return  # a forked child's copy of the view, which holds nothing
        self.waiting.append(slot)
        # In this order, and take() in the other: either it sees the slot, or this sees that it sleeps.
        if self.asleep and (wake := self._wake) is not None:
            os.eventfd_write(wake.number, 1)
            self._woken = True  # not before: what is written must be read once

    def refuse(self, slot: Filling) -> None:
        """It was given, and cannot be viewed. The owner's thread."""
        self.hold(slot)
        self.put(slot)

    def take(self, asleep: bool = False) -> tuple[Filling, ...]:
        """All that are there; asleep: who asks sleeps now, and is to be woken for more. The owner's thread."""
        if self._woken and (wake := self._wake) is not None:
            self._woken = False
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(wake.number)
        self.asleep = asleep
        taken: list[Filling] = []
        holds = self.holds
        while self.waiting:
            slot = self.waiting.popleft()
            held = holds.pop(slot, 0)
            if held == 0:
                continue  # of a sender that is no more
            if held > 1:
                holds[slot] = held - 1
            taken.append(slot)
        self.held -= len(taken)
        return tuple(taken)

    def living(self) -> tuple[Filling, ...]:
        """Those that are held, in no order. The owner's thread."""
        return tuple(slot for slot, held in self.holds.items() for _ in range(held))

    def forget(self) -> None:
        """Those that are held now are nobody's any more. The owner's thread."""
        self.holds.clear()
        self.held = 0

    def check_process(self) -> None:
        """Raises Error in a child that was forked since: what it would say is its parent's to say."""
        if forks.count != self._forks:
            raise Error(
                f"this receiver belongs to process {self._pid}, of which this one is a fork: its frames and views are"
                " not this process's; open a Receiver after the fork"
            )

    def close(self) -> None:
        """Views that die later are not told of any more."""
        self._wake = None


class _Slot(np.ndarray[tuple[int], np.dtype[np.uint8]]):
    """The bytes of a slot, which other arrays stand on: NumPy keeps it until the last of them is gone, slices included.

    A __del__ and no weakref.finalize, which takes more than twice the time. No array can be made writable on it, since
    its mapping is not. To hand out are views of it that are plain arrays.
    """

    region: Region  # the mapping stays as long
    held: Filling

    def __del__(self) -> None:
        self.region.releases.put(self.held)


class Region:
    """A sender's memory, mapped for reading. It is unmapped when it and the last view on it are gone."""

    def __init__(self, number: int, fd: int, size: int, releases: Releases) -> None:
        """Takes fd, whatever happens. Raises Error for memory that could change size, or be written to by others."""
        self.number = number
        self.size = size
        self.releases = releases
        try:
            _check(fd, size)
            self.memory = mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ)
        except (OSError, ValueError, OverflowError) as error:
            raise Error(f"the sender's shared memory of {size} bytes cannot be mapped: {error}") from None
        finally:
            os.close(fd)

    def view(self, place: Place) -> NDArray[np.uint8]:
        """The bytes of a frame in this region, read-only, 64-byte aligned: no copy.

        When the last array on them is gone, the slot is put among the releases. Raises BadMessage for a place that does
        not lie in the region. The owner's thread.
        """
        offset, length = place.offset, place.length
        if not (0 <= offset <= self.size and 0 < length <= self.size - offset and offset % ALIGNMENT == 0):
            raise BadMessage(
                "payload",
                f"a frame of {length} bytes at {offset} of shared memory that has {self.size}, in steps of 64",
            )
        slot = _Slot((length,), np.uint8, self.memory, offset)
        slot.region = self
        held = slot.held = place[:3]
        self.releases.hold(held)
        return slot.view(np.ndarray)


def _check(fd: int, size: int) -> None:
    """May this be mapped without fear that a hostile sender makes reading it a crash?"""
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError:
        raise Error("what the sender gave as its shared memory is no memfd; it is not mapped") from None
    if seals & NO_CHANGE != NO_CHANGE or not seals & NO_WRITE:
        raise Error(
            f"the sender's shared memory is not sealed against shrinking, growing and writing (seals {seals:#x}); it is"
            " not mapped"
        )
    there = os.fstat(fd).st_size
    if not 0 < size <= min(there, _SIZE_MAX):
        raise Error(f"the sender's shared memory has {there} bytes, not {size} as was said; it is not mapped")
