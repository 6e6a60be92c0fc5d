"""A worker's result, as an observer sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .header import Header
from .values import unpack_value


@dataclass(frozen=True, slots=True)
class Result:
    """What a worker said of a frame; what the frame was is repeated here."""

    stream: str
    epoch: int
    seq: int
    item: str | None
    status: str  # "done", "error" or "dead"
    error: str
    worker: str
    attempt: int
    value: Any
    arrays: dict[str, NDArray[Any]]  # read-only
    time: int
    shape: tuple[int, ...]
    dtype: str
    format: str
    meta: dict[str, Any]

    @classmethod
    def read(cls, stream: str, header: Header, payloads: list[Any]) -> Result:
        """Of a result message that was checked: its value and arrays are parts 2 on."""
        arrays = {
            array.name: np.frombuffer(memoryview(part).toreadonly(), array.dtype).reshape(array.shape)
            for array, part in zip(header.arrays, payloads[1:], strict=True)
        }
        return cls(
            stream, header.epoch, header.seq, header.item or None, header.status, header.error, header.worker,
            header.attempt, unpack_value(bytes(payloads[0])), arrays, header.time, header.shape, header.dtype,
            header.format, header.meta,
        )  # fmt: skip
