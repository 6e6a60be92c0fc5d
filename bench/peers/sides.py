"""A contender's two sides, each in a process of its own, from their start to what the reader measured."""

from __future__ import annotations

import fcntl
import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import quantiles
from typing import Any, Protocol

from .contenders import Contender
from .costs import Meter, family
from .frames import LIMIT, Load, Source, Taker

SPAWN = multiprocessing.get_context("spawn")
SHARED = Path("/dev/shm")
LEAVE = 5.0  # seconds that both sides have to leave by themselves


class Module(Protocol):
    """A contender: one module of this folder with these two functions."""

    def send(self, link: Link, source: Source) -> None: ...
    def receive(self, link: Link, taker: Taker) -> None: ...


@dataclass(frozen=True)
class Link:
    """What both sides know: how they find each other is the contender's own affair."""

    folder: str  # empty, short-lived
    variant: str
    there: Queue[Any]  # for contenders that are queues of Python's own
    back: Queue[Any]

    def offer(self, name: str, text: str) -> None:
        """Let the other side know of an address."""
        part = Path(self.folder, name + ".part")
        part.write_text(text)
        part.rename(Path(self.folder, name))

    def wait(self, name: str, end: str = "") -> str:
        """What the other side wrote to a file, up to `end`."""
        path, until = Path(self.folder, name), time.monotonic() + LIMIT
        while time.monotonic() < until:
            if path.exists() and end in (text := path.read_text()):
                return text.partition(end)[0] if end else text
            time.sleep(0.002)
        raise TimeoutError(f"the other side never said its {name}")


@dataclass(frozen=True)
class Report:
    """What a run of a contender showed."""

    fps: float
    cpu: float  # seconds of CPU for each second of wall time, both sides
    p50: float  # ms
    p99: float
    peak: float  # MiB
    pss: float


class Failed(Exception):
    """A contender cannot be had, or cannot be run here; the text says why."""


def run(contender: Contender, load: Load) -> Report:
    with tempfile.TemporaryDirectory(prefix="fw-peers-", ignore_cleanup_errors=True) as folder:
        pattern = contender.leftovers.format(run=Path(folder).name)
        there = set(SHARED.glob(pattern)) if pattern else set()
        link = Link(folder, contender.variant, SPAWN.Queue(), SPAWN.Queue())
        done = SPAWN.Event()
        hear, tell = SPAWN.Pipe(duplex=False)
        sender = SPAWN.Process(target=_send, args=(contender, link, load, done, tell))
        sender.start()
        assert sender.pid is not None
        reader = SPAWN.Process(target=_receive, args=(contender, link, load, done, tell, sender.pid))
        reader.start()
        tell.close()
        patience = 0.0
        try:
            report = _outcome(hear, {"sender": sender, "reader": reader}, folder)
            patience = LEAVE
            return report
        finally:
            _end((sender, reader), patience)
            if pattern:
                _sweep(set(SHARED.glob(pattern)) - there)


def _outcome(hear: Connection, sides: dict[str, BaseProcess], folder: str) -> Report:
    """The report, or the first failure."""
    until = time.monotonic() + LIMIT
    while not hear.poll(0.1):
        for name, side in sides.items():
            if not side.is_alive() and not hear.poll(1):
                log = Path(folder, f"{name}.log").read_text(errors="replace").splitlines()
                raise Failed(f"the {name} ended with exit code {side.exitcode}: {log[-1] if log else 'no message'}")
        if time.monotonic() > until:
            raise Failed(f"no answer in {LIMIT:.0f} s")
    found = hear.recv()
    if isinstance(found, Report):
        return found
    raise Failed(found)


def _end(sides: tuple[BaseProcess, ...], patience: float) -> None:
    """Let both sides leave, then end them and what they started.

    It asks and asks: a side that has become another program has lost what join() waits for.
    """
    started = family(*(side.pid for side in sides if side.pid is not None))
    until = time.monotonic() + patience
    while any(side.is_alive() for side in sides) and time.monotonic() < until:
        time.sleep(0.005)
    for pid in started:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for side in sides:
        side.join()
    until = time.monotonic() + LEAVE
    while any(Path(f"/proc/{pid}").exists() for pid in started) and time.monotonic() < until:
        time.sleep(0.005)


def _sweep(files: set[Path]) -> None:
    """Remove what a contender left behind, unless somebody else uses it."""
    for file in files:
        with suppress(OSError), file.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.unlink()


def _send(contender: Contender, link: Link, load: Load, done: Event, tell: Connection) -> None:
    _quiet(link, "sender")
    try:
        module = _module(contender)
        module.send(link, Source(load, contender.in_place, done))
    except Exception as error:
        tell.send(_sentence("sender", error))


def _receive(contender: Contender, link: Link, load: Load, done: Event, tell: Connection, sender: int) -> None:
    _quiet(link, "reader")
    try:
        module = _module(contender)
        taker = Taker(load, Meter(sender, os.getpid()))
        module.receive(link, taker)
        tell.send(_report(taker))
    except Exception as error:
        tell.send(_sentence("reader", error))
    finally:
        done.set()


def _module(contender: Contender) -> Module:
    return importlib.import_module(f"{__package__}.{contender.module}")  # type: ignore[return-value]


def _report(taker: Taker) -> Report:
    if taker.begin is None or taker.end is None:
        raise ValueError(f"the stream ended before frame {taker.load.total - 1}")
    wall, cpu = taker.end.since(taker.begin)
    cuts = [delay / 1e6 for delay in quantiles(taker.delays, n=100, method="inclusive")]
    return Report(taker.load.count / wall, cpu / wall, cuts[49], cuts[98], *taker.memory)


def _sentence(side: str, error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{side}: {type(error).__name__}: {text[:200]}"


def _quiet(link: Link, side: str) -> None:
    """What peers print goes to a file beside their sockets."""
    sys.stdout.flush()
    log = os.open(f"{link.folder}/{side}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
