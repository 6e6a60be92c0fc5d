"""A TCP proxy that delays, throttles, cuts and falls silent."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import deque
from types import TracebackType

BLOCK = 65536


class _Way:
    """One direction of a connection."""

    def __init__(self, source: socket.socket, target: socket.socket, down: bool) -> None:
        self.source, self.target, self.down = source, target, down
        self.waiting: deque[tuple[float, bytes]] = deque()  # due at, what
        self.size = 0
        self.ended = False
        self.free_at = 0.0


class Proxy:
    """Listens on a port of its own, and passes on to the given URL. All knobs may be turned at any time.

    delay: seconds each way. rate: bytes a second from the hub to the worker (0: no limit). silent: nothing passes, and
    nobody is told. cut_after: once so many bytes went from the hub through a connection, it is cut.
    """

    def __init__(self, url: str) -> None:
        host, port = url.split("//")[1].rsplit(":", 1)
        self.behind = (host, int(port))
        self.delay = self.rate = 0.0
        self.silent = False
        self.cut_after = 0
        self.cuts = 0
        self.passed = 0  # bytes from the hub
        self._links: list[tuple[_Way, _Way]] = []
        self._counts: dict[_Way, int] = {}
        self._cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._stop = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def cut(self) -> None:
        """Cut all connections, without a word."""
        before = self.cuts
        self._cut = True
        while self.cuts == before and self._thread.is_alive():
            time.sleep(0.002)

    def _run(self) -> None:
        while not self._stop:
            now = time.monotonic()
            if self._cut:
                self._cut = False
                for link in list(self._links):
                    self._close(link)
                self.cuts += 1
            reads = [self._listener]
            wakes = now + 0.05
            for link in list(self._links):
                for way in link:
                    if not self._forward(way, now):
                        self._close(link)
                        break
                    if way.size < 4 * BLOCK and not way.ended and not self.silent:
                        reads.append(way.source)
                    if way.waiting and not self.silent:
                        wakes = min(wakes, max(way.waiting[0][0], way.free_at, now + 0.001))
            ready = select.select(reads, [], [], max(0.0, wakes - time.monotonic()))[0]
            if self._listener in ready:
                self._accept()
            for link in list(self._links):
                for way in link:
                    if way.source in ready and not self._read(way):
                        self._close(link)
                        break
        for link in list(self._links):
            self._close(link)
        self._listener.close()

    def _accept(self) -> None:
        near = self._listener.accept()[0]
        try:
            far = socket.create_connection(self.behind, timeout=1)
        except OSError:
            near.close()
            return
        for one in (near, far):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._links.append((_Way(far, near, True), _Way(near, far, False)))

    def _read(self, way: _Way) -> bool:
        try:
            data = way.source.recv(BLOCK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            way.ended = True
            return bool(way.waiting)
        way.waiting.append((time.monotonic() + self.delay, data))
        way.size += len(data)
        return True

    def _forward(self, way: _Way, now: float) -> bool:
        """Pass on what is due; False: the connection is to be closed."""
        while way.waiting and not self.silent and way.waiting[0][0] <= now and way.free_at <= now:
            due, data = way.waiting[0]
            try:
                sent = way.target.send(data)
            except BlockingIOError:
                break
            except OSError:
                return False
            way.size -= sent
            if sent == len(data):
                way.waiting.popleft()
            else:
                way.waiting[0] = (due, data[sent:])
            if way.down:
                self.passed += sent
                self._counts[way] = self._counts.get(way, 0) + sent
                if self.rate:
                    way.free_at = max(way.free_at, now - 0.05) + sent / self.rate
                if self.cut_after and self._counts[way] >= self.cut_after:
                    self.cut_after = 0
                    self.cuts += 1
                    return False
        return bool(way.waiting) or not way.ended

    def _close(self, link: tuple[_Way, _Way]) -> None:
        if link in self._links:
            self._links.remove(link)
            self._counts.pop(link[0], None)
            for way in link:
                way.source.close()

    def close(self) -> None:
        self._stop = True
        self._thread.join()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
