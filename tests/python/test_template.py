"""A header that is known but for its numbers is read as if it had never been seen."""

from __future__ import annotations

import random
from typing import Any

import msgpack
import pytest

from framewire import template
from framewire.errors import BadMessage
from framewire.header import Header

EPOCH = 2**63 + 5
PLACE = {"region": 2**62, "slot": 3, "gen": 7, "offset": 64, "length": 12}


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "_known", {})
    monkeypatch.setattr(template, "_misfits", {})


def packed(seq: int, place: dict[str, Any], **more: Any) -> bytes:
    fields = {
        "v": 1,
        "kind": "frame",
        "epoch": EPOCH,
        "seq": seq,
        "shape": [2, 2, 3],
        "dtype": "|u1",
        "format": "rgb8",
    }
    header: bytes = msgpack.packb(fields | {"time": 10**18 + seq, "monotonic": 10**9 + seq} | place | more)
    return header


def known() -> list[template.Template]:
    return list(template._known.values())


def read(data: bytes) -> Header | str:
    try:
        return Header.unpack(data)
    except BadMessage as bad:
        return str(bad)


def afresh(data: bytes) -> Header | str:
    kept = dict(template._known), dict(template._misfits)
    template._known.clear()
    template._misfits.clear()
    header = read(data)
    template._known.clear()
    template._misfits.clear()
    template._known.update(kept[0])
    template._misfits.update(kept[1])
    return header


@pytest.mark.parametrize("place", [{}, PLACE], ids=["payload", "place"])
def test_the_third_header_of_a_kind_is_known(place: dict[str, Any]) -> None:
    for seq in range(300):  # the widths of its numbers change at 128 and 256
        slots = {"slot": seq % 9, "gen": seq, "offset": 64 * seq} if place else {}
        data = packed(seq, place | slots)
        header = read(data)
        assert header == afresh(data)
        assert isinstance(header, Header)
        header.meta["mine"] = 1  # is nobody else's
    assert known()


def test_other_bytes_are_looked_at() -> None:
    """Bytes that are changed anywhere, as long as it takes to meet each."""
    chance = random.Random(5)
    for seq in range(1000, 1003):
        read(packed(seq, PLACE | {"gen": seq}))
    ((key, one),) = template._known.items()
    alike = 0
    for _ in range(20_000):
        data = bytearray(
            packed(
                chance.randrange(256, 65536),
                PLACE | {"gen": chance.randrange(256, 65536)},
            )
        )
        for _ in range(chance.randrange(3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        template._known.clear()
        template._known[key] = one
        assert read(bytes(data)) == afresh(bytes(data))
        alike += one.header(bytes(data)) is not None
    assert 6000 < alike < 14_000


@pytest.mark.parametrize("wrong", [{"time": 2**63}, {"monotonic": 2**64 - 1}, {"slot": 2**32}])
def test_numbers_have_their_limits(wrong: dict[str, int]) -> None:
    wide = PLACE | {"slot": 2**32 - 1, "time": 2**62, "monotonic": 2**62}
    for seq in range(3):
        read(packed(seq, wide))
    text = read(packed(3, wide | wrong))
    assert text == afresh(packed(3, wide | wrong))
    assert isinstance(text, str)


def test_a_slot_that_is_said_with_more_bytes_than_it_takes_has_its_limit() -> None:
    def wide(slot: int) -> bytes:
        return packed(7, PLACE | {"slot": 5}).replace(b"\xa4slot\x05", b"\xa4slot\xcf" + slot.to_bytes(8, "big"))

    for slot in range(3):
        header = read(wide(slot))
        assert isinstance(header, Header)
        assert header.place is not None
        assert header.place.slot == slot
    assert isinstance(read(wide(2**32)), str)


def test_what_differs_in_more_than_numbers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0

    def spans(data: bytes) -> Any:
        nonlocal looked
        looked += 1
        return found(data)

    found = template.find_spans
    monkeypatch.setattr(template, "find_spans", spans)
    for seq in range(100):
        read(packed(7, PLACE, item=f"{seq:04}.tif"))
        read(packed(7, PLACE, meta={"a": seq}))
        wide = {"gen": 5, "offset": 1 << 20} if seq % 2 else {"gen": 1 << 20, "offset": 0}  # of one length
        read(packed(7, PLACE | wide))
    assert not known()
    assert looked == 3 * 8


def test_one_that_is_odd_changes_nothing() -> None:
    for seq in range(9):
        read(packed(seq, PLACE | {"region": 2**62 + (seq == 5)}))
    (one,) = known()
    assert one.header(packed(100, PLACE)) is not None


def test_numbers_of_other_widths_and_the_same_length_are_met_again_and_again() -> None:
    """A slot at the start of memory, which is a short offset, comes to have a long generation."""
    far = PLACE | {"gen": 5, "offset": 1 << 20}
    near = PLACE | {"gen": 1 << 20, "offset": 0}
    assert len(packed(7, far)) == len(packed(7, near))
    for place in [far, near] * 20:
        for seq in range(3):
            assert read(packed(seq, place)) == afresh(packed(seq, place))
        (one,) = known()
        assert one.header(packed(100, place)) is not None


def test_another_region_is_known_as_the_one_before_was() -> None:
    for region in range(2**62, 2**62 + 20):
        for seq in range(3):
            assert read(packed(seq, PLACE | {"region": region})) == afresh(packed(seq, PLACE | {"region": region}))
        (one,) = known()
        assert one.header(packed(100, PLACE | {"region": region})).place.region == region


def test_a_key_that_is_said_twice_means_its_last_value() -> None:
    for seq in range(200, 205):
        data = packed(7, PLACE)
        twice = bytes((data[0] + 1,)) if data[0] < 0x8F else b"\xde" + (data[0] - 0x80 + 1).to_bytes(2, "big")
        twice += data[1:] + b"\xa3seq\xcc" + bytes((seq,))
        header = read(twice)
        assert isinstance(header, Header)
        assert header.seq == seq


def test_few_are_kept() -> None:
    for width in range(2000):
        read(packed(0, {}, item="x" * width))
    assert 0 < len(template._misfits) <= 64
    assert all(length <= 1024 for length, _ in template._misfits)
