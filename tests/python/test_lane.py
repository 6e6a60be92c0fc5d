"""Frames that come by the lane, which is compiled, and those that do not, are told of in the same words."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import framewire
from framewire import door, lease, template
from framewire import receiver as receiver_module
from framewire._lane import Turn
from framewire.beat import Beat
from framewire.frame import Frame
from framewire.lane import Loop
from framewire.stats import Stats
from framewire.waiter import Waiter
from helpers.local_hub import SIZE, LocalHub
from helpers.sender import EPOCH, picture, until

TURNS = 120
FIRST = 300  # from here on all numbers keep their widths for a while


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    with LocalHub(tmp_path) as hub:
        yield hub


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "_known", {})
    monkeypatch.setattr(template, "_misfits", {})


@pytest.fixture
def by_lane(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the frames that came by it."""
    seen: list[int] = []

    class Seen(Turn):
        def next(self, loop: Loop) -> Frame | None:
            return note(super().next(loop))

        def take(self) -> Frame | None:
            return note(super().take())

    def note(frame: Frame | None) -> Frame | None:
        if frame is not None:
            seen.append(frame.seq)
        return frame

    monkeypatch.setattr(lease, "Turn", Seen)
    monkeypatch.setattr(lease, "_SOON", 10.0)  # this hub takes its time
    monkeypatch.setattr(door, "WAIT", 900)
    return seen


@pytest.fixture
def by_look(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the frames that were found there when who waited for them looked."""
    seen: list[int] = []

    class Seen(Turn):
        def look(self, until: float = 0.0) -> Frame | None:
            frame = super().look(until)
            if frame is not None:
                seen.append(frame.seq)
            return frame

    monkeypatch.setattr(lease, "Turn", Seen)
    monkeypatch.setattr(lease, "_SOON", 0.0)
    return seen


def settled(hub: LocalHub, seq: int) -> bool:
    return any(word["kind"] == "result" and word["seq"] == seq for word in hub.all)


def lend_in_turn(hub: LocalHub, odd: dict[int, dict[str, Any]], unanswered: set[int]) -> threading.Thread:
    """Frames one by one, each once the one before is answered; odd: what some of them say besides."""

    def lend() -> None:
        for seq in range(FIRST, FIRST + TURNS):
            more = odd.get(seq, {})
            hub.lend(seq, 1 + seq % 8, gen=seq, **more)
            if "guarded" in more:
                until(lambda seq=seq: any(word["kind"] == "start" and word["seq"] == seq for word in hub.all))
                hub.say("go", stream="cam0", epoch=EPOCH, seq=seq)
            if seq not in unanswered:
                until(lambda seq=seq: settled(hub, seq))
        hub.end()

    thread = threading.Thread(target=lend)
    thread.start()
    return thread


def lie_ready(hub: LocalHub, receiver: framewire.Receiver, seqs: Iterable[int]) -> None:
    """These frames are in the receiver's socket, unread."""
    visit = receiver._transports[0]._inside.visit  # type: ignore[attr-defined]
    receiver._keeper.enter()
    for seq in seqs:
        before = unread(visit)
        hub.lend(seq, 1 + seq % 8, gen=seq)
        until(lambda before=before: unread(visit) > before)
    receiver._keeper.leave()


def unread(visit: door.Visit) -> int:
    """Bytes."""
    return int.from_bytes(fcntl.ioctl(visit, termios.FIONREAD, bytes(4)), sys.byteorder)


def words(hub: LocalHub) -> dict[int, list[str]]:
    """What was said of each frame, in order."""
    said: dict[int, list[str]] = {}
    for word in hub.all:
        if "seq" in word:
            said.setdefault(word["seq"], []).append(word["kind"] + word.get("status", ""))
    return said


def released(hub: LocalHub) -> list[int]:
    return sorted(gen for word in hub.all for gen in word.get("releases", [])[2::3])


def work(receiver: framewire.Receiver, hub: LocalHub, odd: dict[int, dict[str, Any]]) -> dict[int, list[str]]:
    """Every way to answer, and not to let go; frames whose place is wrong are answered by the receiver."""
    kept: list[Frame] = []
    arrays = []
    lending = lend_in_turn(hub, odd, {FIRST + 60, FIRST + 61})
    for frame in receiver:
        assert np.array_equal(frame.array, picture(frame.seq))
        assert (frame.stream, frame.transport) == ("cam0", "shm")
        turn = frame.seq - FIRST
        if turn in (60, 61):
            kept.append(frame.keep())
        elif turn == 63:
            while kept:
                kept.pop().reply(turn)
        elif 20 <= turn < 35:
            frame.reply({"turn": turn})
        elif turn in (45, 105):
            frame.fail("no")
        elif turn == 106:
            frame.progress()
        if 75 <= turn < 78:
            arrays.append(frame.array)
        elif turn == 85:
            arrays.clear()
        if turn < 100:
            del frame
    del frame
    lending.join()
    receiver.close()
    until(lambda: len(released(hub)) == TURNS)
    return words(hub)


ODD: dict[int, dict[str, Any]] = {
    **{FIRST + turn: {"guarded": True} for turn in range(40, 44)},
    FIRST + 50: {"offset": SIZE},
    FIRST + 51: {"offset": 4097},
    FIRST + 52: {"region": 6},
    FIRST + 90: {"item": "one.tif"},
    FIRST + 95: {"attempt": 2},
}


Told = tuple[dict[int, list[str]], list[int], Stats]


def work_with_and_without(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Words, releases and counts, which are the same with the compiled turn as without."""

    def told(folder: Path) -> Told:
        folder.mkdir()
        with LocalHub(folder) as hub:
            receiver = framewire.Receiver(hub.url, door=folder, credit=5)
            said = work(receiver, hub, ODD)
            assert not receiver._transports[0]._progressed  # type: ignore[attr-defined]
            return said, released(hub), receiver.stats

    compiled = told(folder / "compiled")
    monkeypatch.setattr(lease, "Turn", None)
    assert compiled == told(folder / "pure")
    return compiled


def test_the_words_are_the_same_with_it_and_without(
    tmp_path: Path, by_lane: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    said, gens, stats = work_with_and_without(tmp_path, monkeypatch)
    assert (stats.frames, stats.results) == (TURNS - 3, TURNS), "three were never handed over"
    assert gens == list(range(FIRST, FIRST + TURNS))
    assert len(by_lane) > TURNS // 2
    for seq in range(FIRST, FIRST + TURNS):
        assert said[seq][-1].startswith("result"), (seq, said[seq])
        assert ("start" in said[seq]) is (seq not in (FIRST + 50, FIRST + 51, FIRST + 52))
    for turns in (range(22, 35), range(65, 70), range(102, 119)):  # replied to; after kept ones; held by the loop
        assert {FIRST + turn for turn in turns} <= set(by_lane), turns
    assert not set(ODD) & set(by_lane), "those wait for a word, or are refused, or new"
    slow = {FIRST + turn for turns in (range(61, 64), range(78, 86)) for turn in turns}
    assert not slow & set(by_lane), "who owes something, or holds several, must not wait where no other thread wakes it"


def test_the_words_are_the_same_where_each_frame_is_waited_for(
    tmp_path: Path, by_look: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    work_with_and_without(tmp_path, monkeypatch)
    assert len(by_look) > TURNS // 2
    assert {FIRST + turn for turn in range(79, 85)} & set(by_look), "also of who holds several"
    assert not set(ODD) & set(by_look)


def test_a_frame_that_comes_twice_is_handed_over_once(hub: LocalHub, tmp_path: Path, by_look: list[int]) -> None:
    with framewire.Receiver(hub.url, door=tmp_path, credit=4) as receiver:
        for seq in range(FIRST, FIRST + 5):
            hub.lend(seq, 1, gen=seq)
            frame = receiver.receive()
            assert frame.seq == seq
        assert by_look
        hub.lend(frame.seq, 2, gen=7)
        hub.lend(FIRST + 5, 3, gen=FIRST + 5)
        assert receiver.receive().seq == FIRST + 5
        assert receiver.stats.unknown == 1
        until(lambda: 7 in released(hub))


class Steady(Beat):
    """Of a stream whose next frame is about to come, always."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[float] = []

    def rehearse_in(self, now: float) -> float:
        return 0.001

    def awake_until(self) -> float:
        return time.monotonic() + 60

    def came(self, now: float) -> None:
        self.told.append(now)


def test_who_stays_awake_for_a_frame_takes_it_with_the_look_that_sees_it(
    hub: LocalHub, tmp_path: Path, by_look: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver_module, "_SEVERAL_CPUS", True)
    monkeypatch.setattr(Waiter, "wait_awake", None)  # nobody else looks
    with framewire.Receiver(hub.url, door=tmp_path) as receiver:
        for seq in range(FIRST, FIRST + 2):
            hub.lend(seq, 1, gen=seq)
            receiver.receive().reply()
        beat = receiver._beat = Steady()
        receiver._woke = 0.0  # it knows of none that came before
        by_look.clear()
        seqs = range(FIRST + 2, FIRST + 6)
        for seq in seqs:
            lending = threading.Timer(0.03, hub.lend, (seq, 1), {"gen": seq})
            lending.start()
            frame = receiver.receive()
            assert frame.seq == seq
            frame.reply()
            lending.join()
        assert [seq for seq in by_look if seq in seqs] == list(seqs)  # it rehearses, too
        assert receiver.stats.frames == len(seqs) + 2
        woken = [*beat.told, receiver._woke]
        assert len(woken) == len(seqs), "all but the last are told of, each when the next is waited for"
        assert woken == sorted(woken)


def test_a_place_that_is_wrong_is_answered_and_released(hub: LocalHub, tmp_path: Path, by_lane: list[int]) -> None:
    """By the lane, where all else of the header is as before."""
    with framewire.Receiver(hub.url, door=tmp_path) as receiver:
        lending = lend_in_turn(hub, {FIRST + 50: {"offset": 4097}}, set())
        for frame in receiver:
            del frame
        lending.join()
        assert receiver.stats.bad["payload"] == 1
    assert words(hub)[FIRST + 50] == ["resulterror"]
    assert {FIRST + 49, FIRST + 51} <= set(by_lane)
    assert FIRST + 50 in released(hub)


def test_frames_that_lie_ready_come_by_it_too(
    hub: LocalHub, tmp_path: Path, by_lane: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_SOON", 0.0)
    seqs = list(range(FIRST, FIRST + 6))
    with framewire.Receiver(hub.url, door=tmp_path, credit=len(seqs)) as receiver:
        hub.lend(FIRST, 1, gen=FIRST)
        assert next(receiver).seq == FIRST
        lie_ready(hub, receiver, seqs[1:])
        hub.end()
        assert [frame.seq for frame in receiver] == seqs[1:]
    assert set(seqs[3:]) <= set(by_lane), "what is there at once is learnt from"


def test_a_frame_that_was_read_meanwhile_comes_first(hub: LocalHub, tmp_path: Path, by_lane: list[int]) -> None:
    """By the keeper's thread, while a handler took its time; and then another came."""
    seqs, later = [], FIRST + TURNS
    with framewire.Receiver(hub.url, door=tmp_path, credit=3) as receiver:
        lending = lend_in_turn(hub, {}, {FIRST + 50})
        for frame in receiver:
            seqs.append(frame.seq)
            if frame.seq == FIRST + 50:
                until(lambda: receiver._transports[0]._waiting)  # type: ignore[attr-defined]
                lie_ready(hub, receiver, [later])
            del frame
        lending.join()
    assert seqs == [*range(FIRST, FIRST + 52), later, *range(FIRST + 52, FIRST + TURNS)]
    assert {FIRST + 50, FIRST + 60} <= set(by_lane)


SHAPES = [(4, 6, 3), (6, 4, 3), (2, 12, 3), (12, 2, 3)]  # all of as many bytes


@pytest.mark.parametrize("kinds", [[("cam0", shape) for shape in SHAPES], [(f"cam{at}", SHAPES[0]) for at in range(4)]])
def test_what_is_learnt_of_a_frame_is_not_another_s(
    hub: LocalHub, tmp_path: Path, by_lane: list[int], kinds: list[tuple[str, tuple[int, ...]]]
) -> None:
    """Where several were read before the first of them is handed over, while a handler took its time."""

    def lend(seq: int) -> None:
        stream, shape = kinds[seq % 4]
        hub.lend(seq, 1 + seq % 8, gen=seq, pixels=picture(seq, shape), stream=stream)

    with framewire.Receiver(hub.url, door=tmp_path, credit=4) as receiver:
        lend(FIRST)
        for frame in receiver:
            assert (frame.stream, frame.array.shape) == (frame.stream, frame.shape) == kinds[frame.seq % 4]
            assert np.array_equal(frame.array, picture(frame.seq, frame.shape))
            turn = frame.seq - FIRST
            if turn < 81 and turn % 3 == 0:
                for seq in range(frame.seq + 1, frame.seq + 4):
                    lend(seq)
                if turn % 2 == 0:
                    until(lambda: len(receiver._transports[0]._waiting) == 3)  # type: ignore[attr-defined]
            elif turn == 81:
                hub.end()
            del frame
    assert max(by_lane) > FIRST + 70


def test_the_keeper_that_waits_is_told_of_each_turn(hub: LocalHub, tmp_path: Path, by_lane: list[int]) -> None:
    with framewire.Receiver(hub.url, door=tmp_path) as receiver:
        lending = lend_in_turn(hub, {}, set())
        for frame in receiver:
            assert not receiver._keeper.gated
            receiver._keeper.gated = frame.seq == FIRST + 50
        lending.join()
    assert FIRST + 51 in by_lane


def test_who_is_stopped_gets_no_more_though_there_are(hub: LocalHub, tmp_path: Path, by_lane: list[int]) -> None:
    seqs = []
    with framewire.Receiver(hub.url, door=tmp_path, credit=9) as receiver:
        hub.lend(FIRST, 1, gen=FIRST)
        for frame in receiver:
            seqs.append(frame.seq)
            if frame.seq == FIRST:
                lie_ready(hub, receiver, range(FIRST + 1, FIRST + 9))
            elif frame.seq == FIRST + 5:
                receiver.stop()
    assert seqs == list(range(FIRST, FIRST + 6))
    assert FIRST + 5 in by_lane


def test_what_a_former_run_sent_is_not_answered(hub: LocalHub, tmp_path: Path, by_lane: list[int]) -> None:
    with framewire.Receiver(hub.url, door=tmp_path) as receiver:
        lending = lend_in_turn(hub, {}, {FIRST + 50})
        for frame in receiver:
            if frame.seq == FIRST + 50:
                receiver._transports[0].on_new_run()  # type: ignore[attr-defined]
            del frame
        lending.join()
        assert receiver.stats.stale == 1
    assert words(hub)[FIRST + 50] == ["start"]
    assert {FIRST + 50, FIRST + 60} <= set(by_lane)


def test_who_finds_no_room_aside_says_it_at_the_door(hub: LocalHub, tmp_path: Path, by_lane: list[int]) -> None:
    with framewire.Receiver(hub.url, door=tmp_path) as receiver:
        lending = lend_in_turn(hub, {}, set())
        for frame in receiver:
            if frame.seq == FIRST + 50:
                said = len(hub.said_aside)
                aside = receiver._transports[0]._inside.visit.aside  # type: ignore[attr-defined]
                near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                far.close()
                os.dup2(near.fileno(), aside)
                near.close()
        lending.join()
    assert said > 50 - 2
    assert len(hub.said_aside) <= said + 1
    assert all(words(hub)[seq] == ["start", "resultdone"] for seq in range(FIRST, FIRST + TURNS))
    assert max(by_lane) == FIRST + TURNS - 1


def test_a_visit_that_ends_is_gone_on_with(hub: LocalHub, tmp_path: Path, by_lane: list[int]) -> None:
    with framewire.Receiver(hub.url, door=tmp_path) as receiver:
        lending = lend_in_turn(hub, {}, set())
        for frame in receiver:
            if frame.seq in (FIRST + 30, FIRST + 60):
                hub.hang_up()
            del frame
        lending.join()
    assert hub.knocks == 3
    assert all("resultdone" in words(hub)[seq] for seq in range(FIRST, FIRST + TURNS))
    assert len(by_lane) > TURNS // 2


def test_a_fork_that_goes_on_with_the_loop_is_told(hub: LocalHub, tmp_path: Path, by_lane: list[int]) -> None:
    with framewire.Receiver(hub.url, door=tmp_path) as receiver:
        lending = lend_in_turn(hub, {}, set())
        for frame in receiver:
            if frame.seq == FIRST + 50:
                frame.reply(1)
                child = os.fork()
                if child == 0:
                    code = 1
                    try:
                        next(receiver)
                    except framewire.Error as error:
                        code = 2 + ("before a fork" in str(error))
                    finally:
                        os._exit(code)
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
        del frame
        lending.join()
    assert FIRST + 50 in by_lane


@pytest.mark.parametrize(("said", "there"), [("", True), ("1", False)])
def test_what_is_compiled_is_used_unless_it_is_not_wanted(said: str, there: bool) -> None:
    code = "import framewire.lane; print(framewire.lane.Turn is not None)"
    environment = os.environ | {"FRAMEWIRE_PURE": said}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{there}\n"
