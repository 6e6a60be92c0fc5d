"""The usual turn of a worker at the door, compiled (`_lane.pyx`), where the package was built with a C compiler.

The last frame's answer and release are said, the next frame is waited for, and its start is said; or a frame that was
waited for elsewhere is taken. Whatever is not as usual is left to those who know how each of it is done, and without
the compiled part so is everything.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from .door import Came
from .errors import BadMessage
from .frame import Frame, Owner
from .header import Header
from .inside import Inside
from .keeper import Keeper
from .outbox import Key, Outbox
from .template import find_spans
from .transport import Options

if TYPE_CHECKING:
    from ._lane import Turn as Turn
else:
    try:
        if os.environ.get("FRAMEWIRE_PURE"):
            raise ImportError("nothing that is compiled was asked for")
        from ._lane import Turn
    except ImportError:
        Turn = None


class Worker(Owner, Protocol):
    """Whose turns they are."""

    soon: bool  # the next frame comes soon, as the last ones did
    _keeper: Keeper
    _inside: Inside
    _outbox: Outbox
    _options: Options
    _state: threading.Lock  # guards frames' answers
    _started: set[Key]  # handed over, until their answer has left
    _waiting: dict[Key, Frame]  # there are some, or news: then they come first
    _news: deque[Frame | BadMessage]
    _progressed: dict[Key, float]  # if one is in it, `on_sent` is told

    def on_sent(self, key: Key) -> None:
        """The answer to this frame has left."""

    def _start(self, stream: str, key: Key, aside: bool) -> None:
        """Say `start`; not aside, where there was no room."""

    def note_wait(self) -> None:
        """A frame is handed over."""

    def hear_packet(self, came: Came) -> None:
        """A packet has come that is no usual frame."""


class Loop(Protocol):
    """A receiver's `for` loop, as far as a turn takes its part."""

    _closed: bool  # the receiver is
    _in_hand: Frame | None  # the loop's, until its next turn
    _receiving: threading.Lock  # held by the one who receives
    _thread: int  # the one that receives


#: Values that differ from frame to frame, in the order of the compiled turn; a header may lack some of them.
_VALUES = ("seq", "time", "monotonic", "slot", "gen", "offset", "length", "item", "meta")


def learn(turn: Turn, parts: list[Any], frame: Frame) -> None:
    """A frame came the long way, the last one in these parts: what differs from it in _VALUES only may come in turn."""
    header = frame.header
    usual = header.place is not None and not header.place.copy and not header.guarded and header.attempt == 1
    if not usual or len(parts) != 2:
        return
    stream, data = parts
    if not turn.wants(stream, data):
        return
    spans = find_spans(data)
    # Where several were read before the first of them is handed over, these are another's parts.
    if spans is not None and Header.unpack(data) == header:
        turn.learn(stream, data, [spans.get(name) for name in _VALUES], frame)
