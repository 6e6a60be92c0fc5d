"""The receiver: frames from one or several URLs, as a loop, one by one or in batches."""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType

from . import forks
from .errors import BadMessage, Closed, Timeout
from .frame import Frame
from .intake import Intake, is_alone, next_by
from .transport import BRIEFLY

_SEVERAL_CPUS = len(os.sched_getaffinity(0)) > 1  # on a single one, who stays awake keeps the sender from it


def _soon() -> float:
    return time.monotonic() + BRIEFLY / 1000


class Receiver(Intake):
    """Takes frames in: as a worker (each frame to exactly one, answered by it) or as an observer.

    One thread at a time may receive; frames may be answered, and close() called, from any.
    """

    _thread = 0  # the one that receives

    def receive(self, timeout: float | None = None) -> Frame:
        """The next frame; its answer is the caller's.

        Raises Timeout if none came for `timeout` seconds, Closed after the end of every stream, and BadMessage for a
        message that breaks the format (it is counted; the next call goes on).
        """
        return self._next(None if timeout is None else time.monotonic() + timeout).keep()

    def batch(self, n: int, timeout: float | None = None) -> list[Frame]:
        """Up to n frames: what came within `timeout` seconds, or before the end; their answers are the caller's.

        Raises the credit to n. Without a timeout, the first frame of a leased stream is waited for, and each other for
        a moment only: its sender may have no more until these are answered. Raises Timeout if nothing came, and Closed
        at the end. Bad messages are skipped.
        """
        self._raise_credit(n)
        deadline = None if timeout is None else time.monotonic() + timeout
        frames: list[Frame] = []
        while len(frames) < n and not (frames and is_alone(frames[-1])):
            try:
                frames.append(self._next(next_by(deadline, frames, self._leased)).keep())
            except BadMessage as bad:
                self._skip(bad)
            except (Timeout, Closed):
                if not frames:
                    raise
                break
        return frames

    def __iter__(self) -> Receiver:
        """Frames until the end. The next turn answers a frame that was not answered with None; see Frame.keep()."""
        self._leave_hand()
        return self

    def __next__(self) -> Frame:
        if self._turn is not None and (usual := self._turn.next(self)) is not None:
            return usual
        if self._in_hand is not None:
            self._settle_hand()
        while True:
            try:
                frame = self._in_hand = self._next(None)
                return frame
            except BadMessage as bad:
                self._skip(bad)
            except Closed:
                raise StopIteration from None

    def _next(self, deadline: float | None) -> Frame:
        with self._receiving:
            self._thread = threading.get_ident()
            try:
                if self._leased:
                    self._keeper.enter()
                # Waiting in the receiving call itself is a third of the price of a poll and another call. It sees
                # no other socket, so it is for the only one, and brief.
                misses, woke = 0, 0.0
                frame = self._take(self._alone and (deadline is None or deadline > _soon()))
                while frame is None:
                    frame = self._wait(self._wait_time(deadline, misses))
                    misses, woke = misses + 1, time.monotonic()
                    if frame is None:
                        frame = self._take()
                if misses > 0:
                    self._woke = woke
                return frame
            finally:
                if self._leased:
                    self._keeper.leave()
                self._thread = 0

    def _wait(self, seconds: float) -> Frame | None:
        """Until there may be something to take, or for so long, or less. A frame, if it is taken already."""
        now = time.monotonic()
        if self._woke:
            self._beat.came(self._woke)  # not before the caller had the frame
            self._woke = 0.0
        pause = self._beat.rehearse_in(now)
        if not 0 < pause < seconds or not self._waiter.is_precise:
            self._waiter.wait(seconds)
        elif not self._waiter.wait_precisely(pause):
            for transport in self._transports:
                transport.rehearse()
            self._beat.rehearsed(time.monotonic() - now - pause)
            if _SEVERAL_CPUS:
                return self._wait_awake(min(now + seconds, self._beat.awake_until()))
        return None

    def _wait_awake(self, until: float) -> Frame | None:
        """Without a sleep. A usual frame is taken by the very look that sees it."""
        if self._turn is None or not self._turn.is_ready:
            self._waiter.wait_awake(until)
            return None
        frame = self._turn.look(until)
        return None if frame is None else self._count(frame)

    def close(self) -> None:
        """Leave: a frame in hand is given back. From any thread; who receives meanwhile gets Closed.

        Waits a moment for results that have not left yet.
        """
        if not self._release.alive or forks.count != self._forks:
            return
        self.stop()
        if self._thread == threading.get_ident():
            return  # in a signal handler, in the middle of receiving
        with self._receiving:
            self._leave_hand()
            self._release()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._leave_hand(error)
        finally:
            self.close()
