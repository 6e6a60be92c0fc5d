"""A session's way through the door of its hub: whole messages, the memory that frames are in, and what is released.

Only on the sender's host; elsewhere, and where the door is closed to us, a session goes on over ZeroMQ.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .door import Came, Kind, Packet, Visit
from .errors import BadMessage, Error
from .leased import SLOTS_MAX, Filling, Place
from .shm import ALIGNMENT, Region, Releases
from .transport import FOREVER
from .words import release_header

_KNOCK_WITHIN = 2.0  # seconds until a door that does not answer is given up
_TRIES = 3  # who was thrown out so often does without


class Inside:
    """Who is in, or on the way. The driver's; `fileno()` is readable when there is something to `receive` or `say`."""

    def __init__(self, folder: str | None, on_settled: Callable[[], None], on_lost: Callable[[], None]) -> None:
        """on_settled: the try to get in is over, `here` or not. on_lost: it was here, and was thrown out."""
        self.here = False  # all but hello and welcome goes this way
        self.why = ""  # one is not
        self.releases = Releases()
        self._folder = folder
        self._on_settled = on_settled
        self._on_lost = on_lost
        self.visit: Visit | None = None  # then something may come of it
        self.era = 0  # another number once this visit is over, or other memory was given
        self._knocked: float | None = None
        self._thrown_out = 0
        self.region: Region | None = None
        self.used = False  # there was a visit: something may be to be released
        self.full = False  # what was to be sent waits for room
        self._poll = select.epoll()
        self._poll.register(self.releases, select.EPOLLIN)

    def fileno(self) -> int:
        return self._poll.fileno()

    @property
    def knocking(self) -> bool:
        return self._knocked is not None

    # Coming and going

    def knock(self, name: str, token: bytes, now: float) -> None:
        """Try to get in; on_settled follows, at once or later."""
        try:
            if self._thrown_out >= _TRIES:
                raise Error("the sender ended each visit")
            visit = Visit(self._folder, name, token)
        except Error as error:
            self.why = str(error)
            self._settle()
            return
        self.leave()
        self.visit = visit
        self.full = False
        self._poll.register(visit, select.EPOLLIN)
        self._knocked = now

    def enter(self, visit: Visit, region: Region) -> None:
        """Be in, without a knock."""
        self.visit = visit
        self.region = region
        self.here = self.used = True
        self._poll.register(visit, select.EPOLLIN)

    def tend(self, now: float) -> float:
        """Returns when to call it again."""
        if self._knocked is None:
            return now + FOREVER
        if now < self._knocked + _KNOCK_WITHIN:
            return self._knocked + _KNOCK_WITHIN
        self.why = f"the sender's door did not answer for {_KNOCK_WITHIN:g} s"
        self.leave()
        self._settle()
        return now + FOREVER

    def start_anew(self) -> None:
        """The hub is another: what it lends, and what is read of the former one's memory, has to do with neither."""
        self.leave()
        self.region = None
        self._thrown_out = 0
        self.releases.forget()

    def leave(self) -> None:
        """Hang up. What is still unread of this visit will not be read: the next hello does not speak of it."""
        if self.visit is not None:
            self._poll.unregister(self.visit)
            self.visit.close()
        self.visit = self._knocked = None
        self.era += 1
        self.here = False

    def _settle(self) -> None:
        self._knocked = None
        self._on_settled()

    def _over(self, error: Error) -> None:
        """The visit has ended."""
        was_here, was_knocking = self.here, self.knocking
        self.leave()
        if was_knocking:
            self.why = str(error)
            self._settle()
        elif was_here:
            self._thrown_out += 1
            self._on_lost()

    # Messages

    def receive(self, wait: bool = False, came: Came | None = None) -> list[bytes] | None:
        """The next message; None: there is none, or with `wait`, none has come for a moment. came: a first packet."""
        while (visit := self.visit) is not None:
            try:
                packet = visit.receive(wait) if came is None else visit.read(*came)
                if not isinstance(packet, Packet):
                    return packet
                came = None
                self._on_packet(packet)
            except Error as error:
                self._over(error)
        return None

    def _on_packet(self, packet: Packet) -> None:
        if packet.kind is Kind.MEMORY:
            self._map(packet)
            if self.knocking:
                self.here = self.used = True
                self._settle()
        elif packet.kind is Kind.REFUSED:
            raise Error(f"refused: {packet.parts[0].decode(errors='replace') if packet.parts else ''}")
        elif packet.kind is not Kind.ACCEPTED:
            raise Error("the sender said what only receivers say")
        elif packet.fd >= 0 and self.visit is not None:
            self.visit.use_aside(packet.fd)

    def _map(self, packet: Packet) -> None:
        try:
            number, size = packet.memory()
            known = self.region
            if known is None or known.number != number or known.size < size:
                self.region = Region(number, os.dup(packet.fd), size, self.releases)
                self.era += 1
        finally:
            os.close(packet.fd)

    def send(self, parts: Sequence[Any], then: Sequence[Any] = ()) -> int:
        """As Visit.send. 0: not now (call again when `fileno()` is readable), or the visit is over."""
        if self.visit is None:
            return 0
        try:
            sent = self.visit.send(parts, then)
        except Error as error:
            self._over(error)
            return 0
        if (sent > 0) is self.full:  # then wait for room, or no more
            self.full = not sent
            self._poll.modify(self.visit, select.EPOLLIN | (select.EPOLLOUT if self.full else 0))
        return sent

    def say_aside(self, word: list[bytes]) -> bool:
        """As Visit.say_aside. False: it is to be sent."""
        return self.visit is not None and self.visit.say_aside(*word)

    # Frames

    def payload(self, place: Place) -> tuple[NDArray[np.uint8], str]:
        """A frame's bytes and their transport. Raises BadMessage for a place that is none; it is released then.

        It is a copy, too, where a hello could not name what is held.
        """
        region = self.region
        try:
            if region is None or region.number != place.region:
                raise BadMessage("payload", "a frame in memory that the sender did not give")
            view = region.view(place)
        except BadMessage:
            self.releases.refuse(place[:3])
            raise
        return (_copy(view), "copy") if place.copy or self.releases.held > SLOTS_MAX else (view, "shm")

    def released(self, asleep: bool = False) -> tuple[Filling, ...]:
        """What is read no more, to be said in this visit. asleep: who asks sleeps now, unless there is something."""
        taken = self.releases.take(asleep)
        return taken if self.here else ()

    def reads(self) -> tuple[Filling, ...]:
        """What is held, for a hello, which makes up for all that was not said."""
        self.releases.take(asleep=True)
        return self.releases.living()

    def close(self) -> None:
        """Hang up, once the last view has died: a thread waits for that."""
        visit = self.visit if self.here and self.releases.held else None
        if visit is None:
            self.leave()
            self.releases.close()
        else:
            self.visit = None
            self.era += 1
            threading.Thread(target=_see_off, args=(visit, self.releases), name="framewire-door", daemon=True).start()
        self.region = None
        self._poll.close()


def release_word(slots: tuple[Filling, ...]) -> list[bytes]:
    return [b"", release_header(slots)]


def _copy(view: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same bytes in memory of our own, aligned as they were."""
    room = np.empty(len(view) + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    copy = room[start : start + len(view)]
    copy[:] = view
    copy.flags.writeable = False
    return copy


def _see_off(visit: Visit, releases: Releases) -> None:
    """Say of the last views that they have died, until all have, or the sender is gone."""
    poll = select.poll()
    poll.register(visit, select.POLLIN)
    poll.register(releases, select.POLLIN)
    with contextlib.suppress(Error):
        while releases.held:
            if taken := releases.take(asleep=True):
                while not visit.send(release_word(taken)):
                    room = select.poll()
                    room.register(visit, select.POLLOUT)
                    room.poll()
                continue
            poll.poll()
            while visit.receive() is not None:
                pass  # nothing that the sender says concerns us any more
    visit.close()
    releases.close()


def this_host() -> str:
    """The same on all processes of a machine, and on no other: random at boot (Linux, random(4))."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""
