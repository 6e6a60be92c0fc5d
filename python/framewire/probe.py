"""Who is at the other end? A raw ZMTP greeting tells what libzmq does not.

ZMTP 3.0 (RFC 23, https://rfc.zeromq.org/spec/23/): 64 bytes of greeting from each side, then with the NULL
mechanism a READY command with the peer's Socket-Type.
"""

from __future__ import annotations

import socket
import time

from .url import Url

_GREETING_SIZE = 64
_VERSION_END = 12
_GREETING = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)
_PREFIX = {"PUSH": "push+", "PUB": "pub+", "XPUB": "pub+", "ROUTER": ""}
_WANTED = {"push": ("PUSH",), "pub": ("PUB", "XPUB"), "": ("ROUTER",)}


def socket_type(url: Url, timeout: float) -> str:
    """The kind of ZeroMQ socket that listens at url, like "PUB"; "CURVE" if it wants keys first.

    Raises OSError (nobody listens, or silence for timeout seconds) and ValueError (not a ZeroMQ port).
    """
    deadline = time.monotonic() + timeout
    with _connect(url, timeout) as peer:
        # First no more than our version: a peer that dislikes our mechanism hangs up before it has said its own.
        peer.sendall(_GREETING[:_VERSION_END])
        greeting = _read(peer, _GREETING_SIZE, deadline)
        if greeting[0] != 0xFF or greeting[9] & 1 == 0:
            raise ValueError("not a ZeroMQ port")
        mechanism = greeting[12:32].rstrip(b"\0")
        if mechanism != b"NULL":
            return mechanism.decode("ascii", "replace")
        peer.sendall(_GREETING[_VERSION_END:])
        flags, size = _read(peer, 2, deadline)
        if flags != 4:  # a short command frame; READY is never longer
            raise ValueError("not a ZeroMQ port")
        return _property(_read(peer, size, deadline), "socket-type")


def explain(url: Url, timeout: float, *, keys: bool = False, collector: bool = False) -> str | None:
    """One sentence about what is wrong at url's other end; None if it looks right, or nobody is there.

    keys: whether this side comes with CURVE keys.
    collector: who takes results is wanted there, not a sender.
    """
    try:
        found = socket_type(url, timeout)
    except ValueError:
        wanted = "the sender's --collect URL" if collector else "a sender's URL"
        return f"{url.endpoint} is not a ZeroMQ port; {wanted} is wanted"
    except TimeoutError:
        return f"{url.endpoint} takes the connection and says nothing; is it a ZeroMQ port?"
    except socket.gaierror as error:
        return f"{url.text}: the host cannot be found: {error.strerror}"
    except OSError:
        return None
    if found == "CURVE":
        if keys:
            return f"{url.endpoint} refuses our key; is it in its --allow file, and server_key its own?"
        return f"{url.endpoint} lets in only who has a key; say keys= and server_key= (--keys, --server-key)"
    if keys:
        return f"{url.endpoint} uses no keys; leave keys and server_key out, or start it with --keys"
    if found in (("PULL",) if collector else _WANTED[url.pattern]):
        return None
    article = "an" if found.startswith("X") else "a"
    if collector:
        return f"{url.endpoint} is {article} {found} socket, which takes no results; say the sender's --collect URL"
    if found in _PREFIX:
        return f"{url.endpoint} is {article} {found} socket; say {_PREFIX[found]}{url.endpoint}"
    wanted = " or ".join(_WANTED[url.pattern])
    return f"{url.endpoint} is {article} {found} socket, which sends no frames; {url.text} wants a {wanted} socket"


def _connect(url: Url, timeout: float) -> socket.socket:
    if url.transport == "ipc":
        peer = socket.socket(socket.AF_UNIX)
        try:
            peer.settimeout(timeout)
            peer.connect(url.endpoint.removeprefix("ipc://"))
        except OSError:
            peer.close()
            raise
        return peer
    host, _, port = url.endpoint.removeprefix("tcp://").rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout)


def _read(peer: socket.socket, size: int, deadline: float) -> bytes:
    data = b""
    while len(data) < size:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        peer.settimeout(left)
        more = peer.recv(size - len(data))
        if not more:
            raise ValueError("closed in the middle of the greeting") if data else ConnectionResetError
        data += more
    return data


def _property(command: bytes, wanted: str) -> str:
    """A property of READY: name (1 byte of size), value (4 bytes of size), big-endian."""
    place = 1 + command[0] if command else 0
    while place < len(command):
        name_end = place + 1 + command[place]
        name = command[place + 1 : name_end].decode("ascii", "replace").lower()
        value_end = name_end + 4 + int.from_bytes(command[name_end : name_end + 4], "big")
        if value_end > len(command):
            break
        if name == wanted:
            return command[name_end + 4 : value_end].decode("ascii", "replace")
        place = value_end
    raise ValueError("not a ZeroMQ port")
