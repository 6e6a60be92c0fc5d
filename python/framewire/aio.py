"""The receiver for asyncio: the same, with `async for` and `await`."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType

from .errors import BadMessage, Closed, Error, Timeout
from .frame import Frame
from .intake import Intake, is_alone, next_by


class Receiver(Intake):
    """framewire.Receiver for asyncio; its arguments, errors and rules of acknowledgement are the same.

    One task at a time may receive. A cancelled wait loses nothing: a frame is taken only when it is handed over.
    """

    _drives = False  # tasks may keep the event loop from leased connections for long

    async def receive(self, timeout: float | None = None) -> Frame:
        """As framewire.Receiver.receive."""
        return (await self._next(_deadline(timeout))).keep()

    async def batch(self, n: int, timeout: float | None = None) -> list[Frame]:
        """As framewire.Receiver.batch; one that is cancelled leaves its frames to the next call."""
        self._raise_credit(n)
        deadline = _deadline(timeout)
        frames: list[Frame] = []
        while len(frames) < n and not (frames and is_alone(frames[-1])):
            try:
                frames.append(await self._next(next_by(deadline, frames, self._leased)))
            except BadMessage as bad:
                self._skip(bad)
            except (Timeout, Closed):
                if not frames:
                    raise
                break
            except BaseException:
                self._put_back.extendleft(reversed(frames))
                raise
        return [frame.keep() for frame in frames]

    def __aiter__(self) -> Receiver:
        self._leave_hand()
        return self

    async def __anext__(self) -> Frame:
        self._settle_hand()
        while True:
            try:
                frame = self._in_hand = await self._next(None)
                return frame
            except BadMessage as bad:
                self._skip(bad)
            except Closed:
                raise StopAsyncIteration from None

    async def _next(self, deadline: float | None) -> Frame:
        if not self._receiving.acquire(blocking=False):
            raise Error("another task is receiving from this receiver")
        try:
            misses = 0
            while (frame := self._take()) is None:
                await self._readable(self._wait_time(deadline, misses))
                misses += 1
            return frame
        finally:
            self._receiving.release()

    async def _readable(self, seconds: float) -> None:
        """Wait until there may be something to take, or for so long."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        # libzmq's descriptors stay readable until their socket is used: readers that outlived this wait would
        # spin the event loop while its tasks do other things.
        numbers = self._waiter.numbers
        for number in numbers:
            loop.add_reader(number, ready.set)
        timer = loop.call_later(seconds, ready.set)
        try:
            await ready.wait()
        finally:
            timer.cancel()
            for number in numbers:
                loop.remove_reader(number)

    async def close(self) -> None:
        """As framewire.Receiver.close; the event loop runs on meanwhile."""
        self._leave_hand()
        if not self._release.alive:
            return
        self.stop()
        while self._receiving.locked():
            await asyncio.sleep(0)  # the task that receives is awake, and on its way out
        await asyncio.get_running_loop().run_in_executor(None, self._release)

    async def __aenter__(self) -> Receiver:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave_hand(error)
        await self.close()


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout
