"""Values of a header's keys, each of the type and range that its key has (`proto/framewire-1.md`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .errors import BadMessage

VERSION = 1
HEADER_MAX = 64 << 10
WORKER_MAX = 256
NAME_MAX = 128
STREAMS_MAX = 256
INT_MAX = (1 << 63) - 1
UINT32_MAX = (1 << 32) - 1
UINT64_MAX = (1 << 64) - 1

#: Kinds about a connection: they name no stream.
STREAMLESS = frozenset({"hello", "welcome", "who", "credit", "release", "died", "stats", "bye"})

Fields = dict[str, Any]
_T = TypeVar("_T")

_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_CONTROLS = frozenset(map(chr, (*range(0x20), *range(0x7F, 0xA0))))


def refuse_ext(code: int, data: bytes) -> Any:
    """For msgpack: no extension types."""
    raise ValueError(f"extension type {code}")


def is_sound(values: Iterable[Any], depth: int) -> bool:
    """No value beyond the plain types (a timestamp is one), no container nested deeper than depth."""
    for value in values:
        kind = type(value)
        if kind in _SCALARS:
            continue
        if not depth or (kind is not list and kind is not dict):
            return False
        if not is_sound(value if kind is list else value.values(), depth - 1):
            return False
    return True


def is_name(text: str) -> bool:
    """May a stream or an array be called so?"""
    if text.isascii():
        return 0 < len(text) <= NAME_MAX and text.isprintable()
    try:
        return len(text.encode()) <= NAME_MAX and _CONTROLS.isdisjoint(text)
    except UnicodeEncodeError:
        return False


def cut(text: str, most: int) -> str:
    """The text in at most so many bytes of UTF-8."""
    packed = text.encode(errors="replace")
    return packed[:most].decode(errors="ignore")


def wrong(fields: Fields, key: str, wanted: str) -> BadMessage:
    return BadMessage("field", f"header: {key} is not {wanted}" if key in fields else f"header: {key} is missing")


def uint(fields: Fields, key: str, default: int | None = None) -> int:
    value = fields.get(key, default)
    if type(value) is not int or value < 0:
        raise wrong(fields, key, "an integer from 0")
    return value


def uint_within(fields: Fields, key: str, default: int | None, least: int, most: int = UINT32_MAX) -> int:
    value = uint(fields, key, default)
    if not least <= value <= most:
        raise wrong(fields, key, f"an integer from {least} to {most}")
    return value


def sint(fields: Fields, key: str) -> int:
    value = fields.get(key, 0)
    if type(value) is not int or value > INT_MAX:
        raise wrong(fields, key, "a signed 64-bit integer")
    return value


def flag(fields: Fields, key: str) -> bool:
    value = fields.get(key, False)
    if type(value) is not bool:
        raise wrong(fields, key, "true or false")
    return value


def text(fields: Fields, key: str, default: str | None = None, most: int = HEADER_MAX) -> str:
    value = fields.get(key, default)
    if type(value) is not str or (4 * len(value) > most and len(value.encode()) > most):
        raise wrong(fields, key, f"a text of at most {most} bytes")
    return value


def word(fields: Fields, key: str, words: Iterable[str], default: str | None = None) -> str:
    value = text(fields, key, default)
    if value not in words:
        raise wrong(fields, key, f"one of {', '.join(words)}")
    return value


def pairs(fields: Fields, key: str) -> dict[Any, Any]:
    value = fields.get(key, {})
    if type(value) is not dict:
        raise wrong(fields, key, "a map")
    return value


def shape_of(fields: Fields) -> tuple[int, ...]:
    shape = fields.get("shape")
    if type(shape) is list:
        for extent in shape:
            if type(extent) is not int or extent < 0:
                break
        else:
            return tuple(shape)
    raise wrong(fields, "shape", "a list of integers from 0")


def elements(fields: Fields, key: str, most: int, read: Callable[[Any], _T], required: bool = False) -> tuple[_T, ...]:
    """A list, each of its elements read by read()."""
    value = fields.get(key, None if required else [])
    if type(value) is not list or len(value) > most:
        raise wrong(fields, key, f"a list of at most {most}")
    return tuple(map(read, value))


def streams(fields: Fields, required: bool) -> tuple[str, ...]:
    return elements(fields, "streams", STREAMS_MAX, _stream, required)


def _stream(name: Any) -> str:
    if type(name) is not str or not is_name(name):
        raise BadMessage("field", "header: streams has an element that is no stream's name")
    return name
