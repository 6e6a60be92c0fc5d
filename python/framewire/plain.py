"""Plain delivery: a PULL socket whose sender gives each frame to one worker, a SUB socket that sees what it can."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import zmq

from .errors import BadMessage
from .frame import Frame
from .header import Header
from .link import Link
from .log import say
from .mailbox import Mailbox
from .message import check_message
from .transport import BRIEFLY, FOREVER, Options, receive
from .url import Url


class Ends:
    """Which streams of a URL are still open. `end` says a sender's; where this side listens there may be several."""

    def __init__(self, wanted: frozenset[str] | None, several: bool) -> None:
        self.over = False
        self._wanted = wanted
        self.several = several
        self._open: set[tuple[str, int]] = set()

    def is_new(self, stream: str, epoch: int) -> bool:
        """Is it the first frame of a run, where there may be several? Then on_frame wants to know the peers of now."""
        return self.several and (stream, epoch) not in self._open

    def on_frame(self, stream: str, epoch: int, peers: int) -> None:
        self.over = False
        if self.is_new(stream, epoch):
            if peers <= 1:
                self._open.clear()  # a new run of the only sender
            self._open.add((stream, epoch))

    def on_end(self, stream: str, header: Header) -> None:
        self._open.discard((stream, header.epoch))
        left = [s for s in header.streams if self._wanted is None or s in self._wanted]
        self.over = not left and not self._open


class _Plain:
    """What both say of their connection and of the streams' ends."""

    _options: Options
    _ends: Ends
    _link: Link

    @property
    def address(self) -> str:
        return self._link.address

    @property
    def ended(self) -> bool:
        return self._ends.over

    @property
    def over(self) -> bool:
        return self.ended and not self._options.follow

    def absent(self, now: float) -> float:
        return self._link.absent(now)


class PlainWorker(_Plain):
    """Frames of a push+ URL."""

    def __init__(self, url: Url, options: Options) -> None:
        self._options = options
        self._ends = Ends(options.streams, url.bind)
        self._warned = False
        self._link = Link(options.context, zmq.PULL, url, keys=options.keys, setup=self._set_up, follow=options.follow)
        self.pollables: list[Any] = [self._link.socket, self._link.monitor]

    def _set_up(self, made: zmq.Socket[bytes]) -> None:
        made.rcvhwm = self._options.credit
        made.rcvtimeo = BRIEFLY

    def take(self, wait: bool = False) -> Frame | BadMessage | None:
        link, options = self._link, self._options
        while True:
            try:
                stream, header, payload = _receive(link.socket, 0 if wait else zmq.NOBLOCK)
            except zmq.Again:
                return None
            except BadMessage as bad:
                return bad
            if header.kind == "frame":
                if self._ends.several or self._ends.over:
                    self._note_run(stream, header.epoch)
                if options.streams is None or stream in options.streams:
                    return Frame(stream, header, payload, link.url.transport, options.results)
                self._say_unwanted(stream)
            elif header.kind == "end":
                self._ends.on_end(stream, header)
                link.ended = self._ends.over
                if link.ended:
                    return None
            else:
                options.stats.unknown += 1

    def _note_run(self, stream: str, epoch: int) -> None:
        """A frame came where there may be several senders, or after an end: which run is it of?"""
        if self._ends.is_new(stream, epoch):
            self._link.watch(time.monotonic())
        self._ends.on_frame(stream, epoch, self._link.peers)
        self._link.ended = False

    def _say_unwanted(self, stream: str) -> None:
        self._options.stats.unwanted += 1
        if not self._warned:
            self._warned = True
            say(
                f"{self.address}: a frame of stream {stream!r} was not asked for and is lost; a push+ sender gives"
                " each frame to one worker, whatever streams it takes"
            )

    def watch(self, now: float) -> float:
        remade = self._link.remade
        then = self._link.watch(now)
        if self._link.remade != remade:
            self.pollables = [self._link.socket, self._link.monitor]
        return then

    def rehearse(self) -> None:
        """Its way is short enough."""

    def raise_credit(self, credit: int) -> None:
        """A frame that was taken makes room for the next, however many are held.

        The high water mark stays as it is: raised while frames flow, libzmq 4.3 stalls the pipe.
        """

    def close(self) -> None:
        self._link.close()


class PlainObserver(_Plain):
    """Frames of a pub+ URL: a thread drains the socket, and the newest `queue` frames wait here."""

    def __init__(self, url: Url, options: Options) -> None:
        self._options = options
        self._ends = Ends(options.streams, url.bind)
        self._link_ends = Ends(options.streams, url.bind)  # as the thread sees it, ahead of the mailbox
        self._last_end: dict[str, Header] = {}
        self._next: dict[str, tuple[int, int]] = {}  # stream: epoch, seq that comes next
        self._link = Link(options.context, zmq.SUB, url, keys=options.keys, setup=self._set_up, follow=options.follow)
        self._mailbox: Mailbox[Frame | BadMessage | tuple[str, Header]] = Mailbox(options.queue)
        self.pollables: list[Any] = [self._mailbox.fileno()]
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._drain, name=f"framewire-{url.endpoint}", daemon=True)
        self._thread.start()

    def _set_up(self, made: zmq.Socket[bytes]) -> None:
        made.rcvhwm = max(2, self._options.queue)
        for stream in sorted(self._options.streams or {""}):
            made.subscribe(stream.encode())

    def take(self, wait: bool = False) -> Frame | BadMessage | None:
        while (item := self._mailbox.take()) is not None:
            if isinstance(item, Frame):
                self._ends.on_frame(item.stream, item.epoch, self._link.peers)
                return item
            if isinstance(item, BadMessage):
                return item
            self._ends.on_end(*item)
            if self._ends.over:
                return None
        return None

    def watch(self, now: float) -> float:
        return now + FOREVER  # the thread does

    def rehearse(self) -> None:
        """Its way is short enough."""

    def raise_credit(self, credit: int) -> None:
        """An observer has no credit."""

    def close(self) -> None:
        os.eventfd_write(self._stop, 1)
        if self._thread is threading.current_thread():
            return  # the garbage collector ran on it
        self._thread.join()
        self._mailbox.close()
        os.close(self._stop)

    def _drain(self) -> None:
        link = self._link
        try:
            wake = time.monotonic()
            while True:
                watched = [(thing, zmq.POLLIN) for thing in (link.socket, link.monitor, self._stop)]
                ready = [thing for thing, _ in zmq.zmq_poll(watched, max(0, int((wake - time.monotonic()) * 1000) + 1))]
                if self._stop in ready:
                    return
                while self._receive():
                    pass
                wake = link.watch(time.monotonic())
        finally:
            link.close()

    def _receive(self) -> bool:
        """Take one message off the socket into the mailbox; False: there is none."""
        options = self._options
        try:
            stream, header, payload = _receive(self._link.socket, zmq.NOBLOCK)
        except zmq.Again:
            return False
        except BadMessage as bad:
            self._mailbox.put(bad)
            return True
        if options.streams is not None and stream not in options.streams:
            return True  # a subscription is a prefix: cam1 brings cam10 too
        if header.kind == "frame":
            if self._link_ends.is_new(stream, header.epoch):
                self._link.watch(time.monotonic())
            self._link_ends.on_frame(stream, header.epoch, self._link.peers)
            self._link.ended = False
            self._count_gap(stream, header)
            frame = Frame(stream, header, payload, self._link.url.transport, options.results)
            options.stats.dropped += self._mailbox.put(frame)
        elif header.kind == "end":
            self._link_ends.on_end(stream, header)
            self._link.ended = self._link_ends.over
            if self._last_end.get(stream) != header:  # it is repeated while the sender drains
                self._last_end[stream] = header
                self._mailbox.put((stream, header), droppable=False)
        else:
            options.stats.unknown += 1
        return True

    def _count_gap(self, stream: str, header: Header) -> None:
        epoch, following = self._next.get(stream, (0, 0))
        if epoch == header.epoch and header.seq > following:
            self._options.stats.missed += header.seq - following
        self._next[stream] = (header.epoch, header.seq + 1)


def _receive(source: zmq.Socket[bytes], flags: int) -> tuple[str, Header, Any]:
    """The next message: its stream, its header, and its payload. Raises zmq.Again and BadMessage."""
    parts = receive(source, flags)
    stream, header = check_message(parts)
    if header.place:
        raise BadMessage("parts", "a frame in shared memory, where there are only payloads")
    return stream, header, parts[-1]
