"""A bounded box between the thread that drains a SUB socket and who takes frames: the newest stay."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Holds at most `room` droppable items, oldest first; putting one more drops the oldest of them."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._items: deque[tuple[T, bool]] = deque()
        self._droppable = 0
        self._lock = threading.Lock()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def fileno(self) -> int:
        """Readable while something is in the box."""
        return self._wake

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T, *, droppable: bool = True) -> bool:
        """Returns whether an older item was dropped for it."""
        with self._lock:
            full = droppable and self._droppable == self._room
            if full:
                self._drop_oldest()
            self._items.append((item, droppable))
            self._droppable += droppable
            if len(self._items) == 1:
                os.eventfd_write(self._wake, 1)
            return full

    def _drop_oldest(self) -> None:
        for place, (_, droppable) in enumerate(self._items):
            if droppable:
                del self._items[place]
                self._droppable -= 1
                return

    def take(self) -> T | None:
        """The oldest item, or None."""
        with self._lock:
            if not self._items:
                return None
            item, droppable = self._items.popleft()
            self._droppable -= droppable
            if not self._items:
                os.eventfd_read(self._wake)
            return item

    def close(self) -> None:
        """After the last put and take."""
        os.close(self._wake)
