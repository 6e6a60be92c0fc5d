"""One ZeroMQ socket to one URL, watched: who is there, who is not, and what is said about it.

libzmq is silent about a sender that is missing or of the wrong kind, and a connecting socket whose peer was of the
wrong kind, or sent a part over the limit, never reconnects (libzmq 4.3). The socket's monitor shows all of these.
"""

from __future__ import annotations

import itertools
import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable

import zmq

from .errors import Error
from .keys import Keys
from .log import say
from .probe import explain
from .url import Url

MAX_PART = 1 << 30  # bytes; a larger part cuts the connection
SAY_AFTER = 2.0  # seconds without the other side
_GIVE_UP_RECONNECTING = 0.2  # libzmq says CONNECT_RETRIED at once when it goes on by itself
_RETRY_WRONG_PEER = 1.0
_PROBE_TIME = 1.5
_IDLE = 3600.0

_FAILED = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
_EVENTS = (
    zmq.EVENT_ACCEPTED
    | zmq.EVENT_CONNECTED
    | zmq.EVENT_CONNECT_RETRIED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_DISCONNECTED
    | _FAILED
)
_numbers = itertools.count()


class Link:
    """A socket that one thread uses; it is made anew when libzmq has given up on it, so keep no copy of `socket`."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        kind: int,
        url: Url,
        *,
        keys: Keys | None,
        setup: Callable[[zmq.Socket[bytes]], None],
        other: str = "sender",
        follow: bool = False,
        quiet: bool = False,
    ) -> None:
        """quiet: another connection to the same place says what there is to say."""
        self.url = url
        self.peers = 0
        self.handshakes = 0
        self.remade = 0  # how often `socket` and `monitor` were replaced
        self.trouble = ""  # the last sentence about the other side
        self.ended = False  # its end was said
        self.had_peer = False
        self.follow = follow  # then wait for the next run; else nobody is missed any more
        self._context = context
        self._kind = kind
        self._keys = keys
        self._setup = setup
        self._other = other
        self.say = _keep_quiet if quiet else say
        self._absent_since: float | None = time.monotonic()
        self._quiet_until = time.monotonic() + SAY_AFTER
        self._connected = False  # a connection without a handshake, yet
        self._remake_at: float | None = None
        self._accepted: list[int] = []  # fds of connections without a handshake, where this side listens
        self._probing: threading.Thread | None = None
        self.socket, self.monitor = self._open()
        self.address = url.text  # where this side listens, with the port that the system chose
        if url.bind:
            prefix = f"{url.pattern}+" if url.pattern else ""
            self.address = prefix + self.socket.getsockopt_string(zmq.LAST_ENDPOINT)
            say(f"listening on {self.address}")
            if url.is_open and keys is None:
                say(f"{self.address} is open to the network: anybody who reaches it can take part; use keys")

    def _open(self) -> tuple[zmq.Socket[bytes], zmq.Socket[bytes]]:
        made = self._context.socket(self._kind)
        watcher = self._context.socket(zmq.PAIR)
        try:
            made.linger = 0
            made.maxmsgsize = MAX_PART
            made.reconnect_ivl = 100
            made.reconnect_ivl_max = 1000
            made.tcp_keepalive = 1
            made.tcp_keepalive_idle = 10
            made.tcp_keepalive_intvl = 5
            made.tcp_keepalive_cnt = 3
            made.ipv6 = "[" in self.url.endpoint
            if self._keys is not None:
                self._keys.apply(made)
            self._setup(made)
            watcher.linger = 0
            watcher.rcvhwm = 0  # a full one would block libzmq's thread while nobody looks
            name = f"inproc://framewire-monitor-{next(_numbers)}"
            made.monitor(name, _EVENTS)
            watcher.connect(name)
            self._attach(made)
        except BaseException:
            made.close()
            watcher.close()
            raise
        return made, watcher

    def _attach(self, made: zmq.Socket[bytes]) -> None:
        endpoint = self.url.endpoint
        try:
            if not self.url.bind:
                made.connect(endpoint)
                return
            if self.url.transport == "ipc":
                _refuse_ipc_in_use(self.url)
            made.bind(endpoint)
        except zmq.ZMQError as error:
            if error.errno == zmq.EADDRINUSE:
                raise Error(f"{self.url.text}: {endpoint} is in use by another program; choose another port") from None
            verb = "listen at" if self.url.bind else "connect to"
            raise Error(f"{self.url.text}: cannot {verb} {endpoint}: {error.strerror}") from None

    def absent(self, now: float) -> float:
        """Seconds since there was someone at the other end."""
        return 0.0 if (self.ended and not self.follow) or self._absent_since is None else now - self._absent_since

    def watch(self, now: float) -> float:
        """Look at what the monitor saw, speak and act on it. Call it when there is nothing to receive.

        Returns when to call it again (time.monotonic), though nothing is to be read from `monitor`.
        """
        while True:
            try:
                event, value = struct.unpack("=HI", self.monitor.recv(zmq.NOBLOCK)[:6])
            except zmq.Again:
                break
            while self.monitor.rcvmore:
                self.monitor.recv()
            self._on_event(event, value, now)
        if self._remake_at is not None and now >= self._remake_at:
            self._remake()
        if self._absent_since is not None and now >= self._quiet_until:
            self._quiet_until = now + _IDLE
            self._say_absent()
        then = now + _IDLE if self._absent_since is None else self._quiet_until
        return then if self._remake_at is None else min(then, self._remake_at)

    def _on_event(self, event: int, value: int, now: float) -> None:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._on_peer()
        elif event == zmq.EVENT_CONNECTED:
            self._connected = True
        elif event == zmq.EVENT_ACCEPTED:
            self._accepted.append(value)
        elif event == zmq.EVENT_CONNECT_RETRIED:
            self._remake_at = None
        elif event == zmq.EVENT_DISCONNECTED:
            self._on_gone(value, now)
        elif event & _FAILED:
            self._explain()

    def _on_peer(self) -> None:
        # For a listening socket the event does not say whose handshake it was: the oldest one's, most likely.
        if self._accepted:
            self._accepted.pop(0)
        self.peers = self.peers + 1 if self.url.bind else 1
        self.handshakes += 1
        if self.trouble:
            self.say(f"the {self._other} at {self.address} is there now")
            self.trouble = ""
        self._absent_since = None
        self.had_peer = True
        self._remake_at = None

    def _on_gone(self, fd: int, now: float) -> None:
        if self.url.bind and fd in self._accepted:
            self._accepted.remove(fd)  # it never was a peer: noise, or the wrong kind of socket
            return
        self._connected = False
        had_handshake = self.peers > 0
        self.peers = max(0, self.peers - 1)
        if self.peers == 0 and self._absent_since is None:
            self._absent_since = now
            self._quiet_until = now + SAY_AFTER
        if not self.url.bind:
            self._remake_at = now + (_GIVE_UP_RECONNECTING if had_handshake else _RETRY_WRONG_PEER)
        if not had_handshake:
            self._explain()

    def _remake(self) -> None:
        if self.had_peer and not self.trouble:
            self.say(
                f"{self.address}: the connection was cut and libzmq has given it up, as after a message part over"
                f" {MAX_PART >> 20} MiB; connecting anew"
            )
        self._remake_at = None
        self._connected = False
        self.remade += 1
        self._close_sockets(0)
        self.socket, self.monitor = self._open()

    def _say_absent(self) -> None:
        if self.ended:
            if self.follow:
                self._note(f"waiting for the next run of the {self._other} at {self.address}")
            return
        if self._connected:
            self._explain()
        elif self.url.bind:
            self._note(f"waiting for a {self._other} to connect to {self.address}")
        elif self.had_peer:
            self._note(f"the {self._other} at {self.address} is gone without an end; waiting for it to come back")
        else:
            self._explain(f"waiting for a {self._other} at {self.address} (nobody listens there yet)")

    def _note(self, text: str) -> None:
        if text != self.trouble:
            self.trouble = text
            self.say(text)

    def _explain(self, otherwise: str = "") -> None:
        """Ask the other end what it is, on a thread of its own since it may take a while, and say so."""
        if self.url.bind or self.ended or (self._probing is not None and self._probing.is_alive()):
            return

        def ask() -> None:
            text = explain(self.url, _PROBE_TIME, keys=self._keys is not None, collector=self._kind == zmq.PUSH)
            text = text or otherwise
            if text and self._absent_since is not None:
                self._note(text)

        self._probing = threading.Thread(target=ask, name="framewire-probe", daemon=True)
        self._probing.start()

    def close(self, linger: float = 0.0) -> None:
        """Close, giving what was sent this many seconds to leave."""
        self._close_sockets(int(linger * 1000))

    def _close_sockets(self, linger_ms: int) -> None:
        if not self.socket.closed:
            self.socket.monitor(None, 0)
        self.monitor.close()
        self.socket.close(linger_ms)


def _keep_quiet(text: str) -> None:
    """Somebody else says it."""


def _refuse_ipc_in_use(url: Url) -> None:
    """libzmq's ipc bind removes whatever is at the path, even another program's socket."""
    path = url.endpoint.removeprefix("ipc://")
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise Error(f"{url.text}: {path} is there and no socket; choose another path")
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.connect(path)
        except OSError:
            return  # left behind by a program that is gone
    raise Error(f"{url.text}: {path} is in use by another program; choose another path")
