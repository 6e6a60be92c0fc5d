#!/usr/bin/env python3
"""Make proto/vectors: golden messages of the wire format, good and bad.

    NAME.bin    the message: for each part its length (4 bytes, big-endian) and its bytes
    NAME.json   {"about": what it shows, "means": what a receiver understands}        (good/)
                {"about": ..., "reason": what a receiver must refuse it for}          (bad/)

"means" is one line: compact, keys in a fixed order, defaults filled in, the payload by its "size", a result's value as
JSON (framewire-1.md, section 7) with the number of its "nulls".
"""

from __future__ import annotations

import json
import shutil
import struct
import sys
from pathlib import Path
from typing import Any

import msgpack

EPOCH = 0xC0FFEE0123456789
TIME = 1763800000000000000
FRAME = {"v": 1, "kind": "frame", "epoch": EPOCH, "seq": 7, "shape": [2, 4], "dtype": "|u1"}
RESULT = {"v": 1, "kind": "result", "epoch": EPOCH, "seq": 7, "status": "done"}
END = {"v": 1, "kind": "end", "epoch": EPOCH, "captured": 8, "streams": []}
NIL = b"\xc0"

# Leased delivery.
INSTANCE = 0x1122334455667788
KEY = {"epoch": EPOCH, "seq": 7}
PLACE = {"region": 1, "slot": 3, "gen": 5, "offset": 4096, "length": 8}
HELLO = {"v": 1, "kind": "hello", "instance": INSTANCE, "role": "worker"}
WELCOME = {"v": 1, "kind": "welcome", "instance": INSTANCE, "sender": 99, "streams": ["cam0"]}
TOKEN = bytes(range(16))
LIMITS = {"deadline": 30 * 10**9, "grace": 5 * 10**9, "value_max": 2**24, "array_max": 2**26, "result_max": 2**28}

DTYPES = {"|b1": 1, "|u1": 1, "|i1": 1, "<u2": 2, "<i2": 2, "<u4": 4, "<i4": 4, "<u8": 8, "<i8": 8,
          "<f2": 2, "<f4": 4, "<f8": 8, "<c8": 8, "<c16": 16}  # fmt: skip
FORMATS = {
    "mono8": ("|u1", [2, 4]), "mono16": ("<u2", [2, 4]),
    "rgb8": ("|u1", [2, 4, 3]), "bgr8": ("|u1", [2, 4, 3]), "rgba8": ("|u1", [2, 4, 4]), "bgra8": ("|u1", [2, 4, 4]),
    "rgb16": ("<u2", [2, 4, 3]), "bgr16": ("<u2", [2, 4, 3]), "rgba16": ("<u2", [2, 4, 4]),
    "bgra16": ("<u2", [2, 4, 4]),
    **{f"bayer_{order}{bits}": (dtype, [3, 5])
       for order in ("rggb", "bggr", "gbrg", "grbg") for bits, dtype in ((8, "|u1"), (16, "<u2"))},
    "uyvy": ("|u1", [3, 4, 2]), "yuyv": ("|u1", [3, 4, 2]), "nv12": ("|u1", [6, 4]),
}  # fmt: skip

good: dict[str, tuple[str, list[bytes], dict[str, Any]]] = {}
bad: dict[str, tuple[str, list[bytes], str]] = {}


def pack(value: Any) -> bytes:
    return msgpack.packb(value)


def nested(levels: int) -> bytes:
    """So many lists in each other, the innermost empty."""
    return b"\x91" * (levels - 1) + b"\x90"


def raw_map(*pairs: tuple[str, Any], more: bytes = b"", count: int | None = None) -> bytes:
    """A map of pairs, whose values may be msgpack already; count: what its head says."""
    packed = [pack(key) + (value if isinstance(value, bytes) else pack(value)) for key, value in pairs]
    return b"\xde" + struct.pack(">H", len(packed) if count is None else count) + b"".join(packed) + more


def size_of(shape: list[int], dtype: str) -> int:
    size = DTYPES[dtype]
    for extent in shape:
        size *= extent
    return size


# Good messages, and what they mean.


def frame_means(fields: dict[str, Any], size: int, stream: str, meta: Any = None) -> dict[str, Any]:
    return {
        "stream": stream, "kind": "frame", "epoch": fields["epoch"], "seq": fields["seq"],
        "item": fields.get("item", ""), "shape": fields["shape"], "dtype": fields["dtype"],
        "format": fields.get("format", ""), "encoding": fields.get("encoding", "raw"), "time": fields.get("time", 0),
        "monotonic": fields.get("monotonic", 0), "meta": fields.get("meta", {}) if meta is None else meta,
        "attempt": fields.get("attempt", 1), "guarded": fields.get("guarded", False), "lost": fields.get("lost", 0),
        "place": {**{key: fields[key] for key in PLACE}, "copy": fields.get("copy", False)}
                 if "region" in fields else None,
        "size": size,
    }  # fmt: skip


def frame(
    name: str,
    about: str,
    *,
    stream: str = "cam0",
    payload: bytes | None = None,
    header: bytes | None = None,
    meta_means: Any = None,
    **changes: Any,
) -> None:
    fields = {**FRAME, **changes}
    if payload is None:
        payload = bytes(i % 251 for i in range(size_of(fields["shape"], fields["dtype"])))
    parts = [stream.encode(), pack(fields) if header is None else header, payload]
    good[f"frame-{name}"] = about, parts, frame_means(fields, len(payload), stream, meta_means)


def result(
    name: str,
    about: str,
    *,
    value: bytes = NIL,
    json_value: Any = None,
    nulls: int = 0,
    arrays: list[tuple[str, list[int], str]] | None = None,
    **changes: Any,
) -> None:
    fields = {**RESULT, **changes}
    described = [{"name": n, "shape": s, "dtype": d} for n, s, d in arrays or []]
    if arrays is not None:
        fields["arrays"] = described
    payloads = [bytes(i % 251 for i in range(size_of(a["shape"], a["dtype"]))) for a in described]
    means = {
        "stream": "cam0", "kind": "result", "epoch": fields["epoch"], "seq": fields["seq"],
        "status": fields["status"], "error": fields.get("error", ""), "worker": fields.get("worker", ""),
        "attempt": fields.get("attempt", 1), "item": fields.get("item", ""), "shape": fields.get("shape", []),
        "dtype": fields.get("dtype", ""), "format": fields.get("format", ""),
        "encoding": fields.get("encoding", "raw"), "time": fields.get("time", 0),
        "monotonic": fields.get("monotonic", 0), "meta": fields.get("meta", {}),
        "arrays": [{**a, "size": len(p)} for a, p in zip(described, payloads, strict=True)],
        "lost": fields.get("lost", 0), "instance": fields.get("instance", 0), "value": json_value, "nulls": nulls,
    }  # fmt: skip
    good[f"result-{name}"] = about, [b"cam0", pack(fields), value, *payloads], means


def end(name: str, about: str, **changes: Any) -> None:
    fields = {**END, **changes}
    means = {
        "stream": "cam0", "kind": "end", "epoch": fields["epoch"], "time": fields.get("time", 0),
        "meta": fields.get("meta", {}),
        **{key: fields.get(key, 0) for key in ("captured", "sent", "done", "dead", "dropped")},
        "streams": fields["streams"], "lost": fields.get("lost", 0),
    }  # fmt: skip
    good[f"end-{name}"] = about, [b"cam0", pack(fields)], means


def shared(name: str, about: str, **changes: Any) -> None:
    """A frame in shared memory: no payload."""
    fields = {**FRAME, **PLACE, **changes}
    good[f"frame-{name}"] = about, [b"cam0", pack(fields)], frame_means(fields, fields["length"], "cam0")


def about_frame(kind: str, name: str, about: str, **changes: Any) -> None:
    fields = {"v": 1, "kind": kind, **KEY, **changes}
    means = {"stream": "cam0", "kind": kind, "epoch": fields["epoch"], "seq": fields["seq"]}
    if kind == "start":
        means["releases"] = triples(fields.get("releases", []))
    good[f"{kind}-{name}"] = about, [b"cam0", pack(fields)], means


def about_connection(
    kind: str, name: str, about: str, means: dict[str, Any], header: bytes | None = None, **fields: Any
) -> None:
    header = pack({"v": 1, "kind": kind, **fields}) if header is None else header
    good[f"{kind}-{name}"] = about, [b"", header], {"stream": "", "kind": kind, **means}


def hello(name: str, about: str, **changes: Any) -> None:
    fields = {**HELLO, **changes}
    defaults = {"instance": 0, "role": "", "worker": "", "host": "", "credit": 2, "queue": 1, "results": False,
                "supervisor": 0, "streams": [], "held": [], "reads": []}  # fmt: skip
    means = {key: fields.get(key, default) for key, default in defaults.items()}
    means["reads"] = triples(means["reads"])
    about_connection("hello", name, about, means, pack(fields))


def welcome(name: str, about: str, **changes: Any) -> None:
    fields = {**WELCOME, **changes}
    door = fields.get("door", "")
    means = {"instance": fields["instance"], "sender": fields["sender"], "streams": fields["streams"],
             "host": fields.get("host", ""), **{key: fields.get(key, limit) for key, limit in LIMITS.items()},
             "door": door, "token": fields["token"].hex() if door else ""}  # fmt: skip
    about_connection("welcome", name, about, means, pack(fields))


def stats(name: str, about: str, workers: list[dict[str, Any]], counts_mean: Any = None, **fields: Any) -> None:
    defaults = {"worker": "", "role": "worker", "credit": 0, "unfinished": 0, "started": 0, "done": 0, "lost": 0}
    listed = [{key: worker.get(key, default) for key, default in defaults.items()} for worker in workers]
    means = {"counts": fields.get("counts", {}) if counts_mean is None else counts_mean, "workers": listed}
    about_connection("stats", name, about, means, **fields, **({"workers": workers} if workers else {}))


def triples(numbers: list[int]) -> list[list[int]]:
    return [numbers[at : at + 3] for at in range(0, len(numbers), 3)]


def make_good_leased() -> None:
    frame("leased", "what a lease adds", attempt=2, guarded=True)
    frame("leased-observed", "an observer is told how many frames it lost", lost=2**64 - 1)
    frame("place-keys-alone", "without `region` these are unknown keys", slot="x", gen=-1, offset=None, copy=5)
    shared("shared", "a frame in shared memory has no payload")
    shared("shared-copy", "to be copied and released before it is started", copy=True, attempt=3, guarded=False)
    shared("shared-encoded", "its length is that of the file", encoding="jpeg", length=5)
    shared("shared-largest", "the largest place", region=2**64 - 1, slot=2**32 - 1, gen=2**64 - 1, offset=2**63 - 9)
    result("leased", "it says who answers", instance=INSTANCE, attempt=2)
    result("observed", "an observer is told how many results it lost", worker="host/4242", lost=3)
    end("observed", "an observer is told how many frames it lost", lost=3)

    for kind in ("start", "go", "progress", "return", "recall"):
        about_frame(kind, "minimal", "the frame's key")
        about_frame(kind, "largest", "the largest integers, and keys of other kinds", epoch=2**64 - 1, seq=2**64 - 1,
                    credit="none", held=0)  # fmt: skip
    about_frame("start", "releases", "two slots are read no more", releases=[1, 3, 5, 2**64 - 1, 2**32 - 1, 2**64 - 1])
    about_frame("start", "releases-none", "an empty list", releases=[])

    hello("minimal", "the required keys alone")
    hello("worker", "a worker that comes back, with a frame that it has started and one that waits",
          worker="host/4242", host="7d5a1b1e-0c3f-4d53-9f7c-0a2b5d7c9e11", credit=64, supervisor=2**64 - 1,
          held=[[EPOCH, 7, True], [EPOCH, 2**64 - 1, False]], reads=[1, 3, 5, 1, 3, 5, 2, 0, 0])  # fmt: skip
    hello("observer", "an observer of one stream, and of results", role="observer", streams=["cam0"], credit=0,
          queue=8, results=True)  # fmt: skip
    hello("supervisor", "it takes no frames", role="supervisor", instance=1)
    hello("largest", "as much as there may be", instance=2**64 - 1, worker="w" * 256, host="h" * 64, credit=2**32 - 1,
          queue=2**32 - 1, streams=[f"s{i}" for i in range(256)], held=[[2**64 - 1, i, True] for i in range(256)],
          reads=[2**64 - 1, 2**32 - 1, 2**64 - 1] * 1024)  # fmt: skip
    hello("defaults", "said in full", worker="", host="", credit=2, queue=1, results=False, supervisor=0, streams=[],
          held=[], reads=[])  # fmt: skip

    welcome("minimal", "the required keys alone: the limits have defaults")
    welcome("door", "a receiver on the same host gets in by the door", host="7d5a1b1e-0c3f-4d53-9f7c-0a2b5d7c9e11",
            deadline=10**9, grace=1, value_max=1, array_max=2, result_max=2**64 - 1, door="4242-x_Y.door",
            token=TOKEN)  # fmt: skip
    welcome("door-long", "63 bytes", door="d" * 63, token=TOKEN)
    welcome("token-alone", "without a door it is an unknown key", token=5)
    welcome("over", "no stream is open any more", streams=[])

    for kind, about in (("who", "a hub that does not know its peer"), ("bye", "a clean leave, and its answer")):
        about_connection(kind, "minimal", about, {})
        about_connection(kind, "keys-unknown", "unknown keys are skipped", {}, epoch="x", instance=[])
    for name, credit in (("none", 0), ("one", 1), ("largest", 2**32 - 1)):
        about_connection("credit", name, "how many frames there may be", {"credit": credit}, credit=credit)
    about_connection("release", "one", "a slot is read no more", {"releases": [[1, 3, 5]]}, releases=[1, 3, 5])
    about_connection("release", "none", "an empty list", {"releases": []}, releases=[])
    most = [7, 2**32 - 1, 2**64 - 1] * 1024
    about_connection("release", "1024", "as many as there may be", {"releases": triples(most)}, releases=most)
    about_connection("died", "minimal", "how is not known", {"instance": 1, "reason": ""}, instance=1)
    about_connection("died", "signal", "how it ended", {"instance": INSTANCE, "reason": "killed by SIGKILL"},
                     instance=INSTANCE, reason="killed by SIGKILL")  # fmt: skip
    about_connection("died", "reason-long", "256 bytes", {"instance": 2**64 - 1, "reason": "é" * 128},
                     instance=2**64 - 1, reason="é" * 128)  # fmt: skip
    stats("ask", "please tell", [])
    stats("full", "counts, and who is there",
          [{"worker": "host/4242", "role": "worker", "credit": 2, "unfinished": 2, "started": 1, "done": 5},
           {"role": "observer", "lost": 2**64 - 1, "later": [1]}, {}],
          counts={"captured": 9, "done": 5, "in_flight": 4, "fps": 29.5, "streams": ["cam0"]})  # fmt: skip
    stats("workers-256", "as many as there may be", [{"worker": f"host/{i}"} for i in range(256)])
    stats("counts-types", "counts hold what meta may", [], {"a": {"$base64": "AA=="}, "n": None},
          counts={"a": b"\0", "n": None})  # fmt: skip


def unknown(name: str, about: str, kind: str, parts: list[bytes], stream: bytes = b"cam0", **fields: Any) -> None:
    header = pack({"v": 1, "kind": kind, **fields})
    good[f"unknown-{name}"] = about, [stream, header, *parts], {"stream": stream.decode(), "kind": kind}


def make_good() -> None:
    frame("minimal", "the required keys alone")
    frame(
        "full",
        "every key",
        shape=[2, 4, 3],
        format="rgb8",
        encoding="raw",
        item="sub/a.tif#3",
        time=TIME,
        monotonic=123456789,
        meta={"file": "photos/sub/a.tif", "exposure": 0.01},
    )
    for format, (dtype, shape) in FORMATS.items():
        frame(format, f"{format}: {dtype}, shape {shape}", format=format, dtype=dtype, shape=shape)
    for dtype in DTYPES:
        frame(f"plain-{dtype.strip('<|')}", f"a plain array of {dtype}", dtype=dtype, shape=[2, 3])
    for encoding in ("jpeg", "png", "tiff"):
        frame(
            f"encoded-{encoding}",
            "the payload has any length; shape and dtype say what it decodes to",
            shape=[2, 4, 3],
            format="rgb8",
            encoding=encoding,
            payload=b"\xff\xd8 not looked into here",
        )
    frame("format-empty", "an empty format is a plain array", format="")
    frame("format-unknown", "a format that is not known is a plain array, and its name is kept", format="mono12")
    frame("one-dimension", "a line", shape=[5])
    frame("eight-dimensions", "as many as there may be", shape=[1, 2, 1, 2, 1, 1, 1, 1])
    frame("extremes", "the largest integers", epoch=2**64 - 1, seq=2**64 - 1, time=2**63 - 1, monotonic=2**63 - 1)
    frame("before-1970", "time is signed", time=-1, monotonic=-(2**63))
    frame("stream-utf8", "128 bytes of UTF-8", stream="é" * 64)
    frame("stream-one-byte", "the shortest name", stream="~")
    frame("stream-path", "a name is a name, not a path", stream="../../etc/passwd")
    frame("item-long", "4096 bytes", item="a" * 4096)
    frame("item-utf8", "text is UTF-8", item="höhle/画像.png")
    frame("meta-types", "all that meta may hold",
          meta={"nil": None, "yes": True, "no": False, "small": 1, "negative": -5, "large": 2**64 - 1,
                "least": -(2**63), "real": 0.5, "text": "ü", "list": [1, [2, []]],
                "map": {"a": {"b": {}}}})  # fmt: skip
    frame("meta-empty", "an empty map", meta={})
    frame("meta-bytes", "bytes in meta, as a value and as a key",
          header=pack({**FRAME, "meta": {"icc": b"\x00\xff", b"\x01\x02": 1}}),
          meta_means={"icc": {"$base64": "AP8="}, "AQI=": 1})  # fmt: skip
    frame("meta-float32", "a float of 32 bits", header=raw_map(*FRAME.items(), ("meta", b"\x81\xa1x\xca\x3f\xc0\0\0")),
          meta_means={"x": 1.5})  # fmt: skip
    frame(
        "keys-unknown",
        "unknown keys are skipped, whatever they hold",
        header=pack({"later": [1, {"a": b"b"}], **FRAME, "attempts": "x", b"v": 3}),
    )
    frame(
        "keys-of-others",
        "keys of other kinds are unknown ones here",
        header=pack({**FRAME, "status": 5, "arrays": "none", "captured": -1, "streams": 0}),
    )
    frame("key-twice", "the last one counts", header=raw_map(("seq", 3), *FRAME.items()))
    frame("order", "keys come in any order", header=pack(dict(reversed(FRAME.items()))))
    wide = [("v", b"\xcf" + bytes(7) + b"\x01"), ("seq", b"\xd3" + bytes(7) + b"\x07"), ("kind", b"\xda\0\5frame"),
            ("dtype", b"\xdb\0\0\0\3|u1"), ("epoch", b"\xcf" + struct.pack(">Q", EPOCH)),
            ("shape", b"\xdd\0\0\0\2\xd2\0\0\0\2\xcd\0\4")]  # fmt: skip
    frame("wide", "integers, texts and lists may be packed longer than they need", header=raw_map(*wide))
    map32 = b"\xdf" + struct.pack(">I", len(FRAME)) + pack(FRAME)[1:]
    frame("map32", "so may the map", header=map32)
    frame(
        "nesting-16",
        "as deep as may be: the header is the first level",
        header=raw_map(*FRAME.items(), ("later", nested(15))),
    )
    fill = 65536 - len(pack({**FRAME, "later": b""})) - 1  # long bytes have a head that is longer by one
    frame("header-64k", "as long as may be", header=pack({**FRAME, "later": bytes(fill)}))

    end("minimal", "the required keys alone")
    end("full", "every key", time=TIME, captured=10, sent=9, done=0, dead=0, dropped=1, meta={"files": 11}, streams=[])
    end("padded", "a sender may make it long", meta={"pad": "\0" * 24576})
    end("leased", "what is done and dead, after leases", captured=10, done=7, dead=1, dropped=2)
    end("others-open", "the sender has more streams", streams=["cam1", "höhle"])
    end("streams-256", "as many as there may be", streams=[f"s{i}" for i in range(256)])
    end("largest", "the largest integers", captured=2**64 - 1, sent=2**64 - 1, dropped=2**64 - 1)

    result("minimal", "the required keys alone; no value is nil")
    result(
        "full",
        "what it repeats of its frame",
        worker="host/4242",
        attempt=2,
        item="a.jpg",
        shape=[512, 512, 3],
        dtype="|u1",
        format="rgb8",
        encoding="jpeg",
        time=TIME,
        monotonic=5,
        meta={"file": "photos/a.jpg"},
        value=pack({"mean": 127.5}),
        json_value={"mean": 127.5},
    )
    result("error", "the handler raised", status="error", error="ValueError: no edges")
    result("error-silent", "a text is not required", status="error")
    result("error-long", "4096 bytes", status="error", error="e" * 4096)
    result("dead", "nobody could answer", status="dead", error="3 workers died of it", attempt=3)
    result("attempt-largest", "32 bits", attempt=2**32 - 1)
    result(
        "value-types",
        "what JSON has, too",
        value=pack({"n": None, "b": True, "i": -3, "u": 2**64 - 1, "f": 0.1, "t": 'ü\n"', "l": [1, [2.5]], "m": {}}),
        json_value={"n": None, "b": True, "i": -3, "u": 2**64 - 1, "f": 0.1, "t": 'ü\n"', "l": [1, [2.5]], "m": {}},
    )
    result(
        "value-bytes",
        "bytes become base64",
        value=pack([b"", b"a", b"ab", b"abc"]),
        json_value=[{"$base64": text} for text in ("", "YQ==", "YWI=", "YWJj")],
    )
    result(
        "value-nan",
        "NaN and infinities become null, and are counted",
        value=pack([float("nan"), float("inf"), -float("inf"), 1.0]),
        json_value=[None, None, None, 1.0],
        nulls=3,
    )
    result(
        "value-keys",
        "keys become text",
        value=pack({3: "a", -2: "b", True: "c", None: "d", 0.5: "e", b"\0": "f"}),
        json_value={"3": "a", "-2": "b", "true": "c", "null": "d", "0.5": "e", "AA==": "f"},
    )
    result(
        "value-ext",
        "extension types 0 to 127",
        value=pack([msgpack.ExtType(5, b"abc"), msgpack.ExtType(127, b"")]),
        json_value=[{"$ext": 5, "$base64": "YWJj"}, {"$ext": 127, "$base64": ""}],
    )
    result(
        "value-not-utf8",
        "text that is not UTF-8 passes, with U+FFFD for what is none",
        value=b"\xa3a\xffb",
        json_value="a\ufffdb",
    )
    deep: Any = []
    for _ in range(63):
        deep = [deep]
    result("value-nesting-64", "as deep as may be", value=nested(64), json_value=deep)
    result(
        "value-float32",
        "a float of 32 bits has the value of its 64-bit form",
        value=b"\xca\x3d\xcc\xcc\xcd",
        json_value=0.10000000149011612,
    )
    result(
        "arrays",
        "each is a payload of its own",
        value=pack("two"),
        json_value="two",
        arrays=[("mask", [2, 3], "|b1"), ("höhe", [2], "<f8")],
    )
    result("arrays-empty", "an extent may be 0", arrays=[("boxes", [0, 4], "<f4")])
    result("arrays-scalar", "no dimensions: one element", arrays=[("level", [], "<i8")])
    result("arrays-none", "an empty list", arrays=[])
    result("arrays-64", "as many as there may be", arrays=[(f"a{i}", [1], "|u1") for i in range(64)])
    result("arrays-unknown-keys", "unknown keys of an array are skipped")
    about, parts, means = good.pop("result-arrays-unknown-keys")
    parts = [
        b"cam0",
        pack({**RESULT, "arrays": [{"unit": [1], "name": "a", "dtype": "|u1", "shape": [2]}]}),
        NIL,
        b"xy",
    ]
    means["arrays"] = [{"name": "a", "shape": [2], "dtype": "|u1", "size": 2}]
    good["result-arrays-unknown-keys"] = about, parts, means

    unknown("nameless", "a kind that is not known may have no stream", "later", [], stream=b"")
    unknown("parts", "it has any number of parts", "later", [b"", b"x", b"y"], epoch="any", shape=None)
    unknown("empty", "a kind may be any text", "", [])


# Bad messages, and the reason of their refusal.


def refuse(reason: str, name: str, about: str, *parts: bytes) -> None:
    bad[f"{reason}-{name}"] = about, list(parts), reason


def bad_header(reason: str, name: str, about: str, header: bytes) -> None:
    refuse(reason, name, about, b"cam0", header, bytes(8))


def bad_frame(reason: str, name: str, about: str, payload: bytes = bytes(8), **changes: Any) -> None:
    refuse(reason, name, about, b"cam0", pack(without({**FRAME, **changes})), payload)


def bad_result(reason: str, name: str, about: str, *payloads: bytes, **changes: Any) -> None:
    refuse(reason, name, about, b"cam0", pack(without({**RESULT, **changes})), *(payloads or (NIL,)))


def bad_end(reason: str, name: str, about: str, *payloads: bytes, **changes: Any) -> None:
    refuse(reason, name, about, b"cam0", pack(without({**END, **changes})), *payloads)


def without(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not ...}


def make_bad_parts() -> None:
    header = pack(FRAME)
    refuse("parts", "none", "no parts")
    refuse("parts", "one", "a stream's name alone", b"cam0")
    refuse("parts", "frame-two", "a frame without payload", b"cam0", header)
    refuse("parts", "frame-four", "a frame with two payloads", b"cam0", header, bytes(8), bytes(8))
    bad_end("parts", "end-three", "an end with a payload", b"")
    refuse("parts", "result-two", "a result without value", b"cam0", pack(RESULT))
    bad_result(
        "parts",
        "result-array-missing",
        "fewer payloads than arrays",
        NIL,
        arrays=[{"name": "a", "shape": [1], "dtype": "|u1"}],
    )
    bad_result("parts", "result-array-more", "more payloads than arrays", NIL, b"x")

    for name, about, stream in (
        ("empty", "no name", b""), ("long", "129 bytes", b"a" * 129), ("nul", "a NUL", b"cam\0"),
        ("newline", "a control character", b"cam\n0"), ("delete", "a control character", b"cam\x7f"),
        ("c1", "a control character of Latin-1", "cam\x9b0".encode()), ("latin1", "not UTF-8", b"h\xf6hle"),
        ("overlong", "a longer form of '/' than UTF-8 allows", b"cam\xc0\xaf"),
        ("surrogate", "half a pair is no character", b"cam\xed\xa0\x80"), ("cut", "half a character", b"cam\xc3"),
    ):  # fmt: skip
        refuse("stream", name, about, stream, header, bytes(8))


def make_bad_headers() -> None:
    fill = 65536 - len(pack({**FRAME, "later": b""})) - 1
    bad_header("header_size", "64k-and-one", "65537 bytes", pack({**FRAME, "later": bytes(fill + 1)}))

    header = pack(FRAME)
    for name, about, data in (
        ("empty", "no bytes", b""), ("list", "a list", pack(list(FRAME.items()))), ("nil", "nil", NIL),
        ("json", "another format", json.dumps(FRAME).encode()), ("cut", "the last byte is missing", header[:-1]),
        ("more", "a byte after the map", header + NIL), ("never-used", "0xc1", raw_map(*FRAME.items(), ("x", b"\xc1"))),
        ("map-count", "a map of 65535 pairs", raw_map(*FRAME.items(), count=65535)),
        ("map32-count", "a map of 2^32 - 1 pairs", b"\xdf\xff\xff\xff\xff" + header[1:]),
        ("list-count", "a list of 2^32 - 1 elements", raw_map(*FRAME.items(), ("x", b"\xdd\xff\xff\xff\xff"))),
        ("text-count", "a text of 2^32 - 1 bytes", raw_map(*FRAME.items(), ("x", b"\xdb\xff\xff\xff\xffabc"))),
        ("bytes-count", "256 bytes of which 3 are there", raw_map(*FRAME.items(), ("x", b"\xc5\x01\0abc"))),
        ("nesting-17", "one level too deep", raw_map(*FRAME.items(), ("later", nested(16)))),
        ("nesting-meta", "one level too deep in meta", raw_map(*FRAME.items(), ("meta", b"\x81\xa1x" + nested(15)))),
        ("nesting-region", "one level too deep in a key of leases", raw_map(*FRAME.items(), ("region", nested(16)))),
        ("nesting-10000", "far too deep", raw_map(*FRAME.items(), ("later", nested(10000)))),
        ("key-integer", "a key that is no text", b"\x87" + header[1:] + b"\x01\x01"),
        ("key-nil", "a key that is no text", b"\x87" + header[1:] + b"\xc0\x01"),
        ("key-list", "a key that is no text", b"\x87" + header[1:] + b"\x90\x01"),
        ("key-inner", "a key that is no text, in meta", raw_map(*FRAME.items(), ("meta", b"\x81\x01\x01"))),
        ("text-latin1", "a text that is not UTF-8", raw_map(*FRAME.items(), ("item", b"\xa2h\xf6"))),
        ("text-inner", "a text that is not UTF-8, in meta", raw_map(*FRAME.items(), ("meta", b"\x81\xa1a\xa1\xff"))),
        ("text-key", "a key that is not UTF-8", raw_map(*FRAME.items(), more=b"\xa1\xff\x01", count=len(FRAME) + 1)),
        ("ext", "an extension type", pack({**FRAME, "later": msgpack.ExtType(5, b"abc")})),
        ("ext-meta", "an extension type in meta", pack({**FRAME, "meta": {"a": [msgpack.ExtType(5, b"abc")]}})),
        ("timestamp", "an extension type", pack({**FRAME, "meta": {"at": msgpack.Timestamp(1, 0)}})),
    ):  # fmt: skip
        bad_header("msgpack", name, about, data)

    bad_frame("version", "2", "a later version", v=2)
    bad_frame("version", "0", "no version of ours", v=0)
    bad_header("version", "first", "the version is looked at before all else", pack({"v": 2, "kind": 5, "epoch": "x"}))


def make_bad_fields() -> None:
    for name, about, key, value in (
        ("v-missing", "required", "v", ...), ("v-text", "an integer", "v", "1"),
        ("v-bool", "true is no integer", "v", True),
        ("v-negative", "from 0", "v", -1), ("v-float", "an integer", "v", 1.0),
        ("kind-missing", "required", "kind", ...),
        ("kind-integer", "a text", "kind", 1), ("kind-bytes", "a text", "kind", b"frame"),
        ("epoch-missing", "required", "epoch", ...), ("epoch-negative", "from 0", "epoch", -1),
        ("epoch-float", "an integer", "epoch", 1.0), ("epoch-text", "an integer", "epoch", "c0ffee"),
        ("seq-missing", "required", "seq", ...), ("seq-text", "an integer", "seq", "7"),
        ("seq-nil", "an integer", "seq", None),
        ("seq-bool", "true is no integer", "seq", True), ("item-bytes", "a text", "item", b"a.jpg"),
        ("item-nil", "a text, or not there", "item", None), ("item-long", "at most 4096 bytes", "item", "a" * 4097),
        ("item-long-utf8", "at most 4096 bytes", "item", "é" * 2049), ("time-float", "an integer", "time", 1.5),
        ("time-large", "signed 64 bit", "time", 2**63), ("monotonic-text", "an integer", "monotonic", "0"),
        ("meta-list", "a map", "meta", []), ("meta-nil", "a map, or not there", "meta", None),
        ("shape-missing", "required", "shape", ...), ("shape-integer", "a list", "shape", 8),
        ("shape-negative", "from 0", "shape", [2, -4]), ("shape-float", "integers", "shape", [2.0, 4]),
        ("shape-bool", "integers", "shape", [True, 8]), ("shape-text", "integers", "shape", ["2", "4"]),
        ("dtype-missing", "required", "dtype", ...), ("dtype-integer", "a text", "dtype", 1),
        ("dtype-list", "a text", "dtype", [["a", "|u1"]]), ("format-integer", "a text", "format", 8),
        ("format-long", "at most 64 bytes", "format", "f" * 65), ("encoding-integer", "a text", "encoding", 0),
    ):  # fmt: skip
        bad_frame("field", name, about, **{key: value})

    for name, about, key, value in (
        ("status-missing", "required", "status", ...), ("status-unknown", "one of done, error, dead", "status", "fine"),
        ("status-integer", "a text", "status", 0), ("error-long", "at most 4096 bytes", "error", "e" * 4097),
        ("error-list", "a text", "error", ["a"]), ("worker-long", "at most 256 bytes", "worker", "w" * 257),
        ("attempt-zero", "from 1", "attempt", 0), ("attempt-large", "32 bits", "attempt", 2**32),
        ("shape-alone", "shape and dtype come together", "shape", [1]), ("dtype-alone", "they do", "dtype", "|u1"),
        ("seq-missing", "required", "seq", ...), ("arrays-map", "a list", "arrays", {}),
        ("arrays-65", "at most 64", "arrays", [{"name": f"a{i}", "shape": [1], "dtype": "|u1"} for i in range(65)]),
        ("array-integer", "a map", "arrays", [1]),
        ("array-nameless", "required", "arrays", [{"shape": [1], "dtype": "|u1"}]),
        ("array-shapeless", "required", "arrays", [{"name": "a", "dtype": "|u1"}]),
        ("array-dtypeless", "required", "arrays", [{"name": "a", "shape": [1]}]),
        ("array-name-empty", "1 to 128 bytes", "arrays", [{"name": "", "shape": [1], "dtype": "|u1"}]),
        ("array-name-long", "1 to 128 bytes", "arrays", [{"name": "a" * 129, "shape": [1], "dtype": "|u1"}]),
        ("array-name-control", "no control characters", "arrays", [{"name": "a\x1b[2J", "shape": [1], "dtype": "|u1"}]),
        ("array-shape-text", "a list", "arrays", [{"name": "a", "shape": "1", "dtype": "|u1"}]),
        ("array-twice", "a name of its own", "arrays", [{"name": "a", "shape": [1], "dtype": "|u1"}] * 2),
    ):  # fmt: skip
        bad_result("field", f"result-{name}", about, NIL, **{key: value})

    for name, about, key, value in (
        ("epoch-missing", "required", "epoch", ...), ("captured-missing", "required", "captured", ...),
        ("captured-text", "an integer", "captured", "8"), ("dropped-negative", "from 0", "dropped", -1),
        ("meta-list", "a map", "meta", []),
        ("streams-missing", "required", "streams", ...), ("streams-map", "a list", "streams", {}),
        ("streams-integers", "names", "streams", [1]), ("streams-control", "names", "streams", ["a\n"]),
        ("streams-257", "at most 256", "streams", ["a"] * 257),
    ):  # fmt: skip
        bad_end("field", f"end-{name}", about, **{key: value})


def make_bad_contents() -> None:
    for name, about, dtype in (
        ("unknown", "not of the list", "<f3"), ("big-endian", "little-endian only", ">u2"),
        ("native", "not '='", "=u2"),
        ("one-byte", "one byte has no order", "<u1"), ("object", "never objects", "|O"),
        ("void", "no structures", "|V8"),
        ("name", "a typestr, not a name", "uint8"), ("empty", "not of the list", ""),
        ("nul", "not of the list", "|u1\0"),
    ):  # fmt: skip
        bad_frame("dtype", name, about, dtype=dtype)
    bad_result(
        "dtype", "result-array", "not of the list", NIL, b"x", arrays=[{"name": "a", "shape": [1], "dtype": "|S1"}]
    )
    bad_frame("encoding", "unknown", "not of the list", encoding="jpeg2000")
    bad_frame("encoding", "empty", "raw is said, or nothing", encoding="")
    bad_frame("encoding", "case", "names are lower case", encoding="JPEG")

    for name, about, changes in (
        ("none", "a frame has a dimension", {"shape": []}), ("nine", "at most 8 dimensions", {"shape": [1] * 8 + [8]}),
        ("zero", "a frame has an element", {"shape": [0, 8]}), ("overflow", "2^64 bytes", {"shape": [2**32, 2**32]}),
        ("overflow-63", "2^63 bytes", {"shape": [2**62, 2]}),
        ("overflow-dtype", "2^63 bytes", {"shape": [2**59], "dtype": "<c16"}),
        ("overflow-wrap", "2^64 + 8 bytes", {"shape": [2**61 + 1], "dtype": "<u8"}),
        ("overflow-zero", "an empty frame, too large by its other extents", {"shape": [0, 2**63, 4]}),
        ("rgb8-four", "three channels", {"format": "rgb8", "shape": [1, 2, 4]}),
        ("rgb8-flat", "three dimensions", {"format": "rgb8"}),
        ("mono8-channel", "two dimensions", {"format": "mono8", "shape": [2, 4, 1]}),
        ("mono16-u1", "of <u2", {"format": "mono16"}),
        ("mono8-u2", "of |u1", {"format": "mono8", "dtype": "<u2", "shape": [2, 2]}),
        ("rgb16-i2", "of <u2", {"format": "rgb16", "dtype": "<i2", "shape": [2, 2, 3]}),
        ("uyvy-odd", "an even width", {"format": "uyvy", "shape": [2, 3, 2]}),
        ("nv12-rows", "rows are three halves of the height", {"format": "nv12"}),
        ("nv12-odd", "an even width", {"format": "nv12", "shape": [3, 3]}),
        ("encoded", "what it decodes to must fit, too", {"format": "rgb8", "encoding": "jpeg"}),
        ("wide", "a width of 2^32", {"format": "mono8", "shape": [1, 2**32]}),
    ):  # fmt: skip
        bad_frame("shape", name, about, **changes)
    bad_result(
        "shape",
        "result-overflow",
        "2^64 bytes, whatever is 0",
        NIL,
        b"",
        arrays=[{"name": "a", "shape": [2**32, 0, 2**32], "dtype": "|u1"}],
    )
    bad_result(
        "shape", "result-repeated", "what a result repeats of its frame", shape=[2, 4], dtype="|u1", format="rgb8"
    )

    bad_frame("payload", "short", "a byte too few", payload=bytes(7))
    bad_frame("payload", "long", "a byte too many", payload=bytes(9))
    bad_frame("payload", "empty", "no bytes", payload=b"")
    bad_frame("payload", "encoded-empty", "no bytes", payload=b"", encoding="png")
    bad_frame("payload", "far", "2^62 bytes are said, 8 are there", shape=[2**62])
    for name, about, value in (
        ("empty", "nil is one byte", b""), ("cut", "half a text", b"\xa5ab"), ("more", "two values", NIL + NIL),
        ("never-used", "0xc1", b"\xc1"), ("count", "2^32 - 1 elements", b"\xdd\xff\xff\xff\xff"),
        ("nesting-65", "one level too deep", nested(65)),
        ("nesting-map", "one level too deep", b"\x81\x01" + nested(64)),
        ("key-list", "a key cannot be a list", b"\x81\x90\x01"), ("key-map", "a key cannot be a map", b"\x81\x80\x01"),
        ("key-ext", "a key cannot be of an extension type", b"\x81\xd4\x05\x00\x01"),
        ("timestamp", "negative extension types are msgpack's own", pack(msgpack.Timestamp(1, 0))),
        ("ext-negative", "negative extension types are msgpack's own", b"\xd4\xfe\x00"),
    ):  # fmt: skip
        bad_result("payload", f"value-{name}", about, value)
    bad_result(
        "payload", "array-short", "a byte too few", NIL, b"x", arrays=[{"name": "a", "shape": [2], "dtype": "|u1"}]
    )
    bad_result(
        "payload", "array-empty", "it says one element", NIL, b"", arrays=[{"name": "a", "shape": [], "dtype": "|u1"}]
    )


def bad_leased(refusal: str, name: str, about: str, kind: str, *payloads: bytes, **changes: Any) -> None:
    fields = without({**LEASED[kind], **changes})
    refuse(refusal, f"{kind}-{name}", about, b"cam0" if "epoch" in LEASED[kind] else b"", pack(fields), *payloads)


LEASED: dict[str, dict[str, Any]] = {
    **{kind: {"v": 1, "kind": kind, **KEY} for kind in ("start", "go", "progress", "return", "recall")},
    **{kind: {"v": 1, "kind": kind} for kind in ("who", "bye", "stats")},
    "hello": HELLO,
    "welcome": WELCOME,
    "credit": {"v": 1, "kind": "credit", "credit": 2},
    "release": {"v": 1, "kind": "release", "releases": [1, 3, 5]},
    "died": {"v": 1, "kind": "died", "instance": INSTANCE},
}


def make_bad_leased() -> None:
    for kind, fields in LEASED.items():
        named = "epoch" in fields
        bad_leased("parts", "three", "it has no payload", kind, b"")
        refuse("stream", f"{kind}-{'nameless' if named else 'named'}",
               "it is about a frame of a stream" if named else "it is about no stream",
               b"" if named else b"cam0", pack(fields))  # fmt: skip
    refuse("stream", "result-nameless", "a result is about a stream", b"", pack(RESULT), NIL)
    refuse("stream", "end-nameless", "an end is about a stream", b"", pack(END))
    refuse("field", "before-nameless", "what is wrong with a header is said before that it has no name", b"",
           pack(without({**FRAME, "epoch": ...})), bytes(8))  # fmt: skip

    for name, about, changes in (
        ("attempt-zero", "from 1", {"attempt": 0}), ("attempt-large", "32 bits", {"attempt": 2**32}),
        ("guarded-integer", "true or false", {"guarded": 1}), ("lost-negative", "from 0", {"lost": -1}),
        ("region-text", "an integer", {**PLACE, "region": "1"}), ("slot-missing", "required", {**PLACE, "slot": ...}),
        ("slot-large", "32 bits", {**PLACE, "slot": 2**32}), ("gen-missing", "required", {**PLACE, "gen": ...}),
        ("offset-missing", "required", {**PLACE, "offset": ...}), ("offset-float", "0.0", {**PLACE, "offset": 0.0}),
        ("length-missing", "required", {**PLACE, "length": ...}), ("copy-nil", "a boolean", {**PLACE, "copy": None}),
    ):  # fmt: skip
        bad_frame("field", f"frame-{name}", about, **changes)
    bad_frame("parts", "frame-shared", "a place and a payload", **PLACE)
    for name, about, changes in (
        ("short", "a byte too few", {"length": 7}), ("long", "a byte too many", {"length": 9}),
        ("empty", "no bytes", {"length": 0, "encoding": "png"}),
        ("far", "it ends at 2^63", {"offset": 2**63 - 8}), ("wrap", "it ends at 2^64", {"offset": 2**64 - 8}),
        ("large", "2^63 bytes", {"length": 2**63, "offset": 0, "encoding": "png"}),
    ):  # fmt: skip
        refuse("payload", f"shared-{name}", about, b"cam0", pack({**FRAME, **PLACE, **changes}))
    bad_result("field", "result-instance-text", "an integer", instance="x")
    bad_result("field", "result-lost-nil", "an integer", lost=None)
    bad_end("field", "end-lost-bool", "an integer", lost=True)

    for kind in ("start", "go", "progress", "return", "recall"):
        bad_leased("field", "epoch-missing", "required", kind, epoch=...)
        bad_leased("field", "seq-text", "an integer", kind, seq="7")
    for kind, key in (("start", "releases"), ("release", "releases"), ("hello", "reads")):
        for name, about, value in (
            ("map", "a list", {}), ("two", "three numbers a slot", [1, 3]), ("nested", "flat", [[1, 3, 5]]),
            ("negative", "from 0", [1, 3, -1]), ("slot-large", "a slot has 32 bits", [1, 2**32, 5]),
            ("text", "integers", [1, 3, "5"]), ("bool", "true is no integer", [True, 3, 5]),
            ("1025", "at most 1024", [1, 3, 5] * 1025),
        ):  # fmt: skip
            bad_leased("field", f"{key}-{name}", about, kind, **{key: value})
    bad_leased("field", "releases-missing", "required", "release", releases=...)

    for name, about, key, value in (
        ("instance-missing", "required", "instance", ...), ("instance-zero", "from 1", "instance", 0),
        ("instance-text", "an integer", "instance", "x"), ("role-missing", "required", "role", ...),
        ("role-unknown", "one of three", "role", "viewer"), ("role-empty", "one of three", "role", ""),
        ("role-integer", "a text", "role", 1), ("worker-long", "at most 256 bytes", "worker", "w" * 257),
        ("host-long", "at most 64 bytes", "host", "h" * 65), ("host-bytes", "a text", "host", b"h"),
        ("credit-negative", "from 0", "credit", -1), ("credit-large", "32 bits", "credit", 2**32),
        ("queue-zero", "from 1", "queue", 0), ("queue-large", "32 bits", "queue", 2**32),
        ("results-integer", "true or false", "results", 1), ("supervisor-text", "an integer", "supervisor", "x"),
        ("streams-text", "a list", "streams", "cam0"), ("streams-empty-name", "a stream's name", "streams", [""]),
        ("streams-257", "at most 256", "streams", ["a"] * 257), ("held-map", "a list", "held", {}),
        ("held-flat", "a list of lists", "held", [EPOCH, 7, True]), ("held-two", "three values", "held", [[EPOCH, 7]]),
        ("held-four", "three values", "held", [[EPOCH, 7, True, 1]]),
        ("held-integer", "started is true or false", "held", [[EPOCH, 7, 1]]),
        ("held-negative", "from 0", "held", [[EPOCH, -1, True]]),
        ("held-257", "at most 256", "held", [[EPOCH, 7, False]] * 257),
    ):  # fmt: skip
        bad_leased("field", name, about, "hello", **{key: value})

    for name, about, changes in (
        ("instance-missing", "required", {"instance": ...}), ("sender-missing", "required", {"sender": ...}),
        ("sender-zero", "from 1", {"sender": 0}), ("streams-missing", "required", {"streams": ...}),
        ("streams-control", "a stream's name", {"streams": ["a\n"]}), ("host-long", "at most 64", {"host": "h" * 65}),
        ("deadline-zero", "from 1", {"deadline": 0}), ("grace-text", "an integer", {"grace": "5s"}),
        ("value_max-zero", "from 1", {"value_max": 0}), ("array_max-float", "an integer", {"array_max": 1.0}),
        ("result_max-negative", "from 1", {"result_max": -1}),
        ("door-tokenless", "a door needs a token", {"door": "a.door"}),
        ("door-integer", "a text", {"door": 5, "token": TOKEN}), ("door-empty", "a name", {"door": "", "token": TOKEN}),
        ("door-path", "a name, not a path", {"door": "../x.door", "token": TOKEN}),
        ("door-folder", "a name, not a path", {"door": "a/b.door", "token": TOKEN}),
        ("door-hidden", "no dot first", {"door": ".door", "token": TOKEN}),
        ("door-nul", "no NUL", {"door": "a\0.door", "token": TOKEN}),
        ("door-newline", "no control characters", {"door": "a.door\n", "token": TOKEN}),
        ("door-utf8", "ASCII", {"door": "tür.door", "token": TOKEN}),
        ("door-long", "at most 63 bytes", {"door": "d" * 64, "token": TOKEN}),
        ("token-short", "16 bytes", {"door": "a.door", "token": TOKEN[:15]}),
        ("token-long", "16 bytes", {"door": "a.door", "token": TOKEN + b"x"}),
        ("token-text", "bytes", {"door": "a.door", "token": "0123456789abcdef"}),
    ):  # fmt: skip
        bad_leased("field", name, about, "welcome", **changes)

    for kind, name, about, changes in (
        ("credit", "missing", "required", {"credit": ...}), ("credit", "negative", "from 0", {"credit": -1}),
        ("credit", "large", "32 bits", {"credit": 2**32}), ("credit", "bool", "an integer", {"credit": True}),
        ("died", "instance-missing", "required", {"instance": ...}),
        ("died", "instance-zero", "from 1", {"instance": 0}),
        ("died", "reason-integer", "a text", {"reason": 9}),
        ("died", "reason-long", "at most 256 bytes", {"reason": "r" * 257}),
        ("stats", "counts-list", "a map", {"counts": []}), ("stats", "workers-map", "a list", {"workers": {}}),
        ("stats", "workers-257", "at most 256", {"workers": [{}] * 257}),
        ("stats", "worker-text", "a map", {"workers": ["host/1"]}),
        ("stats", "worker-long", "at most 256 bytes", {"workers": [{"worker": "w" * 257}]}),
        ("stats", "worker-role", "one of three", {"workers": [{"role": "viewer"}]}),
        ("stats", "worker-credit", "an integer", {"workers": [{"credit": "2"}]}),
        ("stats", "worker-lost", "from 0", {"workers": [{"lost": -1}]}),
    ):  # fmt: skip
        bad_leased("field", name, about, kind, **changes)


def write(folder: Path, name: str, parts: list[bytes], described: dict[str, Any]) -> None:
    (folder / f"{name}.bin").write_bytes(b"".join(struct.pack(">I", len(part)) + part for part in parts))
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}"
             for key, value in described.items()]  # fmt: skip
    (folder / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main() -> None:
    to = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "vectors"
    make_good()
    make_good_leased()
    make_bad_parts()
    make_bad_headers()
    make_bad_fields()
    make_bad_contents()
    make_bad_leased()
    for name in ("good", "bad"):
        shutil.rmtree(to / name, ignore_errors=True)
        (to / name).mkdir(parents=True)
    for name, (about, parts, means) in good.items():
        write(to / "good", name, parts, {"about": about, "means": means})
    for name, (about, parts, reason) in bad.items():
        write(to / "bad", name, parts, {"about": about, "reason": reason})
    print(f"{len(good)} good and {len(bad)} bad messages in {to}")


if __name__ == "__main__":
    main()
