"""The receiver as an observer on pub+."""

import gc
import time

import framewire
from helpers.sender import Sender, picture, until


def test_an_observer_gets_the_latest(publisher: Sender) -> None:
    with framewire.Receiver(publisher.url, role="observer") as receiver:
        assert publisher.subscription() == b""
        for seq in range(50):
            publisher.frame(seq)
        until(lambda: _drained(receiver) == 50)
        frame = receiver.receive(10)
        assert frame.seq == 49
        assert (frame.array == picture(49)).all()
        publisher.end()
        assert list(receiver) == []
        assert receiver.stats.dropped == 49
        assert receiver.stats.missed == 0
        assert receiver.stats.frames == 1


def _drained(receiver: framewire.Receiver) -> int:
    """How many frames the draining thread has seen."""
    mailbox = receiver._transports[0]._mailbox  # type: ignore[attr-defined]
    return int(receiver.stats.dropped + len(mailbox))


def test_the_queue_holds_as_many_as_asked_for_and_drops_the_oldest(publisher: Sender) -> None:
    with framewire.Receiver(publisher.url, queue=3) as receiver:
        publisher.subscription()
        for seq in range(10):
            publisher.frame(seq)
        publisher.end()
        until(lambda: _drained(receiver) == 11)
        assert [frame.seq for frame in receiver] == [7, 8, 9]
        assert receiver.stats.dropped == 7


def test_a_subscription_is_a_prefix_and_a_stream_is_not(publisher: Sender) -> None:
    with framewire.Receiver(publisher.url, streams="cam1", queue=10) as receiver:
        assert publisher.subscription() == b"cam1"
        for stream in ("cam10", "cam1", "cam2", "cam10"):
            publisher.frame(0, stream=stream)
        publisher.end("cam1", "cam2", stream="cam10")
        publisher.frame(1, stream="cam1")
        publisher.end("cam2", stream="cam1")
        assert [(frame.stream, frame.seq) for frame in receiver] == [("cam1", 0), ("cam1", 1)]


def test_gaps_in_seq_are_counted(publisher: Sender) -> None:
    with framewire.Receiver(publisher.url, queue=20) as receiver:
        publisher.subscription()
        for seq in (5, 6, 9, 10, 14):
            publisher.frame(seq)
        publisher.frame(0, epoch=2)
        publisher.frame(2, epoch=2)
        publisher.end(epoch=2)
        assert [frame.seq for frame in receiver] == [5, 6, 9, 10, 14, 0, 2]
        assert receiver.stats.missed == 2 + 3 + 1


def test_the_end_that_is_repeated_ends_the_loop_once_each_stream_is_over(publisher: Sender) -> None:
    with framewire.Receiver(publisher.url, queue=10) as receiver:
        publisher.subscription()
        publisher.frame(0, stream="a")
        for _ in range(3):
            publisher.end("b", stream="a")
        publisher.frame(0, stream="b")
        publisher.end(stream="b")
        until(lambda: _drained(receiver) >= 4)
        assert _drained(receiver) == 4, "an end that is repeated waits once"
        assert [frame.stream for frame in receiver] == ["a", "b"]


def test_a_late_observer_learns_of_the_end(publisher: Sender) -> None:
    with framewire.Receiver(publisher.url) as receiver:
        publisher.subscription()
        publisher.end()
        assert list(receiver) == []


def test_bad_messages_are_counted(publisher: Sender) -> None:
    with framewire.Receiver(publisher.url, queue=10) as receiver:
        publisher.subscription()
        publisher.parts(b"cam0", b"\xc1", b"x")
        publisher.frame(0)
        publisher.end()
        assert [frame.seq for frame in receiver] == [0]
        assert receiver.stats.bad == {"msgpack": 1}


def test_a_slow_observer_holds_only_its_queue_in_memory(publisher: Sender) -> None:
    with framewire.Receiver(publisher.url) as receiver:
        publisher.subscription()
        for seq in range(30):
            publisher.frame(seq, picture(seq, (500, 500, 3)))
            until(lambda so_far=seq + 1: _drained(receiver) >= so_far)
        gc.collect()
        alive = [thing for thing in gc.get_objects() if isinstance(thing, framewire.Frame)]
        assert len(alive) <= 2


def test_close_ends_the_draining_thread(publisher: Sender) -> None:
    receiver = framewire.Receiver(publisher.url)
    thread = receiver._transports[0]._thread  # type: ignore[attr-defined]
    began = time.monotonic()
    receiver.close()
    assert not thread.is_alive()
    assert time.monotonic() - began < 5
    receiver.close()
