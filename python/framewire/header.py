"""The header of every message: one msgpack map and what it means (`proto/framewire-1.md`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import msgpack

from .errors import BadMessage, Error

VERSION = 1
HEADER_MAX = 64 << 10
META_MAX = 32 << 10
ITEM_MAX = ERROR_MAX = 4096
WORKER_MAX = 256
FORMAT_NAME_MAX = 64
NAME_MAX = 128
DIMS_MAX = 8
NESTING_MAX = 16
ARRAYS_MAX = 64
STREAMS_MAX = 256
VALUE_MAX = 16 << 20
VALUE_NESTING = 64
RESULT_ARRAY_MAX = 64 << 20
RESULT_MAX = 256 << 20

_INT_MAX = (1 << 63) - 1
_UINT32_MAX = (1 << 32) - 1

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

STATUSES = frozenset({"done", "error", "dead"})

_CONTROLS = frozenset(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
_SCALARS = frozenset({type(None), bool, int, float, str, bytes})


class Array(NamedTuple):
    """An array of a result, as its header describes it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int


@dataclass(slots=True)
class Header:
    """One header. What is not said has its default; `shape` and `dtype` are empty in a result that repeats none.

    `epoch` and `seq` are unsigned 64 bit, `time` is ns since the Unix epoch, `monotonic` ns of CLOCK_MONOTONIC
    (0: not said), `dtype` a NumPy typestr, `nbytes` the size of the raw pixels.
    """

    kind: str
    epoch: int = 0
    seq: int = 0
    shape: tuple[int, ...] = ()
    dtype: str = ""
    format: str = ""
    encoding: str = "raw"
    item: str = ""
    time: int = 0
    monotonic: int = 0
    meta: dict[str, Any] = field(default_factory=dict)
    nbytes: int = 0
    status: str = ""
    error: str = ""
    worker: str = ""
    attempt: int = 1
    arrays: tuple[Array, ...] = ()
    captured: int = 0
    sent: int = 0
    done: int = 0
    dead: int = 0
    dropped: int = 0
    streams: tuple[str, ...] = ()

    def answer(
        self, status: str, *, error: str = "", worker: str = "", attempt: int = 1, arrays: Iterable[Array] = ()
    ) -> Header:
        """The header of a result of this frame; too long an `error` or `worker` is cut."""
        return Header(
            "result", self.epoch, self.seq, self.shape, self.dtype, self.format, self.encoding, self.item, self.time,
            self.monotonic, self.meta, self.nbytes, status, _cut(error, ERROR_MAX), _cut(worker, WORKER_MAX), attempt,
            tuple(arrays),
        )  # fmt: skip

    def pack(self) -> bytes:
        """The header as it travels. A result leaves out `meta` where there is no room for it.

        Raises Error for what has no packed form.
        """
        fields = _fields(self)
        try:
            packed: bytes = msgpack.packb(fields)
            if len(packed) > HEADER_MAX and self.kind == "result" and fields.pop("meta", None):
                packed = msgpack.packb(fields)
        except (ValueError, TypeError, OverflowError) as fault:
            raise Error(f"a {self.kind} header has no packed form: {fault}") from None
        if len(packed) > HEADER_MAX:
            raise Error(f"a {self.kind} header of {len(packed)} bytes: at most {HEADER_MAX}")
        return packed

    @classmethod
    def unpack(cls, data: bytes | memoryview) -> Header:
        """Read and check one header. Raises BadMessage. An unknown kind comes with its `kind` alone."""
        if len(data) > HEADER_MAX:
            raise BadMessage("header_size", f"header: {len(data)} bytes, at most {HEADER_MAX}")
        try:
            fields = msgpack.unpackb(data, ext_hook=_refuse_ext)
        except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as fault:
            raise BadMessage("msgpack", f"header: not one whole msgpack map as the format asks for ({fault})") from None
        if type(fields) is not dict or not _is_sound(fields.values(), NESTING_MAX - 1):
            raise BadMessage("msgpack", "header: not one whole msgpack map as the format asks for")
        version = _uint(fields, "v")
        if version != VERSION:
            text = f"header: version {version} of the wire format; this side speaks {VERSION}"
            raise BadMessage("version", text)
        kind = _text(fields, "kind")
        read = _READERS.get(kind)
        return read(fields) if read else cls(kind)


def stream_name(data: bytes) -> str:
    """The name in part 0: 1-128 bytes of UTF-8 without control characters. Raises BadMessage."""
    try:
        name = data.decode()
    except UnicodeDecodeError:
        name = ""
    if not is_name(name):
        raise BadMessage("stream", "a stream's name is 1 to 128 bytes of UTF-8 without control characters")
    return name


def is_name(text: str) -> bool:
    """May a stream or an array be called so?"""
    if text.isascii():
        return 0 < len(text) <= NAME_MAX and text.isprintable()
    try:
        return len(text.encode()) <= NAME_MAX and _CONTROLS.isdisjoint(text)
    except UnicodeEncodeError:
        return False


def _fields(header: Header) -> dict[str, Any]:
    fields: dict[str, Any] = {"v": VERSION, "kind": header.kind, "epoch": header.epoch}
    if header.kind == "end":
        if header.time:
            fields["time"] = header.time
        for key in ("captured", "sent", "done", "dead", "dropped"):
            fields[key] = getattr(header, key)
        if header.meta:
            fields["meta"] = header.meta
        fields["streams"] = header.streams
        return fields
    fields["seq"] = header.seq
    if header.kind == "result":
        fields["status"] = header.status
        if header.error:
            fields["error"] = header.error
        if header.worker:
            fields["worker"] = header.worker
        fields["attempt"] = header.attempt
    if header.item:
        fields["item"] = header.item
    if header.dtype:
        fields["shape"] = header.shape
        fields["dtype"] = header.dtype
        if header.format:
            fields["format"] = header.format
        if header.encoding != "raw":
            fields["encoding"] = header.encoding
    if header.time:
        fields["time"] = header.time
    if header.monotonic:
        fields["monotonic"] = header.monotonic
    if header.meta:
        fields["meta"] = header.meta
    if header.arrays:
        fields["arrays"] = [{"name": a.name, "shape": a.shape, "dtype": a.dtype} for a in header.arrays]
    return fields


def _cut(text: str, most: int) -> str:
    packed = text.encode(errors="replace")
    return packed[:most].decode(errors="ignore")


def _refuse_ext(code: int, data: bytes) -> Any:
    raise ValueError(f"extension type {code}")


def _is_sound(values: Iterable[Any], depth: int) -> bool:
    """No value beyond the plain types (a timestamp is one), no container nested deeper than depth."""
    for value in values:
        kind = type(value)
        if kind in _SCALARS:
            continue
        if not depth or (kind is not list and kind is not dict):
            return False
        if not _is_sound(value if kind is list else value.values(), depth - 1):
            return False
    return True


def _uint(fields: dict[str, Any], key: str, default: int | None = None) -> int:
    value = fields.get(key, default)
    if type(value) is not int or value < 0:
        raise _wrong(fields, key, "an integer from 0")
    return value


def _int(fields: dict[str, Any], key: str) -> int:
    value = fields.get(key, 0)
    if type(value) is not int or value > _INT_MAX:
        raise _wrong(fields, key, "a signed 64-bit integer")
    return value


def _text(fields: dict[str, Any], key: str, default: str | None = None, most: int = HEADER_MAX) -> str:
    value = fields.get(key, default)
    if type(value) is not str or (4 * len(value) > most and len(value.encode()) > most):
        raise _wrong(fields, key, f"a text of at most {most} bytes")
    return value


def _meta(fields: dict[str, Any]) -> dict[Any, Any]:
    meta = fields.get("meta", {})
    if type(meta) is not dict:
        raise _wrong(fields, "meta", "a map")
    return meta


def _shape(fields: dict[str, Any]) -> tuple[int, ...]:
    shape = fields.get("shape")
    if type(shape) is list:
        for extent in shape:
            if type(extent) is not int or extent < 0:
                break
        else:
            return tuple(shape)
    raise _wrong(fields, "shape", "a list of integers from 0")


def _wrong(fields: dict[str, Any], key: str, wanted: str) -> BadMessage:
    return BadMessage("field", f"header: {key} is not {wanted}" if key in fields else f"header: {key} is missing")


def _array_size(shape: tuple[int, ...], dtype: str) -> int:
    size = ITEM_SIZES.get(dtype)
    if size is None:
        raise BadMessage("dtype", f"header: dtype {dtype[:64]} is not known")
    if len(shape) > DIMS_MAX:
        raise BadMessage("shape", f"header: {len(shape)} dimensions: at most {DIMS_MAX}")
    if prod(filter(None, shape)) * size > _INT_MAX:
        raise BadMessage("shape", "header: an array of this shape would need more than 2^63 - 1 bytes")
    return size * prod(shape)


@lru_cache(maxsize=64)  # mostly the frame before had the same
def _frame_size(shape: tuple[int, ...], dtype: str, format: str, encoding: str) -> int:
    """Bytes of the raw pixels. Raises BadMessage for a dtype, encoding or shape that does not fit."""
    if dtype not in ITEM_SIZES:
        raise BadMessage("dtype", f"header: dtype {dtype[:64]} is not known")
    if encoding not in ENCODINGS:
        raise BadMessage("encoding", f"header: encoding {encoding[:64]} is not known")
    size = _array_size(shape, dtype)
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
    return rows <= _UINT32_MAX and width <= _UINT32_MAX and (format != "nv12" or rows % 3 == 0)


def _read_frame(fields: dict[str, Any]) -> Header:
    # Each frame comes through here: one look at all fields takes half the time of a call for each, and more than half
    # where other programs have had the caches in between. What does not pass is looked at closely.
    get = fields.get
    epoch, seq, shape, dtype = get("epoch"), get("seq"), get("shape"), get("dtype")
    format, encoding, item = get("format", ""), get("encoding", "raw"), get("item", "")
    time, monotonic, meta = get("time", 0), get("monotonic", 0), get("meta")
    if meta is None and "meta" not in fields:
        meta = {}
    if not (
        type(epoch) is type(seq) is type(time) is type(monotonic) is int
        and type(dtype) is type(format) is type(encoding) is type(item) is str
        and type(meta) is dict
        and epoch >= 0 <= seq
        and time <= _INT_MAX >= monotonic
        and 4 * len(format) <= FORMAT_NAME_MAX
        and 4 * len(item) <= ITEM_MAX
    ):
        return _read_unusual_frame(fields)
    extents = _shape(fields) if type(shape) is not list else tuple(shape)
    for extent in extents:
        if type(extent) is not int or extent < 0:
            raise _wrong(fields, "shape", "a list of integers from 0")
    size = _frame_size(extents, dtype, format, encoding)
    return Header("frame", epoch, seq, extents, dtype, format, encoding, item, time, monotonic, meta, size)


def _read_unusual_frame(fields: dict[str, Any]) -> Header:
    header = _read_common(fields, "frame")
    shape, dtype = _shape(fields), _text(fields, "dtype")
    header.format = _text(fields, "format", "", FORMAT_NAME_MAX)
    header.encoding = _text(fields, "encoding", "raw")
    header.nbytes = _frame_size(shape, dtype, header.format, header.encoding)
    header.shape, header.dtype = shape, dtype
    return header


def _read_common(fields: dict[str, Any], kind: str) -> Header:
    return Header(
        kind,
        _uint(fields, "epoch"),
        _uint(fields, "seq"),
        item=_text(fields, "item", "", ITEM_MAX),
        time=_int(fields, "time"),
        monotonic=_int(fields, "monotonic"),
        meta=_meta(fields),
    )


def _read_result(fields: dict[str, Any]) -> Header:
    header = _read_common(fields, "result")
    header.status = _text(fields, "status")
    if header.status not in STATUSES:
        raise _wrong(fields, "status", "one of done, error, dead")
    header.error = _text(fields, "error", "", ERROR_MAX)
    header.worker = _text(fields, "worker", "", WORKER_MAX)
    header.attempt = _uint(fields, "attempt", 1)
    if not 1 <= header.attempt <= _UINT32_MAX:
        raise _wrong(fields, "attempt", "an integer from 1 to 2^32 - 1")
    format, encoding = _text(fields, "format", "", FORMAT_NAME_MAX), _text(fields, "encoding", "raw")
    shaped = "shape" in fields or "dtype" in fields
    if shaped:
        header.shape, header.dtype, header.format, header.encoding = (
            _shape(fields), _text(fields, "dtype"), format, encoding,
        )  # fmt: skip
    arrays = _read_arrays(fields)
    if shaped:
        header.nbytes = _frame_size(header.shape, header.dtype, header.format, header.encoding)
    header.arrays = tuple(Array(name, dtype, shape, _array_size(shape, dtype)) for name, dtype, shape in arrays)
    return header


def _read_arrays(fields: dict[str, Any]) -> list[tuple[str, str, tuple[int, ...]]]:
    arrays = fields.get("arrays", [])
    if type(arrays) is not list or len(arrays) > ARRAYS_MAX:
        raise _wrong(fields, "arrays", f"a list of at most {ARRAYS_MAX}")
    found = []
    names = set()
    for array in arrays:
        if type(array) is not dict:
            raise BadMessage("field", "header: an element of arrays is not a map")
        name = _text(array, "name")
        found.append((name, _text(array, "dtype"), _shape(array)))
        if not is_name(name) or name in names:
            text = "header: arrays have names of their own, 1 to 128 bytes of UTF-8 without control characters"
            raise BadMessage("field", text)
        names.add(name)
    return found


def _read_end(fields: dict[str, Any]) -> Header:
    header = Header("end", _uint(fields, "epoch"), time=_int(fields, "time"), captured=_uint(fields, "captured"))
    header.meta = _meta(fields)
    header.sent = _uint(fields, "sent", 0)
    header.done = _uint(fields, "done", 0)
    header.dead = _uint(fields, "dead", 0)
    header.dropped = _uint(fields, "dropped", 0)
    streams = fields.get("streams")
    if type(streams) is not list or len(streams) > STREAMS_MAX:
        raise _wrong(fields, "streams", f"a list of at most {STREAMS_MAX}")
    if not all(type(name) is str and is_name(name) for name in streams):
        raise BadMessage("field", "header: streams has an element that is no stream's name")
    header.streams = tuple(streams)
    return header


_READERS: dict[str, Callable[[dict[str, Any]], Header]] = {
    "frame": _read_frame,
    "result": _read_result,
    "end": _read_end,
}
