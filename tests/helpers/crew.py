"""Workers as processes of their own, and the supervisor that tells the hub of their deaths."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from . import leased
from .command import wait_until
from .leased import Orders, Peer

BOUND = "tcp://127.0.0.1:*"


class Worker:
    """A process that does as its orders say."""

    def __init__(self, url: str, log: Path, orders: Orders) -> None:
        self.orders, self.log = orders, log
        words = [sys.executable, leased.__file__, url, str(log), json.dumps(asdict(orders))]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        self.pidfd = os.pidfd_open(self.process.pid)

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        mine = (event for event in leased.events(self.log) if event["pid"] == self.process.pid)
        return [event for event in mine if not kind or event["event"] == kind]

    def seqs(self, kind: str) -> list[int]:
        return [event["seq"] for event in self.events(kind)]

    def wait_for(self, kind: str, count: int = 1) -> None:
        wait_until(lambda: len(self.events(kind)) >= count, f"{count} x {kind}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def wait(self, timeout: float = 60) -> int:
        return self.process.wait(timeout)


class Crew:
    """Workers, and (unless `supervised=False`) their supervisor, which says `died` at once, and with `restart` starts
    another one in the place of each that died. All are gone when the `with` block is left."""

    def __init__(self, url: str, folder: Path, *, supervised: bool = True, restart: bool = False) -> None:
        self.url, self.log, self.restart = url, folder / "workers.log", restart
        self.workers: list[Worker] = []
        self.deaths = 0
        self._known: set[Worker] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._peer = Peer(url, "supervisor") if supervised else None
        if self._peer:
            self._peer.greets = True
            self._peer.take("welcome")
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def add(self, count: int = 1, *, orders: Orders | None = None, url: str = "", **about: Any) -> list[Worker]:
        """Start workers with these orders (see leased.Orders)."""
        made = []
        for _ in range(count):
            one = Orders(**(asdict(orders) if orders else {}) | about)
            one.instance = leased.new_instance()
            one.supervisor = self._peer.instance if self._peer else 0
            made.append(Worker(url or self.url, self.log, one))
        with self._lock:
            self.workers += made
        return made

    def one(self, **about: Any) -> Worker:
        return self.add(**about)[0]

    @property
    def living(self) -> list[Worker]:
        return [worker for worker in list(self.workers) if worker.alive]

    def ready(self, count: int) -> None:
        """Wait until so many of those alive were welcomed."""
        wait_until(lambda: sum(bool(worker.events("welcome")) for worker in self.living) >= count, f"{count} workers")

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        return [event for event in leased.events(self.log) if not kind or event["event"] == kind]

    def seqs(self, kind: str) -> list[int]:
        return [event["seq"] for event in self.events(kind)]

    def _watch(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                watched = {worker.pidfd: worker for worker in self.workers if worker not in self._known}
            poll = select.poll()
            for fd in watched:
                poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll(20):
                self._on_end(watched[fd])
            while self._peer and (word := self._peer.poll(0)):
                if word.kind == "end":
                    self._peer.say("bye")

    def _on_end(self, worker: Worker) -> None:
        code = worker.process.wait()
        self._known.add(worker)
        os.close(worker.pidfd)
        if code == 0:
            return
        self.deaths += 1
        if self._peer:
            how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            self._peer.say("died", instance=worker.orders.instance, reason=how)
        if self.restart and not self._stop.is_set():
            self.add(orders=worker.orders)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        for worker in self.workers:
            if worker.alive:
                worker.process.kill()
                worker.process.wait()
            if worker not in self._known:
                os.close(worker.pidfd)
        if self._peer:
            self._peer.close()


def lines_of(results: Path) -> list[dict[str, Any]]:
    """The lines of a results file so far; one that is being written is left out."""
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text().split("\n")[:-1]]


def check_account(summary: Path, results: Path, *, items: Iterable[int], dead: Iterable[int] = ()) -> dict[str, Any]:
    """The account from outside: one line for each item, as done or dead as is expected; the summary agrees."""
    account: dict[str, Any] = json.loads(summary.read_text())
    lines = lines_of(results)
    expected, gone = sorted(items), sorted(dead)
    assert account["captured"] == account["done"] + account["dead"] + account["dropped"] + account["in_flight"]
    twice = [item for item, count in Counter(line["item"] for line in lines).items() if count > 1]
    assert not twice, f"several lines for {twice[:10]}"
    assert sorted(int(line["item"]) for line in lines) == expected
    assert sorted(int(line["item"]) for line in lines if line["status"] == "dead") == gone
    assert (account["done"], account["dead"], account["in_flight"]) == (len(expected) - len(gone), len(gone), 0)
    for line in lines:
        if line["status"] == "done":
            assert line["value"]["seq"] == line["seq"], line
    return account


def pause() -> None:
    """Between two looks at something that no one tells of."""
    time.sleep(0.01)
