"""An owner of frames that were made by hand."""

from typing import Any

from framewire.frame import Frame


class NoOwner:
    """Takes note of what it is told."""

    wants_answers = True

    def check_process(self) -> None:
        pass

    deadline = 0.0

    def __init__(self) -> None:
        self.bad: list[str] = []
        self.answers: list[Any] = []

    def answer(self, frame: Frame, value: Any, arrays: Any) -> None:
        self.answers.append((value, arrays))

    def acknowledge(self, frame: Frame) -> None:
        self.answers.append(None)

    def fail(self, frame: Frame, text: str) -> None:
        self.answers.append(text)

    def give_back(self, frame: Frame) -> None: ...

    def progress(self, frame: Frame) -> None:
        self.answers.append("progress")

    def count_bad(self, reason: str) -> None:
        self.bad.append(reason)
