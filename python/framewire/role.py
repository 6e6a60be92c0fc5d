"""What a role adds to a session: workers, observers and supervisors say what they need not have said of them here."""

from __future__ import annotations

from typing import Any

from .errors import BadMessage
from .header import Header
from .leased import Hello
from .outbox import Key
from .transport import FOREVER, Options


class Role:
    """The driver of the session calls these."""

    _options: Options

    def has_news(self) -> bool:
        """There is something to take."""
        return False

    def is_busy(self) -> bool:
        """Something may still have to be said."""
        return False

    def on_hello(self, hello: Hello) -> None:
        """Add to what is said of this side."""

    def on_welcome(self) -> None:
        """The hub knows us, and has streams for us."""

    def on_new_run(self) -> int:
        """The hub was started anew: forget what the former one sent. Returns how many frames that concerns."""
        return 0

    def on_frame(self, stream: str, header: Header, payload: Any, transport: str) -> None:
        """A frame came."""
        self._options.stats.unknown += 1

    def on_message(self, stream: str, header: Header, parts: list[Any]) -> bool:
        """A message that is neither a frame nor about the connection. False: it is not for us."""
        return False

    def on_bad(self, bad: BadMessage, stream: str, key: Key | None) -> None:
        """A message that breaks the format; if it was meant as a frame, its stream and key as far as they are known."""
        self._options.stats.bad[bad.reason] += 1

    def on_lost(self, lost: int) -> None:
        """So many frames were dropped for us, in all."""

    def on_sent(self, key: Key) -> None:
        """The answer to this frame has left."""

    def on_all_ended(self) -> None:
        """No more frames will come."""

    def on_idle(self, now: float) -> float:
        """Returns when to call it again."""
        return now + FOREVER
