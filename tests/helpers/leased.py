"""One end of leased delivery in plain ZeroMQ: nothing of the framewire package is used.

`Peer` says and hears single messages. Run as a program, this file is a worker that does as its orders say, and logs it:

    python leased.py URL LOG ORDERS      (ORDERS: JSON, see Orders)
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgpack
import zmq
from zmq.utils.monitor import recv_monitor_message

PATIENCE = 60.0
STREAMLESS = {"hello", "welcome", "who", "credit", "died", "stats", "bye", "release"}
KEPT = ("epoch", "seq")


@dataclass
class Word:
    """A message as it came."""

    stream: str
    header: dict[str, Any]
    payloads: list[Any] = field(repr=False, default_factory=list)

    @property
    def kind(self) -> str:
        return str(self.header["kind"])

    @property
    def seq(self) -> int:
        return int(self.header["seq"])

    @property
    def key(self) -> tuple[int, int]:
        return self.header["epoch"], self.header["seq"]


def new_instance() -> int:
    return int.from_bytes(os.urandom(8), "little") | 1


class Peer:
    """A connection to a hub. It says hello at every handshake once `hello()` was called, and in answer to `who`."""

    def __init__(self, url: str, role: str = "worker", *, instance: int = 0, name: bytes = b"", **about: Any) -> None:
        self.role = role
        self.instance = instance or new_instance()
        self.about = about
        self.stream = ""
        self.held: dict[tuple[int, int], bool] = {}  # what a hello says there is: started?
        self.greets = False
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        if name:
            self.socket.routing_id = name
        self.socket.rcvhwm = self.socket.sndhwm = 1000
        self.socket.reconnect_ivl = 20
        self.monitor = self.socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        self.socket.connect(url.split("?")[0].replace("//*:", "//127.0.0.1:").replace("//0.0.0.0:", "//127.0.0.1:"))
        self.poller = zmq.Poller()
        self.poller.register(self.socket, zmq.POLLIN)
        self.poller.register(self.monitor, zmq.POLLIN)

    def say(self, kind: str, *payloads: bytes, stream: str | None = None, **header: Any) -> None:
        name = "" if kind in STREAMLESS else self.stream
        self.send(
            (name if stream is None else stream).encode(), msgpack.packb({"v": 1, "kind": kind, **header}), *payloads
        )

    def send(self, *parts: bytes) -> None:
        self.socket.send_multipart(parts, zmq.NOBLOCK)

    def hello(self) -> None:
        self.greets = True
        held = [[epoch, seq, started] for (epoch, seq), started in self.held.items()]
        about = {"worker": f"test/{os.getpid()}", **self.about}
        self.say("hello", instance=self.instance, role=self.role, held=held, **about)

    def poll(self, timeout: float) -> Word | None:
        """The next message; None when none came in time (seconds)."""
        ends = time.monotonic() + timeout
        while True:
            try:
                parts = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                left = ends - time.monotonic()
                ready = dict(self.poller.poll(max(0.0, left) * 1000))
                if self.monitor in ready:
                    recv_monitor_message(self.monitor)
                    if self.greets:
                        self.hello()
                elif not ready and left <= 0:
                    return None
                continue
            word = Word(str(parts[0].buffer, "utf-8"), msgpack.unpackb(parts[1].buffer), [p.buffer for p in parts[2:]])
            if word.kind == "who" and self.greets:
                self.hello()
                continue
            return word

    def take(self, kind: str, timeout: float = PATIENCE) -> Word:
        """The next message of this kind; others are passed over."""
        ends = time.monotonic() + timeout
        while word := self.poll(ends - time.monotonic()):
            if word.kind == kind:
                return word
        raise AssertionError(f"no {kind} within {timeout:g} s")

    def join(self, credit: int = 2) -> Word:
        """Wait for the connection, say hello, and take frames."""
        self.greets = True
        welcome = self.take("welcome")
        self.stream = (welcome.header.get("streams") or [""])[0]
        self.say("credit", credit=credit)
        return welcome

    def start(self, frame: Word) -> None:
        self.held[frame.key] = True
        self.say("start", stream=frame.stream, epoch=frame.key[0], seq=frame.key[1])

    def result(self, frame: Word, value: Any = None, **more: Any) -> None:
        self.held.pop(frame.key, None)
        header = {"epoch": frame.key[0], "seq": frame.key[1], "status": "done", "instance": self.instance}
        header["attempt"] = frame.header.get("attempt", 1)
        self.say("result", msgpack.packb(value), stream=frame.stream, **(header | more))

    def close(self) -> None:
        self.socket.disable_monitor()
        self.monitor.close()
        self.socket.close()


@dataclass
class Orders:
    """What a worker is to do. Times are seconds."""

    instance: int = 0
    supervisor: int = 0
    credit: int = 2
    sleep: float = 0.0  # a handler's time, in which words are heard
    deaf: bool = False  # no word is heard while a handler runs
    long: dict[str, float] = field(default_factory=dict)  # seq: another time
    kill: list[int] = field(default_factory=list)  # die by SIGKILL at these
    kill_after: float = 0.0  # so long after the start
    kill_once: bool = False  # only where nobody has run the frame before
    progress: float = 0.0  # say so this often; 0: never
    follow: bool = False  # go on after `end`
    frames: int = 0  # leave after so many; 0: never


class Leave(Exception):
    """The worker has nothing more to do."""


class Worker:
    """Does as its orders say, one frame after the other; each event is a JSON line in its log."""

    def __init__(self, url: str, log: str, orders: Orders) -> None:
        self.orders = orders
        self.log_fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        about = {"supervisor": orders.supervisor} if orders.supervisor else {}
        self.peer = Peer(url, instance=orders.instance, credit=orders.credit, **about)
        self.waiting: deque[Word] = deque()
        self.allowed: set[tuple[int, int]] = set()
        self.run_of_hub = 0
        self.leaving = False
        signal.signal(signal.SIGTERM, self.on_term)

    def on_term(self, *_: object) -> None:
        self.leaving = True

    def log(self, event: str, **more: Any) -> None:
        line = {"event": event, "t": time.monotonic(), "pid": os.getpid(), **more}
        os.write(self.log_fd, json.dumps(line).encode() + b"\n")

    def hear(self, word: Word) -> None:
        peer = self.peer
        if word.kind == "frame":
            assert word.key not in peer.held, "a frame that is here already"
            self.waiting.append(word)
            peer.held[word.key] = False
            self.log(
                "frame",
                seq=word.seq,
                epoch=word.key[0],
                attempt=word.header.get("attempt", 1),
                guarded=word.header.get("guarded", False),
                holds=len(peer.held),
            )
        elif word.kind == "welcome":
            if word.header["sender"] != self.run_of_hub:
                self.run_of_hub = word.header["sender"]
                self.waiting.clear()
                peer.held.clear()
            peer.stream = (word.header.get("streams") or [""])[0]
            self.log("welcome")
            peer.say("credit", credit=self.orders.credit)
        elif word.kind == "go":
            self.allowed.add(word.key)
        elif word.kind == "recall":
            started = peer.held.get(word.key)
            if started is False or (started and word.key not in self.allowed and self.guards(word.key)):
                self.waiting = deque(frame for frame in self.waiting if frame.key != word.key)
                del peer.held[word.key]
                self.log("return", seq=word.seq)
                peer.say("return", epoch=word.key[0], seq=word.key[1])
        elif word.kind == "end":
            self.log("end", done=word.header.get("done"))
            peer.say("bye")
            if not self.orders.follow:
                raise Leave

    def guards(self, key: tuple[int, int]) -> bool:
        return self.in_hand is not None and self.in_hand.key == key and bool(self.in_hand.header.get("guarded"))

    in_hand: Word | None = None

    def attend(self, until: float) -> None:
        """Hear words until then."""
        while (left := until - time.monotonic()) > 0:
            if word := self.peer.poll(left):
                self.hear(word)

    def handle(self, frame: Word) -> None:
        peer, orders, run = self.peer, self.orders, self.run_of_hub
        self.in_hand = frame
        peer.start(frame)
        self.log("start", seq=frame.seq, attempt=frame.header.get("attempt", 1))
        while frame.header.get("guarded") and frame.key not in self.allowed:
            if word := peer.poll(1):
                self.hear(word)
            if frame.key not in peer.held:
                return  # recalled, or of a hub that is no more
        if frame.seq in orders.kill and (not orders.kill_once or frame.header.get("attempt", 1) == 1):
            if orders.kill_after:
                time.sleep(orders.kill_after)
            self.log("kill", seq=frame.seq)
            os.kill(os.getpid(), signal.SIGKILL)
        ends = time.monotonic() + orders.long.get(str(frame.seq), orders.sleep)
        if orders.deaf:
            time.sleep(max(0.0, ends - time.monotonic()))
        while orders.progress and time.monotonic() + orders.progress < ends:
            self.attend(time.monotonic() + orders.progress)
            peer.say("progress", epoch=frame.key[0], seq=frame.key[1])
        self.attend(ends)
        self.log("done", seq=frame.seq, epoch=frame.key[0])
        if run == self.run_of_hub:
            peer.result(frame, {"seq": frame.seq, "sum": len(frame.payloads[0])})

    def work(self) -> None:
        self.peer.greets = True
        done = 0
        try:
            while not self.leaving:
                word = self.peer.poll(0 if self.waiting else 0.2)
                if word:
                    self.hear(word)
                elif self.waiting:
                    self.handle(self.waiting.popleft())
                    self.in_hand = None
                    done += 1
                    if done == self.orders.frames:
                        break
        except Leave:
            pass
        else:
            self.peer.say("bye")
        ends = time.monotonic() + 2
        while (left := ends - time.monotonic()) > 0:  # its answer shows that all that was said before is there
            if (word := self.peer.poll(left)) and word.kind == "bye":
                break
        self.log("left")
        self.peer.close()


def events(log: os.PathLike[str] | str) -> Iterator[dict[str, Any]]:
    """What workers logged so far; a line that is being written is left out."""
    if os.path.exists(log):
        with open(log, encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    yield json.loads(line)


if __name__ == "__main__":
    Worker(sys.argv[1], sys.argv[2], Orders(**json.loads(sys.argv[3]))).work()
