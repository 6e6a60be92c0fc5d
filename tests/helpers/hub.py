"""A hub of pyzmq and msgpack alone, as far as the wire format asks for it: nothing of the framewire package is used."""

from __future__ import annotations

import queue
import threading
from collections import deque
from types import TracebackType
from typing import Any

import msgpack
import numpy as np
import zmq

from helpers.sender import EPOCH, PATIENCE, picture, until

Message = dict[str, Any]


class Hub:
    """A bound ROUTER. It answers hello and bye by itself, and keeps what else was said for the test to take."""

    def __init__(self, at: str = "tcp://127.0.0.1:*", *, sender: int = 1, streams: tuple[str, ...] = ("cam0",)) -> None:
        self.sender = sender
        self.streams = streams
        self.welcome: Message = {}  # what else it says
        self.greets = True
        self.hellos: list[Message] = []
        self.byes = 0
        self.credits: list[int] = []
        self.all: list[Message] = []
        self.peers: dict[int, bytes] = {}  # routing ids by instance
        self.peer = b""  # the last that said hello, but for supervisors
        self._said: deque[Message] = deque()
        self._out: queue.SimpleQueue[list[bytes]] = queue.SimpleQueue()
        self._stop = False
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0

        def bound() -> bool:
            try:
                self._socket.bind(at)
                return True
            except zmq.ZMQError:  # the port of a former run, on its way out
                return False

        until(bound)
        self.url = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop:
            if self._socket.poll(2):
                self._hear(self._socket.recv_multipart())
            while not self._out.empty():
                self._send(self._out.get())
            self._look_around()

    def _send(self, parts: list[bytes]) -> None:
        self._socket.send_multipart(parts)

    def _look_around(self) -> None:
        """For hubs that hear in other ways, too."""

    def _hear(self, parts: list[bytes]) -> None:
        peer, stream, packed, *payloads = parts
        header = msgpack.unpackb(packed)
        header |= {"stream": stream.decode(), "payloads": payloads, "peer": peer}
        self.all.append(header)
        kind = header["kind"]
        if kind == "hello":
            self.hellos.append(header)
            if self.greets:
                self.peers[header["instance"]] = peer
                if header["role"] != "supervisor":
                    self.peer = peer
                welcome = {"instance": header["instance"], "sender": self.sender, "streams": self.streams}
                self.say("welcome", peer=peer, **(welcome | self.welcome))
        elif kind == "bye":
            self.byes += 1
            self.say("bye", peer=peer)
        elif kind == "credit":
            self.credits.append(header["credit"])
        else:
            self._said.append(header)

    # What it says

    def say(self, kind: str, *, stream: str = "", peer: bytes = b"", payload: bytes | None = None, **keys: Any) -> None:
        self.say_parts(kind, stream, keys, *([] if payload is None else [payload]), peer=peer)

    def say_parts(self, kind: str, stream: str, keys: Message, *payloads: bytes, peer: bytes = b"") -> None:
        packed = msgpack.packb({"v": 1, "kind": kind, **keys})
        self._out.put([peer or self.peer, stream.encode(), packed, *payloads])

    def frame(self, seq: int, *, stream: str = "cam0", epoch: int = EPOCH, pixels: Any = None, **more: Any) -> None:
        """Waits for a receiver with credit."""
        until(lambda: self.credits)
        pixels = picture(seq) if pixels is None else pixels
        payload = more.pop("payload", np.asarray(pixels).tobytes())
        keys = {"epoch": epoch, "seq": seq, "shape": pixels.shape, "dtype": pixels.dtype.str, "format": "rgb8"} | more
        self.say("frame", stream=stream, payload=payload, **keys)

    def word(self, kind: str, seq: int, *, epoch: int = EPOCH) -> None:
        self.say(kind, stream="cam0", epoch=epoch, seq=seq)

    def end(self, *still_open: str, epoch: int = EPOCH, **more: Any) -> None:
        self.streams = still_open
        for peer in self.peers.values():
            self.say("end", stream="cam0", peer=peer, epoch=epoch, captured=0, streams=still_open, **more)

    # What it heard

    def take(self, kind: str = "") -> Message:
        """The next word about a frame (or a supervisor's), which is to be of this kind."""
        until(lambda: self._said)
        message = self._said.popleft()
        assert not kind or message["kind"] == kind, message
        return message

    def takes(self, *words: tuple[str, int]) -> None:
        """The next words are these: (kind, seq)."""
        for word in words:
            message = self.take()
            assert (message["kind"], message["seq"]) == word, message

    def result(self) -> tuple[Message, Any, list[bytes]]:
        message = self.take("result")
        value, *arrays = message["payloads"]
        return message, msgpack.unpackb(value), arrays

    @property
    def is_silent(self) -> bool:
        """Nothing was said that was not taken."""
        return not self._said

    def close(self) -> None:
        """Gone without a word."""
        self._stop = True
        self._thread.join(PATIENCE)
        self._context.destroy(linger=0)

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
