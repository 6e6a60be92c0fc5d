"""A packet that is received by the compiled turn means what it means to the Python code."""

from __future__ import annotations

import os
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from framewire._lane import Turn
from framewire.door import Came, two_parts
from framewire.errors import BadMessage
from framewire.fields import HEADER_MAX
from framewire.frame import Frame
from framewire.header import ITEM_MAX, Header
from framewire.keeper import Keeper
from framewire.lane import learn
from framewire.leased import SLOTS_MAX
from framewire.message import check_message
from framewire.rehearsal import Stage, _memory
from framewire.shm import Region, Releases
from framewire.stats import Stats
from framewire.words import done_rest

SIZE = 1 << 20
EPOCH = 2**63 + 5
NUMBERS = {"seq": 1000, "time": 10**18, "monotonic": 10**9, "slot": 3, "gen": 700, "offset": 1 << 16}
WIDTHS = (b"\xcc", b"\xcd", b"\xce", b"\xcf")
FILE = {"file": "a/b.tif", "size": 70000, "gain": 1.5}
JPEG = {"encoding": "jpeg", "length": 300}
LEARNT: list[dict[str, Any]] = [{}, {"item": "b.tif", "meta": FILE}, {**JPEG, "item": "b.jpg"}, {"meta": FILE}]


def packed(numbers: dict[str, int | bytes], **more: Any) -> bytes:
    """A header; numbers may be bytes already."""
    fields: dict[str, Any] = {"v": 1, "kind": "frame", "epoch": EPOCH, "seq": 0, "shape": [2, 2, 3], "dtype": "|u1"}
    fields |= {"format": "rgb8", "time": 0, "monotonic": 0, "region": 7, "slot": 0, "gen": 0, "offset": 0, "length": 12}
    fields |= more
    data = bytes((0x80 + len(fields),)) if len(fields) < 16 else b"\xde" + len(fields).to_bytes(2, "big")
    for key, value in fields.items():
        said = numbers.get(key, value)
        data += msgpack.packb(key) + (said if isinstance(said, bytes) else msgpack.packb(said))
    return data


class Table:
    """A turn, and what a worker would have to do with it."""

    def __init__(self) -> None:
        self.soon = False
        self._waiting = self._news = self._progressed = None
        self._started: set[tuple[int, int]] = set()
        self._keeper, self._state = Keeper(), threading.Lock()
        self._outbox = SimpleNamespace(words=deque())
        self._options = SimpleNamespace(stats=Stats())
        self.heard: list[Came] = []
        self.waits = 0
        self.stage = Stage(Region(7, _memory(SIZE), SIZE, Releases()))
        self.inside = self._inside = self.stage.inside
        self.turn = Turn(self, done_rest("w", 1))  # type: ignore[arg-type]
        for more in LEARNT:
            data = packed(NUMBERS, **more)
            frame = Frame("cam0", Header.unpack(data), bytes(12), "shm", self)  # type: ignore[arg-type]
            learn(self.turn, [b"cam0", data], frame)

    def note_wait(self) -> None:
        self.waits += 1

    def hear_packet(self, packet: Came) -> None:
        self.heard.append(packet)

    def receive(self, packet: bytes) -> Frame | None:
        """What comes of it; None: it was heard, as it is."""
        self.stage.clear()
        self.inside.releases.refuse((7, 0, 0))  # for a turn there is something to release
        self.stage._far.send(packet)
        self.heard.clear()
        frame = self.turn.take()
        self._started.clear()
        if frame is None:
            assert [heard[:2] for heard in self.heard] == [(packet, [])]
        return frame


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    table = Table()
    yield table
    table.stage.close()


def check(table: Table, packet: bytes) -> bool:
    """Whether a frame came of it, which is to be the one that Python sees in it."""
    frame = table.receive(packet)
    if frame is None:
        return False
    parts = table.inside.visit.read(packet, [], 0)  # type: ignore[union-attr]
    assert isinstance(parts, list)
    stream, header = check_message(parts)
    assert (frame.stream, frame.header, frame.transport) == (stream, header, "shm")
    region = table.inside.region
    assert region is not None
    assert header.place is not None
    view = region.view(header.place)
    data = np.frombuffer(frame.data, np.uint8)
    assert np.array_equal(data, view)
    assert not len(data) or data.ctypes.data == view.ctypes.data
    if header.encoding == "raw":
        assert frame.array.shape == header.shape
        assert frame.array.ctypes.data == view.ctypes.data
        assert not frame.array.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            frame.array.flags.writeable = True
    long = Frame(stream, header, frame._payload, "shm", frame.owner)
    for slot in set(Frame.__slots__) - {"__weakref__", "_array"}:
        assert getattr(frame, slot) == getattr(long, slot), slot
    return True


def test_what_was_learnt_does_not_hold_memory_that_the_sender_has_replaced() -> None:
    table = Table()
    header = packed(NUMBERS)
    assert table.receive(two_parts(b"cam0", len(header)) + header) is not None
    region = weakref.ref(table.inside.region)
    assert table.inside.visit is not None
    door = table.inside.visit.fileno()
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    table.inside.start_anew()
    assert region() is None
    assert table.turn.wants(b"cam0", header)
    table.inside.releases.take()
    table.inside.releases.refuse((7, 0, 0))
    os.dup2(near.fileno(), door)  # the number is another's now
    assert table.turn.take() is None
    with pytest.raises(BlockingIOError):
        far.recv(100, socket.MSG_DONTWAIT)
    far.send(two_parts(b"cam0", len(header)) + header)
    table.heard.clear()
    assert table.turn.look() is None
    assert not table.heard
    os.close(door)
    near.close()
    far.close()
    table.stage.close()


def test_who_would_have_to_wait_for_a_lock_claims_nothing(table: Table) -> None:
    header = packed(NUMBERS)
    frame = table.receive(two_parts(b"cam0", len(header)) + header)
    assert frame is not None
    table._started.add((EPOCH, frame.seq))
    locks = table._keeper.lock, threading.Lock()
    loop = SimpleNamespace(_closed=False, _in_hand=frame, _receiving=locks[1], _thread=0)
    for lock in locks:
        table.soon = True
        with lock:
            assert table.turn.next(loop) is None
            assert loop._in_hand is frame
            assert frame.open
            assert (loop._thread, table._keeper.driver, len(table._outbox.words)) == (0, 0, 0)
        assert not any(each.locked() for each in locks)
    table._started.clear()


ANSWER, OTHER = ((EPOCH, 1), [b"cam0", b"answer"]), ((EPOCH, 2), [b"cam0", b"other"])


@pytest.mark.parametrize(
    ("words", "slots", "full"),
    [
        ([ANSWER, OTHER], 1, False),
        ([(None, [b"", b"return"])], 1, False),  # it does not outlive its connection
        ([ANSWER], 0, False),
        ([ANSWER], 2, False),
        ([ANSWER], 1, True),
    ],
)
def test_more_to_say_or_less_is_left_to_who_says_it(table: Table, words: list[Any], slots: int, full: bool) -> None:
    table.stage.clear()
    for slot in range(slots):
        table.inside.releases.refuse((7, slot, 0))
    table._outbox.words.extend(words)
    table.inside.full = full
    assert table.turn.take() is None
    assert list(table._outbox.words) == words
    with pytest.raises(BlockingIOError):
        table.stage._far.recv(100, socket.MSG_DONTWAIT)
    table._outbox.words.clear()
    table.inside.full = False


def test_who_looks_while_there_is_something_to_say_or_too_much_is_held_leaves_it_there(table: Table) -> None:
    header = packed(NUMBERS)
    table.stage.clear()
    table.stage._far.send(two_parts(b"cam0", len(header)) + header)
    table.heard.clear()
    table._outbox.words.append(ANSWER)
    assert table.turn.look() is None
    table._outbox.words.clear()
    table.inside.releases.refuse((7, 0, 0))
    assert table.turn.look() is None
    table.inside.releases.take()
    table.inside.releases.held += SLOTS_MAX
    assert table.turn.look() is None
    table.inside.releases.held -= SLOTS_MAX
    assert not table.heard
    frame = table.turn.look()
    assert frame is not None
    assert table.turn.look() is None, "there is no more"
    table._started.clear()


def test_who_looks_for_a_while_takes_what_comes_meanwhile_and_gives_up_in_time(table: Table) -> None:
    header = packed(NUMBERS)
    packet = two_parts(b"cam0", len(header)) + header
    table.stage.clear()
    table.heard.clear()
    assert table.turn.is_ready
    began, waits = time.monotonic(), table.waits
    assert table.turn.look(began + 0.02) is None
    assert time.monotonic() >= began + 0.02
    assert table.waits == waits
    for sent in packet, packet[:-1]:
        late = threading.Timer(0.02, table.stage._far.send, (sent,))
        late.start()
        frame = table.turn.look(began + 60)
        late.join()
        assert (frame is None) == (sent != packet), "what is not as usual is heard, and no longer looked for"
    assert [heard[0] for heard in table.heard] == [packet[:-1]]
    assert table.waits == waits + 1
    for earlier in "_waiting", "_news":
        setattr(table, earlier, ["a frame"])
        assert not table.turn.is_ready
        setattr(table, earlier, None)
    table._outbox.words.append(ANSWER)
    assert not table.turn.is_ready
    assert table.turn.look(began + 60) is None
    table._outbox.words.clear()
    assert time.monotonic() < began + 30
    table._started.clear()


def wide(number: int, width: int) -> bytes:
    return WIDTHS[width] + number.to_bytes(1 << width, "big")


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_numbers_come_in_every_width(table: Table, data: st.DataObject) -> None:
    """And those that are out of bounds are left to who says so."""
    numbers: dict[str, int | bytes] = {}
    values = {}
    for name, largest in dict.fromkeys(("seq", "time", "monotonic", "slot", "gen"), 2**64 - 1).items():
        width = data.draw(st.integers(0, 3), name)
        most = min(largest, 2 ** (8 << width) - 1)
        values[name] = data.draw(st.one_of(st.just(most), st.integers(0, most)), name)
        numbers[name] = wide(values[name], width)
    values["offset"] = data.draw(st.sampled_from((0, 64, 65, SIZE - 64, SIZE - 11, SIZE, SIZE + 64, 2**64 - 64)))
    numbers["offset"] = wide(values["offset"], 3)
    header = packed(numbers)
    came = check(table, two_parts(b"cam0", len(header)) + header)
    fits = values["time"] < 2**63 and values["monotonic"] < 2**63 and values["slot"] < 2**32
    assert came is (fits and values["offset"] % 64 == 0 and values["offset"] <= SIZE - 12)


@given(st.sampled_from(LEARNT), st.binary(max_size=6), st.integers(0, 300), st.integers(0, 6))
@settings(max_examples=1000, deadline=None)
@example({}, b"", 0, 6)
def test_whatever_comes_is_a_frame_only_where_it_is_one(
    table: Table, more: dict[str, Any], piece: bytes, at: int, gone: int
) -> None:
    header = packed(NUMBERS, **more)
    packet = two_parts(b"cam0", len(header)) + header
    packet = packet[:at] + piece + packet[at + gone :]
    if packet:
        check(table, packet)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), st.text(), st.binary()
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


@given(st.text(max_size=300), st.dictionaries(st.text(), VALUES, min_size=1))
@settings(max_examples=300, deadline=None)
@example("n" * 70, {"a": "n" * 70000, "b": "n" * 300})
@example("ü" * 70, {"a": bytes(70000), "b": bytes(300)})
@example("a", {"a": [0] * 70000})
@example("a", {"a": [0] * 300, "b": {str(key): -1 for key in range(300)}})
def test_what_is_said_of_a_file_may_be_anything(table: Table, item: str, meta: dict[str, Any]) -> None:
    header = packed(NUMBERS, item=item, meta=meta)
    assert check(table, two_parts(b"cam0", len(header)) + header) is (len(header) <= HEADER_MAX)


@given(st.integers(0, SIZE + 100))
@example(SIZE)
@settings(max_examples=100, deadline=None)
def test_coded_pixels_have_any_length(table: Table, length: int) -> None:
    header = packed(NUMBERS | {"offset": 0}, **(JPEG | {"item": "c.jpg", "length": length}))
    assert check(table, two_parts(b"cam0", len(header)) + header) is (0 < length <= SIZE)


def nested(depth: int, lists: bool = False) -> Any:
    if not depth:
        return 1
    return [nested(depth - 1, lists)] if lists else {"in": nested(depth - 1)}


@pytest.mark.parametrize(
    ("item", "meta", "fits"),
    [
        (b"\xd9\x01a", {}, True),
        (b"\xc4\x01a", {}, False),  # bytes
        (b"\xa2\xff\xfe", {}, False),
        (b"\xa3\xed\xa0\x80", {}, False),  # a surrogate
        (b"\xa1", {}, False),
        ("n" * (ITEM_MAX - 3), {}, True),
        ("n" * (ITEM_MAX + 1), {}, False),
        ("a", [], False),
        ("a", nested(15), True),
        ("a", nested(16), False),
        ("a", {"in": nested(14, lists=True)}, True),
        ("a", {"in": nested(15, lists=True)}, False),
        ("a", b"\x81\x01\x02", False),  # a key that is a number
        ("a", b"\x81\xa1a\xc1", False),
        ("a", b"\x81\xa1a\xd4\x01\x00", False),  # an extension type
        ("a", b"\x81\xa1a\xd6\xff\x00\x00\x00\x00", False),  # a timestamp
        ("a", b"\x81\xa1a\xc7\x01\x01\x00", False),
        ("a", b"\x81\xa1a\xa1\xff", False),
        ("a", b"\x82\xa1a\x01", False),
        ("a", b"\x81\xa1a\xdd\xff\xff\xff\xff", False),
        ("a", b"\xdf\x00\x00\x00\x01\xa1a\xdc\x00\x01\x07", True),
    ],
)
def test_what_is_said_of_a_file_is_what_the_format_allows(table: Table, item: Any, meta: Any, fits: bool) -> None:
    header = packed({"item": item, "meta": meta}, item="", meta={})
    packet = two_parts(b"cam0", len(header)) + header
    assert check(table, packet) is fits
    if not fits:
        parts = table.inside.visit.read(packet, [], 0)  # type: ignore[union-attr]
        assert isinstance(parts, list)
        with pytest.raises(BadMessage):
            check_message(parts)


def test_frames_that_are_all_unlike_are_not_looked_into_for_ever(table: Table) -> None:
    wanted = [table.turn.wants(b"cam%d" % number, packed(NUMBERS)) for number in range(1, 1000)]
    assert 32 < sum(wanted) < 100
    assert not all(wanted[-64:])
    assert any(wanted[-64:])
    header = packed(NUMBERS)
    assert table.receive(two_parts(b"cam0", len(header)) + header) is not None
    assert all(table.turn.wants(b"cam1", header) for _ in range(32)), "after one that fitted"


@pytest.mark.parametrize("more", [{"attempt": 2}, {"copy": True}, {"region": 8}, {"format": ""}, {"length": 11}])
def test_a_header_that_says_something_else_is_left_to_who_reads_it(table: Table, more: dict[str, Any]) -> None:
    header = packed(NUMBERS, **more)
    assert not check(table, two_parts(b"cam0", len(header)) + header)


def test_what_comes_with_a_descriptor_or_too_long_is_handed_on_whole(table: Table) -> None:
    header = packed(NUMBERS)
    packet = two_parts(b"cam0", len(header)) + header
    table.stage.clear()
    table.inside.releases.refuse((7, 0, 0))
    socket.send_fds(table.stage._far, [packet], [0])
    table.heard.clear()
    assert table.turn.take() is None
    ((data, notes, _),) = table.heard
    assert data == packet
    ((level, kind, fds),) = notes
    assert (level, kind, len(fds)) == (socket.SOL_SOCKET, socket.SCM_RIGHTS, 4)
    assert table.inside.receive(came=(data, notes, 0)) is None  # refuses it, and closes the descriptor
    assert table.inside.visit is None
