"""Who looks after leased connections: the thread that receives, or while user code keeps it away, one of our own.

Frames come at tens of thousands a second, and a switch of threads for each would cost more than all else: so who
waits for a frame reads the sockets itself. Only when nobody has received for a while (a handler takes its time), or
always under asyncio, the thread `framewire-lease` answers what senders ask.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import Any, Protocol

import zmq

_AWAY = 0.02  # seconds without a receiving thread, after which ours steps in
# To wake our thread at each turn would cost the receiving one 20 us right before the handler, at camera rates. So where
# turns come often ours looks by itself: a sender may then wait for an answer this much longer.
_LIVELY = 1.0  # seconds since the last turn
_LOOK = 0.02  # seconds
_FOREVER = 3600.0


class Kept(Protocol):
    """A connection. All of this is for the one who drives: nobody else is then at its sockets."""

    @property
    def sockets(self) -> list[Any]:
        """What becomes readable when there is something to do."""

    def pump(self) -> None:
        """Send and read all that there is."""

    def flush(self) -> None:
        """Send what waits."""

    def tend(self, now: float) -> float:
        """Look after the connection. Returns when to call it again."""


class Keeper:
    """A lock around the sockets of a receiver, and the thread that holds it when nobody else does."""

    def __init__(self, always: bool = False) -> None:
        """always: the thread drives all the time, but for the opening."""
        self.always = always
        self.wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)  # readable: the driver has something to send
        self.driver = 0  # the thread that drives, if it is not ours
        self._kept: list[Kept] = []
        self.lock = threading.Lock()
        self._wanted = 0  # threads that wait to drive
        self.turns = 0
        self._gate = os.eventfd(0, os.EFD_CLOEXEC)  # where our thread waits for the driver to leave
        self.gated = False  # it does, or is about to
        self._closing = False
        self._seen, self._seen_at = 0, 0.0  # turns when our thread last looked, and when that number was new
        self._thread = threading.Thread(target=self._run, name="framewire-lease", daemon=True)

    def add(self, kept: Kept) -> None:
        """Before start()."""
        self._kept.append(kept)

    def start(self) -> None:
        self._thread.start()

    # Any thread

    def enter(self) -> None:
        """Drive from here on: the sockets are the caller's until leave()."""
        if not self.lock.acquire(blocking=False):
            self._wanted += 1
            os.eventfd_write(self.wake, 1)
            try:
                self.lock.acquire()
            finally:
                self._wanted -= 1
        self.driver = threading.get_ident()

    def leave(self) -> None:
        if not self.mine:
            return
        self.turns += 1
        self.driver = 0
        self.lock.release()
        if self.gated:
            self.gated = False
            os.eventfd_write(self._gate, 1)

    @property
    def mine(self) -> bool:
        """The calling thread drives."""
        return self.driver == threading.get_ident()

    def send(self, kept: Kept) -> None:
        """What waits to be sent shall leave soon; at once, if nobody drives."""
        if self.mine:
            kept.flush()
        elif self.lock.acquire(blocking=False):
            try:
                kept.flush()
            finally:
                self.lock.release()
        elif not self._closing:  # else who closes sends it
            os.eventfd_write(self.wake, 1)

    def nudge(self) -> None:
        """The driver: `tend` has something new to wait for."""
        os.eventfd_write(self.wake, 1)

    def clear(self) -> None:
        """The driver has seen `wake`."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.wake)

    def stop(self) -> None:
        """End the thread; the caller drives for good."""
        if self._closing:
            return
        self._closing = True
        os.eventfd_write(self.wake, 1)
        os.eventfd_write(self._gate, 1)
        if self._thread is threading.current_thread():
            return  # the garbage collector ran on it
        if self._thread.ident is not None:
            self._thread.join()
        if not self.mine:
            self.enter()

    def close(self) -> None:
        """After stop()."""
        os.close(self.wake)
        os.close(self._gate)

    # The thread

    def _run(self) -> None:
        try:
            while not self._closing:
                if self._is_away() and self.lock.acquire(blocking=False):
                    try:
                        self._drive()
                    finally:
                        self.lock.release()
        except zmq.ZMQError:
            if not self._closing:
                raise

    def _is_away(self) -> bool:
        """Wait until nobody has received for a while; false: look again."""
        if self.always:
            return True
        turns, now = self.turns, time.monotonic()
        if turns != self._seen:
            self._seen, self._seen_at = turns, now
        if self.driver:
            if now - self._seen_at < _LIVELY:
                time.sleep(_LOOK)
                return False
            self.gated = True
            if self.driver:
                os.eventfd_read(self._gate)
        time.sleep(_AWAY)
        return turns == self.turns and not self.driver and not self._wanted

    def _drive(self) -> None:
        while True:
            self.clear()
            if self._closing or self._wanted:  # looked at after what tells of it is cleared, or it would be slept over
                return
            for kept in self._kept:
                kept.pump()
            now = time.monotonic()
            wait = min([kept.tend(now) for kept in self._kept], default=now + _FOREVER) - now
            watched = [(thing, zmq.POLLIN) for kept in self._kept for thing in kept.sockets]
            zmq.zmq_poll([*watched, (self.wake, zmq.POLLIN)], max(0, int(wait * 1000) + 1))
