"""Where the answers to plain frames go: a PUSH socket to who collects them, or nowhere."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

import zmq

from . import forks
from .errors import Closed, Error, Timeout
from .frame import Frame
from .header import Array
from .keys import Keys
from .link import Link
from .log import say
from .stats import Stats
from .url import Url
from .values import pack_result

_HWM = 100
_LINGER = 2.0  # seconds that a close gives to results that have not left yet
_LOOK = 0.25
_FOREVER = 3600.0


class Results:
    """Owns the frames of push+ and pub+ streams. `answer` and `fail` may be called from any thread."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        keys: Keys | None,
        timeout: float | None,
        stats: Stats,
        wants_answers: bool = True,
    ) -> None:
        self.wants_answers = wants_answers
        self.deadline = 0.0
        self._context = context
        self._keys = keys
        self._stats = stats
        self._timeout = timeout
        self._lock = threading.Lock()
        self._closed = False
        self._worker = f"{socket.gethostname()}/{os.getpid()}"
        self._forks = forks.count
        self._warned = False
        self._link: Link | None = None  # none: answers go nowhere

    def open(self, url: Url) -> None:
        """Deliver answers to this URL from now on."""

        def set_up(made: zmq.Socket[bytes]) -> None:
            made.sndhwm = _HWM

        self._link = Link(self._context, zmq.PUSH, url, keys=self._keys, setup=set_up, other="collector of results")

    @property
    def address(self) -> str | None:
        """Where they go; with the system's port, where this side listens."""
        return self._link.address if self._link else None

    def watch(self, now: float, ended: bool) -> float:
        """As Link.watch; `ended`: every stream has, so that the collector may leave."""
        if self._link is None or not self._lock.acquire(blocking=False):
            return now + _FOREVER  # who holds the lock for long waits for the collector, and watches
        try:
            self._link.ended = ended
            return self._link.watch(now)
        finally:
            self._lock.release()

    def answer(self, frame: Frame, value: Any, arrays: Mapping[str, Any]) -> None:
        if not self._deliver(frame, "done", "", *pack_result(value, arrays)):
            raise Error(f"frame {frame.seq} of {frame.stream!r} was answered already")
        if self._link is None and not self._warned and (value is not None or arrays):
            self._warned = True
            say("results go nowhere: say where with results=URL (--results URL), the sender's --collect")

    def acknowledge(self, frame: Frame, soon: bool = False) -> None:
        """Answer with None; nothing if the frame was answered already."""
        self._deliver(frame, "done", "", *pack_result(None))

    def fail(self, frame: Frame, text: str) -> None:
        self._deliver(frame, "error", text, *pack_result(None))

    def give_back(self, frame: Frame) -> None:
        """A plain frame cannot be given back: it stays unanswered, and its sender counts it as lost."""
        frame.open = False

    def progress(self, frame: Frame) -> None:
        """A plain frame has no deadline."""

    def count_bad(self, reason: str) -> None:
        self._stats.bad[reason] += 1

    def check_process(self) -> None:
        """Its payload is the process's own."""

    def _deliver(
        self, frame: Frame, status: str, error: str, value: bytes, arrays: tuple[Array, ...], parts: list[Any]
    ) -> bool:
        """False if the frame was answered already."""
        if forks.count != self._forks:
            raise Error("a frame can only be answered in the process that received it")
        with self._lock:
            if not frame.open:
                return False
            if self._link is not None:
                if self._closed:
                    raise Closed("the receiver is closed")
                header = frame.header.answer(
                    status, error=error, worker=self._worker, attempt=frame.attempt, arrays=arrays
                )
                self._send([frame.stream.encode(), header.pack(), value, *parts])
                self._stats.results += 1
                self._stats.errors += status == "error"
            frame.open = False
            return True

    def _send(self, parts: list[Any]) -> None:
        """Waits while nobody takes results. The parts are copied: arrays are the caller's again afterwards."""
        assert self._link is not None
        since = time.monotonic()
        while True:
            try:
                self._link.socket.send_multipart(parts, zmq.NOBLOCK)
                return
            except zmq.Again:
                pass
            self._link.socket.poll(int(_LOOK * 1000), zmq.POLLOUT)
            now = time.monotonic()
            self._link.watch(now)
            if self._closed:
                raise Closed("the receiver is closed")
            if self._timeout is not None and now - since >= self._timeout:
                raise Timeout(f"nobody took results at {self._link.address} for {self._timeout:g} s")

    def close(self, ended: bool) -> None:
        """Results that have not left yet get a moment, also to find their collector.

        `ended`: every stream has. A collector that is gone then had what it waited for; it counts what is missing.
        """
        self._closed = True
        with self._lock:
            link, sent = self._link, self._stats.results
            if link is None:
                return
            now = time.monotonic()
            deadline = now + _LINGER
            link.ended = ended
            link.watch(now)
            while sent and not link.peers and not (ended and link.had_peer) and now < deadline:
                link.monitor.poll(int((deadline - now) * 1000) + 1)
                now = time.monotonic()
                link.watch(now)
            if sent and not link.peers and not (ended and link.had_peer):
                say(f"results are lost: nobody took them at {link.address}")
            link.close(_LINGER)
