"""A whole message, part by part: `[stream][header][payload ...]` (`proto/framewire-1.md`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgpack

from .errors import BadMessage
from .fields import INT_MAX, STREAMLESS
from .header import KINDS, Header, stream_name
from .leased import RESULT_ARRAY_MAX, RESULT_MAX, VALUE_MAX
from .values import unpack_value


def check_message(parts: Sequence[Any]) -> tuple[str, Header]:
    """Check a message's parts against each other: the stream's name and the header. Raises BadMessage.

    The name is empty for kinds about a connection.

    A part is anything with a length whose bytes `bytes()` gives: bytes, memoryview of bytes, zmq.Frame.
    Payloads are measured, not copied (but for a result's value). An unknown kind passes: count and skip it.
    """
    count = len(parts)
    if count < 2:
        raise BadMessage("parts", f"a message of {count} parts: stream and header come first")
    name = bytes(parts[0])
    stream = stream_name(name) if name else ""
    header = Header.unpack(bytes(parts[1]))
    kind = header.kind
    if kind == "frame" and stream:  # mostly
        _check_frame(header, parts)
        return stream, header
    if kind not in KINDS:
        return stream, header
    if (kind in STREAMLESS) is bool(stream):
        raise BadMessage("stream", f"a {kind} {'with' if stream else 'without'} a stream's name")
    if kind == "result":
        _check_count(kind, count, 3 + len(header.arrays))
        _check_result(header, parts)
    else:
        _check_count(kind, count, 2)
    return stream, header


def frame_of(parts: list[Any]) -> tuple[str, tuple[int, int] | None]:
    """The stream and key of what was meant as a frame, as far as they can be read."""
    try:
        stream = stream_name(bytes(parts[0]))
        fields = msgpack.unpackb(bytes(parts[1]))
        epoch, seq = fields["epoch"], fields["seq"]
        known = fields["kind"] == "frame" and type(epoch) is type(seq) is int and epoch >= 0 <= seq
    except (ValueError, TypeError, LookupError, RecursionError, msgpack.UnpackException, BadMessage):
        return "", None
    return (stream, (epoch, seq)) if known else ("", None)


def _check_count(kind: str, count: int, wanted: int) -> None:
    if count != wanted:
        raise BadMessage("parts", f"a {kind} of {count} parts, not {wanted}")


def _check_frame(header: Header, parts: Sequence[Any]) -> None:
    place = header.place
    if place is None:
        if len(parts) != 3:
            raise BadMessage("parts", f"a frame of {len(parts)} parts, not 3")
        size = len(parts[2])
    else:
        if len(parts) != 2:
            raise BadMessage("parts", f"a frame in shared memory of {len(parts)} parts, not 2")
        size = place.length
        if place.offset + size > INT_MAX:
            raise BadMessage("payload", "a place that ends beyond 2^63 - 1 bytes")
    if size != header.nbytes and header.encoding == "raw":
        text = f"raw pixels of {size} bytes, where shape and dtype say {header.nbytes}"
        raise BadMessage("payload", text)
    if not size:
        raise BadMessage("payload", "an empty payload")


def _check_result(header: Header, parts: Sequence[Any]) -> None:
    total = len(parts[2])
    if total > VALUE_MAX:
        raise BadMessage("payload", f"a result's value of {total} bytes: at most {VALUE_MAX}")
    unpack_value(bytes(parts[2]))
    for array, part in zip(header.arrays, parts[3:], strict=True):
        size = len(part)
        if size != array.nbytes or size > RESULT_ARRAY_MAX:
            text = (
                f"array {array.name} of {size} bytes, where shape and dtype say {array.nbytes} "
                f"and the limit is {RESULT_ARRAY_MAX}"
            )
            raise BadMessage("payload", text)
        total += size
    if total > RESULT_MAX:
        raise BadMessage("payload", f"a result of {total} bytes: at most {RESULT_MAX}")
