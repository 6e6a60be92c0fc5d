"""What every delivery has in common: what it is told, what it offers to the receiver, how messages are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import zmq

from .errors import BadMessage
from .fields import HEADER_MAX
from .frame import Frame
from .keeper import Keeper
from .keys import Keys
from .result import Result
from .results import Results
from .stats import Stats

BRIEFLY = 50  # ms
FOREVER = 3600.0
_PLAIN_PARTS = 4  # a frame has three; what is beyond is refused by its number


@dataclass(slots=True)
class Identity:
    """Who a receiver is to leased senders: for programs that start receivers and tell of their deaths."""

    instance: int  # random, from 1, one a receiver
    supervisor: int = 0  # the instance that will say `died`; 0: nobody will
    on_progress: Callable[[], None] | None = None  # called when a frame's deadline is extended


@dataclass(slots=True)
class Options:
    """What every transport is told."""

    context: zmq.Context[zmq.Socket[bytes]]
    streams: frozenset[str] | None  # None: all
    credit: int
    queue: int
    follow: bool
    keys: Keys | None
    results: Results
    stats: Stats
    identity: Identity
    keeper: Keeper  # of leased connections
    door: str | None  # the folder of local senders' doors; None: the usual one
    on_result: Callable[[Result], None] | None = None


class Transport(Protocol):
    """Frames from one URL, whatever its delivery. One thread uses it."""

    @property
    def address(self) -> str:
        """The URL; with the port that the system chose, where this side listens."""

    @property
    def ended(self) -> bool:
        """Every stream that is taken has ended."""

    @property
    def over(self) -> bool:
        """They have, and the next run is not waited for."""

    @property
    def pollables(self) -> list[Any]:
        """What becomes readable when `take` or `watch` has something to do. A new list when it changes."""

    def take(self, wait: bool = False) -> Frame | BadMessage | None:
        """What came next; None: nothing. With `wait` it may look for up to BRIEFLY ms, where that is cheaper."""

    def watch(self, now: float) -> float:
        """Look after the connection, when there is nothing to take. Returns when to call it again."""

    def absent(self, now: float) -> float:
        """Seconds since there was a sender."""

    def rehearse(self) -> None:
        """The next frame is about to come: do what makes its way to the caller short. Before `take` finds one."""

    def raise_credit(self, credit: int) -> None:
        """So many frames more than those that are not answered yet may be held at a time."""

    def close(self) -> None: ...


def receive(source: zmq.Socket[bytes], flags: int, most: int = _PLAIN_PARTS) -> list[Any]:
    """The next message's parts, at most so many: stream and header as bytes, the rest without a copy.

    A message whose header is too long stays as it came. Raises zmq.Again.
    """
    # copy=False for all parts: `more` of a Frame is a third of the price of asking the socket.
    part = source.recv(flags, copy=False)
    parts: list[Any] = [part]
    while part.more:
        part = source.recv(copy=False)
        if len(parts) < most:
            parts.append(part)
    if len(parts) > 1 and len(parts[0]) <= HEADER_MAX >= len(parts[1]):
        parts[:2] = parts[0].bytes, parts[1].bytes
    return parts
