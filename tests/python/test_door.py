"""The receiver's side of the door, against a sender's side that is written here, byte for byte."""

from __future__ import annotations

import array
import errno
import os
import resource
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from framewire import Error
from framewire.door import PACKET_MAX, PARTS_MAX, WAIT, Kind, Packet, Visit, find_folder

TOKEN = bytes(range(16))
NAME = "4242-c0ffee0123456789.door"


class Hub:
    """A listening socket, and a connection once somebody came."""

    def __init__(self, folder: Path) -> None:
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fd = os.open(folder, os.O_PATH)
        self.listener.bind(f"/proc/self/fd/{fd}/{NAME}")
        os.close(fd)
        self.listener.listen()
        self.line = socket.socket()

    def accept(self) -> None:
        self.line.close()
        self.line, _ = self.listener.accept()
        self.line.settimeout(10)

    def send(self, packet: bytes, *fds: int) -> None:
        socket.send_fds(self.line, [packet], fds)

    def receive(self) -> tuple[bytes, list[int]]:
        data, fds, flags, _ = socket.recv_fds(self.line, PACKET_MAX + 1, 4)
        assert not flags & socket.MSG_CTRUNC
        return data, fds

    def close(self) -> None:
        self.line.close()
        self.listener.close()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path)
    yield hub
    hub.close()


@pytest.fixture
def visit(hub: Hub, tmp_path: Path) -> Iterator[Visit]:
    visit = Visit(str(tmp_path), NAME, TOKEN)
    hub.accept()
    _, fds = hub.receive()
    os.close(fds[0])
    yield visit
    visit.close()


def packet(kind: int, *parts: bytes) -> bytes:
    return struct.pack(f"<4B{len(parts)}I", 1, kind, len(parts), 0, *map(len, parts)) + b"".join(parts)


def receive(visit: Visit) -> Packet:
    assert select.select([visit], [], [], 10)[0]
    got = visit.receive()
    assert got is not None
    return got if isinstance(got, Packet) else Packet(Kind.MESSAGE, got, -1)


def open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))


def memfd(content: bytes) -> int:
    fd = os.memfd_create("test", os.MFD_CLOEXEC)
    os.write(fd, content)
    return fd


def test_the_knock_is_a_token_and_the_pidfd_of_this_process(hub: Hub, tmp_path: Path) -> None:
    visit = Visit(str(tmp_path), NAME, TOKEN)
    hub.accept()
    data, (pidfd,) = hub.receive()
    assert data == b"\1\1\1\0\x10\0\0\0" + TOKEN
    facts = Path(f"/proc/self/fdinfo/{pidfd}").read_text()
    assert f"Pid:\t{os.getpid()}\n" in facts
    os.close(pidfd)
    visit.close()


def test_a_receive_may_wait_for_a_moment(hub: Hub, visit: Visit) -> None:
    began = time.monotonic()
    assert visit.receive(wait=True) is None
    assert time.monotonic() - began >= WAIT / 1000
    hub.send(packet(2))
    assert visit.receive(wait=True) == Packet(Kind.ACCEPTED, [], -1)
    hub.line.close()
    with pytest.raises(Error, match="hung up"):
        visit.receive(wait=True)


def test_the_answer_is_the_first_packet(hub: Hub, visit: Visit) -> None:
    assert visit.receive() is None
    hub.send(packet(2))
    assert receive(visit) == Packet(Kind.ACCEPTED, [], -1)
    hub.send(packet(3, b"no such token"))
    assert receive(visit) == Packet(Kind.REFUSED, [b"no such token"], -1)


def test_the_bytes_are_those_of_the_specification(hub: Hub, visit: Visit) -> None:
    bytes_of_the_page = b"\1\0\3\0\4\0\0\0\2\0\0\0\0\0\0\0cam0\x81\xa1"
    assert visit.send([b"cam0", b"\x81\xa1", b""])
    assert hub.receive() == (bytes_of_the_page, [])
    hub.send(bytes_of_the_page)
    assert receive(visit) == Packet(Kind.MESSAGE, [b"cam0", b"\x81\xa1", b""], -1)


def test_memory_is_given(hub: Hub, visit: Visit) -> None:
    fds = open_fds()
    fd = memfd(b"pixels")
    hub.send(packet(4, struct.pack("<2Q", 2**64 - 2, 6)), fd)
    os.close(fd)
    got = receive(visit)
    assert got.kind is Kind.MEMORY
    assert got.memory() == (2**64 - 2, 6)
    assert os.pread(got.fd, 10, 0) == b"pixels"
    assert not os.get_inheritable(got.fd)
    os.close(got.fd)
    assert open_fds() == fds
    with pytest.raises(Error, match="number and size"):
        Packet(Kind.MEMORY, [b"short"], -1).memory()


def test_what_does_not_fit_travels_in_a_memfd(hub: Hub, visit: Visit) -> None:
    fds = open_fds()
    large = os.urandom(1000) * 3000
    numbers = array.array("d", range(50_000))
    assert visit.send([b"cam0", b"header", large, b"value", memoryview(numbers)])
    head, (fd,) = hub.receive()
    lengths = struct.unpack_from("<5I", head, 4)
    assert lengths == (4, 6, len(large) | 1 << 31, 5, 400_000 | 1 << 31)
    assert head[24:] == b"cam0headervalue"
    assert os.pread(fd, 4_000_000, 0) == large + numbers.tobytes()
    hub.send(head, fd)
    os.close(fd)
    assert receive(visit).parts == [b"cam0", b"header", large, b"value", numbers.tobytes()]
    assert open_fds() == fds


def test_a_packet_of_the_largest_size_passes(hub: Hub, visit: Visit) -> None:
    part = bytes(PACKET_MAX - 8)
    assert visit.send([part])
    data, fds = hub.receive()
    assert (len(data), fds) == (PACKET_MAX, [])
    hub.send(data)
    assert receive(visit).parts == [part]
    assert visit.send([part + b"x"])
    data, fds = hub.receive()
    assert (len(data), len(fds)) == (8, 1)
    os.close(fds[0])


def test_two_messages_travel_in_one_packet_where_they_fit(hub: Hub, visit: Visit) -> None:
    assert visit.send([b"a", b"", b"bc"], [b"d", b"e"]) == 2
    assert hub.receive() == (b"\1\0\5\3\1\0\0\0\0\0\0\0\2\0\0\0\1\0\0\0\1\0\0\0abcde", [])
    part = bytes(PACKET_MAX - 8)
    assert visit.send([part], [b""]) == 1
    assert len(hub.receive()[0]) == PACKET_MAX
    assert visit.send([b""] * PARTS_MAX, [b""]) == 1
    assert hub.receive()[0] == b"\1\0\x43\0" + bytes(4 * PARTS_MAX)


def test_a_message_has_limits(hub: Hub, visit: Visit) -> None:
    assert visit.send([b""] * PARTS_MAX)
    with pytest.raises(Error, match="at most 67 parts"):
        visit.send([b""] * (PARTS_MAX + 1))
    piece = memoryview(bytes(1 << 26))
    with pytest.raises(Error, match="256 MiB"):
        visit.send([piece, piece, piece, piece, piece])


def test_a_full_door_is_told_and_nothing_is_lost(hub: Hub, visit: Visit) -> None:
    sent = 0
    while visit.send([b"%d" % sent, bytes(9000)]):
        sent += 1
    assert sent > 5
    assert select.select([], [visit], [], 0) == ([], [], [])
    for seq in range(sent):
        data, _ = hub.receive()
        assert data[12:].rstrip(b"\0") == b"%d" % seq
    assert select.select([], [visit], [], 10)[1]
    assert visit.send([b"again"])


def test_hanging_up_is_told_after_what_was_sent(hub: Hub, visit: Visit) -> None:
    assert visit.send([b"never read"])  # so that ECONNRESET comes first
    hub.send(packet(0, b"last words"))
    hub.line.close()
    assert receive(visit).parts == [b"last words"]
    with pytest.raises(Error, match="hung up"):
        visit.receive()
    with pytest.raises(Error, match="hung up"):
        visit.send([b""])


def test_who_is_refused_before_the_knock_hears_why(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pidfd_open = os.pidfd_open

    def refuse_meanwhile(pid: int) -> int:
        hub.accept()
        hub.send(packet(3, b"not you"))
        hub.line.close()
        return pidfd_open(pid)

    monkeypatch.setattr(os, "pidfd_open", refuse_meanwhile)
    visit = Visit(str(tmp_path), NAME, TOKEN)
    assert receive(visit).parts == [b"not you"]
    visit.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\2\0\0\0",
        b"\1",
        b"\1\0\0",
        b"\1\5\0\0",
        b"\1\0\0\1",
        b"\1\0\x44\0" + bytes(4 * 68),
        b"\1\0\1\0",
        b"\1\0\1\0\1\0\0",
        b"\1\0\1\0\1\0\0\0",
        b"\1\0\1\0\xff\xff\xff\x7f",
        b"\1\0\2\0\1\0\0\0\1\0\0\0a",
        b"\1\0\1\0\1\0\0\0ab",
        b"\1\0\1\0\1\0\0\x80",
        b"\1\0\1\0\1\0\0\x90",
        b"\1\4\0\0",
        bytes(PACKET_MAX + 1),
    ],
    ids=lambda data: data[:12].hex(),
)
def test_broken_packets_are_refused(hub: Hub, visit: Visit, data: bytes) -> None:
    hub.send(data)
    with pytest.raises(Error, match="a packet from the sender's door"):
        receive(visit)


def test_what_is_said_aside_goes_beside_the_line(hub: Hub, visit: Visit) -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    assert not visit.say_aside(b"cam0", b"start")  # there is none yet
    hub.send(packet(2), near.fileno())
    near.close()
    accepted = receive(visit)
    assert accepted.kind is Kind.ACCEPTED
    visit.use_aside(accepted.fd)
    assert visit.say_aside(b"cam0", b"start")
    assert far.recv(100) == packet(0, b"cam0", b"start")
    assert not select.select([hub.line], [], [], 0)[0]
    said = 0
    while visit.say_aside(b"cam0", b"start"):
        said += 1
    assert said > 64  # as many frames as a worker may have
    far.close()
    assert not visit.say_aside(b"cam0", b"start")


def test_an_aside_is_a_socket(hub: Hub, visit: Visit) -> None:
    fd = memfd(b"x")
    hub.send(packet(2), fd)
    os.close(fd)
    fds = open_fds()
    accepted = receive(visit)
    with pytest.raises(Error, match="is no socket"):
        visit.use_aside(accepted.fd)
    assert open_fds() == fds


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"\1\0\0\0", 1),
        (b"\1\2\0\0", 2),
        (b"\1\4\0\0", 2),
        (b"\1\4\0\0", 40),
        (b"\1\3\1\0\1\0\0\x80", 1),
        (bytes(PACKET_MAX + 1), 1),
    ],
)
def test_file_descriptors_that_are_not_asked_for_are_closed(hub: Hub, visit: Visit, data: bytes, count: int) -> None:
    fd = memfd(b"x")
    fds = open_fds()
    hub.send(data, *[fd] * count)
    with pytest.raises(Error, match="a packet from the sender's door"):
        receive(visit)
    assert open_fds() == fds
    os.close(fd)


def test_a_file_descriptor_that_got_lost_is_noticed(hub: Hub, visit: Visit) -> None:
    fd = memfd(b"x")
    hub.send(packet(4, bytes(16)), fd, fd)
    free = os.dup(fd)
    os.close(free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert select.select([visit], [], [], 10)[0]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, hard))
    try:
        with pytest.raises(Error, match="than this process may still open"):
            visit.receive()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    os.close(fd)


def test_only_a_memfd_that_is_long_enough_is_read(hub: Hub, visit: Visit) -> None:
    outside = b"\1\0\1\0\5\0\0\x80"
    pipes = os.pipe()
    hub.send(outside, pipes[0])  # would wait for ever
    with pytest.raises(Error, match="no memfd"):
        receive(visit)
    with open(sys.executable, "rb") as file:  # whose file system might do so
        hub.send(outside, file.fileno())
    with pytest.raises(Error, match="no memfd"):
        receive(visit)
    fd = memfd(b"abcd")
    hub.send(outside, fd)
    with pytest.raises(Error, match="shorter"):
        receive(visit)
    os.write(fd, b"e")
    hub.send(outside, fd)
    assert receive(visit).parts == [b"abcde"]
    for each in (fd, *pipes):
        os.close(each)


@pytest.mark.parametrize(
    "name", ["", ".door", "../x.door", "/x.door", "a/b.door", "x.lock", "x.door\n", "..door", "é.door"]
)
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(Error, match="names a door that is none"):
        Visit(str(tmp_path), name, TOKEN)


def test_a_door_that_is_not_there(tmp_path: Path) -> None:
    fds = open_fds()
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(Error, match="--door FOLDER on both sides"):
            Visit(str(folder), NAME, TOKEN)
    hub = Hub(tmp_path)
    hub.close()  # and leaves its file
    with pytest.raises(Error, match=f"{NAME} is not in {tmp_path}"):
        Visit(str(tmp_path), NAME, TOKEN)
    (tmp_path / "file.door").write_text("")
    with pytest.raises(Error, match="is not in"):
        Visit(str(tmp_path), "file.door", TOKEN)
    assert open_fds() == fds


def test_a_folder_may_have_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 100) / ("b" * 100)
    folder.mkdir(parents=True)
    hub = Hub(folder)
    visit = Visit(str(folder), NAME, TOKEN)
    hub.accept()
    visit.close()
    hub.close()


def test_without_a_pidfd_there_is_no_visit(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    fds = open_fds()
    monkeypatch.setattr(os, "pidfd_open", refuse)
    with pytest.raises(Error, match="no pidfd"):
        Visit(str(tmp_path), NAME, TOKEN)
    assert open_fds() == fds


def test_the_folder_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAMEWIRE_DOOR", "/asked")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert find_folder("/given") == "/given"
    assert find_folder(None) == "/asked"
    monkeypatch.setenv("FRAMEWIRE_DOOR", "")
    assert find_folder(None) == f"{tmp_path}/framewire"
    for useless in ("", "relative", "/no/such", "/dev/null"):
        monkeypatch.setenv("XDG_RUNTIME_DIR", useless)
        assert find_folder(None) == f"/tmp/framewire-{os.geteuid()}"
    if os.geteuid() == 0:  # kept by sudo -E
        os.chown(tmp_path, 1, 1)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        assert find_folder(None) == "/tmp/framewire-0"
        os.chown(tmp_path, 0, 0)
