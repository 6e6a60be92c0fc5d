"""Waiting for ZeroMQ sockets and file descriptors, with little to do once something has come.

zmq_poll asks each socket before it sleeps and again when it wakes, at a time when caches are cold; here only before.
"""

from __future__ import annotations

import math
import os
import select
import time
from typing import Any

import zmq

_EVENTS = int(zmq.EVENTS)  # plain numbers: an operation on flags takes longer than to ask
_IN = int(zmq.POLLIN)
_SELECT_MAX = 1024  # FD_SETSIZE


class Waiter:
    """What is waited for: sockets, and numbers of descriptors."""

    def __init__(self) -> None:
        self.things: list[Any] = []
        self.numbers: list[int] = []  # of their descriptors
        self.is_precise = False
        self._sockets: list[Any] = []
        self._poll = select.poll()

    def watch(self, things: list[Any]) -> None:
        """These, and no others."""
        if things == self.things:
            return
        self.things = things
        self.numbers = [thing if isinstance(thing, int) else thing.FD for thing in things]
        self.is_precise = max(self.numbers) < _SELECT_MAX
        self._sockets = [thing for thing in things if not isinstance(thing, int)]
        self._poll = select.poll()
        for number in self.numbers:
            self._poll.register(number, select.POLLIN)

    def wait(self, seconds: float) -> None:
        """Until there may be something to receive, or for so long."""
        if not self._has_news():
            self._poll.poll(math.ceil(seconds * 1000))

    def wait_precisely(self, seconds: float) -> bool:
        """As wait, to the microsecond, where it `is_precise`. Whether something came."""
        if self._has_news():
            return True
        return bool(select.select(self.numbers, (), (), seconds)[0])

    def wait_awake(self, until: float) -> None:
        """As wait, without sleeping, until time.monotonic() is `until`. After a wait_precisely() that saw nothing."""
        poll = self._poll.poll
        while not poll(0) and time.monotonic() < until:
            os.sched_yield()  # the sender may be about to run on this very CPU

    def _has_news(self) -> bool:
        # A socket's descriptor tells of news once, and any use of the socket may have taken that.
        for socket in self._sockets:  # noqa: SIM110 - a generator takes longer than the question
            if is_readable(socket):
                return True
        return False


def is_readable(socket: Any) -> bool:
    """Whether a ZeroMQ socket has something to receive."""
    return bool(socket.getsockopt(_EVENTS) & _IN)
