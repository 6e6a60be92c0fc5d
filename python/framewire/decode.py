"""JPEG, PNG and TIFF payloads, decoded when their pixels are asked for; the limits are the C decoders'."""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import BadMessage, Error

MAX_PIXELS = 1 << 28
MAX_SCANS = 500

# What Pillow raises for data that is not what it seems: SyntaxError is its word for a foreign file.
_PILLOW_FAULTS = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, struct.error, zlib.error)

_MODES = {"mono8": "L", "mono16": "I;16", "rgb8": "RGB", "bgr8": "RGB", "rgba8": "RGBA", "bgra8": "RGBA"}
_SWAPPED = {"bgr8": (2, 1, 0), "bgra8": (2, 1, 0, 3)}


def decode(data: memoryview, encoding: str, shape: tuple[int, ...], dtype: np.dtype[Any], format: str) -> NDArray[Any]:
    """The pixels of an encoded payload, exactly as its header says them: of shape, dtype and format.

    EXIF orientation is not applied. Raises BadMessage for data that is corrupt, too large, or something else than
    the header says; Error where the library for it is missing.
    """
    if len(shape) < 2 or shape[0] * shape[1] > MAX_PIXELS:
        raise _bad(encoding, f"shape {shape} is no image of at most {MAX_PIXELS} pixels")
    if format not in _MODES:
        raise _bad(encoding, f"{format or 'a plain array'} cannot be taken out of it")
    if encoding == "jpeg":
        if len(re.findall(b"\xff\xda", data)) > MAX_SCANS:
            raise _bad(encoding, f"more than {MAX_SCANS} scans")
        array = _simplejpeg(data, shape, format)
        if array is None:
            array = _pillow(data, encoding, shape, format)
    else:
        array = _pillow(data, encoding, shape, format)
    if array.shape != shape or array.dtype != dtype:
        raise _bad(encoding, f"it holds {array.dtype} {array.shape}, its header says {dtype} {shape}")
    return array


def _bad(encoding: str, why: str) -> BadMessage:
    return BadMessage("payload", f"{encoding} payload: {why}")


def _simplejpeg(data: memoryview, shape: tuple[int, ...], format: str) -> NDArray[Any] | None:
    """None where simplejpeg is not installed, or has no such format."""
    colours = {"mono8": "GRAY", "rgb8": "RGB", "bgr8": "BGR"}.get(format)
    try:
        import simplejpeg
    except ImportError:
        return None
    if colours is None:
        return None
    try:
        height, width = simplejpeg.decode_jpeg_header(data)[:2]
        if (height, width) != shape[:2]:
            raise _bad("jpeg", f"it is {width} x {height}, its header says {shape[1]} x {shape[0]}")
        array: NDArray[Any] = simplejpeg.decode_jpeg(data, colours)
    except ValueError as error:
        raise _bad("jpeg", str(error)) from None
    return array[:, :, 0] if format == "mono8" else array


def _pillow(data: memoryview, encoding: str, shape: tuple[int, ...], format: str) -> NDArray[Any]:
    try:
        from PIL import JpegImagePlugin, PngImagePlugin, TiffImagePlugin
    except ImportError:
        raise Error(f"a {encoding} payload needs Pillow, or simplejpeg for JPEG; neither is installed") from None
    # The plugins themselves, since Image.open() has a limit of its own that is one for the whole process.
    plugins: dict[str, Any] = {
        "jpeg": JpegImagePlugin.JpegImageFile,
        "png": PngImagePlugin.PngImageFile,
        "tiff": TiffImagePlugin.TiffImageFile,
    }
    try:
        with plugins[encoding](io.BytesIO(data)) as image:
            if image.size != (shape[1], shape[0]):
                size = " x ".join(map(str, image.size))
                raise _bad(encoding, f"it is {size}, its header says {shape[1]} x {shape[0]}")
            array = _pixels_of(image, encoding, format)
    except _PILLOW_FAULTS as error:
        raise _bad(encoding, str(error) or type(error).__name__) from None
    order = _SWAPPED.get(format)
    return np.ascontiguousarray(array[:, :, order]) if order else array


def _pixels_of(image: Any, encoding: str, format: str) -> NDArray[Any]:
    wanted = _MODES[format]
    deep = image.mode in ("I;16", "I;16B") or (image.mode == "I" and encoding == "png")  # as Pillow before 10.3 has it
    if deep != (wanted == "I;16"):
        raise _bad(encoding, f"it holds {image.mode} pixels, its header says {format}")
    if deep:
        return np.array(image).astype("<u2")
    return np.array(image if image.mode == wanted else image.convert(wanted))
