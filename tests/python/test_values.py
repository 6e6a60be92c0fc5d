"""framewire.values: what a result may be, and the sentences that say what it may not."""

from __future__ import annotations

import collections
import math
from typing import Any

import msgpack
import numpy as np
import pytest

from framewire import BadMessage, Error
from framewire.header import Array
from framewire.values import pack_arrays, pack_result, pack_value, unpack_value

Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (None, None),
        ({"a": [1, 2.5, "b", b"c", True]}, {"a": [1, 2.5, "b", b"c", True]}),
        ((1, (2,)), [1, [2]]),
        (Point(1, 2), [1, 2]),
        (collections.OrderedDict(a=1), {"a": 1}),
        (bytearray(b"a"), b"a"),
        (np.float32(1.5), 1.5),
        (np.float16(0.5), 0.5),
        (np.longdouble(2), 2.0),
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.bytes_(b"a"), b"a"),
        (np.array(7), 7),
        ({np.int64(3): np.float64(0.5)}, {3: 0.5}),
        ({None: 1, b"a": 2}, {None: 1, b"a": 2}),
        (msgpack.ExtType(5, b"a"), msgpack.ExtType(5, b"a")),
    ],
)
def test_what_has_a_form(value: Any, read: Any) -> None:
    found = unpack_value(pack_value(value))
    assert found == read
    assert type(found) is type(read)


def test_nan_passes() -> None:
    assert math.isnan(unpack_value(pack_value(np.float32("nan"))))


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"a": {"mask": np.zeros(3)}}, r"value\['a'\]\['mask'\] is an array.*frame.reply\(value, mask=array\)"),
        ([0, {1}], r"value\[1\] is a set.*make it a list"),
        (object(), r"value is of type object"),
        ([1, [object()]], r"value\[1\]\[0\] is of type object"),
        ({"n": [2**64]}, r"value\['n'\]\[0\] is an integer beyond 64 bits"),
        (-(2**63) - 1, r"value is an integer beyond 64 bits"),
        ({"n": 10**5000}, r"value\['n'\] is an integer beyond 64 bits"),
        (["\udcff"], r"value\[0\] is text with lone surrogates"),
        ({"\udcff": 1}, r"key '\\udcff' is text with lone surrogates"),
        ({(1, 2): 3}, r"value has the key \(1, 2\)"),
        (1 + 2j, r"value is of type complex"),
        (np.complex64(1), r"value is of type complex64"),
        ([np.datetime64("2020-01-01", "ns")], r"value\[0\] is of type datetime64"),
        (msgpack.Timestamp(1, 0), r"value is of type Timestamp"),
        ("a" * (16 << 20), r"the value has 16777221 bytes: at most 16777216 \(16 MiB\)"),
    ],
)
def test_what_has_no_form_is_named(value: Any, sentence: str) -> None:
    with pytest.raises(Error, match=sentence):
        pack_value(value)


def test_sixty_four_levels_and_no_more() -> None:
    value: Any = []
    for _ in range(63):
        value = [value]
    assert unpack_value(pack_value(value)) == value
    with pytest.raises(Error, match="nests deeper than 64"):
        pack_value([value])
    with pytest.raises(BadMessage, match="nests deeper than 64"):
        unpack_value(b"\x91" + pack_value(value))
    value.append(value)
    with pytest.raises(Error, match="nests deeper than 64"):  # a loop has no end
        pack_value(value)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\xc0\xc0", b"\xa5ab", b"\x81\x90\x01", b"\xd6\xff\0\0\0\1"])
def test_what_is_no_value_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage) as fault:
        unpack_value(data)
    assert fault.value.reason == "payload"


def test_arrays_travel_little_endian_and_in_c_order() -> None:
    given = np.arange(12, dtype=">u2").reshape(3, 4)[:, ::2]
    (described,), (sent,) = pack_arrays({"a": given})
    assert described == Array("a", "<u2", (3, 2), 12)
    assert sent.tobytes() == given.astype("<u2").tobytes()
    assert sent.flags.c_contiguous


def test_an_array_that_is_fit_to_travel_is_not_copied() -> None:
    given = np.zeros((3, 4), np.float32)
    assert pack_arrays({"a": given})[1][0] is given


@pytest.mark.parametrize(
    ("given", "described"),
    [
        (np.array(1.5), Array("a", "<f8", (), 8)),
        (2.5, Array("a", "<f8", (), 8)),
        ([[1, 2], [3, 4]], Array("a", "<i8", (2, 2), 32)),
        (np.zeros((0, 4), np.float32), Array("a", "<f4", (0, 4), 0)),
        (np.zeros(2, bool), Array("a", "|b1", (2,), 2)),
        (np.zeros(2, np.complex64), Array("a", "<c8", (2,), 16)),
    ],
)
def test_what_is_like_an_array_is_one(given: Any, described: Array) -> None:
    assert pack_arrays({"a": given})[0] == (described,)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"a\n": 1}, r"array 'a\\n': a name is 1 to 128 bytes"),
        ({3: 1}, r"array 3: a name is"),
        ({"a": np.zeros(2, object)}, r"array a: dtype object has no form.*uint8"),
        ({"a": "text"}, r"array a: dtype <U4 has no form"),
        ({"a": np.zeros(2, [("x", "<f4")])}, r"array a: dtype .* has no form"),
        ({"a": [[1], [2, 3]]}, r"array a: not an array"),
        ({"a": np.zeros((1,) * 9)}, r"array a: 9 dimensions: at most 8"),
        ({"a": np.zeros((64 << 20) + 1, np.uint8)}, r"array a: 67108865 bytes: at most 67108864 \(64 MiB\)"),
        ({f"a{i}": 0 for i in range(65)}, r"65 arrays: at most 64"),
    ],
)
def test_what_is_no_array_is_named(arrays: Any, sentence: str) -> None:
    with pytest.raises(Error, match=sentence):
        pack_arrays(arrays)


def test_a_result_has_at_most_256_mib() -> None:
    large = np.zeros(64 << 20, np.uint8)
    with pytest.raises(Error, match=r"268435457 bytes: at most 268435456 \(256 MiB\)"):
        pack_result(None, dict.fromkeys("abcd", large))
    value, described, sent = pack_result({"n": 1}, {"a": large})
    assert value == b"\x81\xa1n\x01"
    assert described[0].nbytes == sent[0].nbytes == 64 << 20
    assert pack_result(None) == (b"\xc0", (), [])
