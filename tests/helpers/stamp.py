"""Is a test frame whole? Reads what docs/test-source.md describes, apart from the code that writes it."""

from __future__ import annotations

from typing import Any

import numpy as np

STEP = 65536
SIZE = 16


def offsets(size: int) -> list[int]:
    """Where the stamps of a payload of this many bytes begin (16 bytes or more)."""
    places = list(range(0, size - SIZE + 1, STEP))
    if size - SIZE >= places[-1] + SIZE:
        places.append(size - SIZE)
    return places


def number(payload: Any) -> int | None:
    """The number of a test frame, or None if it is torn: its stamps differ, or one is damaged.

    Takes anything with the buffer interface, of 16 bytes or more.
    """
    data = np.frombuffer(payload, dtype=np.uint8)
    places = np.asarray(offsets(data.size))
    stamps = data[places[:, None] + np.arange(SIZE)].view("<u8")
    if (stamps[:, 0] != stamps[0, 0]).any() or (stamps[:, 1] != ~stamps[:, 0]).any():
        return None
    return int(stamps[0, 0])


def whole(payload: Any, expected: int) -> bool:
    """Does every stamp of the payload say this number?"""
    return number(payload) == expected
