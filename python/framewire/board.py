"""A page of shared memory where a worker process says how far it is; readable even after its death."""

from __future__ import annotations

import mmap
import os
import struct
import threading
import time
from typing import NamedTuple

_FORMAT = struct.Struct("=5Q2d")
READY, ENDED = 1, 2


class State(NamedTuple):
    """Counts, and where the process is."""

    frames: int = 0
    results: int = 0
    errors: int = 0
    bad: int = 0
    phase: int = 0  # 0, READY (signals are handled), ENDED (every stream has)
    since: float = 0.0  # time.monotonic() of the start of the frame in hand, or its last progress; 0: none
    deadline: float = 0.0  # seconds from there that its sender allows; 0: none


class Board:
    """Written by one process, read by another; a read may see a write half done, so it is for counting and showing."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._page = mmap.mmap(fd, _FORMAT.size)
        self._state = State()
        self._lock = threading.Lock()

    @classmethod
    def make(cls) -> Board:
        """A new one, whose fd is to be passed on."""
        fd = os.memfd_create("framewire-board", os.MFD_CLOEXEC)
        os.ftruncate(fd, _FORMAT.size)
        return cls(fd)

    def read(self) -> State:
        return State(*_FORMAT.unpack(self._page))

    def write(self, **changes: int | float) -> None:
        with self._lock:
            self._put(**changes)

    def extend(self) -> None:
        """The frame in hand makes progress; from any thread."""
        with self._lock:
            if self._state.since:
                self._put(since=time.monotonic())

    def _put(self, **changes: int | float) -> None:
        self._state = self._state._replace(**changes)  # type: ignore[arg-type]
        self._page[:] = _FORMAT.pack(*self._state)

    def close(self) -> None:
        self._page.close()
        os.close(self.fd)
