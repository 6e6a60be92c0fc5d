"""The observer's side of leased delivery: the hub keeps its mailbox, and sends what it asks for."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from .errors import BadMessage, Error
from .fields import UINT32_MAX
from .frame import Frame
from .header import Header
from .leased import Credit, Hello
from .outbox import Key
from .result import Result
from .session import Session
from .transport import Options
from .url import Url

_RESULTS_MAX = 1000  # that wait here; the oldest give way


class LeasedObserver(Session):
    """Frames of a leased URL as they go by, and their owner. A frame is asked for when the user wants one."""

    wants_answers = False
    deadline = 0.0

    def __init__(self, url: Url, options: Options) -> None:
        # A queue of one is the latest only: nothing is asked for ahead, since it would grow stale here.
        self._ahead = options.queue
        self._asked = 0  # frames that the hub still owes us
        self._hungry = False
        self._lost = 0  # frames of this run, as the hub counts
        self._results_lost = 0
        self._events: deque[Frame | BadMessage] = deque()
        self._results: deque[Result] = deque()
        super().__init__(url, options, "observer")

    def take(self, wait: bool = False) -> Frame | BadMessage | None:
        while True:
            self._call_back()
            if self._events:
                self._hungry = False
                return self._events.popleft()
            if not self._hungry:
                self._hungry = True
                self._clear_ready()
                self._ask()
                continue  # what came before that was cleared is there now
            if not self._keeper.mine or not self._read(wait and self.up and not self._inside.here):
                return None

    def _call_back(self) -> None:
        while self._results:
            result = self._results.popleft()
            if self._options.on_result is not None:
                self._options.on_result(result)

    def _ask(self) -> None:
        with self._state:
            more = self._ahead - self._asked
            if not self.up or more <= 0 or (self._asked and more < self._ahead // 2):
                return
            self._asked += more
        self.post("credit", body=Credit(more))

    def has_news(self) -> bool:
        return bool(self._events or self._results)

    def raise_credit(self, credit: int) -> None:
        """An observer's queue is what it is."""

    # The driver: what the hub says

    def on_hello(self, hello: Hello) -> None:
        hello.queue = min(self._options.queue, UINT32_MAX)
        hello.results = self._options.on_result is not None
        self._asked = 0

    def on_welcome(self) -> None:
        if self._hungry:
            self._ask()

    def on_new_run(self) -> int:
        self._lost = self._results_lost = 0
        return 0

    def on_frame(self, stream: str, header: Header, payload: Any, transport: str) -> None:
        self._came(Frame(stream, header, payload, transport, self))
        self.on_lost(header.lost)

    def on_message(self, stream: str, header: Header, parts: list[Any]) -> bool:
        if header.kind != "result":
            return False
        self._options.stats.results_dropped += max(0, header.lost - self._results_lost)
        self._results_lost = header.lost
        self._results.append(Result.read(stream, header, parts[2:]))
        if len(self._results) > _RESULTS_MAX:
            self._results.popleft()
            self._options.stats.results_dropped += 1
        return True

    def _came(self, event: Frame | BadMessage) -> None:
        with self._state:
            self._asked = max(0, self._asked - 1)
        self._events.append(event)

    def on_bad(self, bad: BadMessage, stream: str, key: Key | None) -> None:
        if key is None:
            self._events.append(bad)
        else:
            self._came(bad)

    def on_lost(self, lost: int) -> None:
        self._options.stats.dropped += max(0, lost - self._lost)
        self._lost = lost

    # The frames' owner

    def answer(self, frame: Frame, value: Any, arrays: Mapping[str, Any]) -> None:
        raise Error("an observer's frames are not answered; a worker's are")

    def acknowledge(self, frame: Frame, soon: bool = False) -> None:
        frame.open = False

    def fail(self, frame: Frame, text: str) -> None:
        frame.open = False

    def give_back(self, frame: Frame) -> None:
        frame.open = False

    def progress(self, frame: Frame) -> None:
        """It has no deadline."""
