"""What the receiver and its asyncio twin share: transports, whose turn it is, the rules of acknowledgement, the end."""

from __future__ import annotations

import itertools
import os
import secrets
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable

import numpy as np
import zmq

from . import forks
from .beat import Beat
from .errors import BadMessage, Closed, Error, Timeout
from .frame import Frame
from .keeper import Keeper
from .keys import load
from .lease import LeasedWorker
from .log import say
from .observe import LeasedObserver
from .plain import PlainObserver, PlainWorker
from .result import Result
from .results import Results
from .stats import Stats
from .transport import Identity, Options, Transport
from .url import Url, parse
from .waiter import Waiter

_LARGE_BLOCK = (32 << 20) - (64 << 10)  # just below what malloc still learns from; never written, so it costs nothing
DEFAULT_URL = "tcp://127.0.0.1:5555"
BATCH_PAUSE = 0.2  # seconds


class Intake:
    """Frames from several transports, without waiting; subclasses add the waiting."""

    _drives = True  # who receives reads leased connections itself, see Keeper

    def __init__(
        self,
        *urls: str,
        role: str = "worker",
        streams: Iterable[str] | str | None = None,
        credit: int = 2,
        queue: int = 1,
        results: str | None = None,
        follow: bool = False,
        timeout: float | None = None,
        keys: str | os.PathLike[str] | None = None,
        server_key: str | os.PathLike[str] | None = None,
        door: str | os.PathLike[str] | None = None,
        on_result: Callable[[Result], None] | None = None,
        identity: Identity | None = None,
    ) -> None:
        """Open the receiver.

        urls: one or several; this side connects, or with ?bind listens. Either side may start first.
        role: "worker" (each frame to exactly one, which answers it) or "observer" (sees what it has time for). A push+
            URL has workers only, and a pub+ URL gives every frame to all.
        streams: the names to take; all by default.
        credit: how many frames a worker may hold, at each URL; a leased one gives at most 64.
        queue: how many frames may wait for an observer; the oldest give way.
        results: the URL where replies to push+ streams go (PUSH), the sender's --collect.
        follow: stay for the next run after the end.
        timeout: seconds without a sender after which Timeout is raised; by default it is waited for.
        keys, server_key: CURVE: a folder made by `framewire keygen`, and the sender's public key or its file.
        door: where local senders offer shared memory; push+ and pub+ have no use for it.
        on_result: for observers of leased URLs: called with each worker's result, by who receives, between frames.
        identity: for programs that supervise their receivers.

        Raises Error for arguments that make no sense.
        """
        parsed = check_urls(urls, role)
        wanted = _check_streams(streams)
        _check_count("credit", credit)
        _check_count("queue", queue)
        if timeout is not None and not timeout > 0:
            raise Error(f"timeout is a number of seconds above 0, not {timeout!r}")
        if on_result is not None and (role != "observer" or any(url.pattern for url in parsed)):
            raise Error("on_result is for observers of leased URLs: tcp:// or ipc:// without a prefix")
        collector = None if results is None else check_results_url(results, parsed)
        curve = load(keys, server_key)
        known = identity or Identity(secrets.randbits(64) | 1)

        _keep_freed_memory()
        self.stats = Stats()
        self._forks = forks.count
        self._timeout = timeout
        self._closed = False
        self._receiving = threading.Lock()  # held by the one who receives
        self._in_hand: Frame | None = None  # the loop's, until its next turn
        self._put_back: deque[Frame] = deque()  # taken, and not handed over
        self._bad_said = False
        self._transports: list[Transport] = []
        self._waiter = Waiter()
        self._beat = Beat()
        self._woke = 0.0  # when the last frame that was waited for was there; 0: `_beat` knows of it
        self._watch_at = 0.0
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._results = Results(self._context, curve, timeout, self.stats, role == "worker" and results is not None)
        self._keeper = Keeper(always=not self._drives)
        # Also when this object is dropped, or the program ends, without close(): results must leave.
        self._release = weakref.finalize(
            self, _release, self._transports, self._results, self._keeper, self._context, self._wake, self._forks
        )
        self._leased = any(not url.pattern for url in parsed)
        self._keeper.enter()
        try:
            if collector is not None:
                self._results.open(collector)
            options = Options(
                self._context, wanted, credit, queue, follow, curve, self._results, self.stats, known, self._keeper,
                None if door is None else os.fspath(door), on_result,
            )  # fmt: skip
            for url in parsed:
                self._transports.append(_open_transport(url, role, options))
            self._watch(time.monotonic())
        except BaseException:
            self._release()
            raise
        self._keeper.leave()
        self._turns = itertools.cycle(self._transports)
        self._alone = len(self._transports) == 1
        only = self._transports[0]
        self._turn = only.turn if self._alone and self._drives and isinstance(only, LeasedWorker) else None
        if self._leased:
            self._keeper.start()

    @property
    def urls(self) -> list[str]:
        """The URLs; with the port that the system chose, where this side listens."""
        return [transport.address for transport in self._transports]

    @property
    def results_url(self) -> str | None:
        """Where replies go; with the port that the system chose, where this side listens."""
        return self._results.address

    @property
    def connected(self) -> bool:
        """Whether there is a sender at one of the URLs, as far as was seen while waiting."""
        now = time.monotonic()
        return any(transport.absent(now) == 0.0 for transport in self._transports)

    # Frames

    def _take(self, wait: bool = False) -> Frame | None:
        """What is there now; with `wait`, what comes very soon too. Raises BadMessage, and Closed at the end."""
        if forks.count != self._forks:
            raise Error("this receiver was opened before a fork; open one in each process that receives")
        if self._closed:
            raise Closed("the receiver is closed")
        if self._put_back:
            return self._put_back.popleft()
        transports, stats = self._transports, self.stats
        for _ in transports:
            event = next(self._turns).take(wait)
            if event is None:
                continue
            if isinstance(event, BadMessage):
                stats.bad[event.reason] += 1
                # Else it would hold itself by its traceback, and with it the caller's next frame.
                try:
                    raise event.with_traceback(None)
                finally:
                    del event
            return self._count(event)
        for transport in transports:
            if not transport.over:
                return None
        raise Closed("every stream has ended")

    def _count(self, frame: Frame) -> Frame:
        self.stats.frames += 1
        self.stats.bytes += frame.nbytes
        return frame

    def _skip(self, bad: BadMessage) -> None:
        """The caller goes on without this message. The first is said: a loop would else wait in silence."""
        if not self._bad_said:
            self._bad_said = True
            say(f"a message was refused: {bad}; later ones are only counted (stats.bad)")

    def _raise_credit(self, n: int) -> None:
        _check_count("a batch", n)
        for transport in self._transports:
            transport.raise_credit(n)

    # Waiting

    def _wait_time(self, deadline: float | None, misses: int) -> float:
        """Seconds to wait, after nothing was there. Raises Timeout."""
        now = time.monotonic()
        if deadline is not None and now >= deadline:
            raise Timeout("no frame came in the time allowed")
        # The first miss after a frame is nothing to look into: most waits end with the next frame.
        if misses > 0 or now >= self._watch_at:
            self._watch(now)
        return max(0.0, (self._watch_at if deadline is None else min(deadline, self._watch_at)) - now)

    def _watch(self, now: float) -> None:
        ended = all(transport.ended for transport in self._transports)
        self._watch_at = min(self._results.watch(now, ended), *(transport.watch(now) for transport in self._transports))
        self._waiter.watch([*(thing for each in self._transports for thing in each.pollables), self._wake])
        if self._timeout is None:
            return
        for transport in self._transports:
            absent = transport.absent(now)
            if absent >= self._timeout:
                raise Timeout(f"no sender at {transport.address} for {self._timeout:g} s")
            self._watch_at = min(self._watch_at, now + self._timeout - absent)

    # The frame in the loop's hand

    def _settle_hand(self) -> None:
        """The loop turns: acknowledge its frame, unless the caller has answered or kept it."""
        frame, self._in_hand = self._in_hand, None
        if frame is not None and frame.owner.wants_answers and frame.open and not frame.kept:
            frame.owner.acknowledge(frame, self._alone)

    def _leave_hand(self, error: BaseException | None = None) -> None:
        """The loop is left: an error blames its frame, all else gives it back."""
        frame, self._in_hand = self._in_hand, None
        if frame is None or frame.kept or forks.count != self._forks:
            return
        if isinstance(error, Exception) and frame.owner.wants_answers:
            frame.owner.fail(frame, describe(error))
        else:
            frame.owner.give_back(frame)

    # The end

    def stop(self) -> None:
        """Make the loop, or whoever receives, end with Closed. From any thread, and from signal handlers."""
        self._closed = True
        if self._release.alive:
            os.eventfd_write(self._wake, 1)


def _open_transport(url: Url, role: str, options: Options) -> Transport:
    if url.pattern:
        return PlainWorker(url, options) if url.pattern == "push" else PlainObserver(url, options)
    return LeasedWorker(url, options) if role == "worker" else LeasedObserver(url, options)


def _release(
    transports: list[Transport],
    results: Results,
    keeper: Keeper,
    context: zmq.Context[zmq.Socket[bytes]],
    wake: int,
    opened: int,
) -> None:
    """Close all; results that have not left yet get a moment. Nothing in a process that was forked off."""
    if forks.count != opened:
        return
    ended = all(transport.ended for transport in transports)
    keeper.stop()
    for transport in transports:
        transport.close()
    keeper.close()
    results.close(ended)
    context.term()
    os.close(wake)


def is_alone(frame: Frame) -> bool:
    """Its sender gives no other before this one is answered: it may be what killed a worker."""
    return frame.header.guarded


def next_by(deadline: float | None, frames: list[Frame], leased: bool) -> float | None:
    """Until when a batch waits for its next frame."""
    return time.monotonic() + BATCH_PAUSE if deadline is None and frames and leased else deadline


def _keep_freed_memory() -> None:
    """Have glibc's malloc keep what messages free, for the next ones, up to 64 MiB.

    It learns that from a large block that is freed. Without, a message of some MB gives its pages back whenever the
    receiver is ahead of the sender, and the next one takes them anew: up to 0.7 ms a frame at 1080p.
    """
    np.empty(_LARGE_BLOCK, np.uint8)


def describe(error: BaseException) -> str:
    """An exception as a result's error: "ValueError: ..."."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def check_urls(texts: Iterable[str], role: str) -> list[Url]:
    """The URLs that frames come from; the default where there is none. Raises Error."""
    return [_check_url(text, role) for text in texts or (DEFAULT_URL,)]


def _check_url(text: str, role: str) -> Url:
    if role not in ("worker", "observer"):
        raise Error(f"role is 'worker' or 'observer', not {role!r}")
    url = parse(text)
    if not url.pattern and url.bind:
        raise Error(f"{text}: a receiver of a leased stream connects, and its sender listens; leave ?bind out")
    if url.pattern == "push" and role == "observer":
        raise Error(f"{text}: a push+ stream has workers only; an observer needs pub+{text.removeprefix('push+')}")
    return url


def check_results_url(text: str, urls: Iterable[Url]) -> Url:
    """The URL that results of these go to. Raises Error."""
    url = parse(text)
    if url.pattern == "pub":
        raise Error(f"{text}: results go to one collector; say {text.removeprefix('pub+')}")
    if not any(source.pattern for source in urls):
        raise Error(f"results {text}: replies to leased frames go back to their sender; leave it out")
    return url


def _check_streams(streams: Iterable[str] | str | None) -> frozenset[str] | None:
    if streams is None:
        return None
    names = frozenset((streams,) if isinstance(streams, str) else streams)
    if not names or "" in names:
        raise Error("streams is a list of names; leave it out for all")
    return names


def _check_count(name: str, number: int) -> None:
    if not isinstance(number, int) or number < 1:
        raise Error(f"{name} is a number of frames, at least 1, not {number!r}")
