"""A frame's array for other libraries: torch, Arrow and whoever speaks DLPack."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import Error

_READ_ONLY_SINCE = (1, 0)  # the DLPack version that has a read-only flag


def to_tensor(array: NDArray[Any], device: Any, pin: bool) -> Any:
    try:
        import torch
    except ImportError:
        raise Error("frame.tensor() needs torch, which is not installed") from None
    kind = getattr(torch, array.dtype.name, None)
    if not isinstance(kind, torch.dtype):
        raise Error(f"this torch has no {array.dtype.name}; convert frame.array first")
    tensor = torch.empty(array.shape, dtype=kind, pin_memory=pin)
    np.copyto(tensor.numpy(), array)
    return tensor if device is None else tensor.to(device, non_blocking=pin)


def to_arrow(array: NDArray[Any]) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise Error("frame.to_arrow() needs pyarrow, which is not installed") from None
    try:
        return pyarrow.Tensor.from_numpy(array)
    except pyarrow.ArrowException as error:
        raise Error(f"Arrow has no tensor of {array.dtype}: {error}") from None


def to_dlpack(
    array: NDArray[Any],
    stream: Any,
    max_version: tuple[int, int] | None,
    dl_device: tuple[Any, int] | None,
    copy: bool | None,
) -> Any:
    if stream is not None:
        raise BufferError("a frame is in the CPU's memory, which has no streams")
    if dl_device is not None and tuple(dl_device) != (1, 0):
        raise BufferError("a frame is in the CPU's memory; copy it to another device with that device's library")
    if copy:
        return array.copy().__dlpack__()  # writable, so that the older form says enough; every consumer takes it
    if max_version is None or tuple(max_version) < _READ_ONLY_SINCE:
        raise BufferError(
            "a frame is read-only, which this consumer's DLPack (before 1.0) cannot say; use frame.tensor(), which"
            " copies, or frame.array"
        )
    try:
        return array.__dlpack__(max_version=max_version)  # type: ignore[call-arg,unused-ignore]
    except TypeError:  # NumPy before 2.1
        raise BufferError(
            "this NumPy exports no read-only memory by DLPack (2.1 does); use frame.array, or copy=True"
        ) from None
