"""framewire.header and framewire.message beyond what the golden messages show: packing, answers, limits of size."""

from __future__ import annotations

import pickle

import msgpack
import numpy as np
import pytest
import zmq

from framewire import BadMessage, Error
from framewire.fields import HEADER_MAX, is_name
from framewire.header import Array, Header
from framewire.leased import RESULT_ARRAY_MAX, VALUE_MAX, Died, Hello, Place
from framewire.message import check_message


class Sized:
    """Stands for a payload of so many bytes."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size


def frame(**changes: object) -> Header:
    return Header("frame", **{"epoch": 1, "seq": 2, "shape": (2, 3), "dtype": "|u1", **changes})  # type: ignore[arg-type]


def test_what_has_its_default_is_not_said() -> None:
    assert msgpack.unpackb(frame().pack()) == {
        "v": 1,
        "kind": "frame",
        "epoch": 1,
        "seq": 2,
        "shape": [2, 3],
        "dtype": "|u1",
    }


@pytest.mark.parametrize("header", [frame(seq=2**64), frame(meta={"a": object()}), frame(item="\udcff")])
def test_a_header_without_packed_form_says_so(header: Header) -> None:
    with pytest.raises(Error, match="a frame header has no packed form"):
        header.pack()


def test_a_frame_that_is_too_long_is_refused() -> None:
    with pytest.raises(Error, match=r"a frame header of \d+ bytes: at most 65536"):
        frame(meta={"a": "x" * HEADER_MAX}).pack()


def test_an_answer_repeats_its_frame() -> None:
    asked = frame(item="a.jpg", time=5, monotonic=6, meta={"file": "a.jpg"}, encoding="jpeg")
    array = Array("mask", "|b1", (2,), 2)
    answer = Header.unpack(asked.answer("error", error="no", worker="host/1", attempt=3, arrays=[array]).pack())
    assert (answer.kind, answer.status, answer.error, answer.worker) == ("result", "error", "no", "host/1")
    assert answer.attempt == 3
    assert answer.arrays == (array,)
    for key in ("epoch", "seq", "item", "time", "monotonic", "meta", "shape", "dtype", "encoding"):
        assert getattr(answer, key) == getattr(asked, key)


def test_a_long_error_is_cut_between_characters() -> None:
    answer = Header.unpack(frame().answer("error", error="é" * 3000, worker="\udcff" + "w" * 300).pack())
    assert answer.error == "é" * 2048
    assert answer.worker == "?" + "w" * 255


def test_an_answer_leaves_out_meta_that_has_no_room() -> None:
    asked = frame(meta={"a": "x" * 60_000}, item="i" * 4096)
    arrays = [Array(f"{i:0128}", "|u1", (1,), 1) for i in range(64)]
    answer = Header.unpack(asked.answer("done", arrays=arrays).pack())
    assert answer.meta == {}
    assert len(answer.arrays) == 64


def test_what_a_lease_adds_is_said_where_it_is_not_the_default() -> None:
    place = Place(1, 2, 3, 64, 6)
    assert msgpack.unpackb(frame(attempt=2, place=place).pack()) == {
        **msgpack.unpackb(frame().pack()),
        "attempt": 2,
        "region": 1,
        "slot": 2,
        "gen": 3,
        "offset": 64,
        "length": 6,
    }
    assert msgpack.unpackb(Header("who").pack()) == {"v": 1, "kind": "who"}
    hello = msgpack.unpackb(Header("hello", body=Hello(5, "worker")).pack())
    assert hello == {"v": 1, "kind": "hello", "instance": 5, "role": "worker", "credit": 2}


def test_long_names_are_cut() -> None:
    hello = Header.unpack(Header("hello", body=Hello(5, "worker", worker="é" * 200)).pack())
    died = Header.unpack(Header("died", body=Died(5, "r" * 300)).pack())
    assert isinstance(hello.body, Hello) and isinstance(died.body, Died)
    assert (hello.body.worker, died.body.reason) == ("é" * 128, "r" * 256)


def test_a_frame_in_shared_memory_has_no_payload() -> None:
    parts = [b"cam0", frame(place=Place(1, 2, 3, 64, 6)).pack()]
    assert check_message(parts)[1].place == Place(1, 2, 3, 64, 6)
    with pytest.raises(BadMessage, match="a frame in shared memory of 3 parts, not 2"):
        check_message([*parts, bytes(6)])


def test_parts_may_be_any_buffers() -> None:
    parts = [zmq.Frame(b"cam0"), zmq.Frame(frame().pack()), zmq.Frame(np.zeros((2, 3), np.uint8))]
    stream, header = check_message(parts)
    assert (stream, header.nbytes) == ("cam0", 6)
    assert check_message([memoryview(b"cam0"), memoryview(frame().pack()), memoryview(bytes(6))])[1] == header


def test_the_limits_of_a_result() -> None:
    def check(*sizes: int, value: object = b"\xc0") -> None:
        arrays = [Array(f"a{i}", "|u1", (size,), size) for i, size in enumerate(sizes)]
        check_message(
            [b"cam0", Header("result", status="done", arrays=tuple(arrays)).pack(), value, *map(Sized, sizes)]
        )

    check(*[RESULT_ARRAY_MAX] * 3, RESULT_ARRAY_MAX - 1)
    for refused in (lambda: check(RESULT_ARRAY_MAX + 1), lambda: check(*[RESULT_ARRAY_MAX] * 4)):
        with pytest.raises(BadMessage) as fault:
            refused()
        assert fault.value.reason == "payload"
    with pytest.raises(BadMessage, match="at most 16777216"):
        check(value=Sized(VALUE_MAX + 1))


def test_names() -> None:
    assert is_name("höhe")
    assert is_name("é" * 64)
    for bad in ("", "é" * 65, "a" * 129, "a\x7f", "\x85", "\udcff"):
        assert not is_name(bad)


def test_a_bad_message_keeps_its_reason_between_processes() -> None:
    fault = pickle.loads(pickle.dumps(BadMessage("dtype", "what")))
    assert (fault.reason, str(fault)) == ("dtype", "what")


def test_memory_is_not_taken_by_what_a_header_claims() -> None:
    """Lists within lists, each of which claims as many elements as there are bytes."""
    import tracemalloc

    data = b"\x81\xa1a" + b"".join(b"\xdc" + (20_000).to_bytes(2, "big") for _ in range(15)) + b"\xc0" * 20_500
    tracemalloc.start()
    with pytest.raises(BadMessage) as fault:
        Header.unpack(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fault.value.reason == "msgpack"
    assert peak < 8 << 20
