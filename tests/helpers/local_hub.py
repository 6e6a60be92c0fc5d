"""A hub with a door, in plain sockets and memfds: nothing of the framewire package is used."""

from __future__ import annotations

import fcntl
import mmap
import os
import socket
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpers.hub import Hub, Message
from helpers.sender import EPOCH, picture, until

DOOR = "4242-c0ffee0123456789.door"
TOKEN = bytes(range(16))
SIZE = 1 << 20
SLOT = 4096  # bytes; slot N begins at N * SLOT
PACKET_MAX = 128 << 10
MESSAGE, KNOCK, ACCEPTED, REFUSED, MEMORY = range(5)
SEALED = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL | 0x10  # F_SEAL_FUTURE_WRITE
OUTSIDE = 1 << 31


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def packet(kind: int, *parts: bytes) -> bytes:
    return struct.pack(f"<4B{len(parts)}I", 1, kind, len(parts), 0, *map(len, parts)) + b"".join(parts)


class LocalHub(Hub):
    """Lets in whoever knocks, unless `answers` is set to something else; then all but greetings goes that way."""

    def __init__(self, folder: Path, *, region: int = 7, **options: Any) -> None:
        self.answers = ACCEPTED  # or REFUSED; -1: it says nothing
        self.region = region
        self.knocks = 0
        self.packets: list[int] = []  # how many messages were in each
        self.deaf = False  # what is said to it at the door waits there
        self.line: socket.socket | None = None  # to who is in
        self.asides: list[socket.socket] = []
        self.said_aside: list[bytes] = []  # headers
        self._visitors: list[socket.socket] = []
        self._fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self._fd, SIZE)
        self.memory = mmap.mmap(self._fd, SIZE)
        fcntl.fcntl(self._fd, fcntl.F_ADD_SEALS, SEALED)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        (folder / DOOR).unlink(missing_ok=True)
        folder_fd = os.open(folder, os.O_PATH)
        self._listener.bind(f"/proc/self/fd/{folder_fd}/{DOOR}")
        os.close(folder_fd)
        self._listener.listen()
        super().__init__(**options)
        self.welcome = {"host": boot_id(), "door": DOOR, "token": TOKEN}

    # The hub's thread

    def _send(self, parts: list[bytes]) -> None:
        if self.line is None or b"welcome" in parts[2]:
            super()._send(parts)
            return
        self.line.send(packet(MESSAGE, *parts[1:]))

    def _look_around(self) -> None:
        try:
            visitor, _ = self._listener.accept()
            visitor.setblocking(False)
            self._visitors.append(visitor)
        except BlockingIOError:
            pass
        for visitor in [] if self.deaf else list(self._visitors):
            self._hear_visitor(visitor)

    def _hear_visitor(self, visitor: socket.socket) -> None:
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(visitor, PACKET_MAX, 4)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data, fds = b"", []
            if not data:
                self._visitors.remove(visitor)
                visitor.close()
                if self.line is visitor:
                    self.line = None
                return
            kind, first, parts = self._parse(data, fds)
            for fd in fds:
                os.close(fd)
            if kind == MESSAGE:
                if visitor not in self.asides:
                    self._hear_asides()  # what was said there before this
                self.packets.append(2 if first else 1)
                if visitor in self.asides:
                    self.said_aside.append(parts[1])
                for message in (parts[:first], parts[first:]) if first else (parts,):
                    self._hear([self.peer, *message])
            elif kind == KNOCK:
                self._answer(visitor, parts)

    def _hear_asides(self) -> None:
        for aside in [one for one in self.asides if one in self._visitors]:
            self._hear_visitor(aside)

    def _parse(self, data: bytes, fds: list[int]) -> tuple[int, int, list[bytes]]:
        version, kind, count, first = struct.unpack_from("<4B", data)
        assert version == 1
        assert first == 0 or (kind == MESSAGE and 0 < first < count)
        at, outside = 4 + 4 * count, 0
        parts = []
        for length in struct.unpack_from(f"<{count}I", data, 4):
            if length & OUTSIDE:
                length &= ~OUTSIDE
                parts.append(os.pread(fds[0], length, outside))
                outside += length
            else:
                parts.append(data[at : at + length])
                at += length
        return kind, first, parts

    def _answer(self, visitor: socket.socket, parts: list[bytes]) -> None:
        assert parts == [TOKEN]
        self.knocks += 1
        if self.answers == ACCEPTED:
            aside, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
            socket.send_fds(visitor, [packet(ACCEPTED)], [theirs.fileno()])
            theirs.close()
            self.asides.append(aside)
            self._visitors.insert(0, aside)  # it is heard before its visitor
            self._give(visitor)
            self.line = visitor
        elif self.answers == REFUSED:
            visitor.send(packet(REFUSED, b"the token was used"))

    def _give(self, visitor: socket.socket) -> None:
        socket.send_fds(visitor, [packet(MEMORY, struct.pack("<2Q", self.region, SIZE))], [self._fd])

    # The test's

    def lend(
        self,
        seq: int,
        slot: int,
        *,
        gen: int = 1,
        pixels: NDArray[Any] | None = None,
        stream: str = "cam0",
        **more: Any,
    ) -> None:
        """A frame in a slot. Waits for a receiver with credit."""
        until(lambda: self.credits)
        pixels = picture(seq) if pixels is None else pixels
        self.memory[slot * SLOT : slot * SLOT + pixels.nbytes] = np.ascontiguousarray(pixels).tobytes()
        place = {"region": self.region, "slot": slot, "gen": gen, "offset": slot * SLOT, "length": pixels.nbytes}
        about = {"epoch": EPOCH, "seq": seq, "shape": pixels.shape, "dtype": pixels.dtype.str, "format": "rgb8"}
        about |= {"time": time.time_ns(), "monotonic": time.monotonic_ns()}
        self.say("frame", stream=stream, **(about | place | more))

    def released(self) -> list[list[int]]:
        """The slots of the next word, which is to be `start` or `release`: [region, slot, gen] each."""
        message: Message = self.take()
        assert message["kind"] in ("start", "release"), message
        flat = message.get("releases", [])
        return [flat[at : at + 3] for at in range(0, len(flat), 3)]

    def hang_up(self) -> None:
        assert self.line is not None
        self.line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()
        self._listener.close()
        for visitor in self._visitors:
            visitor.close()
        os.close(self._fd)
