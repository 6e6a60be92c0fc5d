"""What a leased connection has to say: kept until it can leave, by the door or over ZeroMQ."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import zmq

from .inside import Inside
from .link import Link

_LAST = int(zmq.NOBLOCK)  # plain numbers: an operation on flags takes longer than a send
_MORE = int(zmq.NOBLOCK | zmq.SNDMORE)

Key = tuple[int, int]  # epoch, seq


class Outbox:
    """Any thread appends; who drives the keeper sends. A word is its message's parts."""

    def __init__(self, link: Link, inside: Inside) -> None:
        self._link = link
        self._inside = inside
        self.words: deque[tuple[Key | None, list[Any]]] = deque()  # for who wants to know whether there are any

    def append(self, parts: list[Any], answers: Key | None = None) -> None:
        """answers: the frame that it answers; None: it does not outlive its connection."""
        self.words.append((answers, parts))

    def clear(self) -> None:
        self.words.clear()

    def keep_answers(self) -> None:
        """All else was of a connection that is no more."""
        for _ in range(len(self.words)):
            key, parts = self.words.popleft()
            if key is not None:
                self.words.append((key, parts))

    @property
    def has_answers(self) -> bool:
        return any(key is not None for key, _ in self.words)

    def flush(self, on_sent: Callable[[Key], None]) -> None:
        """Send what can leave; on_sent hears of answers."""
        words, inside = self.words, self._inside
        while words:
            if inside.here:
                sent = inside.send(words[0][1], words[1][1] if len(words) > 1 else ())
            else:
                sent = self.send_outside(words[0][1])
            if not sent:
                return
            for _ in range(sent):
                key, _ = words.popleft()
                if key is not None:
                    on_sent(key)

    def send_outside(self, parts: list[Any]) -> bool:
        """Over ZeroMQ. False: there is no connection; once there is one again, hello is the first that is said."""
        # A socket without a high water mark takes all; zmq.Frames were copied when the answer was given.
        send = self._link.socket.send
        try:
            for part in parts[:-1]:
                send(part, _MORE, type(part) is bytes)
            send(parts[-1], _LAST, type(parts[-1]) is bytes)
        except zmq.Again:
            return False
        return True
