"""C and Python understand the same of any message: what the one packs the other reads, and both refuse alike."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framewire import BadMessage
from framewire.geometry import FORMATS, ITEM_SIZES
from framewire.header import Array, Header
from framewire.leased import ROLES, Credit, Died, Filling, Held, Hello, Place, ReceiverStats, Stats, Welcome
from framewire.values import pack_value
from helpers.wire import VECTORS, describe, join, split, to_json

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = {path.stem: split(path.read_bytes()) for path in sorted(VECTORS.glob("*/*.bin"))}

few = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


class Tool:
    """wire_tool: messages in, what C understands of them out."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, parts: Sequence[bytes]) -> dict[str, Any]:
        message = join(parts)
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(struct.pack(">I", len(message)) + message)
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(60) == 0


@pytest.fixture(scope="module")
def tool() -> Iterator[Tool]:
    folders = [ROOT / "build" / name for name in ("test", "c", ".")]
    if built := os.environ.get("FRAMEWIRE_BUILD"):
        folders.insert(0, Path(built))
    found = [path for folder in folders if (path := folder / "tests" / "interop" / "wire_tool").exists()]
    assert found, "no wire_tool: build it, or set FRAMEWIRE_BUILD"
    started = Tool(found[0])
    yield started
    started.close()


uint64 = st.integers(0, 2**64 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)
text = st.text(st.characters(blacklist_categories=["Cs"]), max_size=40)
names = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=32)
scalars = st.none() | st.booleans() | int64 | uint64 | st.floats() | text | st.binary(max_size=20)
header_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text | st.binary(min_size=1, max_size=5), inner),
    max_leaves=20,
)


@st.composite
def geometries(draw: st.DrawFn) -> dict[str, Any]:
    """shape, dtype and format of some frame, small enough to be sent."""
    if draw(st.booleans()):
        shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=5)))
        return {"shape": shape, "dtype": draw(st.sampled_from(list(ITEM_SIZES))), "format": ""}
    name = draw(st.sampled_from(list(FORMATS)))
    dtype, channels = FORMATS[name]
    height, width = 2 * draw(st.integers(1, 4)), 2 * draw(st.integers(1, 4))
    if name == "nv12":
        height = height // 2 * 3
    return {"shape": (height, width, channels)[: 3 if channels else 2], "dtype": dtype, "format": name}


metas = st.dictionaries(text, header_values, max_size=5)
commons = st.fixed_dictionaries(
    {
        "epoch": uint64,
        "seq": uint64,
        "item": text,
        "time": int64,
        "monotonic": int64,
        "encoding": st.sampled_from(["raw", "jpeg", "png", "tiff"]),
        "meta": metas,
    }
)


def assert_understood(tool: Tool, header: Header, parts: list[bytes]) -> None:
    parts = [parts[0], header.pack(), *parts[1:]]
    answer = tool(parts)
    assert answer.get("means") == describe(parts), answer
    repacked = Header.unpack(bytes.fromhex(answer["repacked"]))
    assert repr(repacked) == repr(Header.unpack(parts[1]))  # by repr, since NaN in meta is not itself


uint32 = st.integers(0, 2**32 - 1)
leases = st.fixed_dictionaries({"attempt": st.integers(1, 2**32 - 1), "guarded": st.booleans(), "lost": uint64})
slots = st.lists(st.tuples(uint64, uint32, uint64), max_size=4).map(tuple)


@few
@given(
    common=commons,
    geometry=geometries(),
    stream=names,
    lease=leases | st.just({}),
    place=st.none() | st.tuples(uint64, uint32, uint64, st.integers(0, 2**62), st.booleans()),
)
def test_frames(
    tool: Tool, common: dict[str, Any], geometry: dict[str, Any], stream: str, lease: dict[str, Any], place: Any
) -> None:
    header = Header("frame", **common, **geometry, **lease)
    size = ITEM_SIZES[header.dtype]
    for extent in header.shape:
        size *= extent
    if place:
        header.place = Place(*place[:4], size, place[4])
    assert_understood(tool, header, [stream.encode(), *([] if place else [bytes(size)])])


@st.composite
def arrays(draw: st.DrawFn) -> tuple[Array, ...]:
    found = []
    for name in draw(st.lists(names, unique=True, max_size=4)):
        dtype = draw(st.sampled_from(list(ITEM_SIZES)))
        shape = tuple(draw(st.lists(st.integers(0, 3), max_size=4)))
        size = ITEM_SIZES[dtype]
        for extent in shape:
            size *= extent
        found.append(Array(name, dtype, shape, size))
    return tuple(found)


@few
@given(
    common=commons,
    geometry=geometries() | st.just({}),
    status=st.sampled_from(["done", "error", "dead"]),
    error=text,
    worker=text,
    attempt=st.integers(1, 2**32 - 1),
    arrays=arrays(),
    instance=uint64,
    lost=uint64,
    value=values,
)
def test_results(
    tool: Tool, common: dict[str, Any], geometry: dict[str, Any], value: Any, arrays: tuple[Array, ...], **said: Any
) -> None:
    header = Header("result", **common, **geometry, **said, arrays=arrays)
    assert_understood(tool, header, [b"cam0", pack_value(value), *(bytes(array.nbytes) for array in arrays)])


@few
@given(counts=st.tuples(*[uint64] * 7), time=int64, streams=st.lists(names, max_size=5), meta=metas)
def test_ends(tool: Tool, counts: tuple[int, ...], time: int, streams: list[str], meta: dict[str, Any]) -> None:
    keys = ("epoch", "captured", "sent", "done", "dead", "dropped", "lost")
    header = Header("end", **dict(zip(keys, counts, strict=True)), time=time, meta=meta, streams=tuple(streams))
    assert_understood(tool, header, [b"cam0"])


@few
@given(kind=st.sampled_from(["start", "go", "progress", "return", "recall"]), epoch=uint64, seq=uint64, releases=slots)
def test_words_about_a_frame(tool: Tool, kind: str, epoch: int, seq: int, releases: tuple[Filling, ...]) -> None:
    header = Header(kind, epoch, seq, releases=releases if kind == "start" else ())
    assert_understood(tool, header, [b"cam0"])


instances = st.integers(1, 2**64 - 1)
short_names = st.text(st.characters(blacklist_categories=["Cs"]), max_size=16)
name_lists = st.lists(names, max_size=3).map(tuple)
hellos = st.builds(
    Hello,
    instance=instances,
    role=st.sampled_from(ROLES),
    worker=short_names,
    host=short_names,
    credit=uint32,
    queue=st.integers(1, 2**32 - 1),
    results=st.booleans(),
    supervisor=uint64,
    streams=name_lists,
    held=st.lists(st.builds(Held, uint64, uint64, st.booleans()), max_size=4).map(tuple),
    reads=slots,
)
limits = {key: st.integers(1, 2**64 - 1) for key in ("deadline", "grace", "value_max", "array_max", "result_max")}
doors = st.fixed_dictionaries(
    {
        "door": st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}", fullmatch=True),
        "token": st.binary(min_size=16, max_size=16),
    }
)
welcomes = st.builds(
    lambda door, **said: Welcome(**said, **door),
    door=doors | st.just({}),
    instance=instances,
    sender=instances,
    streams=name_lists,
    host=short_names,
    **limits,
)
receivers = st.builds(ReceiverStats, short_names, st.sampled_from(ROLES), *[uint64] * 5)
bodies = {
    "hello": hellos,
    "welcome": welcomes,
    "credit": st.builds(Credit, uint32),
    "died": st.builds(Died, instances, short_names),
    "stats": st.builds(Stats, metas, st.lists(receivers, max_size=3).map(tuple)),
    "who": st.none(),
    "bye": st.none(),
}


@settings(few, max_examples=200)
@given(kind_and_body=st.sampled_from(list(bodies)).flatmap(lambda kind: st.tuples(st.just(kind), bodies[kind])))
def test_words_about_a_connection(tool: Tool, kind_and_body: tuple[str, Any]) -> None:
    kind, body = kind_and_body
    assert_understood(tool, Header(kind, body=body), [b""])


@few
@given(releases=slots)
def test_releases(tool: Tool, releases: tuple[Filling, ...]) -> None:
    assert_understood(tool, Header("release", releases=releases), [b""])


@few
@given(value=values)
def test_values(tool: Tool, value: Any) -> None:
    parts = [b"cam0", Header("result", status="done").pack(), pack_value(value)]
    means = tool(parts)["means"]
    assert (means["value"], means["nulls"]) == to_json(value)


@st.composite
def damaged(draw: st.DrawFn) -> list[bytes]:
    """A golden message with some bytes of it changed, put in or taken out."""
    parts = list(MESSAGES[draw(st.sampled_from(list(MESSAGES)))])
    if not parts:
        return [draw(st.binary(max_size=8))]
    for _ in range(draw(st.integers(1, 4))):
        # Mostly in the header.
        index = draw(st.sampled_from([min(1, len(parts) - 1)] * 4 + list(range(len(parts)))))
        part = parts[index]
        at = draw(st.integers(0, min(len(part), 300)))
        put_in = draw(st.binary(max_size=6))
        taken = draw(st.sampled_from([len(put_in), 0, 1]))
        parts[index] = part[:at] + put_in + part[at + taken :]
    return parts


@settings(few, max_examples=400)
@given(parts=damaged())
def test_damaged_messages_are_taken_or_refused_alike(tool: Tool, parts: list[bytes]) -> None:
    try:
        means: dict[str, Any] = {"means": describe(parts)}
    except BadMessage as refused:
        means = {"reason": refused.reason}
    answer = tool(parts)
    answer.pop("repacked", None)
    if "\ufffd" in json.dumps(answer, ensure_ascii=False):  # for bad UTF-8 in values: how many is not said
        assert "means" in answer and "means" in means
    else:
        assert answer == means
