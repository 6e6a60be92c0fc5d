"""A result's value and arrays, on their way to msgpack and back (`proto/framewire-1.md`, "Results")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgpack
import numpy as np

from .errors import BadMessage, Error
from .fields import NAME_MAX, is_name
from .geometry import ITEM_SIZES
from .header import ARRAYS_MAX, VALUE_NESTING, Array
from .leased import RESULT_ARRAY_MAX, RESULT_MAX, VALUE_MAX

_LEAVES = frozenset({type(None), bool, int, float, str, bytes})
_KEYS = (type(None), bool, int, float, str, bytes, np.generic)
_PACKED_AS_THEY_ARE = (
    type(None), bool, int, float, str, bytes, bytearray, memoryview, np.generic, msgpack.ExtType,
)  # fmt: skip


def pack_result(value: Any, arrays: Mapping[str, Any] | None = None) -> tuple[bytes, tuple[Array, ...], list[Any]]:
    """Pack a handler's value and arrays: part 2, what the header says of the arrays, and parts 3 on.

    The last are C-contiguous little-endian NumPy arrays: the caller's own where they were so already.
    Raises Error, naming the offender, for what has no form or is beyond a limit.
    """
    packed = pack_value(value)
    described, parts = pack_arrays(arrays) if arrays else ((), [])
    total = len(packed) + sum(array.nbytes for array in described)
    if total > RESULT_MAX:
        raise Error(f"the result has {total} bytes: at most {RESULT_MAX} (256 MiB) with all its arrays")
    return packed, described, parts


def pack_value(value: Any) -> bytes:
    """Pack a value: None, bool, int, float, str, bytes, NumPy scalars, and lists, tuples and dicts of these.

    Raises Error for anything else, for numbers beyond 64 bits and for more than 16 MiB.
    """
    _check(value, "value", VALUE_NESTING)
    try:
        packed: bytes = msgpack.packb(value, default=_plain)
    except (ValueError, TypeError, OverflowError) as fault:
        raise Error(_find_fault(value, "value") or f"the value has no msgpack form: {fault}") from None
    if len(packed) > VALUE_MAX:
        raise Error(f"the value has {len(packed)} bytes: at most {VALUE_MAX} (16 MiB); large data travels as arrays")
    return packed


def pack_arrays(arrays: Mapping[str, Any]) -> tuple[tuple[Array, ...], list[Any]]:
    """Describe arrays and make them contiguous and little-endian, where they are not. Raises Error."""
    if len(arrays) > ARRAYS_MAX:
        raise Error(f"{len(arrays)} arrays: at most {ARRAYS_MAX} in a result")
    described: list[Array] = []
    parts: list[Any] = []
    for name, given in arrays.items():
        if not isinstance(name, str) or not is_name(name):
            raise Error(f"array {name!r}: a name is 1 to {NAME_MAX} bytes of UTF-8 without control characters")
        try:
            array = np.asarray(given, order="C")
        except (ValueError, TypeError) as fault:
            raise Error(f"array {name}: not an array ({fault})") from None
        dtype = array.dtype.newbyteorder("<")
        if dtype.str not in ITEM_SIZES:
            raise Error(f"array {name}: dtype {array.dtype} has no form on the wire; make it one of {_dtype_names()}")
        if array.ndim > 8:
            raise Error(f"array {name}: {array.ndim} dimensions: at most 8")
        if array.nbytes > RESULT_ARRAY_MAX:
            raise Error(f"array {name}: {array.nbytes} bytes: at most {RESULT_ARRAY_MAX} (64 MiB)")
        described.append(Array(name, dtype.str, array.shape, array.nbytes))
        parts.append(array.astype(dtype, copy=False))
    return tuple(described), parts


def unpack_value(data: bytes | memoryview) -> Any:
    """One whole msgpack value, extension types as msgpack.ExtType. Raises BadMessage."""
    try:
        value = msgpack.unpackb(data, strict_map_key=False, unicode_errors="replace")
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as fault:
        raise BadMessage("payload", f"a result's value is not one whole msgpack value: {fault}") from None
    if not _is_sound(value, VALUE_NESTING):
        text = f"a result's value nests deeper than {VALUE_NESTING}, or has a timestamp, or a key of an extension type"
        raise BadMessage("payload", text)
    return value


def _dtype_names() -> str:
    return ", ".join(np.dtype(name).name for name in ITEM_SIZES)


def _plain(scalar: Any) -> Any:
    """What stands for a NumPy scalar, or an array without dimensions."""
    if isinstance(scalar, np.floating):
        return float(scalar)
    if isinstance(scalar, np.generic | np.ndarray) and scalar.dtype.kind not in "mM":  # a time is more than its number
        plain = scalar.item()
        if type(plain) in _LEAVES:
            return plain
    raise TypeError(f"{type(scalar).__name__} has no msgpack form")


def _check(value: Any, path: str, depth: int) -> None:
    """Refuse what msgpack would not, or not by name. Lists of plain numbers and texts are seen through at once."""
    if isinstance(value, _PACKED_AS_THEY_ARE) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return
    if not isinstance(value, dict | list | tuple):
        raise Error(_no_form(value, path))
    if not depth:
        raise Error(f"{_short(path)} nests deeper than {VALUE_NESTING}")
    if isinstance(value, dict):
        for key, element in value.items():
            if not isinstance(key, _KEYS):
                raise Error(f"{_short(path)} has the key {key!r:.80}: keys are text, numbers, bytes or None")
            if type(element) not in _LEAVES:
                _check(element, f"{path}[{key!r:.80}]", depth - 1)
    elif not _LEAVES.issuperset(map(type, value)):
        for index, element in enumerate(value):
            _check(element, f"{path}[{index}]", depth - 1)


def _no_form(value: Any, path: str) -> str:
    if isinstance(value, np.ndarray):
        return (
            f"{_short(path)} is an array; arrays travel beside the value, by name: "
            "frame.reply(value, mask=array), or return value, {'mask': array}"
        )
    if isinstance(value, set | frozenset):
        return f"{_short(path)} is a {type(value).__name__}, which has no order and no form here; make it a list"
    return (
        f"{_short(path)} is of type {type(value).__name__}, which has no form here; use None, bool, int, float, "
        "str, bytes, and lists and dicts of these"
    )


def _find_fault(value: Any, path: str) -> str:
    """The sentence for the first leaf that msgpack refused; empty if none is found."""
    if isinstance(value, dict):
        faults = (
            _find_fault(key, f"{path}, key {key!r:.80}") or _find_fault(element, f"{path}[{key!r:.80}]")
            for key, element in value.items()
        )
    elif isinstance(value, list) or (isinstance(value, tuple) and type(value) is not msgpack.ExtType):
        faults = (_find_fault(element, f"{path}[{index}]") for index, element in enumerate(value))
    else:
        return _leaf_fault(value, path)
    return next(filter(None, faults), "")


def _leaf_fault(value: Any, path: str) -> str:
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return f"{_short(path)} is an integer beyond 64 bits"
    try:
        msgpack.packb(value, default=_plain)
    except UnicodeEncodeError:
        return f"{_short(path)} is text with lone surrogates, which UTF-8 cannot say: {value!r:.80}"
    except (ValueError, TypeError, OverflowError):
        return _no_form(value, path)
    return ""


def _short(path: str) -> str:
    return path if len(path) <= 200 else f"{path[:98]}...{path[-98:]}"


def _is_sound(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        if not _LEAVES.issuperset(map(type, value)):
            return False
        elements: Iterable[Any] = value.values()
    elif isinstance(value, list):
        elements = value
    else:
        return type(value) in _LEAVES or type(value) is msgpack.ExtType
    return depth > 0 and (
        _LEAVES.issuperset(map(type, elements)) or all(_is_sound(element, depth - 1) for element in elements)
    )
