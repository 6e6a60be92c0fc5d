from collections import deque
from threading import Lock
from typing import Any

from .frame import Frame
from .inside import Inside
from .keeper import Keeper
from .lane import Loop, Worker
from .outbox import Key
from .stats import Stats
from .template import Template

class Turn:
    def __init__(
        self,
        worker: Worker,
        keeper: Keeper,
        inside: Inside,
        words: deque[tuple[Key | None, list[Any]]],
        started: set[Key],
        state: Lock,
        stats: Stats,
        done: bytes,
        there: float,
    ) -> None: ...
    def knows(self, like: Template) -> bool: ...
    def learn(self, like: Template, stream: bytes, data: bytes, spans: list[tuple[int, int]], frame: Frame) -> None: ...
    def forget(self) -> None: ...
    def next(self, loop: Loop) -> Frame | None: ...
    def take(self) -> Frame | None: ...
