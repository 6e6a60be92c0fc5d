"""Receivers as the cases see them: a plain ZeroMQ client and our own, each in a thread that notes what came."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import framewire
from helpers import plain, stamp
from helpers.command import PATIENCE, wait_until

WIDTH, HEIGHT = 320, 200  # four stamps a frame
SIZE = WIDTH * HEIGHT * 3


@dataclass(frozen=True)
class Way:
    """One row of the table: how frames travel, and in which encoding."""

    pattern: str
    transport: str
    encoding: str

    def __str__(self) -> str:
        return f"{self.pattern}-{self.transport}-{self.encoding}"

    def url(self, folder: Path, name: str = "socket") -> str:
        """Where a sender is told to listen."""
        address = "127.0.0.1:0" if self.transport == "tcp" else str(folder / name)
        return f"{self.pattern}+{self.transport}://{address}"

    def known_url(self, folder: Path) -> str:
        """One that is known before anybody listens there."""
        if self.transport == "ipc":
            return self.url(folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return f"{self.pattern}+tcp://127.0.0.1:{free.getsockname()[1]}"

    def send(self, url: str, count: int, source: str = "test:bars") -> list[object]:
        """The arguments that send frames there; a pub+ stream is paced, since nobody waits for its subscribers."""
        pace = ["--rate", "100fps", "--drain", "400ms"] if self.pattern == "pub" else []
        words = ["send", f"{source}?size={WIDTH}x{HEIGHT}&count={count}", "--to", url, "--encoding", self.encoding]
        return [*words, *pace, "--threads", 1]


WAYS = [Way(p, t, e) for p in ("push", "pub") for t in ("tcp", "ipc") for e in ("raw", "jpeg")]


@dataclass
class Log:
    """What one receiver saw."""

    seqs: list[int] = field(default_factory=list)
    torn: list[int] = field(default_factory=list)
    streams: set[str] = field(default_factory=set)
    lossy: bool = False  # pub+
    ended: bool = False
    error: BaseException | None = None

    def note(self, stream: str, seq: int, encoding: str, payload: Any) -> None:
        self.seqs.append(seq)
        self.streams.add(stream)
        data = memoryview(payload).cast("B")
        if encoding == "raw":
            good = len(data) == SIZE and stamp.whole(data, seq)
        else:
            good = encoding == "jpeg" and bytes(data[:2]) == b"\xff\xd8" and bytes(data[-2:]) == b"\xff\xd9"
        if not good:
            self.torn.append(seq)

    def check(self, count: int | None = None) -> None:
        """Whole, in order, each once, and up to the end; with count: all of them.

        Of a pub+ stream at least half: on a busy machine libzmq's few frames ahead are soon too few.
        """
        assert self.error is None
        assert self.ended
        assert self.torn == []
        assert self.seqs == sorted(set(self.seqs))
        if count is not None:
            assert set(self.seqs) <= set(range(count))
            assert len(self.seqs) >= (count // 2 if self.lossy else count), self.seqs


class Taking(threading.Thread):
    """A receiver at work. `pause` makes it slow, `most` makes it leave."""

    def __init__(self, url: str, *, pause: float = 0.0, most: int | None = None) -> None:
        super().__init__(daemon=True)
        self.log = Log(lossy=url.startswith("pub+"))
        self.pause = pause
        self.most = most
        self.stopping = threading.Event()

    def run(self) -> None:
        try:
            self.take()
        except BaseException as error:
            self.log.error = error

    def take(self) -> None:
        raise NotImplementedError

    def enough(self) -> bool:
        if self.pause:
            self.stopping.wait(self.pause)
        return self.stopping.is_set() or (self.most is not None and len(self.log.seqs) >= self.most)

    def done(self, timeout: float = PATIENCE) -> Log:
        self.join(timeout)
        assert not self.is_alive(), f"no end after {len(self.log.seqs)} frames"
        return self.log

    def stop(self) -> None:
        self.stopping.set()
        self.join(PATIENCE)


class Plain(Taking):
    """PULL or SUB of a program without our package."""

    def __init__(self, url: str, **how: Any) -> None:
        super().__init__(url, **how)
        self.receiver = plain.Receiver(url.split("?")[0], bind="?bind" in url, queue=1000)
        pattern = url.split("+")[0]
        self.url = f"{pattern}+{self.receiver.url}" if "?bind" in url else url
        self.start()

    def take(self) -> None:
        try:
            while not self.stopping.is_set():
                if not self.receiver.socket.poll(50):
                    continue
                message = self.receiver.receive()
                if message.kind == "end":
                    self.log.ended = True
                    return
                self.log.note(message.stream, message.seq, message.encoding, message.payloads[0])
                if self.enough():
                    return
        finally:
            self.receiver.close()


class Ours(Taking):
    """framewire.Receiver, with room for every frame where it observes."""

    def __init__(self, *urls: str, pause: float = 0.0, most: int | None = None, **options: Any) -> None:
        super().__init__(urls[0], pause=pause, most=most)
        role = "observer" if urls[0].startswith("pub+") else "worker"
        self.receiver = framewire.Receiver(*urls, role=role, queue=1000, **options)
        self.url = self.receiver.urls[0]
        self.start()

    def take(self) -> None:
        with self.receiver:
            for frame in self.receiver:
                self.log.note(frame.stream, frame.seq, frame.encoding, frame.data)
                if frame.array.shape != (HEIGHT, WIDTH, 3):
                    self.log.torn.append(frame.seq)
                if self.enough():
                    return
        self.log.ended = True

    def stop(self) -> None:
        self.receiver.close()
        super().stop()


KINDS: list[Callable[..., Taking]] = [Plain, Ours]


def wait_frames(taking: Taking, count: int) -> None:
    wait_until(lambda: len(taking.log.seqs) >= count or not taking.is_alive(), f"{count} frames")
    assert len(taking.log.seqs) >= count, taking.log
