"""Headers that a worker says of every frame, put together from bytes: that takes a fifth of packing a map."""

from __future__ import annotations

import struct

import msgpack

from .leased import Filling

# In msgpack a map of up to 15 pairs begins with 0x80 + pairs, and a uint64 with 0xcf. Each ends where its epoch comes.
_START = b"\x84\xa1v\x01\xa4kind\xa5start\xa5epoch\xcf"
_START_RELEASES = b"\x85" + _START[1:]
_RESULT = b"\x88\xa1v\x01\xa4kind\xa6result\xa5epoch\xcf"
_SEQ = b"\xa3seq\xcf"
_RELEASES = b"\xa8releases"
_RELEASE = b"\x83\xa1v\x01\xa4kind\xa7release" + _RELEASES
_key = struct.Struct(">Q5sQ").pack
_list = struct.Struct(">BH").pack  # 0xdc: an array of up to 65 535
_slot = struct.Struct(">BQBIBQ").pack  # 0xce: a uint32
_RELEASE_ONE = struct.Struct(f">{len(_RELEASE)}sBHBQBIBQ").pack
_START_ONE = struct.Struct(f">{len(_START_RELEASES)}sQ{len(_SEQ)}sQ{len(_RELEASES)}sBHBQBIBQ").pack


def start_header(epoch: int, seq: int, releases: tuple[Filling, ...] = ()) -> bytes:
    """`start`, and which slots are read no more."""
    if not releases:
        return _START + _key(epoch, _SEQ, seq)
    if len(releases) == 1:  # mostly
        ((region, slot, gen),) = releases
        return _START_ONE(_START_RELEASES, epoch, _SEQ, seq, _RELEASES, 0xDC, 3, 0xCF, region, 0xCE, slot, 0xCF, gen)
    return _START_RELEASES + _key(epoch, _SEQ, seq) + _RELEASES + _slots(releases)


def release_header(releases: tuple[Filling, ...]) -> bytes:
    """`release`: slots that are read no more."""
    if len(releases) == 1:  # mostly
        ((region, slot, gen),) = releases
        return _RELEASE_ONE(_RELEASE, 0xDC, 3, 0xCF, region, 0xCE, slot, 0xCF, gen)
    return _RELEASE + _slots(releases)


def _slots(releases: tuple[Filling, ...]) -> bytes:
    slots = [_slot(0xCF, region, 0xCE, slot, 0xCF, gen) for region, slot, gen in releases]
    return _list(0xDC, 3 * len(slots)) + b"".join(slots)


def done_rest(worker: str, instance: int) -> bytes:
    """What follows epoch and seq in each `done_header` of a worker."""
    packed: bytes = msgpack.packb({"status": "done", "attempt": 1, "worker": worker, "instance": instance})
    return packed[1:]


def done_header(epoch: int, seq: int, rest: bytes) -> bytes:
    """`result` of a first attempt that is done and gives no arrays."""
    return _RESULT + _key(epoch, _SEQ, seq) + rest
