"""Any pixel format as RGB, 8 bit, in NumPy alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import BadMessage

Pixels = NDArray[np.uint8]


def to_rgb(array: NDArray[Any], format: str) -> Pixels:
    """An array of shape (height, width, 3), uint8, writable and no view of the given one.

    Raises BadMessage for a format that has no colours, or that is unknown.
    """
    if format.startswith("bayer_"):
        return _demosaic(array, format.removeprefix("bayer_")[:4])
    if format.endswith("16"):
        array = _to_8_bit(array)
        format = format.removesuffix("16") + "8"
    if format == "mono8":
        return np.repeat(array[:, :, None], 3, axis=2)
    if format in ("rgb8", "rgba8"):
        return np.array(array[:, :, :3], order="C")
    if format in ("bgr8", "bgra8"):
        return np.array(array[:, :, 2::-1], order="C")
    if format == "uyvy":
        return _from_422(luma=array[:, :, 1], chroma=array[:, :, 0])
    if format == "yuyv":
        return _from_422(luma=array[:, :, 0], chroma=array[:, :, 1])
    if format == "nv12":
        return _from_nv12(array)
    raise BadMessage("field", f"{format or 'a plain array'} has no colours; use frame.array")


def _to_8_bit(array: NDArray[Any]) -> Pixels:
    return (array >> 8).astype(np.uint8)


def _demosaic(raw: NDArray[Any], pattern: str) -> Pixels:
    """Bilinear: what a pixel lacks is the mean of its 2 or 4 neighbours of that colour, rounded."""
    height, width = raw.shape
    # A reflected border keeps the phase of the pattern. The sums of four fit the wider type.
    wide = np.pad(raw, 1, mode="reflect").astype(np.uint16 if raw.dtype.itemsize == 1 else np.uint32)
    out = np.empty((height, width, 3), raw.dtype)
    red_row = pattern.index("r") // 2
    for place, letter in enumerate(pattern):
        y, x = divmod(place, 2)

        def shifted(dy: int, dx: int, y: int = y, x: int = x) -> NDArray[Any]:
            return wide[1 + y + dy : 1 + height + dy : 2, 1 + x + dx : 1 + width + dx : 2]

        across = (shifted(0, -1) + shifted(0, 1) + 1) >> 1
        along = (shifted(-1, 0) + shifted(1, 0) + 1) >> 1
        site = out[y::2, x::2]
        if letter == "g":
            red, blue = (across, along) if y == red_row else (along, across)
            site[:, :, 0], site[:, :, 1], site[:, :, 2] = red, shifted(0, 0), blue
        else:
            own, other = (0, 2) if letter == "r" else (2, 0)
            corners = shifted(-1, -1) + shifted(-1, 1) + shifted(1, -1) + shifted(1, 1)
            cross = shifted(0, -1) + shifted(0, 1) + shifted(-1, 0) + shifted(1, 0)
            site[:, :, own] = shifted(0, 0)
            site[:, :, 1] = (cross + 2) >> 2
            site[:, :, other] = (corners + 2) >> 2
    return out if out.dtype == np.uint8 else _to_8_bit(out)


def _from_422(luma: NDArray[Any], chroma: NDArray[Any]) -> Pixels:
    """Two pixels side by side share their chroma: blue-difference at even places, red-difference at odd ones."""
    width = luma.shape[1]
    u = np.repeat(chroma[:, 0::2], 2, axis=1)[:, :width]
    v = np.repeat(chroma[:, 1::2], 2, axis=1)[:, :width]
    return _from_yuv(luma, u, v)


def _from_nv12(array: NDArray[Any]) -> Pixels:
    """A plane of luma, then one of half the rows with the chroma of 2 x 2 pixels: blue- and red-difference in turn."""
    height, width = array.shape[0] * 2 // 3, array.shape[1]
    chroma = array[height:]
    u, v = (np.repeat(np.repeat(plane, 2, 0), 2, 1)[:height, :width] for plane in (chroma[:, 0::2], chroma[:, 1::2]))
    return _from_yuv(array[:height], u, v)


def _from_yuv(y: NDArray[Any], u: NDArray[Any], v: NDArray[Any]) -> Pixels:
    """BT.601, limited range: luma 16-235, chroma 16-240 (ITU-R BT.601-7, 2.5), in 16-bit fixed point."""
    luma = (y.astype(np.int32) - 16) * 76309 + 32768
    blue = u.astype(np.int32) - 128
    red = v.astype(np.int32) - 128
    out = np.empty((*y.shape, 3), np.uint8)
    channels = (luma + 104597 * red, luma - 25675 * blue - 53279 * red, luma + 132201 * blue)
    for place, channel in enumerate(channels):
        out[:, :, place] = np.clip(channel >> 16, 0, 255)
    return out
