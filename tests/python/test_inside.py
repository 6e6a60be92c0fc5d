"""Receivers on the sender's host: frames are read where they lie, and everything is said through the door."""

from __future__ import annotations

import asyncio
import gc
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgpack
import numpy as np
import pytest

import framewire
from framewire import aio, lease
from framewire.door import Visit
from helpers.local_hub import REFUSED, LocalHub
from helpers.sender import picture, until


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    with LocalHub(tmp_path) as hub:
        yield hub


Open = Callable[..., framewire.Receiver]


@pytest.fixture
def receive(hub: LocalHub, tmp_path: Path) -> Iterator[Open]:
    opened = []

    def make(**options: object) -> framewire.Receiver:
        opened.append(framewire.Receiver(hub.url, **({"door": tmp_path} | options)))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for receiver in opened:
        receiver.close()


def test_a_frame_is_read_where_it_lies(hub: LocalHub, receive: Open) -> None:
    receiver = receive()
    threading.Thread(target=hub.lend, args=(0, 3)).start()
    frame = receiver.receive(10)
    assert frame.transport == "shm"
    assert frame.array.ctypes.data % 64 == 0
    assert np.array_equal(frame.array, picture(0))
    hub.memory[3 * 4096] ^= 255
    assert frame.array[0, 0, 0] == picture(0)[0, 0, 0] ^ 255, "it is no copy"
    for array in (frame.array, frame.array[1:], np.asarray(frame.data)):
        with pytest.raises(ValueError, match="read-only|WRITEABLE"):
            array[...] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


def test_a_start_says_what_was_released_since(hub: LocalHub, receive: Open) -> None:
    receiver = receive(credit=20)
    threading.Thread(target=lambda: [hub.lend(seq, seq) for seq in range(20)]).start()
    until(lambda: len(receiver._transports[0]._waiting) == 20)  # type: ignore[attr-defined]
    for frame in receiver:
        if frame.seq == 19:
            break  # this one is in the loop's hand until it is closed
    del frame
    until(lambda: sum(len(word.get("releases", [])) for word in hub.all) == 3 * 19)
    said = [word for word in hub.all if "releases" in word]
    assert sorted(slot for word in said for slot in word["releases"][1::3]) == list(range(19))
    assert any(word["kind"] == "start" for word in said)
    assert 2 in hub.packets, "an answer and the next start travel together"


def test_a_start_that_nobody_waits_for_is_said_aside(hub: LocalHub, receive: Open) -> None:
    receiver = receive()
    threading.Thread(target=hub.lend, args=(0, 3)).start()
    frame = receiver.receive(10)
    assert hub.released() == []
    assert [msgpack.unpackb(said)["kind"] for said in hub.said_aside] == ["start"]
    frame.reply()
    hub.result()
    threading.Thread(target=hub.lend, args=(1, 4), kwargs={"guarded": True}).start()
    with pytest.raises(framewire.Timeout):
        receiver.receive(0.2)  # it waits for go
    assert hub.take()["kind"] == "start"
    assert len(hub.said_aside) == 1, "somebody waits for this one"


def test_an_answer_brings_its_slot_along(hub: LocalHub, receive: Open) -> None:
    """The hub is woken once for each frame of a loop that drops what it has looked at."""

    def lend_in_turn() -> None:
        for seq in range(5):
            hub.lend(seq, seq)
            until(lambda seq=seq: sum(word["kind"] == "release" for word in hub.all) > seq)
        hub.end()

    sender = threading.Thread(target=lend_in_turn)
    sender.start()
    for frame in receive():
        assert frame.array[0, 0, 0] == picture(frame.seq)[0, 0, 0]
        del frame
    sender.join()
    until(lambda: hub.byes)
    assert [word["kind"] for word in hub.all] == ["hello", "credit", *["start", "result", "release"] * 5, "bye"]
    assert hub.packets == [1, *[1, 2] * 5, 1]  # credit; start aside, and both; bye


def test_what_comes_over_zeromq_is_seen_by_who_is_inside(hub: LocalHub, receive: Open) -> None:
    receiver = receive()
    threading.Thread(target=hub.lend, args=(0, 0)).start()
    receiver.receive(10).reply()
    assert hub.take("start")
    hub.result()
    with pytest.raises(framewire.Timeout):
        receiver.receive(0.05)  # all is quiet, and was asked
    hub.line = None  # what the hub says goes over the socket

    def ask() -> None:
        try:
            until(lambda: receiver._thread)
            hub.say("who")
            until(lambda: [word["kind"] for word in hub.all].count("hello") == 2)
        finally:
            receiver.stop()

    asking = threading.Thread(target=ask)
    asking.start()
    with pytest.raises(framewire.Closed):
        receiver.receive(30)
    asking.join()
    assert [word["kind"] for word in hub.all].count("hello") == 2


Waits = list[bool]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """Of each receive at the door, whether it was to wait; with nothing that is compiled."""
    seen: Waits = []

    def receive(self: Visit, wait: bool = False) -> object:
        seen.append(wait)
        return received(self, wait)

    received = Visit.receive
    monkeypatch.setattr(Visit, "receive", receive)
    monkeypatch.setattr(lease, "_SOON", 10.0)  # this hub takes its time
    monkeypatch.setattr(lease, "Turn", None)
    return seen


def stream(hub: LocalHub, count: int) -> threading.Thread:
    """Frames one by one, each as soon as the one before is answered."""

    def lend() -> None:
        for seq in range(count):
            hub.lend(seq, seq % 8, gen=seq + 1)
            until(lambda seq=seq: sum(word["kind"] == "result" for word in hub.all) > seq)

    thread = threading.Thread(target=lend)
    thread.start()
    return thread


def test_who_gets_frames_soon_waits_in_the_receive(hub: LocalHub, receive: Open, waits: Waits) -> None:
    receiver = receive()
    lending = stream(hub, 60)

    def stop() -> None:
        lending.join()
        receiver.stop()

    threading.Thread(target=stop).start()
    due = iter(range(60))
    for frame in receiver:
        assert (frame.seq, frame.transport) == (next(due), "shm")
        assert np.array_equal(frame.array, picture(frame.seq))
        if frame.seq == 30:
            before = sum(waits)
        if frame.seq < 30:
            del frame  # else it is held until the next one is there
    assert next(due, None) is None
    assert before > 5
    assert sum(waits) - before > 5
    assert hub.packets.count(2) > 10, "an answer and what is released travel together"


def test_who_owes_something_does_not_wait_where_other_threads_cannot_wake_it(
    hub: LocalHub, receive: Open, waits: Waits
) -> None:
    receiver = receive(credit=3)
    lending = stream(hub, 41)
    arrays = []
    kept = None
    for frame in receiver:
        if frame.seq in (20, 21):
            arrays.append(frame.array)  # answered, and still viewed
            waits.clear()
        elif frame.seq == 30:
            assert not any(waits)
            arrays.clear()
        elif frame.seq == 40:
            kept = frame.keep()
            waits.clear()
            break
        del frame
    assert kept is not None
    with pytest.raises(framewire.Timeout):
        receiver.receive(0.2)
    assert not any(waits)
    kept.reply()
    lending.join()


def test_an_observer_sleeps_where_others_can_wake_it(hub: LocalHub, receive: Open, waits: Waits) -> None:
    receiver = receive(role="observer")
    threading.Thread(target=lambda: [hub.lend(seq, seq) for seq in range(5)]).start()
    while receiver.receive(10).seq != 4:
        pass
    with pytest.raises(framewire.Timeout):
        receiver.receive(0.2)
    assert waits
    assert not any(waits)


def test_a_bad_message_holds_no_later_frame(hub: LocalHub, receive: Open) -> None:
    receiver = receive()
    threading.Thread(target=lambda: [hub.lend(seq, seq, region=6 + (seq > 0)) for seq in range(3)]).start()
    gc.disable()
    try:
        for frame in receiver:
            if frame.seq == 2:
                break  # it is in the loop's hand
            del frame
        until(lambda: receiver._transports[0]._inside.releases.held == 1)  # type: ignore[attr-defined]
    finally:
        gc.enable()


def test_what_is_read_no_more_is_said_before_bye(hub: LocalHub, receive: Open) -> None:
    receiver = receive()
    threading.Thread(target=hub.lend, args=(0, 3)).start()
    for frame in receiver:
        hub.end()
        door = receiver._transports[0]._inside.visit  # type: ignore[attr-defined]
        assert select.select([door], [], [], 10)[0]
        frame.reply()
        del frame
    until(lambda: hub.byes)
    assert [word["kind"] for word in hub.all] == ["hello", "credit", "start", "result", "release", "bye"]
    assert hub.all[-2]["releases"] == [7, 3, 1]


def test_a_slot_is_released_when_its_last_view_dies_in_whatever_thread(hub: LocalHub, receive: Open) -> None:
    receiver = receive()
    threading.Thread(target=hub.lend, args=(0, 5), kwargs={"gen": 9}).start()
    frame = receiver.receive(10)
    assert hub.released() == []
    row = frame.array[3]
    frame.reply()
    hub.result()
    del frame
    time.sleep(0.05)  # what must not come
    assert hub.is_silent
    assert np.array_equal(row, picture(0)[3])
    held = [row]
    del row
    threading.Thread(target=held.clear).start()
    assert hub.released() == [[7, 5, 9]]


def test_a_frame_to_be_copied_is_released_before_its_start(
    hub: LocalHub, receive: Open, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = receive()
    for seq in range(2):
        threading.Thread(target=hub.lend, args=(seq, seq), kwargs={"copy": True}).start()
        frame = receiver.receive(10)
        assert frame.transport == "copy"
        assert frame.array.ctypes.data % 64 == 0
        assert not frame.array.flags.writeable
        assert hub.released() == [[7, seq, 1]]
        hub.memory[:] = bytes(len(hub.memory))
        assert np.array_equal(frame.array, picture(seq))
        frame.reply()
        hub.result()
    assert caplog.text.count("are copied") == 1


def test_a_recalled_frame_is_released(hub: LocalHub, receive: Open) -> None:
    receiver = receive()
    threading.Thread(target=lambda: (hub.lend(0, 0), hub.lend(1, 1))).start()
    frame = receiver.receive(10)
    hub.take("start")
    hub.word("recall", 1)
    assert hub.take("return")["seq"] == 1
    assert hub.released() == [[7, 1, 1]]
    frame.reply()
    hub.result()


def test_arrays_go_back_through_the_door(hub: LocalHub, receive: Open) -> None:
    receiver = receive()
    threading.Thread(target=hub.lend, args=(0, 0)).start()
    large = np.arange(1 << 20, dtype=np.uint32)
    frame = receiver.receive(10)
    frame.reply({"a": 1}, small=frame.array, large=large)
    hub.take("start")
    _, value, arrays = hub.result()
    assert value == {"a": 1}
    assert arrays == [picture(0).tobytes(), large.tobytes()]


def test_a_door_that_is_full_is_waited_for_without_work(hub: LocalHub, receive: Open) -> None:
    receiver = receive(credit=20)
    threading.Thread(target=lambda: [hub.lend(seq, seq) for seq in range(20)]).start()
    frames = [receiver.receive(10) for _ in range(20)]
    hub.takes(*[("start", seq) for seq in range(20)])
    hub.deaf = True
    for frame in frames:
        frame.reply(b"." * 100_000)
    assert len(receiver._transports[0]._outbox.words) > 10  # type: ignore[attr-defined]
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.3
    hub.deaf = False
    for seq in range(20):
        message, value, _ = hub.result()
        assert (message["seq"], len(value)) == (seq, 100_000)
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.3, "nothing is waited for any more"


def test_asyncio_reads_in_place_and_tasks_may_finish_in_any_order(hub: LocalHub, tmp_path: Path) -> None:
    async def work() -> list[str]:
        async with aio.Receiver(hub.url, door=tmp_path, credit=4) as receiver:
            frames = [await receiver.receive(10) for _ in range(4)]
            assert [frame.transport for frame in frames] == ["shm"] * 4
            kept = [frame.array for frame in frames]
            for frame in reversed(frames):
                frame.reply(int(frame.array[0, 0, 0]))
            del frame
            frames.clear()
            for at in (2, 0, 3, 1):
                kept[at] = np.empty(0, np.uint8)
                await asyncio.sleep(0.02)
            return ["ok"]

    threading.Thread(target=lambda: [hub.lend(seq, seq) for seq in range(4)]).start()
    assert asyncio.run(work()) == ["ok"]
    hub.takes(*[("start", seq) for seq in range(4)])
    for seq in (3, 2, 1, 0):
        assert hub.result()[0]["seq"] == seq
    assert [slot for _ in range(4) for _, slot, _ in hub.released()] == [2, 0, 3, 1]


def test_an_observer_reads_in_place(hub: LocalHub, receive: Open) -> None:
    receiver = receive(role="observer")
    threading.Thread(target=hub.lend, args=(0, 2)).start()
    frame = receiver.receive(10)
    assert frame.transport == "shm"
    assert np.array_equal(frame.array, picture(0))
    del frame
    with pytest.raises(framewire.Timeout):
        receiver.receive(0.05)
    assert hub.released() == [[7, 2, 1]]


def rehearse(receiver: framewire.Receiver) -> None:
    receiver._keeper.enter()  # type: ignore[attr-defined]
    receiver._transports[0].rehearse()
    receiver._keeper.leave()  # type: ignore[attr-defined]


def test_a_rehearsal_says_nothing_and_changes_nothing(hub: LocalHub, receive: Open) -> None:
    receiver = receive()
    rehearse(receiver)  # there is nothing to rehearse with
    threading.Thread(target=hub.lend, args=(0, 0)).start()
    frame = receiver.receive(10)
    hub.take("start")
    before = receiver.stats.frames
    for _ in range(3):
        rehearse(receiver)
    time.sleep(0.05)  # what must not come
    assert hub.is_silent
    assert receiver.stats.frames == before
    assert np.array_equal(frame.array, picture(0))
    frame.reply(0)
    assert hub.result()[1] == 0
    del frame
    assert hub.released() == [[7, 0, 1]]
    hub.lend(1, 1)
    assert receiver.receive(10).seq == 1
    hub.take("start")


def test_who_waits_rehearses_when_it_is_time(hub: LocalHub, receive: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = receive()
    rehearsals: list[int] = []
    monkeypatch.setattr(receiver._transports[0], "rehearse", lambda: rehearsals.append(len(rehearsals)))
    monkeypatch.setattr(receiver._beat, "rehearse_in", lambda now: 0.01 if not rehearsals else -1.0)
    threading.Timer(0.1, hub.lend, (0, 0)).start()
    assert receiver.receive(10).seq == 0
    assert rehearsals == [0]


# Where one does not get in


def over_the_socket(hub: LocalHub, receiver: framewire.Receiver) -> None:
    threading.Thread(target=hub.frame, args=(0,)).start()
    frame = receiver.receive(10)
    assert frame.transport == "tcp"
    frame.reply()
    hub.take("start")
    hub.result()


def test_without_the_folder_frames_come_over_the_socket_and_it_is_said_once(
    hub: LocalHub, receive: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    over_the_socket(hub, receive(door=tmp_path / "other"))
    assert hub.knocks == 0
    said = [record.message for record in caplog.records]
    assert len(said) == 1
    assert "frames come over the socket, not in shared memory: the sender's door" in said[0]
    assert str(tmp_path / "other") in said[0]


def test_another_host_does_not_try(hub: LocalHub, receive: Open, caplog: pytest.LogCaptureFixture) -> None:
    hub.welcome["host"] = "another"
    over_the_socket(hub, receive())
    assert hub.knocks == 0
    assert not caplog.records


def test_who_is_refused_does_without(hub: LocalHub, receive: Open, caplog: pytest.LogCaptureFixture) -> None:
    hub.answers = REFUSED
    over_the_socket(hub, receive())
    assert "refused: the token was used" in caplog.text


def test_a_door_that_does_not_answer_is_given_up(
    hub: LocalHub, receive: Open, caplog: pytest.LogCaptureFixture
) -> None:
    hub.answers = -1
    over_the_socket(hub, receive())
    assert hub.knocks == 1
    assert "did not answer" in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"region": 8},
        {"offset": 1 << 20},
        {"offset": 2**63 - 1 - 432},
        {"offset": 32},
        {"offset": (1 << 20) - 64},
    ],
)
def test_a_place_that_is_none_is_answered_and_released(hub: LocalHub, receive: Open, wrong: dict[str, int]) -> None:
    receiver = receive()
    threading.Thread(target=hub.lend, args=(0, 1), kwargs=wrong).start()
    with pytest.raises(framewire.BadMessage, match="payload|memory|bytes"):
        receiver.receive(10)
    assert receiver.stats.bad == {"payload": 1}
    message, _, _ = hub.result()
    assert (message["seq"], message["status"]) == (0, "error")
    with pytest.raises(framewire.Timeout):
        receiver.receive(0.05)
    assert hub.released() == [[wrong.get("region", 7), 1, 1]]
    hub.lend(1, 1)
    assert receiver.receive(10).transport == "shm"


def test_memory_over_the_socket_is_refused(hub: LocalHub, receive: Open, tmp_path: Path) -> None:
    receiver = receive(door=tmp_path / "other")
    threading.Thread(target=hub.lend, args=(0, 1)).start()
    with pytest.raises(framewire.BadMessage, match="where there are only payloads"):
        receiver.receive(10)


# Connections that end


def test_a_door_that_is_lost_is_come_back_to_with_all_that_is_held(hub: LocalHub, receive: Open) -> None:
    receiver = receive(credit=3)
    threading.Thread(target=lambda: [hub.lend(seq, seq, gen=4) for seq in range(3)]).start()
    kept = receiver.receive(10).keep()
    started = receiver.receive(10).keep()
    until(lambda: len(receiver._transports[0]._waiting) == 1)  # type: ignore[attr-defined]
    hub.hang_up()
    until(lambda: len(hub.hellos) == 2)
    until(lambda: hub.knocks == 2)
    hello = hub.hellos[1]
    assert sorted((seq, begun) for _, seq, begun in hello["held"]) == [(0, True), (1, True), (2, False)]
    assert sorted(hello["reads"][1::3]) == [0, 1, 2]
    assert set(hello["reads"][::3]) == {7}
    assert np.array_equal(kept.array, picture(0))
    kept.reply()
    started.reply()
    hub.takes(("start", 0), ("start", 1))
    assert hub.result()[0]["seq"] == 0


def test_who_is_thrown_out_three_times_does_without(
    hub: LocalHub, receive: Open, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = receive()
    for turn in range(3):
        until(lambda turn=turn: len(hub.credits) == turn + 1)
        hub.hang_up()
    until(lambda: len(hub.credits) == 4)
    assert hub.knocks == 3
    over_the_socket(hub, receiver)
    assert "the sender ended each visit" in caplog.text


def test_a_new_run_of_the_sender_is_gone_on_with_and_old_views_stay_true(tmp_path: Path) -> None:
    with LocalHub(tmp_path) as hub:
        receiver = framewire.Receiver(hub.url, door=tmp_path)
        threading.Thread(target=hub.lend, args=(0, 0)).start()
        old = receiver.receive(10)
        array = old.array
    with LocalHub(tmp_path, region=8, at=hub.url, sender=2) as again:
        again.lend(0, 0)
        new = receiver.receive(10)
        assert new.transport == "shm"
        assert np.array_equal(array, picture(0))
        assert again.released() == []
        new.reply()
        again.result()
        del old, array, new
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.05)
        assert again.released() == [[8, 0, 1]], "what is read of the former run is none of its business"
        assert (len(again.hellos), again.knocks) == (1, 1), "a hello for each connection: another spoils the token"
        receiver.close()


def test_views_outlive_the_receiver_and_their_slots_are_released_then(hub: LocalHub, receive: Open) -> None:
    receiver = receive()
    threading.Thread(target=hub.lend, args=(0, 6)).start()
    frame = receiver.receive(10)
    array = frame.array
    frame.reply()
    del frame
    hub.take("start")
    hub.result()
    receiver.close()
    assert hub.byes == 1
    assert np.array_equal(array, picture(0))
    assert hub.line is not None
    del array
    assert hub.released() == [[7, 6, 1]]
    until(lambda: hub.line is None)


def test_nothing_is_left_of_a_receiver_without_views(hub: LocalHub, receive: Open) -> None:
    gc.collect()  # what an earlier test left in a cycle would be closed meanwhile
    before = len(os.listdir("/proc/self/fd"))
    receiver = receive()
    threading.Thread(target=hub.lend, args=(0, 0)).start()
    receiver.receive(10).reply()
    rehearse(receiver)
    receiver.close()
    until(lambda: hub.line is None)
    until(lambda: len(os.listdir("/proc/self/fd")) == before)


# Forks


def test_a_forked_child_gets_a_clear_error_and_releases_nothing(hub: LocalHub, receive: Open) -> None:
    receiver = receive()
    threading.Thread(target=hub.lend, args=(0, 0)).start()
    frame = receiver.receive(10)
    hub.take("start")
    child = os.fork()
    if child == 0:
        code = 0
        for number, touch in enumerate((lambda: frame.array, lambda: frame.data, lambda: frame.reply())):
            try:
                touch()
                code |= 1 << number
            except framewire.Error as error:
                code |= 0 if "process" in str(error) else 8 << number
        del frame
        os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    time.sleep(0.05)  # what must not come
    assert hub.is_silent
    frame.reply()
    hub.result()
