"""The door of a sender on this host: whole messages, and the memory that frames are in, through a Unix socket.

`proto/door-1.md` is the specification.
"""

from __future__ import annotations

import array
import enum
import fcntl
import os
import re
import socket
import stat
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .errors import Error

if TYPE_CHECKING:
    from typing_extensions import Buffer

PACKET_MAX = 128 << 10  # bytes; what does not fit travels in a memfd
PARTS_MAX = 67
OUTSIDE_MAX = 256 << 20
TOKEN_SIZE = 16
WAIT = 8  # ms; the system makes it up to 4 ms more

_VERSION = 1
_OUTSIDE = 1 << 31  # of a length: the part is in the memfd
_HEAD = struct.Struct("<4B")
_HEADS = [struct.Struct(f"<4B{count}I") for count in range(PARTS_MAX + 1)]  # with the lengths of so many parts
_TWO = struct.Struct("<4s2I")
_TWO_PARTS = bytes((_VERSION, 0, 2, 0))  # the head of a message of so many
_FACTS = struct.Struct("<2Q")  # of MEMORY
# Plain numbers: an operation on flags takes longer than to receive.
_NOW = int(socket.MSG_DONTWAIT)
_TAKE = int(socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
_WAIT = int(socket.MSG_CMSG_CLOEXEC)
_CUT = int(socket.MSG_TRUNC | socket.MSG_CTRUNC)
_FD_SIZE = array.array("i").itemsize
_FDS_ROOM = socket.CMSG_SPACE(4 * _FD_SIZE)  # for more than the one that may come, so that others are seen and closed
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,57}\.door")


#: What recvmsg() gives of a packet: its bytes, what came beside them, and flags.
Came = tuple[bytes, list[tuple[int, int, bytes]], int]


class Kind(enum.IntEnum):
    """What a packet is."""

    MESSAGE = 0
    KNOCK = 1
    ACCEPTED = 2
    REFUSED = 3  # and why
    MEMORY = 4


_MESSAGE = int(Kind.MESSAGE)
_JOINED_MAX = 4096  # bytes
_ONLY_BYTES = {bytes}


class Packet(NamedTuple):
    """One packet from the sender that is no message. `fd` (of MEMORY, ACCEPTED) is the caller's, to close; or -1."""

    kind: Kind
    parts: list[bytes]
    fd: int

    def memory(self) -> tuple[int, int]:
        """The number and size of the region that a MEMORY packet gives."""
        if self.kind is not Kind.MEMORY or len(self.parts) != 1 or len(self.parts[0]) != _FACTS.size:
            raise Error("the sender gave memory through the door without its number and size")
        number, size = _FACTS.unpack(self.parts[0])
        return number, size


class Visit:
    """A receiver at a sender's door: it has knocked; ACCEPTED or REFUSED is the first packet that comes.

    Nothing here waits, but for at most a second to get through where many come at a time, and where `receive` is told
    to. One thread uses it. Once a method has raised Error, the visit is over.
    """

    def __init__(self, folder: str | None, name: str, token: bytes) -> None:
        """Go to the door of this name, show the token from `welcome` and this process's pidfd.

        folder: as for the sender (`find_folder`). Raises Error where there is no such door, or no pidfd to be had.
        """
        if not _NAME.fullmatch(name):
            raise Error(f"the sender names a door that is none: {name!r}")
        self._aside: socket.socket | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PACKET_MAX * 3 // 2)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, WAIT * 1000))
            _connect(self._socket, find_folder(folder), name)
            self._knock(token)
        except BaseException:
            self._socket.close()
            raise

    @classmethod
    def over(cls, connected: socket.socket) -> Visit:
        """Packets over a socket, with no door that would have to let one in."""
        made = cls.__new__(cls)
        made._socket, made._aside = connected, None
        return made

    def _knock(self, token: bytes) -> None:
        try:
            pidfd = os.pidfd_open(os.getpid())
        except OSError as error:
            raise Error(
                "this system gives no pidfd (Linux 5.3 does, where a container's filter lets it), and so no memory is"
                f" shared: {error.strerror}"
            ) from None
        head = _HEADS[1].pack(_VERSION, Kind.KNOCK, 1, 0, len(token))
        try:
            self._socket.sendmsg([head, token], [_rights(pidfd)], socket.MSG_DONTWAIT)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused already; what the sender says about it is there to be received
        except OSError as error:
            raise Error(f"a packet cannot be sent through the door: {error.strerror}") from None
        finally:
            os.close(pidfd)

    @property
    def aside(self) -> int:
        """The descriptor that `say_aside` says through; -1: there is none."""
        return -1 if self._aside is None else self._aside.fileno()

    def fileno(self) -> int:
        """Readable when there is something to receive; writable when there is room to send."""
        return self._socket.fileno()

    def send(self, parts: Sequence[Buffer], then: Sequence[Buffer] = ()) -> int:
        """Send one message, and another with it if both fit into a packet.

        Returns how many were sent; 0: there is no room now. Raises Error if the sender has hung up.
        """
        both = [*parts, *then] if then else parts
        count = len(both)
        if count <= PARTS_MAX:
            if {*map(type, both)} == _ONLY_BYTES:  # mostly
                sizes = [*map(len, both)]  # type: ignore[arg-type]
            else:
                sizes = [memoryview(part).nbytes for part in both]
            head = _HEADS[count]
            size = sum(sizes) + head.size
            if size <= PACKET_MAX:
                buffers = [head.pack(_VERSION, _MESSAGE, count, len(parts) if then else 0, *sizes), *both]
                # To send many small ones takes longer than to join them.
                sent = self._send(buffers if size > _JOINED_MAX else [b"".join(buffers)])
                return 2 if then and sent else sent
        if then:
            return self.send(parts)
        if count > PARTS_MAX:
            raise Error(f"a message has at most {PARTS_MAX} parts, not {count}")
        return self._send_large(parts, sizes)

    def _send_large(self, parts: Sequence[Buffer], sizes: list[int]) -> bool:
        head = _HEADS[len(parts)]
        inside: list[Buffer] = [b""]
        outside: list[Buffer] = []
        room = PACKET_MAX - head.size
        total = 0
        for place, (part, size) in enumerate(zip(parts, sizes, strict=True)):
            if size <= room:
                room -= size
                inside.append(part)
                continue
            total += size
            if total > OUTSIDE_MAX:
                raise Error(f"a message of more than {OUTSIDE_MAX >> 20} MiB")
            sizes[place] |= _OUTSIDE
            outside.append(part)
        inside[0] = head.pack(_VERSION, Kind.MESSAGE, len(parts), 0, *sizes)
        file = _write_file(outside)
        try:
            return self._send(inside, [_rights(file)])
        finally:
            os.close(file)

    def _send(self, buffers: list[Buffer], rights: Sequence[tuple[int, int, bytes]] = ()) -> bool:
        try:
            self._socket.sendmsg(buffers, rights, _NOW)
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError):
            raise Error("the other side of the door has hung up") from None
        except OSError as error:
            raise Error(f"a packet cannot be sent through the door: {error.strerror}") from None
        return True

    def receive(self, wait: bool = False) -> list[bytes] | Packet | None:
        """What came next: of a message, its parts. None: nothing is there; with `wait`, nor has come for WAIT ms.

        Raises Error once all is received and the sender has hung up, and for what breaks the format.
        """
        while True:
            try:
                data, notes, flags, _ = self._socket.recvmsg(PACKET_MAX, _FDS_ROOM, _WAIT if wait else _TAKE)
                break
            except BlockingIOError:
                return None
            except ConnectionResetError:
                continue  # something that we sent was not read, and that is told before what the other side sent
            except OSError as error:
                raise Error(f"nothing can be received through the door: {error.strerror}") from None
        return self.read(data, notes, flags)

    def read(self, data: bytes, notes: list[tuple[int, int, bytes]], flags: int) -> list[bytes] | Packet:
        """What came is what, as `receive`."""
        if data[:4] == _TWO_PARTS and len(data) > _TWO.size and not notes and not flags & _CUT:  # mostly
            _, first, second = _TWO.unpack_from(data)
            middle = _TWO.size + first
            if middle + second == len(data):  # neither is outside, which is a size that no packet has
                return [data[_TWO.size : middle], data[middle:]]
        fds = _fds(notes) if notes else []
        try:
            return self._take(data, flags, fds)
        finally:
            for fd in fds:
                os.close(fd)

    def _take(self, data: bytes, flags: int, fds: list[int]) -> list[bytes] | Packet:
        if not data:
            raise Error("the other side of the door has hung up")
        if flags & _CUT or len(fds) > 1:
            raise _broken("is too long, or has more file descriptors than one, or than this process may still open")
        kind, parts, outside = _parse(data)
        if (bool(outside) or kind in (Kind.KNOCK, Kind.MEMORY)) != bool(fds) and kind != Kind.ACCEPTED:
            raise _broken("has a file descriptor too many, or lacks the one that belongs to it")
        if kind != Kind.MESSAGE:
            if outside:
                raise _broken("is no message, and has parts outside")
            return Packet(Kind(kind), parts, fds.pop() if fds else -1)
        at = 0
        for place, length in outside:
            parts[place] = _read_file(fds[0], at, length)
            at += length
        return parts

    def use_aside(self, fd: int) -> None:
        """What `say_aside` says goes to this socket, of ACCEPTED; takes the descriptor."""
        try:
            self._aside = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fd)
        except OSError as error:
            os.close(fd)
            raise Error(f"what the sender gave with its welcome is no socket: {error.strerror}") from None

    def say_aside(self, first: bytes, second: bytes) -> bool:
        """Say a message of two parts so that nobody is woken; it is heard before what `send` sends next.

        False: there is no aside, or no room; send it.
        """
        if self._aside is None:
            return False
        try:
            self._aside.send(_TWO.pack(_TWO_PARTS, len(first), len(second)) + first + second, _NOW)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
        if self._aside is not None:
            self._aside.close()


def two_parts(first: bytes, second: int) -> bytes:
    """How a packet begins that is a message of two parts: up to the second one, of so many bytes."""
    return _TWO.pack(_TWO_PARTS, len(first), second) + first


def find_folder(asked: str | None) -> str:
    """Where doors are: what was asked for; else FRAMEWIRE_DOOR; else $XDG_RUNTIME_DIR/framewire, where that is this
    user's folder; else /tmp/framewire-UID."""
    if folder := asked or os.environ.get("FRAMEWIRE_DOOR"):
        return folder
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/"):
        try:
            facts = os.stat(runtime)
        except OSError:
            facts = None
        # After su or sudo it may be another user's.
        if facts is not None and stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid():
            return f"{runtime}/framewire"
    return f"/tmp/framewire-{os.geteuid()}"


def _connect(made: socket.socket, folder: str, name: str) -> None:
    missing = (
        f"the sender's door {name} is not in {folder}; the same --door FOLDER on both sides, a volume that both"
        " containers have, lets memory be shared"
    )
    try:
        # By way of the open folder, since a socket's path has at most 107 bytes.
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise Error(missing) from None
    except OSError as error:
        raise Error(f"the door's folder {folder}: {error.strerror}") from None
    try:
        # Packets never wait (MSG_DONTWAIT); this bounds connect(), which Python's own timeout does not where many wait.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", 1, 0))
        made.connect(f"/proc/self/fd/{fd}/{name}")
    except (FileNotFoundError, ConnectionRefusedError):
        raise Error(missing) from None
    except OSError as error:
        raise Error(f"the sender's door {folder}/{name} cannot be reached: {error.strerror or error}") from None
    finally:
        os.close(fd)


def _parse(data: bytes) -> tuple[int, list[bytes], list[tuple[int, int]]]:
    """Kind, parts, and which parts of what length are in the file."""
    size = len(data)
    if size < _HEAD.size:
        raise _broken("is cut")
    version, kind, count, zero = _HEAD.unpack_from(data)
    if version != _VERSION:
        raise _broken(f"is of version {version} of the door, and not {_VERSION}")
    if kind > Kind.MEMORY or zero or count > PARTS_MAX or size < _HEADS[count].size:
        raise _broken("has a head that is cut or makes no sense")
    parts: list[bytes] = []
    outside: list[tuple[int, int]] = []
    at = _HEADS[count].size
    total = 0
    for length in _HEADS[count].unpack_from(data)[4:]:
        if length & _OUTSIDE:
            total += length & ~_OUTSIDE
            outside.append((len(parts), length & ~_OUTSIDE))
            parts.append(b"")
        else:
            parts.append(data[at : at + length])
            at += length
    if at != size or total > OUTSIDE_MAX:
        raise _broken("has parts that are longer than it, or shorter, or than a message may be")
    return kind, parts, outside


def _rights(fd: int) -> tuple[int, int, bytes]:
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]).tobytes()


def _fds(notes: list[tuple[int, int, bytes]]) -> list[int]:
    fds = array.array("i")
    for level, kind, data in notes:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % _FD_SIZE])
    return list(fds)


def _write_file(parts: Sequence[Buffer]) -> int:
    file = os.memfd_create("framewire-message", os.MFD_CLOEXEC)
    try:
        for part in parts:
            left = memoryview(part).cast("B")
            while left:
                left = left[os.write(file, left) :]
    except OSError as error:
        os.close(file)
        raise Error(f"the system gave no memory for a message: {error.strerror}") from None
    except BaseException:
        os.close(file)
        raise
    return file


def _read_file(file: int, at: int, size: int) -> bytes:
    """Read, not mapped: the other side may change or shrink it at any time."""
    try:
        fcntl.fcntl(file, fcntl.F_GET_SEALS)  # only memory has any; anything else might keep us waiting
        data = os.pread(file, size, at)
    except OSError:
        raise _broken("came with a file that is no memfd") from None
    if len(data) != size:
        raise _broken("came with a memfd that is shorter than its parts")
    return data


def _broken(how: str) -> Error:
    return Error(f"a packet from the sender's door {how}")
