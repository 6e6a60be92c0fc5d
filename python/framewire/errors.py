"""The errors of Framewire: all are `Error`."""

from __future__ import annotations


class Error(Exception):
    """Something that Framewire cannot do; the text says what would work."""


class Timeout(Error):
    """Nothing came in the time allowed."""


class Closed(Error):
    """Every stream has ended, or this side was closed."""


class BadMessage(Error):
    """A message that breaks the wire format, or a payload that cannot be decoded.

    `reason` names the kind of fault as `proto/framewire-1.md` does ("parts", "stream", "header_size",
    "msgpack", "version", "field", "dtype", "encoding", "shape", "payload"): what receivers count by.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason

    def __reduce__(self) -> tuple[type[BadMessage], tuple[str, str]]:
        return type(self), (self.reason, str(self))
