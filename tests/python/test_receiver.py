"""The receiver as a worker on push+."""

import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import framewire
from framewire.header import Header
from framewire.leased import Place
from helpers.sender import EPOCH, Collector, Sender, picture, until


def test_frames_come_whole_and_in_order_and_the_loop_ends_with_the_stream(sender: Sender) -> None:
    for seq in range(5):
        sender.frame(seq, time=1763800000000000000, meta={"file": f"{seq}.png"}, item=f"{seq}.png")
    sender.end()
    with framewire.Receiver(sender.url) as receiver:
        for seq, frame in enumerate(receiver):
            assert (frame.stream, frame.epoch, frame.seq, frame.attempt) == ("cam0", EPOCH, seq, 1)
            assert (frame.dtype, frame.shape, frame.format, frame.encoding) == (
                np.dtype("u1"),
                (4, 6, 3),
                "rgb8",
                "raw",
            )
            assert (frame.time, frame.meta, frame.item) == (1763800000000000000, {"file": f"{seq}.png"}, f"{seq}.png")
            assert frame.transport == "tcp"
            assert np.array_equal(frame.array, picture(seq))
        assert frame.seq == 4
        with pytest.raises(framewire.Closed):
            receiver.receive()
        assert receiver.stats.frames == 5
        assert receiver.stats.bytes == 5 * 72


def test_ipc_is_said_as_the_transport(tmp_path: Any) -> None:
    with Sender("push", f"ipc://{tmp_path}/socket") as sender, framewire.Receiver(sender.url) as receiver:
        sender.frame(0)
        assert receiver.receive(10).transport == "ipc"


def test_the_receiver_may_start_first() -> None:
    with Sender() as sender:
        at = sender.endpoint
    with framewire.Receiver(f"push+{at}") as receiver:
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.05)
        with Sender("push", at) as sender:
            sender.frame(3)
            assert receiver.receive(10).seq == 3


def test_a_view_stays_true_for_as_long_as_a_slice_of_it_lives(sender: Sender) -> None:
    shape = (200, 300, 3)
    with framewire.Receiver(sender.url) as receiver:
        slices = []
        for seq in range(20):
            sender.frame(seq, picture(seq, shape))
            frame = receiver.receive(10)
            slices.append(frame.array[10:20, ::2])
            del frame
    gc.collect()
    for seq, part in enumerate(slices):
        assert np.array_equal(part, picture(seq, shape)[10:20, ::2])


def test_views_are_read_only_for_good(sender: Sender) -> None:
    sender.frame(0)
    with framewire.Receiver(sender.url) as receiver:
        array = receiver.receive(10).array
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True


def test_the_array_is_no_copy(sender: Sender) -> None:
    sender.frame(0, picture(0, (100, 100, 3)))
    with framewire.Receiver(sender.url) as receiver:
        frame = receiver.receive(10)
        assert np.shares_memory(frame.array, np.frombuffer(frame.data, np.uint8))
        assert frame.array is frame.array
        assert frame.data.readonly


def test_a_loop_acknowledges_what_was_not_answered(sender: Sender, collector: Collector) -> None:
    for seq in range(4):
        sender.frame(seq, item=f"{seq}.png", time=12, meta={"a": 1})
    sender.end()
    with framewire.Receiver(sender.url, results=collector.url) as receiver:
        for frame in receiver:
            if frame.seq == 1:
                frame.reply({"mean": np.float32(1.5)}, mask=frame.array[:, :, 0])
            if frame.seq == 2:
                frame.keep()
        assert receiver.stats.results == 3
    results = collector.take_all(3)
    assert collector.is_empty()
    header, value, arrays = results[0]
    assert (header["status"], value, arrays) == ("done", None, [])
    assert (header["epoch"], header["item"], header["time"], header["meta"]) == (EPOCH, "0.png", 12, {"a": 1})
    assert (header["shape"], header["dtype"], header["format"]) == ([4, 6, 3], "|u1", "rgb8")
    assert header["worker"].endswith(f"/{os.getpid()}")
    header, value, arrays = results[1]
    assert value == {"mean": 1.5}
    assert header["arrays"] == [{"name": "mask", "shape": [4, 6], "dtype": "|u1"}]
    assert arrays == [picture(1)[:, :, 0].tobytes()]
    assert 2 not in results


def test_an_exception_that_leaves_the_block_answers_error(sender: Sender, collector: Collector) -> None:
    sender.frame(0)
    with (
        pytest.raises(ValueError, match="too dark"),
        framewire.Receiver(sender.url, results=collector.url) as receiver,
    ):
        for _ in receiver:
            raise ValueError("too dark")
    header, _, _ = collector.take()
    assert (header["status"], header["error"]) == ("error", "ValueError: too dark")


@pytest.mark.parametrize("leave", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_who_is_stopped_blames_nobody(sender: Sender, collector: Collector, leave: type[BaseException]) -> None:
    sender.frame(0)
    with pytest.raises(leave), framewire.Receiver(sender.url, results=collector.url) as receiver:
        for _ in receiver:
            raise leave
    assert collector.is_empty()


def test_break_and_close_answer_nothing(sender: Sender, collector: Collector) -> None:
    for seq in range(3):
        sender.frame(seq)
    with framewire.Receiver(sender.url, results=collector.url) as receiver:
        for _ in receiver:
            break
        for frame in receiver:  # a new loop does not acknowledge what the former left
            assert frame.seq == 1
            receiver.close()
    assert collector.is_empty()


def test_frames_from_receive_and_batch_are_the_callers(sender: Sender, collector: Collector) -> None:
    for seq in range(4):
        sender.frame(seq)
    sender.end()
    with framewire.Receiver(sender.url, results=collector.url) as receiver:
        first = receiver.receive(10)
        rest = receiver.batch(8, 10)
        assert [frame.seq for frame in rest] == [1, 2, 3]
        with pytest.raises(framewire.Closed):
            receiver.batch(8, 10)
        assert collector.is_empty()
        rest[1].reply("two")
        first.reply("zero")
    assert {seq: value for seq, (_, value, _) in collector.take_all(2).items()} == {2: "two", 0: "zero"}


def test_a_batch_takes_what_came_in_time(sender: Sender) -> None:
    with framewire.Receiver(sender.url, credit=1) as receiver:
        for seq in range(5):
            sender.frame(seq)
        assert len(receiver.batch(5, 10)) == 5
        sender.frame(5)
        sender.frame(6)
        assert [frame.seq for frame in receiver.batch(5, 0.5)] == [5, 6]
        with pytest.raises(framewire.Timeout):
            receiver.batch(5, 0.05)
        with pytest.raises(framewire.Error, match="at least 1"):
            receiver.batch(0)


def test_a_frame_is_answered_once(sender: Sender, collector: Collector) -> None:
    sender.frame(0)
    with framewire.Receiver(sender.url, results=collector.url) as receiver:
        frame = receiver.receive(10)
        frame.reply(1)
        with pytest.raises(framewire.Error, match="answered already"):
            frame.reply(2)
    assert collector.take()[1] == 1
    assert collector.is_empty()


def test_a_value_without_a_form_leaves_the_frame_open(sender: Sender, collector: Collector) -> None:
    sender.frame(0)
    with framewire.Receiver(sender.url, results=collector.url) as receiver:
        frame = receiver.receive(10)
        with pytest.raises(framewire.Error, match="no form"):
            frame.reply({"x": object()})
        frame.reply("better")
    assert collector.take()[1] == "better"


def test_frames_are_answered_from_any_thread(sender: Sender, collector: Collector) -> None:
    for seq in range(64):
        sender.frame(seq)
    with framewire.Receiver(sender.url, results=collector.url) as receiver:
        frames = receiver.batch(64, 10)
        threads = [
            threading.Thread(target=lambda some=frames[n::8]: [frame.reply(frame.seq) for frame in some])
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all(value == seq for seq, (_, value, _) in collector.take_all(64).items())


def test_one_reply_wins_when_threads_race(sender: Sender, collector: Collector) -> None:
    sender.frame(0)
    refused = []

    def answer(frame: framewire.Frame, number: int) -> None:
        try:
            frame.reply(number)
        except framewire.Error:
            refused.append(number)

    with framewire.Receiver(sender.url, results=collector.url) as receiver:
        frame = receiver.receive(10)
        threads = [threading.Thread(target=answer, args=(frame, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(refused) == 7
    assert collector.take()[1] not in refused


def test_replies_that_go_nowhere_are_said_once(sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
    for seq in range(3):
        sender.frame(seq)
    sender.end()
    with framewire.Receiver(sender.url) as receiver:
        for frame in receiver:
            frame.reply(frame.seq)
    assert caplog.text.count("results go nowhere") == 1


def test_bad_messages_are_raised_by_receive_and_skipped_by_loops(sender: Sender) -> None:
    sender.parts(b"cam0", b"no msgpack", b"x")
    sender.frame(0)
    sender.parts(b"cam0")
    sender.frame(1, payload=b"short")
    shared = Header("frame", EPOCH, 9, (2, 3), "|u1", place=Place(1, 2, 3, 64, 6))
    sender.parts(b"cam0", shared.pack())
    sender.frame(2)
    sender.end()
    with framewire.Receiver(sender.url) as receiver:
        with pytest.raises(framewire.BadMessage) as bad:
            receiver.receive(10)
        assert bad.value.reason == "msgpack"
        assert [frame.seq for frame in receiver] == [0, 2]
        assert receiver.stats.bad == {"msgpack": 1, "parts": 2, "payload": 1}


def test_unknown_kinds_are_counted_and_skipped(sender: Sender) -> None:
    import msgpack

    sender.parts(b"cam0", msgpack.packb({"v": 1, "kind": "rumour", "epoch": 1}), b"x", b"y", b"z", b"more")
    sender.frame(0)
    with framewire.Receiver(sender.url) as receiver:
        assert receiver.receive(10).seq == 0
        assert receiver.stats.unknown == 1


def test_the_loop_goes_on_until_every_stream_has_ended(sender: Sender) -> None:
    sender.frame(0, stream="left")
    sender.end("right", stream="left")
    sender.frame(0, stream="right")
    sender.end(stream="right")
    with framewire.Receiver(sender.url) as receiver:
        assert [frame.stream for frame in receiver] == ["left", "right"]


def test_the_loop_ends_with_the_streams_that_it_takes(sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
    sender.frame(0, stream="right")
    sender.frame(0, stream="left")
    sender.end("right", stream="left")
    with framewire.Receiver(sender.url, streams=["left"]) as receiver:
        assert [frame.stream for frame in receiver] == ["left"]
        assert receiver.stats.unwanted == 1
    assert "'right' was not asked for and is lost" in caplog.text


def test_several_urls_are_taken_in_turn_and_each_must_end(sender: Sender) -> None:
    with Sender() as other, framewire.Receiver(sender.url, other.url) as receiver:
        for seq in range(3):
            sender.frame(seq, stream="a")
            other.frame(seq, stream="b")
        seen = {(frame.stream, frame.seq) for frame in receiver.batch(6, 10)}
        assert seen == {(stream, seq) for stream in "ab" for seq in range(3)}
        sender.end(stream="a")
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.2)
        other.frame(3, stream="b")
        assert receiver.receive(10).seq == 3
        other.end(stream="b")
        with pytest.raises(framewire.Closed):
            receiver.receive(10)


def test_follow_stays_for_the_next_run(sender: Sender) -> None:
    sender.frame(0)
    sender.end()
    with framewire.Receiver(sender.url, follow=True) as receiver:
        assert receiver.receive(10).epoch == EPOCH
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.2)
        sender.close()
        with Sender("push", sender.endpoint) as again:
            again.frame(0, epoch=77)
            assert receiver.receive(10).epoch == 77


def test_a_sender_that_vanishes_is_waited_for_and_its_new_run_gone_on_with(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    with framewire.Receiver(sender.url) as receiver:
        sender.frame(0)
        assert receiver.receive(10).seq == 0
        sender.close()
        with pytest.raises(framewire.Timeout):
            receiver.receive(2.5)
        assert f"the sender at {sender.url} is gone without an end" in caplog.text
        with Sender("push", sender.endpoint) as again:
            again.frame(0, epoch=78)
            again.end(epoch=78)
            assert [frame.epoch for frame in receiver] == [78]


def test_a_vanished_sender_ends_the_loop_with_timeout(sender: Sender) -> None:
    with framewire.Receiver(sender.url, timeout=0.5) as receiver:
        sender.frame(0)
        assert receiver.receive(10).seq == 0
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.8)  # a sender that is there and silent is no reason to give up
        sender.close()
        with pytest.raises(framewire.Timeout, match="no sender at"):
            next(receiver)


def test_senders_may_connect_to_a_receiver_that_listens() -> None:
    with framewire.Receiver("push+tcp://127.0.0.1:*?bind") as receiver:
        (url,) = receiver.urls
        assert not url.endswith((":0", "*"))
        with Sender() as sender, Sender() as other:
            for one in (sender, other):
                one.socket.connect(url.removeprefix("push+"))
            sender.frame(0, stream="a", epoch=1)
            other.frame(0, stream="b", epoch=2)
            assert len(receiver.batch(2, 10)) == 2
            sender.end(stream="a", epoch=1)
            other.frame(1, stream="b", epoch=2)
            other.end(stream="b", epoch=2)
            assert [(frame.stream, frame.seq) for frame in receiver] == [("b", 1)]


def test_a_port_in_use_is_said(sender: Sender) -> None:
    with pytest.raises(framewire.Error, match="in use by another program"):
        framewire.Receiver(f"{sender.url}?bind")


def test_an_ipc_path_in_use_is_left_alone(tmp_path: Any) -> None:
    (tmp_path / "file").write_text("precious")
    with Sender("push", f"ipc://{tmp_path}/socket") as sender:
        with pytest.raises(framewire.Error, match="in use by another program"):
            framewire.Receiver(f"{sender.url}?bind")
        with pytest.raises(framewire.Error, match="no socket"):
            framewire.Receiver(f"push+ipc://{tmp_path}/file?bind")
    assert (tmp_path / "file").read_text() == "precious"


def test_close_from_another_thread_ends_the_wait(sender: Sender) -> None:
    receiver = framewire.Receiver(sender.url)
    ended = []

    def loop() -> None:
        ended.append(list(receiver))

    thread = threading.Thread(target=loop)
    thread.start()
    until(receiver._receiving.locked)
    receiver.close()
    thread.join(10)
    assert ended == [[]]
    with pytest.raises(framewire.Closed):
        receiver.receive()


def test_replies_after_close_are_refused(sender: Sender, collector: Collector) -> None:
    sender.frame(0)
    with framewire.Receiver(sender.url, results=collector.url) as receiver:
        frame = receiver.receive(10)
    with pytest.raises(framewire.Closed):
        frame.reply(1)
    assert np.array_equal(frame.array, picture(0))


def test_after_a_fork_it_is_of_no_use(sender: Sender, collector: Collector) -> None:
    sender.frame(0)
    with framewire.Receiver(sender.url, results=collector.url) as receiver:
        frame = receiver.receive(10)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for call in (lambda: receiver.receive(0.1), lambda: frame.reply(1)):
                    try:
                        call()
                    except framewire.Error as error:
                        code = 0 if "fork" in str(error) or "process" in str(error) else 2
                    if code:
                        break
                receiver.close()
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        frame.reply("mine")
    assert collector.take()[1] == "mine"


def test_results_that_nobody_takes_end_with_timeout(sender: Sender) -> None:
    with framewire.Receiver(sender.url, results="tcp://127.0.0.1:1", timeout=0.5) as receiver:
        for seq in range(300):
            sender.frame(seq)
        with pytest.raises(framewire.Timeout, match="nobody took results"):
            for frame in receiver:
                frame.reply(1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"credit": 0}, "credit is a number of frames, at least 1"),
        ({"queue": "2"}, "queue is a number of frames"),
        ({"timeout": 0}, "timeout is a number of seconds above 0"),
        ({"role": "boss"}, "role is 'worker' or 'observer'"),
        ({"role": "observer"}, "a push+ stream has workers only"),
        ({"streams": []}, "streams is a list of names"),
        ({"results": "pub+tcp://127.0.0.1:1"}, "results go to one collector"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(framewire.Error) as refused:
        framewire.Receiver("push+tcp://127.0.0.1:5555", **options)
    assert sentence in str(refused.value)


def test_a_receiver_that_was_never_closed_still_delivers(sender: Sender, collector: Collector) -> None:
    sender.frame(0)
    sender.end()
    for frame in framewire.Receiver(sender.url, results=collector.url):
        frame.reply("here")
    assert collector.take()[1] == "here"
    script = (
        "import framewire, sys\nreceiver = framewire.Receiver(sys.argv[1], results=sys.argv[2])\n"
        "receiver.receive().reply('there')\n"
    )
    with Sender() as other:
        other.frame(0)
        package = Path(framewire.__file__).parent.parent
        environment = {**os.environ, "PYTHONPATH": str(package)}
        subprocess.run(
            [sys.executable, "-c", script, other.url, collector.url], check=True, env=environment, timeout=30
        )
        assert collector.take()[1] == "there"


def test_results_that_are_lost_are_said(sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
    sender.frame(0)
    with framewire.Receiver(sender.url, results="tcp://127.0.0.1:1") as receiver:
        receiver.receive(10).reply(1)
    assert "results are lost: nobody took them at tcp://127.0.0.1:1" in caplog.text


def test_a_collector_that_leaves_after_the_end_is_not_missed(
    sender: Sender, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """The sender leaves once it has all results: they are not lost, and nobody waits for it."""
    sender.frame(0)
    sender.end()
    with framewire.Receiver(sender.url, results=collector.url) as receiver:
        receiver.receive(10).reply(1)
        collector.take()
        with pytest.raises(framewire.Closed):
            receiver.receive(10)
        collector.close()
        until(lambda: receiver._results._link.watch(time.monotonic()) and not receiver._results._link.peers)
        began = time.monotonic()
    assert time.monotonic() - began < 1
    assert "lost" not in caplog.text
    assert "gone" not in caplog.text


def test_frames_asked_for_where_results_are_wanted_are_said(sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
    results = sender.url.removeprefix("push+")
    with framewire.Receiver("push+tcp://127.0.0.1:1", results=results, timeout=5) as receiver:

        def said() -> bool:
            with pytest.raises(framewire.Timeout):
                receiver.receive(0.1)
            return "PUSH socket" in caplog.text

        until(said)
    assert f"{results} is a PUSH socket, which takes no results; say the sender's --collect URL" in caplog.text


def test_the_first_bad_message_of_a_loop_is_said(sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        sender.parts(b"cam0", b"\x81\xa1v\x02", b"pixels")
    sender.end()
    with framewire.Receiver(sender.url) as receiver:
        assert not list(receiver)
        assert receiver.stats.bad == {"version": 3}
    assert caplog.text.count("a message was refused: ") == 1
