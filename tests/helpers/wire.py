"""Messages of the wire format as the golden ones of proto/vectors are kept, and what Python understands of them."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgpack

from framewire.header import Header
from framewire.leased import Body, Credit, Died, Stats
from framewire.message import check_message
from framewire.values import unpack_value

VECTORS = Path(__file__).resolve().parents[2] / "proto" / "vectors"


def split(message: bytes) -> list[bytes]:
    """The parts of a framed message: each has its length before it (4 bytes, big-endian)."""
    parts = []
    while message:
        (size,) = struct.unpack_from(">I", message)
        assert len(message) >= 4 + size
        parts.append(message[4 : 4 + size])
        message = message[4 + size :]
    return parts


def join(parts: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def describe(parts: Sequence[bytes]) -> dict[str, Any]:
    """What a message means, in the form of "means" in proto/vectors. Raises BadMessage."""
    stream, header = check_message(parts)
    means: dict[str, Any] = {"stream": stream, "kind": header.kind}
    if header.kind == "frame":
        means |= {"epoch": header.epoch, "seq": header.seq, **_frame_keys(header), **_lease_keys(header)}
        means["size"] = header.place.length if header.place else len(parts[2])
    elif header.kind == "result":
        value, nulls = to_json(unpack_value(parts[2]))
        means |= {
            "epoch": header.epoch,
            "seq": header.seq,
            "status": header.status,
            "error": header.error,
            "worker": header.worker,
            "attempt": header.attempt,
            **_frame_keys(header),
            "arrays": [
                {"name": a.name, "shape": list(a.shape), "dtype": a.dtype, "size": a.nbytes} for a in header.arrays
            ],
            "lost": header.lost,
            "instance": header.instance,
            "value": value,
            "nulls": nulls,
        }
    elif header.kind == "end":
        keys = ("epoch", "time", "captured", "sent", "done", "dead", "dropped")
        means |= {key: getattr(header, key) for key in keys}
        means |= {"meta": to_json(header.meta)[0], "streams": list(header.streams), "lost": header.lost}
    elif header.kind in ("start", "go", "progress", "return", "recall"):
        means |= {"epoch": header.epoch, "seq": header.seq}
    if header.kind in ("start", "release"):
        means["releases"] = [list(slot) for slot in header.releases]
    if header.body is not None:
        means |= _body_keys(header.body)
    return means


def _lease_keys(header: Header) -> dict[str, Any]:
    keys = {"attempt": header.attempt, "guarded": header.guarded, "lost": header.lost}
    return {**keys, "place": header.place._asdict() if header.place else None}


def _body_keys(body: Body) -> dict[str, Any]:
    if isinstance(body, Stats):
        return {"counts": to_json(body.counts)[0], "workers": [worker._asdict() for worker in body.workers]}
    keys = body._asdict() if isinstance(body, Credit | Died) else asdict(body)
    for key in ("streams", "held", "reads"):
        if key in keys:
            keys[key] = [list(element) if key != "streams" else element for element in keys[key]]
    if "token" in keys:
        keys["token"] = keys["token"].hex()
    return keys


def _frame_keys(header: Header) -> dict[str, Any]:
    return {
        "item": header.item,
        "shape": list(header.shape),
        "dtype": header.dtype,
        "format": header.format,
        "encoding": header.encoding,
        "time": header.time,
        "monotonic": header.monotonic,
        "meta": to_json(header.meta)[0],
    }


def to_json(value: Any) -> tuple[Any, int]:
    """A value as JSON has it, and how many numbers became null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None, 1
    if isinstance(value, bytes):
        return {"$base64": base64.b64encode(value).decode()}, 0
    if isinstance(value, msgpack.ExtType):
        return {"$ext": value.code, "$base64": base64.b64encode(value.data).decode()}, 0
    if isinstance(value, list):
        elements = [to_json(element) for element in value]
        return [element for element, _ in elements], sum(nulls for _, nulls in elements)
    if isinstance(value, dict):
        pairs = {_key(key): to_json(element) for key, element in value.items()}
        return {key: element for key, (element, _) in pairs.items()}, sum(nulls for _, nulls in pairs.values())
    return value, 0


def _key(key: Any) -> str:
    if isinstance(key, bytes):
        return base64.b64encode(key).decode()
    if key is None:
        return "null"
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, float) and not math.isfinite(key):
        return "NaN" if key != key else "Infinity" if key > 0 else "-Infinity"
    return str(key)
