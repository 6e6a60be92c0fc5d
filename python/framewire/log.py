"""Messages for people: to the `framewire` logger where the program has set logging up, else to stderr."""

from __future__ import annotations

import logging
import sys

logger = logging.getLogger("framewire")
muted = False  # set in all worker processes but the first, which would say the same


def say(text: str, always: bool = False) -> None:
    """Say one sentence, as a warning; `always`: though others are muted. Control characters are escaped."""
    if muted and not always:
        return
    text = printable(text)
    if logger.hasHandlers():
        logger.warning("%s", text)
    elif sys.stderr is not None:
        print(f"framewire: {text}", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """The text with control characters and lone surrogates as escapes, so that a terminal can show it."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
