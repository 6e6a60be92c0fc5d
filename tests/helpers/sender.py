"""A plain sender of pyzmq and msgpack alone: nothing of the framewire package is used."""

from __future__ import annotations

import queue
import threading
import time
from types import TracebackType
from typing import Any

import msgpack
import numpy as np
import zmq

PATIENCE = 20.0

EPOCH = 0xC0FFEE0123456789


def until(true: Any, patience: float = PATIENCE) -> None:
    """Wait until true() is."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)


def picture(seq: int, shape: tuple[int, ...] = (4, 6, 3)) -> np.ndarray[Any, Any]:
    """Pixels that tell which frame they are of."""
    return ((np.arange(np.prod(shape)) + seq * 7) % 251).astype(np.uint8).reshape(shape)


class Sender:
    """A bound PUSH or PUB socket; with `at`, where to bind (another run at the same URL).

    What is sent waits for a PULL peer on a thread, in order; a PUB socket drops what nobody has subscribed to.
    """

    def __init__(self, pattern: str = "push", at: str = "tcp://127.0.0.1:*", **options: Any) -> None:
        self.context = zmq.Context()
        self.pattern = pattern
        self.socket = self.context.socket(zmq.PUSH if pattern == "push" else zmq.XPUB)
        self.socket.sndhwm = 1000
        self.lock = threading.Lock()
        self._waiting: queue.SimpleQueue[list[bytes] | None] = queue.SimpleQueue()
        self._closed = False
        for name, value in options.items():
            setattr(self.socket, name, value)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.socket.bind(at)
                break
            except zmq.ZMQError:  # the port of a former run, on its way out
                assert time.monotonic() < deadline
                time.sleep(0.01)
        self._thread = threading.Thread(target=self._send_all)
        self._thread.start()
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    @property
    def url(self) -> str:
        return f"{self.pattern}+{self.endpoint}"

    def subscription(self) -> bytes:
        """The next that comes in, for a PUB sender."""
        assert self.socket.poll(int(PATIENCE * 1000))
        return bytes(self.socket.recv()[1:])

    def frame(
        self,
        seq: int,
        pixels: Any = None,
        *,
        stream: str = "cam0",
        epoch: int = EPOCH,
        payload: bytes = b"",
        **more: Any,
    ) -> None:
        pixels = picture(seq) if pixels is None else pixels
        header = {"v": 1, "kind": "frame", "epoch": epoch, "seq": seq, "shape": pixels.shape, "dtype": pixels.dtype.str}
        if pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3:
            header["format"] = "rgb8"
        header |= more
        self.parts(stream.encode(), msgpack.packb(header), payload or pixels.tobytes())

    def end(self, *still_open: str, stream: str = "cam0", epoch: int = EPOCH) -> None:
        header = {"v": 1, "kind": "end", "epoch": epoch, "captured": 0, "streams": still_open}
        self.parts(stream.encode(), msgpack.packb(header))

    def parts(self, *parts: bytes) -> None:
        if self.pattern == "push":
            self._waiting.put(list(parts))
        else:
            self.socket.send_multipart(parts)

    def _send_all(self) -> None:
        while (parts := self._waiting.get()) is not None:
            while not self._closed:
                try:
                    with self.lock:
                        self.socket.send_multipart(parts, zmq.NOBLOCK)
                    break
                except zmq.Again:
                    time.sleep(0.002)

    def close(self) -> None:
        """Gone without a word."""
        self._closed = True
        self._waiting.put(None)
        self._thread.join()
        self.context.destroy(linger=0)

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Collector:
    """Takes results in, as a sender's --collect does."""

    def __init__(self) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.PULL)
        self.socket.bind("tcp://127.0.0.1:*")
        self.url = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def take(self, patience: float = PATIENCE) -> tuple[dict[str, Any], Any, list[bytes]]:
        """The next result: header, value, arrays."""
        assert self.socket.poll(int(patience * 1000)), "no result"
        _, header, value, *arrays = self.socket.recv_multipart()
        return msgpack.unpackb(header), msgpack.unpackb(value), arrays

    def take_all(self, count: int) -> dict[int, tuple[dict[str, Any], Any, list[bytes]]]:
        """So many results, by seq."""
        results = [self.take() for _ in range(count)]
        by_seq = {result[0]["seq"]: result for result in results}
        assert len(by_seq) == count, "a frame was answered twice"
        return by_seq

    def is_empty(self) -> bool:
        """Nothing has come, and a quarter of a second brought nothing either."""
        return not self.socket.poll(250)

    def close(self) -> None:
        self.context.destroy(linger=0)
