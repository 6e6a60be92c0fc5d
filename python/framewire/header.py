"""The header of every message: one msgpack map and what it means (`proto/framewire-1.md`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import msgpack

from .errors import BadMessage, Error
from .fields import (
    HEADER_MAX,
    INT_MAX,
    UINT32_MAX,
    VERSION,
    WORKER_MAX,
    Fields,
    cut,
    elements,
    flag,
    is_name,
    is_sound,
    pairs,
    refuse_ext,
    shape_of,
    sint,
    streams,
    text,
    uint,
    uint_within,
    word,
)
from .geometry import array_size, frame_size
from .header_fields import fields_of
from .leased import Body, Credit, Died, Filling, Hello, Place, Stats, Welcome, read_slots
from .template import recall, remember

ITEM_MAX = ERROR_MAX = 4096
FORMAT_NAME_MAX = 64
NESTING_MAX = 16
ARRAYS_MAX = 64
VALUE_NESTING = 64

STATUSES = ("done", "error", "dead")

_ABSENT: Any = object()

#: What a frame's header may say, in the order of _read_plain_frame(); _ABSENT where there is no default.
_USUAL: Fields = {
    "v": _ABSENT, "kind": _ABSENT, "epoch": _ABSENT, "seq": _ABSENT, "shape": _ABSENT, "dtype": _ABSENT, "format": "",
    "encoding": "raw", "item": "", "time": 0, "monotonic": 0, "meta": _ABSENT,
    "attempt": 1, "guarded": False, "lost": 0,
    "region": _ABSENT, "slot": _ABSENT, "gen": _ABSENT, "offset": _ABSENT, "length": _ABSENT, "copy": False,
}  # fmt: skip


class Array(NamedTuple):
    """An array of a result, as its header describes it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int


@dataclass(eq=False)
class Header:
    """One header. What is not said has its default; `shape` and `dtype` are empty in a result that repeats none.

    `epoch` and `seq` are unsigned 64 bit, `time` is ns since the Unix epoch, `monotonic` ns of CLOCK_MONOTONIC
    (0: not said), `dtype` a NumPy typestr, `nbytes` the size of the raw pixels. `body` is what the kinds
    hello, welcome, credit, died and stats say.
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
    instance: int = 0
    lost: int = 0
    guarded: bool = False
    place: Place | None = None
    releases: tuple[Filling, ...] = ()
    body: Body | None = None

    def __eq__(self, other: object) -> bool:
        """Whether they say the same; also where one was made by a template, whose class is its own."""
        names = self.__dataclass_fields__
        return isinstance(other, Header) and all(getattr(self, name) == getattr(other, name) for name in names)

    def answer(
        self, status: str, *, error: str = "", worker: str = "", attempt: int = 1, arrays: Iterable[Array] = ()
    ) -> Header:
        """The header of a result of this frame; too long an `error` or `worker` is cut."""
        return Header(
            "result", self.epoch, self.seq, self.shape, self.dtype, self.format, self.encoding, self.item, self.time,
            self.monotonic, self.meta, self.nbytes, status, cut(error, ERROR_MAX), cut(worker, WORKER_MAX), attempt,
            tuple(arrays),
        )  # fmt: skip

    def pack(self) -> bytes:
        """The header as it travels. A result leaves out `meta` where there is no room for it.

        Raises Error for what has no packed form.
        """
        fields = fields_of(self)
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
        data = bytes(data)
        known: Header | None = recall(data)
        if known is not None:
            return known
        try:
            fields = msgpack.unpackb(data, ext_hook=refuse_ext)
        except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as fault:
            raise BadMessage("msgpack", f"header: not one whole msgpack map as the format asks for ({fault})") from None
        if type(fields) is dict and (header := _read_plain_frame(fields)):
            remember(data, header)
            return header
        if type(fields) is not dict or not is_sound(fields.values(), NESTING_MAX - 1):
            raise BadMessage("msgpack", "header: not one whole msgpack map as the format asks for")
        version = uint(fields, "v")
        if version != VERSION:
            cause = f"header: version {version} of the wire format; this side speaks {VERSION}"
            raise BadMessage("version", cause)
        kind = text(fields, "kind")
        read = _READERS.get(kind)
        return read(fields, kind) if read else cls(kind)


@lru_cache(maxsize=64)
def stream_name(data: bytes) -> str:
    """The name in part 0: 1-128 bytes of UTF-8 without control characters. Raises BadMessage."""
    try:
        name = data.decode()
    except UnicodeDecodeError:
        name = ""
    if not is_name(name):
        raise BadMessage("stream", "a stream's name is 1 to 128 bytes of UTF-8 without control characters")
    return name


def _read_plain_frame(fields: Fields) -> Header | None:
    """A frame's header where all is as it mostly is; None: look closely.

    Every frame comes through here, often with cold caches: few calls and little code count for more than few steps.
    """
    all_fields = _USUAL | fields  # in the order of the former, but for keys that are not in it
    if len(all_fields) != len(_USUAL):
        return None
    (
        version, kind, epoch, seq, extents, dtype, format,
        encoding, item, time, monotonic, meta,
        attempt, guarded, lost,
        region, slot, gen, offset, length, copied,
    ) = all_fields.values()  # fmt: skip
    if not (
        type(version) is type(epoch) is type(seq) is type(time) is type(monotonic) is type(attempt) is type(lost) is int
        and type(dtype) is type(format) is type(encoding) is type(item) is str
        and type(guarded) is bool
        and type(extents) is list
        and version == VERSION
        and kind == "frame"
        and epoch >= 0 <= seq
        and time <= INT_MAX >= monotonic
        and 0 < attempt <= UINT32_MAX
        and lost >= 0
        and 4 * len(format) <= FORMAT_NAME_MAX
        and 4 * len(item) <= ITEM_MAX
    ):
        return None
    for extent in extents:
        if type(extent) is not int or extent < 0:
            return None
    if meta is _ABSENT:
        meta = {}
    elif type(meta) is not dict or not is_sound(meta.values(), NESTING_MAX - 2):
        return None
    place = None
    if region is not _ABSENT:
        if not (
            type(region) is type(slot) is type(gen) is type(offset) is type(length) is int
            and type(copied) is bool
            and region >= 0 <= gen
            and 0 <= slot <= UINT32_MAX
            and offset >= 0 <= length
        ):
            return None
        place = tuple.__new__(Place, (region, slot, gen, offset, length, copied))
    shape = tuple(extents)
    nbytes = frame_size(shape, dtype, format, encoding)
    return Header(
        "frame", epoch, seq, shape, dtype, format, encoding, item, time, monotonic, meta, nbytes,
        attempt=attempt, guarded=guarded, lost=lost, place=place,
    )  # fmt: skip


def _read_frame(fields: Fields, kind: str) -> Header:
    header = _read_common(fields, kind)
    shape, dtype = shape_of(fields), text(fields, "dtype")
    header.format = text(fields, "format", "", FORMAT_NAME_MAX)
    header.encoding = text(fields, "encoding", "raw")
    _read_lease(header, fields)
    header.nbytes = frame_size(shape, dtype, header.format, header.encoding)
    header.shape, header.dtype = shape, dtype
    return header


def _read_common(fields: Fields, kind: str) -> Header:
    return Header(
        kind,
        uint(fields, "epoch"),
        uint(fields, "seq"),
        item=text(fields, "item", "", ITEM_MAX),
        time=sint(fields, "time"),
        monotonic=sint(fields, "monotonic"),
        meta=pairs(fields, "meta"),
    )


def _read_lease(header: Header, fields: Fields) -> None:
    header.attempt = uint_within(fields, "attempt", 1, 1)
    header.guarded = flag(fields, "guarded")
    header.lost = uint(fields, "lost", 0)
    if "region" in fields:
        header.place = Place.read(fields)


def _read_result(fields: Fields, kind: str) -> Header:
    header = _read_common(fields, kind)
    header.status = word(fields, "status", STATUSES)
    header.error = text(fields, "error", "", ERROR_MAX)
    header.worker = text(fields, "worker", "", WORKER_MAX)
    header.attempt = uint_within(fields, "attempt", 1, 1)
    header.instance = uint(fields, "instance", 0)
    header.lost = uint(fields, "lost", 0)
    format, encoding = text(fields, "format", "", FORMAT_NAME_MAX), text(fields, "encoding", "raw")
    shaped = "shape" in fields or "dtype" in fields
    if shaped:
        header.shape, header.dtype, header.format, header.encoding = (
            shape_of(fields), text(fields, "dtype"), format, encoding,
        )  # fmt: skip
    arrays = elements(fields, "arrays", ARRAYS_MAX, _read_array)
    if len({name for name, _, _ in arrays}) < len(arrays):
        raise BadMessage("field", "header: two arrays have the same name")
    if shaped:
        header.nbytes = frame_size(header.shape, header.dtype, header.format, header.encoding)
    header.arrays = tuple(Array(name, dtype, shape, array_size(shape, dtype)) for name, dtype, shape in arrays)
    return header


def _read_array(array: Any) -> tuple[str, str, tuple[int, ...]]:
    if type(array) is not dict:
        raise BadMessage("field", "header: an element of arrays is not a map")
    name = text(array, "name")
    if not is_name(name):
        raise BadMessage("field", "header: an array's name is 1 to 128 bytes of UTF-8 without control characters")
    return name, text(array, "dtype"), shape_of(array)


def _read_end(fields: Fields, kind: str) -> Header:
    header = Header(kind, uint(fields, "epoch"), time=sint(fields, "time"), captured=uint(fields, "captured"))
    header.meta = pairs(fields, "meta")
    header.sent = uint(fields, "sent", 0)
    header.done = uint(fields, "done", 0)
    header.dead = uint(fields, "dead", 0)
    header.dropped = uint(fields, "dropped", 0)
    header.lost = uint(fields, "lost", 0)
    header.streams = streams(fields, required=True)
    return header


def _read_start(fields: Fields, kind: str) -> Header:
    return Header(kind, uint(fields, "epoch"), uint(fields, "seq"), releases=read_slots(fields, "releases"))


def _read_key(fields: Fields, kind: str) -> Header:
    return Header(kind, uint(fields, "epoch"), uint(fields, "seq"))


def _read_release(fields: Fields, kind: str) -> Header:
    return Header(kind, releases=read_slots(fields, "releases", required=True))


def _read_body(fields: Fields, kind: str) -> Header:
    return Header(kind, body=_BODIES[kind].read(fields))


def _read_nothing(fields: Fields, kind: str) -> Header:
    return Header(kind)


_BODIES: dict[str, type[Body]] = {"hello": Hello, "welcome": Welcome, "credit": Credit, "died": Died, "stats": Stats}

_READERS: dict[str, Callable[[Fields, str], Header]] = {
    "frame": _read_frame,
    "result": _read_result,
    "end": _read_end,
    "start": _read_start,
    **dict.fromkeys(("go", "progress", "return", "recall"), _read_key),
    "release": _read_release,
    **dict.fromkeys(_BODIES, _read_body),
    **dict.fromkeys(("who", "bye"), _read_nothing),
}

#: Every kind that this version knows.
KINDS = frozenset(_READERS)
