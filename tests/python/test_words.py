"""What is put together from bytes says what a packed map would."""

from __future__ import annotations

import msgpack
import pytest

from framewire.header import Header
from framewire.leased import SLOTS_MAX, Filling
from framewire.words import done_header, done_rest, release_header, start_header

LARGEST = 2**64 - 1


@pytest.mark.parametrize("epoch, seq", [(0, 0), (1, 300), (LARGEST, LARGEST)])
@pytest.mark.parametrize("releases", [(), ((7, 3, 1),), ((LARGEST, 2**32 - 1, LARGEST), (0, 0, 0))])
def test_start(epoch: int, seq: int, releases: tuple[Filling, ...]) -> None:
    packed = start_header(epoch, seq, releases)
    assert Header.unpack(packed) == Header("start", epoch, seq, releases=releases)
    assert list(msgpack.unpackb(packed)) == ["v", "kind", "epoch", "seq", *["releases"][: len(releases)]]


@pytest.mark.parametrize("count", [1, 5, 6, SLOTS_MAX])
def test_release(count: int) -> None:
    slots = tuple((LARGEST, 2**32 - 1 - slot, slot) for slot in range(count))
    assert Header.unpack(release_header(slots)) == Header("release", releases=slots)


@pytest.mark.parametrize("epoch, seq", [(0, 0), (1, 300), (LARGEST, LARGEST)])
def test_done(epoch: int, seq: int) -> None:
    packed = done_header(epoch, seq, done_rest("häst/1", LARGEST))
    assert Header.unpack(packed) == Header("result", epoch, seq, status="done", worker="häst/1", instance=LARGEST)
