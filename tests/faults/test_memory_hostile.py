"""Shared memory among enemies: a sender that lies to its readers, and a worker that is out to harm the others."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import select
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from framewire.door import Kind, Packet, Visit
from helpers import stamped
from helpers.command import wait_until
from helpers.leased import Peer
from helpers.local_hub import MEMORY, SEALED, LocalHub, boot_id, packet
from helpers.sender import EPOCH
from helpers.stamped import READERS, Scene, account_of, check_results

SIZE = 1 << 20


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    yield from stamped.scene(tmp_path)


class Liar(LocalHub):
    """A hub that gives other memory than it says, if it is told to."""

    gift: tuple[int, int] | None = None  # what it gives, and the size that it says

    def _give(self, visitor: socket.socket) -> None:
        fd, size = self.gift or (self._fd, SIZE)
        socket.send_fds(visitor, [packet(MEMORY, struct.pack("<2Q", self.region, size))], [fd])


@pytest.fixture
def liar(scene: Scene) -> Iterator[Liar]:
    scene.door.mkdir(mode=0o700)
    with Liar(scene.door) as hub:
        yield hub


def memory(seals: int, size: int = SIZE) -> int:
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def file(folder: Path) -> int:
    fd = os.open(folder / "file", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    os.ftruncate(fd, SIZE)
    return fd


def pipe(folder: Path) -> int:
    ends = os.pipe()
    os.close(ends[1])
    return ends[0]


GIFTS: dict[str, Callable[[Path], tuple[int, int]]] = {
    "shrinks": lambda folder: (memory(SEALED & ~(fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)), SIZE),
    "may-be-unsealed": lambda folder: (memory(SEALED & ~fcntl.F_SEAL_SEAL), SIZE),
    "may-be-written": lambda folder: (memory(SEALED & ~0x10), SIZE),
    "no-seals": lambda folder: (memory(0), SIZE),
    "too-small": lambda folder: (memory(SEALED, SIZE // 2), SIZE),
    "empty": lambda folder: (memory(SEALED, 0), 0),
    "enormous": lambda folder: (memory(SEALED), 2**64 - 1),
    "file": lambda folder: (file(folder), SIZE),
    "pipe": lambda folder: (pipe(folder), SIZE),
}


def send_over_the_socket(hub: LocalHub, seq: int) -> None:
    hub.frame(seq, pixels=stamped.stamped(1000, EPOCH, seq), format="")


@pytest.mark.parametrize("language", READERS)
@pytest.mark.parametrize("gift", GIFTS)
def test_memory_that_is_not_to_be_trusted_is_not_read(
    scene: Scene, liar: Liar, tmp_path: Path, gift: str, language: str
) -> None:
    liar.gift = GIFTS[gift](tmp_path)
    reader = scene.reader(language, liar.url)
    wait_until(lambda: liar.knocks and liar.credits and liar.line is None, "the reader goes without")
    if gift == "shrinks":
        os.ftruncate(liar.gift[0], 0)
    send_over_the_socket(liar, 0)
    assert liar.take("start")["seq"] == 0
    assert liar.result()[1] == {"seq": 0, "how": "tcp"}
    liar.end()
    seen = account_of(reader)
    assert (seen["frames"], seen["torn"], seen["bad"]) == (1, 0, 0)
    assert "frames come over the socket, not in shared memory" in reader.stderr
    os.close(liar.gift[0])


# What is well said, and wrong: the frame is answered with `error`.
WRONG: dict[str, dict[str, int]] = {
    "region": {"region": 8},
    "beyond": {"offset": SIZE},
    "across-the-end": {"offset": SIZE - 64},
    "far-beyond": {"offset": 2**63 - 2048},
    "unaligned": {"offset": 4096 + 8},
}
# What no hub may say: the message is refused.
BROKEN: dict[str, dict[str, int]] = {
    "wraps": {"offset": 2**64 - 64},
    "wraps-signed": {"offset": 2**63 - 64},
    "longer-than-the-frame": {"length": 2000},
    "shorter-than-the-frame": {"length": 500},
    "longer-than-memory": {"length": SIZE + 64},
}


@pytest.mark.parametrize("language", READERS)
@pytest.mark.parametrize("place", WRONG | BROKEN)
def test_a_place_that_is_none_is_refused_and_counted(scene: Scene, liar: Liar, place: str, language: str) -> None:
    reader = scene.reader(language, liar.url)

    def lend(seq: int, **wrong: int) -> None:
        liar.lend(seq, seq, pixels=stamped.stamped(1000, EPOCH, seq), format="", **wrong)

    lend(0, **(WRONG | BROKEN)[place])
    if place in WRONG:
        message, _, _ = liar.result()
        assert (message["seq"], message["status"]) == (0, "error")
    lend(1)
    while (word := liar.take()).get("seq") != 1 or word["kind"] != "result":
        assert word["kind"] in ("start", "release") or (word["seq"], word["status"]) == (0, "error")
    assert word["status"] == "done"
    liar.end()
    seen = account_of(reader)
    assert (seen["frames"], seen["shm"], seen["torn"], seen["bad"]) == (1, 1, 0, 1)


# A worker that is let in, and means harm


class Traitor:
    """It is in, and has the memory of a sender."""

    def __init__(self, url: str, door: Path) -> None:
        self.peer = Peer(url, host=boot_id())
        self.peer.greets = True
        welcome = self.peer.take("welcome").header
        self.visit = Visit(str(door), welcome["door"], welcome["token"])
        assert self._receive().kind is Kind.ACCEPTED
        given = self._receive()
        self.region, self.size = given.memory()
        self.fd = given.fd

    def _receive(self) -> Packet:
        assert select.select([self.visit], [], [], 20)[0]
        got = self.visit.receive()
        assert got is not None
        return got

    def close(self) -> None:
        os.close(self.fd)
        self.visit.close()
        self.peer.close()


@pytest.fixture
def traitor() -> Iterator[Callable[[str, Path], Traitor]]:
    made: list[Traitor] = []

    def begin(url: str, door: Path) -> Traitor:
        made.append(Traitor(url, door))
        return made[-1]

    yield begin
    for each in made:
        each.close()


def refused(attempt: Callable[[], Any]) -> None:
    with pytest.raises(OSError) as error:
        attempt()
    assert error.value.errno in (errno.EPERM, errno.EACCES), error.value


def is_same(path: Path, fd: int) -> bool:
    there, here = path.stat(), os.fstat(fd)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def may_not_change(fd: int, size: int) -> None:
    refused(lambda: os.write(fd, b"x"))
    refused(lambda: os.pwrite(fd, b"x", 0))
    refused(lambda: mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE))
    refused(lambda: os.ftruncate(fd, 0))
    refused(lambda: os.ftruncate(fd, size - 4096))
    refused(lambda: os.ftruncate(fd, size + 4096))
    refused(lambda: fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE))


def test_whoever_is_let_in_can_change_nothing(scene: Scene, traitor: Callable[[str, Path], Traitor]) -> None:
    writer = scene.writer(results=scene.results, memory=1 << 18, rate=3000)
    evil = traitor(writer.url, scene.door)
    may_not_change(evil.fd, evil.size)
    # Every way to open it anew: one's own descriptor, and the sender's.
    theirs = [path for path in Path(f"/proc/{writer.process.pid}/fd").iterdir() if is_same(path, evil.fd)]
    assert theirs, "the sender's own descriptor is not found"
    for path in (Path(f"/proc/self/fd/{evil.fd}"), *theirs):
        refused(lambda path=path: os.open(path, os.O_RDWR | os.O_TRUNC))  # type: ignore[misc]
        fd = os.open(path, os.O_RDWR)
        may_not_change(fd, evil.size)
        os.close(fd)

    # And what it says of memory that others read changes nothing.
    reader = scene.reader("c", writer.url, keep=1)
    for said in range(3000):
        words = msgpack.packb({"v": 1, "kind": "release", "releases": [evil.region, said % 16, said // 16]})
        wait_until(lambda words=words: evil.visit.send([b"", words]), "room at the door")  # type: ignore[misc]
    wait_until(lambda: scene.answered > 1000, "frames are read")
    writer.signal(signal.SIGTERM)
    account = account_of(writer)
    check_results(account, scene.lines)
    assert account["unknown"] > 100
    assert account_of(reader)["torn"] == 0
