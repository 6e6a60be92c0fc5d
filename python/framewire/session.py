"""A leased connection: one DEALER to one hub, greeted at every handshake, until its streams have ended.

What is common to workers, observers and supervisors (`proto/framewire-1.md`, "Leased delivery"). On the hub's host all
but the greetings goes through its door, where frames are in shared memory. The sockets belong to who drives the keeper;
`post` may be called from any thread.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import Any

import msgpack
import zmq

from . import forks
from .errors import BadMessage
from .fields import UINT32_MAX, VERSION, Fields
from .header import ARRAYS_MAX, Header
from .inside import Inside, release_word, this_host
from .keeper import Keeper
from .leased import Body, Hello, Welcome
from .link import Link
from .log import say
from .message import check_message, frame_of
from .outbox import Key, Outbox
from .role import Role
from .transport import BRIEFLY, FOREVER, Options, receive
from .url import Url
from .waiter import is_readable
from .words import start_header

_PARTS_MAX = 4 + ARRAYS_MAX
_NOW = int(zmq.NOBLOCK)  # a plain number: an operation on flags takes longer than a receive
_UNANSWERED = 2.0  # seconds without a welcome, until it is said
_BYE_WITHIN = 1.0
_LINGER = 2.0  # seconds that a close gives to results that could not leave yet


class Session(Role):
    """Subclasses say what the connection is for."""

    def __init__(self, url: Url, options: Options, role: str, *, quiet: bool = False) -> None:
        self.up = False  # welcomed, the door tried, and not cut off since
        self.closed = False
        self.welcome = Welcome(0, 0)
        self._options = options
        self._keeper: Keeper = options.keeper
        self._role = role
        self._worker = f"{socket.gethostname()}/{os.getpid()}"
        self._forks = forks.count
        self._state = threading.Lock()  # guards what both the driver and others change
        self._handshakes = 0
        self._greeted: float | None = None  # since when an answer to hello is awaited
        self._unanswered = 0  # hellos of this connection
        self._latest: list[Any] = []  # the parts of the last frame in shared memory
        self._inside = Inside(options.door, self._on_settled, self._say_hello)
        self._door_said = self._copies_said = False
        self.ended = False  # every stream that is taken has
        self._left = self._bye = False  # bye was said; and answered
        self._ready = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)  # for who does not drive: look again
        self._asks = True  # the socket may have something though its descriptor does not tell: it was used since
        self._link = Link(
            options.context, zmq.DEALER, url, keys=options.keys, setup=_set_up, follow=options.follow, quiet=quiet
        )
        self._outbox = Outbox(self._link, self._inside)
        self.sockets: list[Any] = [self._link.socket, self._link.monitor, self._inside.fileno()]
        self._keeper.add(self)

    @property
    def address(self) -> str:
        return self._link.address

    @property
    def over(self) -> bool:
        return self.ended and not self._options.follow

    @property
    def pollables(self) -> list[Any]:
        if self._keeper.always:
            return [self._ready]
        # Where all comes by the door, two sockets need not be asked before each sleep: their descriptors tell.
        sockets = self.sockets[:2]
        if self._inside.here:
            sockets = [each.FD for each in sockets]
        return [*sockets, self._inside.fileno(), self._keeper.wake]

    def absent(self, now: float) -> float:
        return 0.0 if self._inside.here else self._link.absent(now)

    def watch(self, now: float) -> float:
        """As Transport.watch: the thread does it, unless the caller drives."""
        if not self._keeper.mine:
            return now + FOREVER
        self._keeper.clear()
        return self.tend(now)

    def rehearse(self) -> None:
        """As Transport.rehearse."""

    def _clear_ready(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._ready)

    # For frames, of which subclasses are the owner

    def check_process(self) -> None:
        self._inside.releases.check_process()

    def count_bad(self, reason: str) -> None:
        self._options.stats.bad[reason] += 1

    # Sending

    def post(
        self, kind: str, stream: str = "", key: Key = (0, 0), body: Body | None = None, *, lasting: bool = False
    ) -> None:
        """Say something; from any thread. If it is not lasting, it is of the connection as it is now only."""
        if self.closed:
            return
        fields: Fields = {"v": VERSION, "kind": kind}
        fields |= body.fields() if body is not None else {"epoch": key[0], "seq": key[1]}
        self._outbox.append([stream.encode(), msgpack.packb(fields)], key if lasting else None)
        self._keeper.send(self)

    def flush(self) -> None:
        """The driver: send what waits, if the hub knows us."""
        if self.up and self._outbox.words:
            self._outbox.flush(self.on_sent)
        if self.ended:
            self._leave_when_done()

    def _say_released(self) -> None:
        """The driver: what no `start` has carried."""
        if slots := self._inside.released(asleep=True):
            self._outbox.append(release_word(slots))
            self.flush()

    def _start(self, stream: str, key: Key, aside: bool) -> None:
        """Say `start`, with what is to be released by then; from any thread. aside: nobody waits for it."""
        inside = self._inside
        driving = not self._keeper.always  # then who receives reads and sends itself
        slots = inside.released() if driving and inside.releases.waiting else ()
        word = [stream.encode(), start_header(key[0], key[1], slots)]
        if not driving:
            self._outbox.append(word)
            self._keeper.send(self)
            return
        # Mostly it can leave as it is: every frame comes through here, often with cold caches.
        at_once = inside.here and self.up and not self._outbox.words
        if at_once and aside and not slots and inside.say_aside(word):
            return
        if not at_once or not (inside.send(word) or not inside.here):
            self._outbox.append(word)
            self.flush()

    def _say_hello(self) -> None:
        self._greeted = time.monotonic()
        options = self._options
        hello = Hello(
            options.identity.instance,
            self._role,
            self._worker,
            this_host(),
            min(options.credit, UINT32_MAX),
            supervisor=options.identity.supervisor,
            streams=tuple(sorted(options.streams or ())),
        )
        self._inside.leave()
        self._keeper.nudge()  # `pollables` are others
        self.up = False
        self._outbox.keep_answers()  # all else is said by hello
        self._unanswered += 1
        hello.reads = self._inside.reads()
        self.on_hello(hello)
        self._outbox.send_outside([b"", Header("hello", body=hello).pack()])

    # Receiving

    def pump(self) -> None:
        """The driver: send and read all that there is."""
        self.flush()
        while self._read():
            pass
        if self._keeper.always and (self.over or self.has_news()):
            os.eventfd_write(self._ready, 1)

    def _read(self, wait: bool = False) -> bool:
        """Read one message; false: there is none. With `wait`, look for up to BRIEFLY ms; at the door, for a moment."""
        inside = self._inside
        if inside.visit is not None:
            if (parts := inside.receive(wait)) is not None:
                inside.releases.asleep = False
                self._hear(parts, inside=True)
                return True
            wait = False
        # Where all comes by the door, to ask is a third of the price of a receive that raises; mostly `tend` is enough.
        if not inside.here or (self._asks and is_readable(self._link.socket)):
            with contextlib.suppress(zmq.Again):
                self._hear(receive(self._link.socket, 0 if wait else _NOW, _PARTS_MAX), inside=False)
                self._asks = True
                return True
        self._asks = False
        if inside.used:
            self._say_released()
        return False

    def _hear(self, parts: list[Any], inside: bool) -> None:
        try:
            stream, header = check_message(parts)
            kind = header.kind
            if kind == "frame":
                payload, transport = self._payload(header, parts, inside)
                self.on_frame(stream, header, payload, transport)
                if transport == "shm":
                    self._latest = parts
                return
        except BadMessage as bad:
            self.on_bad(bad, *frame_of(parts))
            return
        if kind == "welcome":
            self._on_welcome(header.body)
        elif kind == "who":
            self._say_hello()
        elif kind == "end":
            self.on_lost(header.lost)
            self._set_ended(header.streams)
        elif kind == "bye":
            self._bye = True
        elif not self.on_message(stream, header, parts):
            self._options.stats.unknown += 1

    def _payload(self, header: Header, parts: list[Any], inside: bool) -> tuple[Any, str]:
        """A frame's bytes and their transport. Raises BadMessage."""
        if header.place is None:
            return parts[2], self._link.url.transport
        if not inside:
            raise BadMessage("parts", "a frame in shared memory, where there are only payloads")
        payload, transport = self._inside.payload(header.place)
        if transport == "copy" and not self._copies_said:
            self._copies_said = True
            self._link.say(
                f"{self.address}: as many frames in shared memory are still in use as may be,"
                f" {self._inside.releases.held} of them here; later ones are copied (drop arrays that are not needed)"
            )
        return payload, transport

    def _on_welcome(self, body: Any) -> None:
        if body.instance != self._options.identity.instance:
            self._options.stats.unknown += 1
            return
        self._greeted = None
        self._unanswered -= 1
        if self._unanswered > 0:
            return  # of an earlier hello: what it says of the door is void
        former, inside = self.welcome, self._inside
        self.welcome = body
        if former.sender not in (0, body.sender):
            inside.start_anew()
            given_up = self.on_new_run()
            if not self.ended:
                what = f"; frames of the former one that are given up: {given_up}" if given_up else ""
                self._link.say(f"the sender at {self.address} was started anew; going on with its new run{what}")
        self.up = self._left = self._bye = False
        self._set_ended(body.streams)
        if self.ended:
            self.up = True
            if former.sender == 0 and self._options.streams and not self.closed:
                names = ", ".join(sorted(self._options.streams))
                self._link.say(f"the sender at {self.address} has no stream {names}, or it has ended")
            self.flush()
        elif body.door and body.host and body.host == this_host() and self._role != "supervisor":
            inside.knock(body.door, body.token, time.monotonic())
            self._keeper.nudge()
        else:
            self._on_settled()

    def _on_settled(self) -> None:
        """The door was tried, or there is none: frames may come."""
        why = self._inside.why
        if why and not self._inside.here and not self._door_said:
            self._door_said = True
            self._link.say(f"{self.address}: frames come over the socket, not in shared memory: {why}")
        self.up = True
        self._keeper.nudge()  # `pollables` are others
        self.on_welcome()
        self.flush()

    def _set_ended(self, streams: tuple[str, ...]) -> None:
        wanted = self._options.streams
        self.ended = not any(wanted is None or stream in wanted for stream in streams)
        self._link.ended = self.ended
        if self.ended:
            self.on_all_ended()
            self._leave_when_done()

    def _leave_when_done(self) -> None:
        """The driver: after the end, once nothing more is to be said, say bye: the hub waits for it."""
        if self.ended and self.up and not self._left and not self._outbox.words and not self.is_busy():
            self._say_bye()

    def _say_bye(self) -> None:
        """The driver: with all that is read no more before it, since the hub may not wait for more afterwards."""
        if slots := self._inside.released():
            self._outbox.append(release_word(slots))
        self._outbox.append([b"", Header("bye").pack()])
        self._left = True
        self._outbox.flush(self.on_sent)

    # Looking after the connection

    def tend(self, now: float) -> float:
        """The driver: as Transport.watch."""
        link = self._link
        self._asks = True
        remade = link.remade
        then = link.watch(now)
        if link.remade != remade:
            self.sockets[:2] = link.socket, link.monitor
        if not link.peers:
            self.up = self._inside.here
            self._unanswered = 0
            self._greeted = None
        if link.handshakes != self._handshakes:
            self._handshakes = link.handshakes
            self._unanswered = 0
            if link.peers:
                self._say_hello()
        if self._greeted is not None and now - self._greeted >= _UNANSWERED:
            self._greeted = None
            self._link.say(f"{self.address} does not answer; is it a Framewire sender's?")
        if self._greeted is not None:
            then = min(then, self._greeted + _UNANSWERED)
        return min(then, self._inside.tend(now), self.on_idle(now))

    # The end

    def close(self) -> None:
        """Give back what is not answered, say bye, and wait a moment until all that was said has come there.

        After the keeper was stopped.
        """
        self.closed = True
        self._take_leave()
        self.up = False
        self._inside.close()
        self._link.close()
        os.close(self._ready)

    def _take_leave(self) -> None:
        link = self._link
        now = time.monotonic()
        self.tend(now)
        self.flush()
        deadline = now + (_BYE_WITHIN if self.up else _LINGER)
        while now < deadline and not self._bye:
            if self.up and not self._left:
                self._say_bye()
            self.flush()
            if not self.up and not self._answers_wait():
                break
            zmq.zmq_poll([(thing, zmq.POLLIN) for thing in self.sockets], int((deadline - now) * 1000) + 1)
            while self._read():
                pass
            now = time.monotonic()
            self.tend(now)
        if self._answers_wait():
            say(f"results are lost: the sender at {link.address} is gone")

    def _answers_wait(self) -> bool:
        return self._role == "worker" and self._outbox.has_answers


def _set_up(made: zmq.Socket[bytes]) -> None:
    made.immediate = True  # what waits for the next connection would come before its hello, or be a hello too many
    made.sndhwm = 0  # what is said is bounded by the frames that the hub gives out
    made.rcvhwm = 0  # and what is heard by the credit that it was given
    made.rcvtimeo = BRIEFLY
