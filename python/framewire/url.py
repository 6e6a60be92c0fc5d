"""URLs as users type them: PATTERN+TRANSPORT://ADDRESS?bind. The rules and sentences are src/base/url.c's."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from .errors import Error

_PREFIXES = {
    "tcp": ("", "tcp"),
    "ipc": ("", "ipc"),
    "push+tcp": ("push", "tcp"),
    "push+ipc": ("push", "ipc"),
    "pub+tcp": ("pub", "tcp"),
    "pub+ipc": ("pub", "ipc"),
}
_IPC_PATH_MAX = 107  # sun_path without its NUL
_BAD_IN_HOST = re.compile(r"[\x00-\x20\x7f*/@;\[\]%\\:]")


@dataclass(frozen=True, slots=True)
class Url:
    """Where the other side is, and how frames come from it."""

    text: str  # as typed
    pattern: str  # "push", "pub", or "" for leased
    endpoint: str  # what libzmq is told: "tcp://127.0.0.1:5555"
    bind: bool  # this side listens

    @property
    def transport(self) -> str:
        """ "tcp" or "ipc"."""
        return self.endpoint[:3]

    @property
    def is_open(self) -> bool:
        """Whether a bind to it lets other machines in."""
        if self.transport == "ipc":
            return False
        host = self.endpoint.removeprefix("tcp://").rpartition(":")[0].strip("[]")
        try:
            return not ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host not in ("localhost", "lo")


def parse(text: str) -> Url:
    """Take a URL apart. Raises Error, with a sentence that says what would work."""
    prefix, _, rest = text.partition("://")
    if not _ or prefix not in _PREFIXES:
        raise Error(_unknown_prefix(text))
    pattern, transport = _PREFIXES[prefix]
    address, mark, query = rest.partition("?")
    if mark and query not in ("bind", "connect"):
        raise Error(f"{text}: after the address only ?bind or ?connect may stand")
    bind = query == "bind"
    address = _check_tcp(text, address, bind) if transport == "tcp" else _check_ipc(text, address)
    return Url(text, pattern, f"{transport}://{address}", bind)


def _unknown_prefix(text: str) -> str:
    for wrong, right, does in (("pull+", "push+", "pulls"), ("sub+", "pub+", "subscribes")):
        if text.startswith(wrong):
            return f"{text}: both sides say {right} (the receiver {does}): {right}{text.removeprefix(wrong)}"
    return f"{text}: a URL starts with tcp:// or ipc:// (leased), push+tcp://, push+ipc://, pub+tcp:// or pub+ipc://"


def _check_tcp(text: str, address: str, bind: bool) -> str:
    host, colon, port = address.rpartition(":")
    if not colon or "]" in port:
        raise Error(f"{text}: a port is missing, like tcp://127.0.0.1:5555")
    number = 0 if port == "*" else int(port) if re.fullmatch("[0-9]{1,5}", port) else 65536
    if number > 65535:
        raise Error(f"{text}: a port is a number from 0 to 65535 (0: any that is free)")
    if number == 0 and not bind:
        raise Error(f"{text}: one cannot connect to port 0; name the port")
    if not host:
        raise Error(f"{text}: a host is missing before the port, like tcp://127.0.0.1:5555")
    if host == "*":
        if not bind:
            raise Error(f"{text}: one cannot connect to *; name the host, or say ?bind to listen here")
    elif host.startswith("["):
        if not re.fullmatch(r"\[[^\[\] /@]{2,}\]", host):
            raise Error(f"{text}: an IPv6 address stands in brackets, like tcp://[::1]:5555")
    elif ":" in host:
        raise Error(f"{text}: an IPv6 address stands in brackets, like tcp://[::1]:5555")
    elif _BAD_IN_HOST.search(host):
        raise Error(f'{text}: "{host}" is not the name or address of a host')
    return f"{host}:{number}"


def _check_ipc(text: str, path: str) -> str:
    if not path or path.endswith("/"):
        raise Error(f"{text}: the path of a socket is missing, like ipc:///run/user/1000/cam.sock")
    if path[0] in "@*":
        raise Error(f"{text}: a socket needs a path: only a folder's permissions keep others out")
    size = len(path.encode(errors="surrogateescape"))
    if size > _IPC_PATH_MAX:
        raise Error(f"{text}: the path of a Unix socket has at most {_IPC_PATH_MAX} bytes; this one has {size}")
    return path
