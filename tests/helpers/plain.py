"""Plain ZeroMQ ends, as any client in any language could be: nothing of the framewire package is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import msgpack
import numpy as np
import zmq

from .command import PATIENCE


@dataclass
class Message:
    """[stream][header][payload ...] as it came."""

    stream: str
    header: dict[str, Any]
    payloads: list[bytes] = field(repr=False)

    @property
    def kind(self) -> str:
        return str(self.header["kind"])

    @property
    def seq(self) -> int:
        return int(self.header["seq"])

    @property
    def encoding(self) -> str:
        return str(self.header.get("encoding", "raw"))

    @property
    def array(self) -> np.ndarray[Any, Any]:
        """The pixels of a raw frame, read-only."""
        assert self.encoding == "raw", self.header
        return np.frombuffer(self.payloads[0], self.header["dtype"]).reshape(self.header["shape"])


def endpoint(url: str) -> str:
    """What libzmq is told: the URL without push+ or pub+, and an address to connect to."""
    return url.split("+", 1)[-1].split("?")[0].replace("//*:", "//127.0.0.1:").replace("//0.0.0.0:", "//127.0.0.1:")


class Receiver:
    """PULL for push+ URLs, SUB for pub+ URLs. Iterating gives frames up to the `end`, which is kept in `end`."""

    def __init__(
        self,
        url: str,
        *,
        bind: bool = False,
        streams: tuple[str, ...] = ("",),
        queue: int = 4,
        keys: tuple[bytes, bytes] | None = None,
        server_key: bytes = b"",
    ) -> None:
        self.end: Message | None = None
        self.socket = zmq.Context.instance().socket(zmq.SUB if url.startswith("pub+") else zmq.PULL)
        self.socket.linger = 0
        self.socket.rcvhwm = queue
        if keys:
            self.socket.curve_publickey, self.socket.curve_secretkey = keys
            self.socket.curve_serverkey = server_key
        if url.startswith("pub+"):
            for stream in streams:
                self.socket.subscribe(stream)
        if bind:
            self.socket.bind(endpoint(url))
        else:
            self.socket.connect(endpoint(url))

    @property
    def url(self) -> str:
        """Where it listens, when it is bound."""
        return str(self.socket.getsockopt_string(zmq.LAST_ENDPOINT))

    def receive(self, timeout: float = PATIENCE) -> Message:
        """The next message of any kind; AssertionError when none comes in time (seconds)."""
        assert self.socket.poll(int(timeout * 1000)), f"no message within {timeout:g} s"
        stream, header, *payloads = self.socket.recv_multipart()
        return Message(stream.decode(), msgpack.unpackb(header), payloads)

    def __iter__(self) -> Iterator[Message]:
        while (message := self.receive()).kind != "end":
            yield message
        self.end = message

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()


class Results:
    """Where a worker's results go: PUSH to the URL that --collect listens on."""

    def __init__(self, url: str, worker: str = "test/1") -> None:
        self.worker = worker
        self.socket = zmq.Context.instance().socket(zmq.PUSH)
        self.socket.linger = 1000
        self.socket.connect(endpoint(url))

    def reply(
        self,
        frame: Message,
        value: object = None,
        *,
        error: str | None = None,
        arrays: Mapping[str, np.ndarray[Any, Any]] | None = None,
        **more: object,
    ) -> None:
        """Answer a frame; `more` overwrites keys of the header."""
        header = {key: frame.header[key] for key in KEPT if key in frame.header}
        status = "error" if error else "done"
        header |= {"v": 1, "kind": "result", "status": status, "worker": self.worker, "attempt": 1}
        if error:
            header["error"] = error
        named = arrays or {}
        if named:
            header["arrays"] = [
                {"name": name, "shape": list(array.shape), "dtype": array.dtype.str} for name, array in named.items()
            ]
        self.send(frame.stream, header | more, value, *(array.tobytes() for array in named.values()))

    def send(self, stream: str, header: dict[str, Any], value: object = None, *arrays: bytes) -> None:
        self.socket.send_multipart([stream.encode(), msgpack.packb(header), msgpack.packb(value), *arrays])

    def close(self) -> None:
        self.socket.close()


KEPT = ("epoch", "seq", "item", "shape", "dtype", "format", "time", "meta")
"""What a result repeats of its frame."""


def take_all(url: str, **options: Any) -> tuple[list[Message], Message]:
    """All frames of a sender, and its `end`."""
    with Receiver(url, **options) as receiver:
        frames = list(receiver)
        assert receiver.end is not None
        return frames, receiver.end
