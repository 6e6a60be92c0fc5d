"""The same cases over both links of leased delivery, the door and the socket: only `transport` tells them apart."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import framewire
from framewire import aio
from helpers import stamp
from helpers.command import PATIENCE, Running, wait_until

Start = Callable[..., Running]

WIDTH, HEIGHT = 320, 200  # four stamps a frame


@dataclass(frozen=True)
class Way:
    """How frames travel: by the door or the socket, where the sender listens, and in which encoding."""

    link: str
    transport: str
    encoding: str

    def __str__(self) -> str:
        return f"{self.link}-{self.transport}-{self.encoding}"

    def url(self, folder: Path) -> str:
        return "tcp://127.0.0.1:0" if self.transport == "tcp" else f"ipc://{folder}/socket"

    def door(self, folder: Path) -> Path:
        return folder / ("doors" if self.link == "door" else "elsewhere")

    @property
    def ways(self) -> set[str]:
        return {"shm", "copy"} if self.link == "door" else {self.transport}


WAYS = [Way(link, t, e) for link in ("door", "socket") for t in ("tcp", "ipc") for e in ("raw", "jpeg")]
over_every_way = pytest.mark.parametrize("way", WAYS, ids=str)


@dataclass
class Log:
    """What came, and how."""

    seqs: list[int] = field(default_factory=list)
    torn: list[int] = field(default_factory=list)
    ways: set[str] = field(default_factory=set)
    ended: bool = False
    error: BaseException | None = None

    def note(self, frame: framewire.Frame) -> None:
        self.seqs.append(frame.seq)
        self.ways.add(frame.transport)
        data = frame.data.cast("B")
        good = stamp.whole(data, frame.seq) if frame.encoding == "raw" else bytes(data[:2]) == b"\xff\xd8"
        if not good or frame.array.shape != (HEIGHT, WIDTH, 3):
            self.torn.append(frame.seq)


def loop(log: Log, receiver: framewire.Receiver, most: int) -> None:
    with receiver:
        for frame in receiver:
            log.note(frame)
            if len(log.seqs) == most:
                return
            if frame.owner.wants_answers:
                frame.reply({"seq": frame.seq}, top=frame.array[:2])
    log.ended = True


async def aloop(log: Log, receiver: aio.Receiver, most: int) -> None:
    async with receiver:
        async for frame in receiver:
            log.note(frame)
            if len(log.seqs) == most:
                return
            await asyncio.sleep(0)
            frame.reply({"seq": frame.seq}, top=frame.array[:2])
    log.ended = True


def take(log: Log, url: str, door: Path, asynchronous: bool, most: int = -1, **options: Any) -> threading.Thread:
    def run() -> None:
        try:
            if asynchronous:
                asyncio.run(_open_and_loop(log, url, door, most, options))
            else:
                loop(log, framewire.Receiver(url, door=door, **options), most)
        except BaseException as error:
            log.error = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


async def _open_and_loop(log: Log, url: str, door: Path, most: int, options: dict[str, Any]) -> None:
    await aloop(log, aio.Receiver(url, door=door, **options), most)


def send(start: Start, way: Way, folder: Path, count: int, *more: object) -> Running:
    return start(
        "send", f"test:bars?size={WIDTH}x{HEIGHT}&count={count}", "--to", way.url(folder), "--encoding", way.encoding,
        "--results", folder / "results.jsonl", "--result-arrays", folder / "arrays", "--summary", "-", *more,
        env={"FRAMEWIRE_DOOR": str(folder / "doors")},
    )  # fmt: skip


def check_results(sending: Running, folder: Path, count: int) -> None:
    account = json.loads(sending.stdout)
    assert (account["captured"], account["done"], account["in_flight"]) == (count, count, 0)
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert sorted(line["seq"] for line in lines) == list(range(count))
    for line in lines:
        assert line["value"] == {"seq": line["seq"]}
        assert np.load(folder / "arrays" / line["arrays"]["top"]).shape == (2, WIDTH, 3)


def finish(thread: threading.Thread, log: Log) -> None:
    thread.join(PATIENCE)
    assert not thread.is_alive(), f"no end after {len(log.seqs)} frames"
    assert log.error is None
    assert log.torn == []


@over_every_way
@pytest.mark.parametrize("asynchronous", [False, True], ids=["loop", "asyncio"])
def test_every_frame_is_answered_once(start: Start, tmp_path: Path, way: Way, asynchronous: bool) -> None:
    sending = send(start, way, tmp_path, 60, "--wait-workers", 2)
    logs = [Log(), Log()]
    threads = [take(log, sending.url, way.door(tmp_path), asynchronous) for log in logs]
    assert sending.wait() == 0, sending.stderr
    for thread, log in zip(threads, logs, strict=True):
        finish(thread, log)
        assert log.ended
        assert log.ways <= way.ways
    assert sorted(logs[0].seqs + logs[1].seqs) == list(range(60))
    check_results(sending, tmp_path, 60)
    assert not os.listdir(tmp_path / "doors")


@over_every_way
def test_a_worker_that_leaves_gives_its_frames_back(start: Start, tmp_path: Path, way: Way) -> None:
    sending = send(start, way, tmp_path, 40, "--rate", "200fps")
    first, second = Log(), Log()
    finish(take(first, sending.url, way.door(tmp_path), False, most=5, credit=4), first)
    assert not first.ended
    finish(take(second, sending.url, way.door(tmp_path), True, credit=4), second)
    assert sending.wait() == 0, sending.stderr
    assert second.ended
    assert sorted(first.seqs[:-1] + second.seqs) == list(range(40)), "the last of the first was not answered"
    check_results(sending, tmp_path, 40)


@over_every_way
def test_a_worker_stays_for_a_sender_that_vanished(start: Start, tmp_path: Path, way: Way) -> None:
    first = send(start, way, tmp_path, 0, "--rate", "200fps")
    log = Log()
    thread = take(log, first.url, way.door(tmp_path), False)
    wait_until(lambda: len(log.seqs) >= 3, "frames of the first run")
    first.kill()
    (tmp_path / "results.jsonl").unlink()
    second = start(
        "send", f"test:bars?size={WIDTH}x{HEIGHT}&count=20", "--to", first.url,
        "--encoding", way.encoding, "--summary", "-", env={"FRAMEWIRE_DOOR": str(tmp_path / "doors")},
    )  # fmt: skip
    assert second.wait() == 0, second.stderr
    finish(thread, log)
    assert log.ended
    assert log.ways <= way.ways
    assert log.seqs[-20:] == list(range(20))
    assert not os.listdir(tmp_path / "doors"), "the second run clears up after the first"


@over_every_way
def test_an_observer_sees_what_it_has_time_for(start: Start, tmp_path: Path, way: Way) -> None:
    sending = send(start, way, tmp_path, 60, "--rate", "200fps")
    seen, log = Log(), Log()
    watching = take(seen, sending.url, way.door(tmp_path), False, role="observer")
    working = take(log, sending.url, way.door(tmp_path), False)
    assert sending.wait() == 0, sending.stderr
    finish(working, log)
    finish(watching, seen)
    assert log.seqs == list(range(60))
    assert seen.seqs and seen.seqs == sorted(set(seen.seqs))
    assert seen.ways <= way.ways | {way.transport}
