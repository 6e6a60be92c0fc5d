"""The receiver as a worker of a leased stream."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import framewire
from helpers.hub import Hub
from helpers.sender import EPOCH, Sender, picture, until


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


def test_a_loop_starts_and_answers_each_frame_and_ends_with_the_stream(hub: Hub) -> None:
    with framewire.Receiver(hub.url) as receiver:
        for seq in range(3):
            hub.frame(seq, time=1763800000000000000, meta={"file": "a"}, item="a", attempt=seq + 1)
        for seq, frame in zip(range(3), receiver, strict=False):
            assert (frame.stream, frame.epoch, frame.seq, frame.attempt) == ("cam0", EPOCH, seq, seq + 1)
            assert (frame.time, frame.meta, frame.item, frame.transport) == (
                1763800000000000000,
                {"file": "a"},
                "a",
                "tcp",
            )
            assert np.array_equal(frame.array, picture(seq))
            hub.takes(("start", seq))
            if seq < 2:
                frame.reply({"seq": seq}, mask=frame.array[::2])
                message, value, arrays = hub.result()
                assert (message["seq"], message["status"], message["attempt"]) == (seq, "done", seq + 1)
                assert (message["epoch"], message["stream"], value) == (EPOCH, "cam0", {"seq": seq})
                assert message["arrays"] == [{"name": "mask", "shape": [2, 6, 3], "dtype": "|u1"}]
                assert arrays == [picture(seq)[::2].tobytes()]
                assert message["instance"] == hub.hellos[0]["instance"]
        threading.Timer(0.05, hub.end).start()
        assert list(receiver) == []
        until(lambda: hub.byes)
        assert receiver.stats.frames == 3


def test_the_next_turn_acknowledges_with_none(hub: Hub) -> None:
    with framewire.Receiver(hub.url) as receiver:
        hub.frame(0)
        hub.frame(1)
        turns = iter(receiver)
        next(turns)
        next(turns)
        hub.takes(("start", 0))
        assert hub.result()[1] is None
        hub.takes(("start", 1))


def test_hello_says_who_it_is(hub: Hub) -> None:
    with framewire.Receiver(hub.url, streams=["b", "cam0"], credit=100):
        until(lambda: hub.credits)
        (hello,) = hub.hellos
        assert (hello["role"], hello["streams"], hello["credit"]) == ("worker", ["b", "cam0"], 100)
        assert hello["instance"] > 0 and "/" in hello["worker"] and hello["host"]
        assert "held" not in hello and "supervisor" not in hello
        assert hub.credits == [64]


def test_break_gives_the_frame_back_and_leaves_with_bye(hub: Hub) -> None:
    with framewire.Receiver(hub.url) as receiver:
        hub.frame(0)
        for _ in receiver:
            break
    hub.takes(("start", 0), ("return", 0))
    assert hub.byes == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_blames_no_frame(hub: Hub, error: type[BaseException]) -> None:
    with pytest.raises(error), framewire.Receiver(hub.url) as receiver:
        hub.frame(0)
        for _ in receiver:
            raise error
    hub.takes(("start", 0), ("return", 0))


def test_an_exception_that_leaves_the_block_is_the_frames_result(hub: Hub) -> None:
    with pytest.raises(ValueError, match="dark"), framewire.Receiver(hub.url) as receiver:
        hub.frame(0)
        for _ in receiver:
            raise ValueError("too dark")
    hub.takes(("start", 0))
    message, _, _ = hub.result()
    assert (message["status"], message["error"]) == ("error", "ValueError: too dark")


def test_a_frame_is_answered_once_and_its_refused_values_leave_it_open(hub: Hub) -> None:
    hub.welcome = {"value_max": 100, "array_max": 1000, "result_max": 1500}
    with framewire.Receiver(hub.url) as receiver:
        hub.frame(0)
        frame = receiver.receive(10)
        with pytest.raises(framewire.Error, match="at most 100"):
            frame.reply("x" * 200)
        with pytest.raises(framewire.Error, match="array big.*at most 1000"):
            frame.reply(big=np.zeros(1001, np.uint8))
        with pytest.raises(framewire.Error, match="at most 1500"):
            frame.reply(a=np.zeros(1000, np.uint8), b=np.zeros(600, np.uint8))
        frame.reply(1)
        with pytest.raises(framewire.Error, match="answered already"):
            frame.reply(2)
        frame.fail("late")
        hub.takes(("start", 0))
        assert hub.result()[1] == 1
    assert hub.is_silent


def test_arrays_are_the_callers_again_after_the_reply(hub: Hub) -> None:
    with framewire.Receiver(hub.url) as receiver:
        hub.frame(0)
        frame = receiver.receive(10)
        mask, flags, number = np.zeros((3, 4), "<f4"), np.ones(3, bool), np.array(7, "<i8")
        frame.reply(mask=mask, flags=flags, number=number, none=np.zeros((0, 2), np.uint8))
        mask += 1
        hub.takes(("start", 0))
        message, _, arrays = hub.result()
        assert arrays == [bytes(48), b"\1\1\1", b"\7" + bytes(7), b""]
        assert [array["shape"] for array in message["arrays"]] == [[3, 4], [3], [], [0, 2]]


def test_the_hub_is_answered_while_a_handler_runs(hub: Hub) -> None:
    with framewire.Receiver(hub.url) as receiver:
        hub.frame(0)
        frame = receiver.receive(10)
        hub.takes(("start", 0))
        hub.frame(1)
        hub.word("recall", 1)
        hub.takes(("return", 1))  # no receive() has run meanwhile
        hub.word("recall", 0)  # was started: void
        hub.say("who")
        until(lambda: len(hub.hellos) == 2)
        assert hub.hellos[1]["held"] == [[EPOCH, 0, True]]
        frame.reply("still mine")
        assert hub.result()[1] == "still mine"
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.05)  # 1 is not handed over any more


def test_a_suspect_waits_for_go(hub: Hub) -> None:
    with framewire.Receiver(hub.url) as receiver:
        hub.frame(0, guarded=True, attempt=2)
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.1)
        hub.takes(("start", 0))
        hub.word("go", 0)
        frame = receiver.receive(10)
        assert (frame.seq, frame.attempt) == (0, 2)
        frame.reply()
        hub.result()
        hub.frame(1, guarded=True)
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.1)
        hub.takes(("start", 1))
        hub.word("recall", 1)
        hub.takes(("return", 1))
        hub.word("go", 1)
        hub.frame(2)
        assert receiver.receive(10).seq == 2


def test_a_frame_that_cannot_be_read_is_answered_with_error(hub: Hub) -> None:
    with framewire.Receiver(hub.url) as receiver:
        hub.frame(0, payload=b"short")
        hub.frame(1, dtype="|u9")
        hub.say("frame", stream="cam0", payload=b"")
        for reason, seq in ("payload", 0), ("dtype", 1):
            with pytest.raises(framewire.BadMessage) as caught:
                receiver.receive(10)
            assert caught.value.reason == reason
            message, _, _ = hub.result()
            assert (message["seq"], message["status"]) == (seq, "error")
            assert message["error"].startswith("BadMessage: ")
        with pytest.raises(framewire.BadMessage):
            receiver.receive(10)
        hub.frame(2)
        assert receiver.receive(10).seq == 2
        assert hub.take("start")["seq"] == 2


def test_progress_is_said_now_and_then(hub: Hub) -> None:
    hub.welcome = {"deadline": 1_000_000_000}
    with framewire.Receiver(hub.url) as receiver:
        hub.frame(0)
        frame = receiver.receive(10)
        hub.takes(("start", 0))
        begin = time.monotonic()
        while time.monotonic() - begin < 0.35:
            frame.progress()
        hub.takes(("progress", 0), ("progress", 0))
        frame.reply()
        frame.progress()
        while hub.take()["kind"] == "progress":
            pass
        assert sum(word["kind"] == "progress" for word in hub.all) <= 4


def test_a_batch_raises_the_credit_and_does_not_wait_for_what_cannot_come(hub: Hub) -> None:
    with framewire.Receiver(hub.url) as receiver:
        until(lambda: hub.credits == [2])
        for seq in range(3):
            hub.frame(seq)
        frames = receiver.batch(4)
        assert [frame.seq for frame in frames] == [0, 1, 2]
        until(lambda: hub.credits == [2, 4])
        hub.frame(3, guarded=True)
        hub.word("go", 3)
        assert [frame.seq for frame in receiver.batch(2, 30)] == [3]
        until(lambda: hub.credits[-1] == 5)  # 3 that are not answered, and 2
        with pytest.raises(framewire.Error, match="at most 64"):
            receiver.batch(65)


def test_frames_are_answered_from_any_thread(hub: Hub) -> None:
    with framewire.Receiver(hub.url, credit=16) as receiver:
        for seq in range(16):
            hub.frame(seq)
        threads = []
        for _ in range(16):
            frame = receiver.receive(10)
            threads.append(threading.Thread(target=frame.reply, args=(frame.seq,)))
            threads[-1].start()
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.2)  # who waits meanwhile sends what they say
        for thread in threads:
            thread.join()
        words = [hub.take() for _ in range(32)]
        assert sorted(word["seq"] for word in words if word["kind"] == "result") == list(range(16))


def test_a_frame_that_is_here_already_is_not_taken_twice(hub: Hub) -> None:
    with framewire.Receiver(hub.url) as receiver:
        hub.frame(0)
        frame = receiver.receive(10)
        hub.frame(0)
        hub.frame(1)
        assert receiver.receive(10).seq == 1
        assert receiver.stats.unknown == 1
        frame.reply("once")
        hub.takes(("start", 0), ("start", 1))
        assert hub.result()[1] == "once"


def test_a_lost_connection_is_taken_up_again(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    with framewire.Receiver(hub.url, credit=3) as receiver:
        for seq in range(3):
            hub.frame(seq)
        first, second = receiver.receive(10), receiver.receive(10)
        hub.takes(("start", 0), ("start", 1))
        hub.close()
        until(lambda: receiver._transports[0].absent(time.monotonic()) > 0)
        first.reply("kept")
        with Hub(hub.url) as again:
            until(lambda: again.credits)
            held = again.hellos[0]["held"]
            assert again.hellos[0]["instance"] == hub.hellos[0]["instance"]
            assert [EPOCH, 0, True] in held and [EPOCH, 1, True] in held
            message, value, _ = again.result()
            assert (message["seq"], value) == (0, "kept")
            second.reply("too")
            assert again.result()[1] == "too"
    assert "started anew" not in caplog.text


def test_frames_of_a_former_run_are_stale(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    with framewire.Receiver(hub.url) as receiver:
        hub.frame(0)
        frame = receiver.receive(10)
        hub.frame(1)
        hub.close()
        with Hub(hub.url, sender=2) as again:
            until(lambda: again.credits)
            frame.reply("to nobody")
            again.frame(0, epoch=5)
            new = receiver.receive(10)
            assert (new.epoch, new.seq) == (5, 0)
            again.takes(("start", 0))
            new.reply("to the new one")
            assert again.result()[1] == "to the new one"
            assert again.is_silent
        assert receiver.stats.stale == 1
    assert f"the sender at {hub.url} was started anew; going on with its new run; frames" in caplog.text


def test_several_hubs_end_one_by_one(hub: Hub) -> None:
    with Hub(sender=2) as other, framewire.Receiver(hub.url, other.url) as receiver:
        hub.frame(0)
        other.frame(7)
        assert {receiver.receive(10).seq, receiver.receive(10).seq} == {0, 7}
        hub.end()
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.1)
        other.end()
        with pytest.raises(framewire.Closed):
            receiver.receive(10)
    assert hub.byes == other.byes == 1


def test_a_leased_and_a_plain_url_side_by_side(hub: Hub, sender: Sender) -> None:
    with framewire.Receiver(hub.url, sender.url) as receiver:
        hub.frame(0)
        sender.frame(7)
        assert {receiver.receive(10).seq, receiver.receive(10).seq} == {0, 7}
        hub.end()
        sender.end()
        with pytest.raises(framewire.Closed):
            receiver.receive(10)


def test_who_comes_after_the_end_leaves_at_once() -> None:
    with Hub(streams=()) as hub, framewire.Receiver(hub.url) as receiver:
        assert list(receiver) == []
        until(lambda: hub.byes)


def test_who_follows_stays_for_the_next_run(hub: Hub) -> None:
    with framewire.Receiver(hub.url, follow=True) as receiver:
        hub.frame(0)
        receiver.receive(10).reply()
        hub.end()
        until(lambda: hub.byes)
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.05)
        hub.close()
        with Hub(hub.url, sender=2) as again:
            again.frame(1, epoch=9)
            assert receiver.receive(10).epoch == 9


def test_a_stream_that_was_not_asked_for_is_given_back(hub: Hub) -> None:
    with framewire.Receiver(hub.url, streams="cam0") as receiver:
        hub.frame(4, stream="cam01")
        hub.frame(5)
        assert receiver.receive(10).seq == 5
        hub.takes(("return", 4), ("start", 5))
        assert receiver.stats.unwanted == 1


def test_waiting_with_all_credit_in_hand_is_said(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    with framewire.Receiver(hub.url, credit=1) as receiver:
        hub.frame(0)
        frame = receiver.receive(10)
        with pytest.raises(framewire.Timeout):
            receiver.receive(2.2)
        assert "no frame comes, since 1 are not answered" in caplog.text
        frame.reply()


def test_answers_after_close_are_refused(hub: Hub) -> None:
    receiver = framewire.Receiver(hub.url)
    hub.frame(0)
    frame = receiver.receive(10)
    receiver.close()
    frame.progress()
    with pytest.raises(framewire.Closed):
        frame.reply(1)
    assert hub.byes == 1


def test_close_frees_who_waits(hub: Hub) -> None:
    receiver = framewire.Receiver(hub.url)
    until(lambda: hub.credits)
    threading.Timer(0.1, receiver.close).start()
    with pytest.raises(framewire.Closed):
        receiver.receive(20)


def test_nobody_there_is_said_and_ended_by_timeout(caplog: pytest.LogCaptureFixture) -> None:
    with Hub() as hub:
        url = hub.url
    with framewire.Receiver(url, timeout=2.5) as receiver, pytest.raises(framewire.Timeout):
        receiver.receive()
    assert f"waiting for a sender at {url} (nobody listens there yet)" in caplog.text


def test_the_wrong_kind_of_socket_is_named(sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
    said = ""

    def named() -> bool:
        nonlocal said
        said = caplog.text
        return f"{sender.endpoint} is a PUSH socket; say push+{sender.endpoint}" in said

    with framewire.Receiver(sender.endpoint) as receiver:
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.3)
        until(named)


def test_who_does_not_answer_hello_is_named(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    hub.greets = False
    with framewire.Receiver(hub.url) as receiver, pytest.raises(framewire.Timeout):
        receiver.receive(2.3)
    assert "does not answer; is it a Framewire sender's?" in caplog.text


def test_a_receiver_does_not_listen_for_leases() -> None:
    with pytest.raises(framewire.Error, match="leave .bind out"):
        framewire.Receiver("tcp://127.0.0.1:*?bind")


def test_ipc_is_said_as_the_transport(tmp_path: Path) -> None:
    with Hub(f"ipc://{tmp_path}/hub") as hub, framewire.Receiver(hub.url) as receiver:
        hub.frame(0)
        assert receiver.receive(10).transport == "ipc"
