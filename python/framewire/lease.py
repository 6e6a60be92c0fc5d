"""The worker's side of leased delivery: each frame that comes is a duty to answer it."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgpack
import numpy as np
import zmq

from . import forks
from .door import Came
from .errors import BadMessage, Closed, Error
from .fields import VERSION, Fields, cut
from .frame import Frame
from .header import ERROR_MAX, Array, Header
from .header_fields import described
from .inside import Inside
from .lane import Turn, learn
from .leased import HELD_MAX, Credit, Held, Hello
from .log import say
from .outbox import Key, Outbox
from .rehearsal import Rehearsals
from .session import Session
from .transport import FOREVER, Options
from .url import Url
from .values import pack_result
from .words import done_header, done_rest

CREDIT_MAX = 64
_PROGRESS_AT_LEAST = 10  # times within a deadline
_PROGRESS_EVERY = 1.0  # seconds, if the deadline is longer
_SOON = 0.005  # seconds: who waits less for a frame is still warm, and does so in the receive itself
_THERE = 1e-5  # seconds that a receive takes that has not waited
_STUCK = 2.0  # seconds of waiting for a frame while all credit is used up, until it is said


class LeasedWorker(Session):
    """Frames of a leased URL, and their owner. A frame is `started` when it is handed over."""

    wants_answers = True

    def __init__(self, url: Url, options: Options) -> None:
        self._credit = min(options.credit, CREDIT_MAX)
        self._waiting: dict[Key, Frame] = {}  # came, and were not handed over; oldest first
        # Handed over; until their answer has left. Not the frames: what the user drops is released with the answer.
        self._started: set[Key] = set()
        self._guarded: dict[Key, Frame] = {}  # of the started: wait for `go` before they are handed over
        self._news: deque[Frame | BadMessage] = deque()  # guarded frames that may go, and bad messages
        self._progressed: dict[Key, float] = {}  # when it was said
        self._hungry = False  # the user waits
        self.soon = False  # the next frame comes soon, as the last ones did
        self._idle = 0.0  # since when nothing was there; 0: the last frame was not waited for
        self._stuck_since: float | None = None
        self._rehearsals = Rehearsals(self._make_twin)
        super().__init__(url, options, "worker")
        self._done = done_rest(self._worker, options.identity.instance)
        self.turn = Turn(self, self._done) if Turn is not None else None

    # Taking frames

    def take(self, wait: bool = False) -> Frame | BadMessage | None:
        turn = None if self._keeper.always else self.turn
        if turn is not None and not self._waiting and not self._news:
            frame = turn.look() if not wait else turn.take() if self.soon else None
            if frame is not None:
                return frame
        while True:
            if (self._waiting or self._news) and (event := self._next()) is not None:
                self.note_wait()
                if turn is not None and isinstance(event, Frame):
                    learn(turn, self._latest, event)
                return event
            if self._keeper.always:  # its thread reads
                if self._hungry:
                    return None
                self._go_hungry()
                self._clear_ready()
                continue  # what came before that was cleared is there now
            here = self._inside.here
            soon = wait and here and self.soon
            if soon:
                self._say_released()
            # At the door an answer can leave with the next frame's start, if that one is there already.
            if self._outbox.words and (soon or not here):
                self.flush()
            if not (self._read_soon() if soon else self._read(wait and not here and self._may_sleep())):
                if self._outbox.words:
                    self.flush()
                self._go_hungry()
                if wait:
                    self._idle = time.monotonic()
                return None

    def note_wait(self) -> None:
        """A frame is handed over."""
        self._hungry = False
        if self._idle:
            self.soon, self._idle = time.monotonic() - self._idle < _SOON, 0.0
        elif self.turn is not None:  # it was there at once: a compiled turn is shorter than two words in one send
            self.soon = True

    def _may_sleep(self) -> bool:
        """In the socket, that is: only who owes nothing, for what other threads answer and let go would have to wait.

        One frame may be held: a loop's last one, until its variable is another's.
        """
        return self.up and not self._started and self._inside.releases.held <= 1

    def _read_soon(self) -> bool:
        """As _read; it waits in the receive, which saves one that fails, a poll, and a third of a frame's way."""
        if not self._may_sleep():
            return self._read()
        began = time.monotonic()
        came = self._read(True)
        self.soon = came and time.monotonic() - began > _THERE
        return came

    def _go_hungry(self) -> None:
        if not self._hungry and self._is_full():
            self._keeper.nudge()  # on_idle has something to look after
        self._hungry = True

    def _is_full(self) -> bool:
        return len(self._started) - len(self._guarded) >= self._credit

    def _next(self) -> Frame | BadMessage | None:
        while self._waiting or self._news:
            with self._state:
                if self._news:
                    return self._news.popleft()
                if not self._waiting:
                    return None
                key = next(iter(self._waiting))
                frame = self._waiting.pop(key)
                self._started.add(key)
                guarded = frame.header.guarded
                if guarded:
                    self._guarded[key] = frame
            self._start(frame.stream, key, aside=not guarded)
            if not guarded:
                return frame
        return None

    # Rehearsals

    def rehearse(self) -> None:
        """The driver, when the next frame is about to come: walk its way, but for the handler, with the last one."""
        region = self._inside.region
        if self._inside.here and region is not None and len(self._latest) == 2:
            self._rehearsals.hold(region, self._latest)

    def _make_twin(self, inside: Inside) -> LeasedWorker:
        """One like this, in at another door, that has no frames."""
        twin = copy.copy(self)
        twin._inside, twin._outbox = inside, Outbox(self._link, inside)
        twin._waiting, twin._started, twin._guarded, twin._news = {}, set(), {}, deque()
        twin.turn = Turn(twin, self._done) if Turn is not None else None
        return twin

    def walk(self) -> None:
        """As Actor.walk."""
        frame: Frame | BadMessage | None = None
        if self.turn is None or (frame := self.turn.look()) is None:
            if (parts := self._inside.receive()) is not None:
                self._hear(parts, inside=True)
            frame = self._next()
            if self.turn is not None and isinstance(frame, Frame):
                learn(self.turn, self._latest, frame)
        if isinstance(frame, Frame) and frame.encoding == "raw":
            frame.array  # noqa: B018
        self._started.clear()

    def close(self) -> None:
        self._rehearsals.close()
        super().close()

    def has_news(self) -> bool:
        return bool(self._waiting or self._news)

    def is_busy(self) -> bool:
        return bool(self._started)

    def raise_credit(self, credit: int) -> None:
        wanted = min(CREDIT_MAX, credit + len(self._started))
        if credit > CREDIT_MAX:
            raise Error(f"{self.address}: a batch of a leased stream has at most {CREDIT_MAX} frames, not {credit}")
        if wanted > self._credit:
            self._credit = wanted
            if self.up:
                self.post("credit", body=Credit(wanted))

    # The driver: what the hub says

    def on_frame(self, stream: str, header: Header, payload: Any, transport: str) -> None:
        frame, key = Frame(stream, header, payload, transport, self), (header.epoch, header.seq)
        options = self._options
        if options.streams is not None and stream not in options.streams:
            options.stats.unwanted += 1
            self.post("return", stream, key)
            return
        with self._state:
            if key in self._waiting or key in self._started:
                options.stats.unknown += 1
            else:
                self._waiting[key] = frame

    def on_message(self, stream: str, header: Header, parts: list[Any]) -> bool:
        kind, key = header.kind, (header.epoch, header.seq)
        if kind == "go":
            with self._state:
                if (cleared := self._guarded.pop(key, None)) is not None:
                    self._news.append(cleared)
        elif kind == "recall":
            with self._state:
                given = self._waiting.pop(key, None)
                if given is None and (given := self._guarded.pop(key, None)) is not None:
                    self._started.discard(key)
            if given is not None:
                given.open = False
                self.post("return", stream, key)
        else:
            return False
        return True

    def on_bad(self, bad: BadMessage, stream: str, key: Key | None) -> None:
        """What cannot be read is answered, so that it is not left to its deadline."""
        if key is not None:
            self._answer(stream, key, 1, "error", f"BadMessage: {bad}", b"\xc0")
            self._keeper.send(self)
        with self._state:
            self._news.append(bad)

    def on_hello(self, hello: Hello) -> None:
        with self._state:
            held = [Held(*key, False) for key in self._waiting] + [Held(*key, True) for key in self._started]
        hello.held = tuple(held[:HELD_MAX])

    def on_welcome(self) -> None:
        self.post("credit", body=Credit(self._credit))

    def on_new_run(self) -> int:
        with self._state:
            given_up = len(self._waiting) + len(self._started)
            for keys in (self._waiting, self._started, self._guarded):
                keys.clear()
            self._news = deque(event for event in self._news if isinstance(event, BadMessage))
            self._outbox.clear()
        return given_up

    def on_all_ended(self) -> None:
        with self._state:
            self._waiting.clear()
            self._started.difference_update(self._guarded)
            self._guarded.clear()

    def hear_packet(self, came: Came) -> None:
        if (parts := self._inside.receive(came=came)) is not None:
            self._hear(parts, inside=True)

    def on_sent(self, key: Key) -> None:
        self._started.discard(key)
        self._progressed.pop(key, None)

    def on_idle(self, now: float) -> float:
        """Who waits for a frame while it has as many as it may have waits in vain."""
        if not self._hungry or not self._is_full():
            self._stuck_since = None
            return now + FOREVER
        if self._stuck_since is None:
            self._stuck_since = now
        if now - self._stuck_since < _STUCK:
            return self._stuck_since + _STUCK
        if self._stuck_since != float("inf"):
            self._stuck_since = float("inf")
            say(
                f"{self.address}: no frame comes, since {len(self._started)} are not answered, which is all the credit;"
                " answer them, or raise credit="
            )
        return now + FOREVER

    # Answers, from any thread

    @property
    def deadline(self) -> float:
        return self.welcome.deadline / 1e9

    def answer(self, frame: Frame, value: Any, arrays: Mapping[str, Any]) -> None:
        packed, described, parts = pack_result(value, arrays)
        self._check_limits(packed, described)
        if (key := self._claim(frame, twice_is_wrong=True)) is not None:
            self._answer(frame.stream, key, frame.attempt, "done", "", packed, described, parts)
            self._keeper.send(self)

    def _check_limits(self, value: bytes, arrays: tuple[Array, ...]) -> None:
        limits = self.welcome
        if not limits.instance:
            return
        if len(value) > limits.value_max:
            raise Error(f"the value has {len(value)} bytes: the sender takes at most {limits.value_max}")
        total = len(value)
        for array in arrays:
            if array.nbytes > limits.array_max:
                raise Error(f"array {array.name}: {array.nbytes} bytes: the sender takes at most {limits.array_max}")
            total += array.nbytes
        if total > limits.result_max:
            raise Error(f"the result has {total} bytes with its arrays: the sender takes at most {limits.result_max}")

    def acknowledge(self, frame: Frame, soon: bool = False) -> None:
        if (key := self._claim(frame)) is not None:
            self._answer(frame.stream, key, frame.attempt, "done", "", b"\xc0")
            if not soon or self._keeper.always:
                self._keeper.send(self)

    def fail(self, frame: Frame, text: str) -> None:
        if (key := self._claim(frame)) is not None:
            self._answer(frame.stream, key, frame.attempt, "error", text, b"\xc0")
            self._keeper.send(self)

    def give_back(self, frame: Frame) -> None:
        key = self._key(frame)
        with self._state:
            if not frame.open:
                return
            frame.open = False
            given = key in self._started
            self._started.discard(key)
        if given and not self.closed:
            self.post("return", frame.stream, key)

    def progress(self, frame: Frame) -> None:
        key, now = self._key(frame), time.monotonic()
        every = min(_PROGRESS_EVERY, self.deadline / _PROGRESS_AT_LEAST)
        with self._state:
            if not frame.open or key not in self._started or now - self._progressed.get(key, 0.0) < every:
                return
            self._progressed[key] = now
        if self._options.identity.on_progress is not None:
            self._options.identity.on_progress()
        self.post("progress", frame.stream, key)

    def _key(self, frame: Frame) -> Key:
        if forks.count != self._forks:
            raise Error("a frame can only be answered in the process that received it")
        return frame.header.epoch, frame.header.seq

    def _claim(self, frame: Frame, twice_is_wrong: bool = False) -> Key | None:
        """The caller answers this frame. None: it was answered already, or nobody waits for the answer any more."""
        key = self._key(frame)
        with self._state:
            if not frame.open:
                if twice_is_wrong:
                    raise Error(f"frame {frame.seq} of {frame.stream!r} was answered already")
                return None
            if self.closed:
                raise Closed("the receiver is closed")
            frame.open = False
            if key in self._started:
                return key
            self._options.stats.stale += 1
            return None

    def _answer(
        self,
        stream: str,
        key: Key,
        attempt: int,
        status: str,
        error: str,
        value: bytes,
        arrays: tuple[Array, ...] = (),
        parts: Any = (),
    ) -> None:
        stats = self._options.stats
        stats.results += 1
        if status == "done" and attempt == 1 and not arrays:  # mostly
            self._outbox.append([stream.encode(), done_header(key[0], key[1], self._done), value], key)
            return
        # What the frame was is not repeated: the hub knows.
        fields: Fields = {"v": VERSION, "kind": "result", "epoch": key[0], "seq": key[1], "status": status}
        fields |= {"attempt": attempt, "worker": self._worker, "instance": self._options.identity.instance}
        if error:
            fields["error"] = cut(error, ERROR_MAX)
        if arrays:
            fields["arrays"] = described(arrays)
        # Copied here, since they may leave later: arrays are the caller's again afterwards.
        copies = [zmq.Frame(_buffer(part), copy=True) for part in parts]
        self._outbox.append([stream.encode(), msgpack.packb(fields), value, *copies], key)
        stats.errors += status == "error"


def _buffer(array: Any) -> Any:
    """A view as bytes of what is C-contiguous."""
    return np.asarray(array).reshape(-1).view(np.uint8).data if array.nbytes else b""
