"""A header as the map that travels: what has its default is left out (`proto/framewire-1.md`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .fields import STREAMLESS, VERSION, Fields
from .leased import flat


def fields_of(header: Any) -> Fields:
    """header: a Header, whose module is above this one. In the order that the format's golden messages have."""
    fields: Fields = {"v": VERSION, "kind": header.kind}
    if header.kind in ("frame", "result"):
        fields |= {"epoch": header.epoch, "seq": header.seq}
        _add_answer(header, fields)
        _add_frame(header, fields)
        if header.arrays:
            fields["arrays"] = described(header.arrays)
        _add_lease(header, fields)
    elif header.kind == "end":
        _add_end(header, fields)
    elif header.kind == "release":
        fields["releases"] = flat(header.releases)
    elif header.body is not None:
        fields |= header.body.fields()
    elif header.kind not in STREAMLESS:
        fields |= {"epoch": header.epoch, "seq": header.seq}
        if header.releases:
            fields["releases"] = flat(header.releases)
    return fields


def described(arrays: Iterable[Any]) -> list[Fields]:
    """A result's arrays, each a header.Array."""
    return [{"name": array.name, "shape": array.shape, "dtype": array.dtype} for array in arrays]


def _add_answer(header: Any, fields: Fields) -> None:
    if header.kind == "frame":
        if header.attempt > 1:
            fields["attempt"] = header.attempt
        return
    fields["status"] = header.status
    if header.error:
        fields["error"] = header.error
    if header.worker:
        fields["worker"] = header.worker
    fields["attempt"] = header.attempt


def _add_frame(header: Any, fields: Fields) -> None:
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


def _add_lease(header: Any, fields: Fields) -> None:
    if header.guarded:
        fields["guarded"] = True
    if header.lost:
        fields["lost"] = header.lost
    if header.instance:
        fields["instance"] = header.instance
    if header.place:
        fields |= header.place.fields()


def _add_end(header: Any, fields: Fields) -> None:
    fields["epoch"] = header.epoch
    if header.time:
        fields["time"] = header.time
    for key in ("captured", "sent", "done", "dead", "dropped"):
        fields[key] = getattr(header, key)
    if header.meta:
        fields["meta"] = header.meta
    fields["streams"] = header.streams
    if header.lost:
        fields["lost"] = header.lost
