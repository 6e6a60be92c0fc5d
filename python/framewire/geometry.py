"""What the raw pixels of a frame are: types of elements, pixel formats, and sizes that are checked."""

from __future__ import annotations

from functools import lru_cache
from math import prod

from .errors import BadMessage
from .fields import INT_MAX, UINT32_MAX

DIMS_MAX = 8

#: Bytes of an element, by its dtype on the wire.
ITEM_SIZES = {
    "|b1": 1, "|u1": 1, "|i1": 1, "<u2": 2, "<i2": 2, "<u4": 4, "<i4": 4, "<u8": 8, "<i8": 8,
    "<f2": 2, "<f4": 4, "<f8": 8, "<c8": 8, "<c16": 16,
}  # fmt: skip

ENCODINGS = frozenset({"raw", "jpeg", "png", "tiff"})

#: dtype and channels by pixel format; 0 channels: two dimensions.
FORMATS: dict[str, tuple[str, int]] = {
    "mono8": ("|u1", 0),
    "mono16": ("<u2", 0),
    **{f"{order}{bits}": (dtype, len(order)) for order in ("rgb", "bgr", "rgba", "bgra")
       for bits, dtype in ((8, "|u1"), (16, "<u2"))},
    **{f"bayer_{order}{bits}": (dtype, 0) for order in ("rggb", "bggr", "gbrg", "grbg")
       for bits, dtype in ((8, "|u1"), (16, "<u2"))},
    "uyvy": ("|u1", 2),
    "yuyv": ("|u1", 2),
    "nv12": ("|u1", 0),
}  # fmt: skip


def array_size(shape: tuple[int, ...], dtype: str) -> int:
    size = ITEM_SIZES.get(dtype)
    if size is None:
        raise BadMessage("dtype", f"header: dtype {dtype[:64]} is not known")
    if len(shape) > DIMS_MAX:
        raise BadMessage("shape", f"header: {len(shape)} dimensions: at most {DIMS_MAX}")
    if prod(filter(None, shape)) * size > INT_MAX:
        raise BadMessage("shape", "header: an array of this shape would need more than 2^63 - 1 bytes")
    return size * prod(shape)


@lru_cache(maxsize=64)  # mostly the frame before had the same
def frame_size(shape: tuple[int, ...], dtype: str, format: str, encoding: str) -> int:
    """Bytes of the raw pixels. Raises BadMessage for a dtype, encoding or shape that does not fit."""
    if dtype not in ITEM_SIZES:
        raise BadMessage("dtype", f"header: dtype {dtype[:64]} is not known")
    if encoding not in ENCODINGS:
        raise BadMessage("encoding", f"header: encoding {encoding[:64]} is not known")
    size = array_size(shape, dtype)
    if not shape or not size:
        raise BadMessage("shape", "header: a frame needs at least one dimension and one element")
    known = FORMATS.get(format)
    if known and not _is_image(shape, dtype, format, *known):
        raise BadMessage("shape", f"header: {format} does not have shape {shape} and dtype {dtype}")
    return size


def _is_image(shape: tuple[int, ...], dtype: str, format: str, wanted: str, channels: int) -> bool:
    if dtype != wanted or len(shape) != (3 if channels else 2) or (channels and shape[2] != channels):
        return False
    rows, width = shape[:2]
    if width % 2 and format in ("uyvy", "yuyv", "nv12"):
        return False
    return rows <= UINT32_MAX and width <= UINT32_MAX and (format != "nv12" or rows % 3 == 0)
