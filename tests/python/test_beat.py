"""When a frame is expected, and waiting for it."""

from __future__ import annotations

import os
import threading
import time

import pytest
import zmq

from framewire.beat import Beat
from framewire.waiter import Waiter


def after(intervals: list[float]) -> tuple[Beat, float]:
    beat, now = Beat(), 100.0
    for interval in intervals:
        now += interval
        beat.came(now)
    return beat, now


def test_a_steady_stream_is_rehearsed_for_a_moment_before_its_next_frame() -> None:
    beat, now = after([1 / 60] * 200)
    assert beat.rehearse_in(now) == pytest.approx(1 / 60 - 0.0008, abs=1e-4)
    assert beat.rehearse_in(now + 0.01) == pytest.approx(1 / 60 - 0.0108, abs=1e-4)
    beat.rehearsed(0.0005)
    assert beat.rehearse_in(now) < 0, "once a frame"
    assert 0 < beat.awake_until() - (now + 1 / 60) < 0.001
    beat.came(now + 1 / 60)
    assert beat.rehearse_in(now + 1 / 60) > 0


def test_a_stream_is_known_to_be_steady_after_a_few_frames() -> None:
    beat, now = after([1 / 60] * 10)
    assert beat.rehearse_in(now) > 0


def test_rehearsals_begin_as_early_as_they_take() -> None:
    beat, now = after([1 / 60] * 200)
    lead = []
    for took in [0.0001] * 50 + [0.0007, 0.005] + [0.0001] * 50:
        beat.rehearsed(took)
        now += 1 / 60
        beat.came(now)
        lead.append(1 / 60 - beat.rehearse_in(now))
    assert lead[49] == pytest.approx(0.0004, abs=1e-4)
    assert lead[50] == pytest.approx(0.0010, abs=1e-4)
    assert lead[51] == pytest.approx(0.0015, abs=1e-4), "within limits"
    assert lead[-1] == pytest.approx(0.0004, abs=1e-4)


def test_a_frame_that_is_late_for_once_moves_the_next_moment_little() -> None:
    beat, now = after([1 / 60] * 100 + [1 / 60 + 0.0016])
    assert beat.awake_until() - (now + 1 / 60 - 0.0016) == pytest.approx(0.0005, abs=0.0007)
    assert beat.rehearse_in(now) < 1 / 60 - 0.0016, "before the next frame, which is in time"


def test_frames_that_were_not_waited_for_are_counted_in() -> None:
    beat, now = after([1 / 60] * 100 + [2 / 60] + [1 / 60] * 3)
    assert beat.rehearse_in(now) == pytest.approx(1 / 60 - 0.0008, abs=1e-4)


def test_another_rate_is_found() -> None:
    for former, rate in (60, 25), (25, 60), (60, 50):
        beat, now = after([1 / former] * 100 + [1 / rate] * 100)
        assert beat.rehearse_in(now) == pytest.approx(1 / rate - 0.0008, abs=1e-4)


@pytest.mark.parametrize(
    "intervals",
    [
        [1 / 60],
        [0.007] * 200,  # caches stay warm
        [0.01, 0.03] * 100,  # not steady
        [1 / 60] * 200 + [5.0],  # a pause
        [3.0] * 200,
    ],
    ids=["one", "quick", "unsteady", "pause", "slow"],
)
def test_other_streams_are_not(intervals: list[float]) -> None:
    beat, now = after(intervals)
    assert beat.rehearse_in(now) < 0


def test_news_of_a_socket_are_seen_though_its_descriptor_was_read() -> None:
    context = zmq.Context()
    a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    a.bind("inproc://a")
    b.connect("inproc://a")
    waiter = Waiter()
    waiter.watch([b])
    a.send(b"1")
    b.getsockopt(zmq.EVENTS)  # takes what the descriptor would tell
    waiter.wait(10)
    assert waiter.wait_precisely(10)
    assert b.recv() == b"1"
    assert not waiter.wait_precisely(0.001)
    context.destroy(linger=0)


def test_descriptors_are_waited_for_and_no_longer_than_asked() -> None:
    waiter, fd = Waiter(), os.eventfd(0)
    waiter.watch([fd])
    began = time.monotonic()
    assert not waiter.wait_precisely(0.0005)
    waiter.wait(0.001)
    threading.Timer(0.05, os.eventfd_write, (fd, 1)).start()
    waiter.wait(10)
    assert waiter.wait_precisely(10)
    assert time.monotonic() - began < 5
    os.close(fd)


def test_who_stays_awake_sees_what_comes_and_gives_up_in_time() -> None:
    waiter, fd = Waiter(), os.eventfd(0)
    waiter.watch([fd])
    began = time.monotonic()
    waiter.wait_awake(began + 0.02)
    assert time.monotonic() >= began + 0.02
    threading.Timer(0.02, os.eventfd_write, (fd, 1)).start()
    waiter.wait_awake(began + 60)
    assert time.monotonic() < began + 30
    os.close(fd)
