"""Connections that are cut, slow or silent, senders that restart, and workers that come and go."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.command import wait_until
from helpers.crew import Crew
from helpers.proxy import Proxy

Send = Callable[..., Any]
SMALL = "test:noise?size=64x64"


def test_frames_wait_for_workers_and_for_their_return(send: Send, tmp_path: Path) -> None:
    sending = send(f"{SMALL}&count=60")
    sending.running.says("waiting for")
    with Crew(sending.url, tmp_path, supervised=False) as crew:
        first = crew.add(2, frames=10)
        assert [worker.wait() for worker in first] == [0, 0]
        assert len(sending.lines) == 20
        sending.running.says("going on")
        crew.add(2)
        sending.wait()
        account = sending.account(60)
        assert len(crew.seqs("start")) == 60
    assert account["dead"] == 0


def test_a_sender_that_restarts_fifty_times_finds_its_workers_again(send: Send, tmp_path: Path) -> None:
    runs = 50
    sending = send(f"{SMALL}&count=10", "--drain", "5s", name="run-first")
    at = sending.url
    with Crew(at, tmp_path, supervised=False) as crew:
        crew.add(2, follow=True, credit=2, sleep=0.002)
        sending.wait()
        sending.account(10)
        for run in range(runs):
            # Workers are running when every other one is killed; the others leave them idle.
            rate = () if run % 2 else ("--rate", "20fps")
            sending = send(f"{SMALL}&count=100000", *rate, to=at, name=f"run-{run}")
            sending.wait_for_lines(6)
            sending.running.signal(signal.SIGKILL)
            sending.running.wait()
            lines = sending.lines
            assert len({line["seq"] for line in lines}) == len(lines)
            assert all(line["status"] == "done" and line["value"]["seq"] == line["seq"] for line in lines)
        sending = send(f"{SMALL}&count=200", "--wait-workers", 2, to=at, name="run-last")
        sending.wait()
        account = sending.account(200)
        assert {line["worker"] for line in sending.lines} == {f"test/{worker.process.pid}" for worker in crew.workers}
        assert all(len(worker.events("welcome")) >= runs for worker in crew.workers)
    assert account["redelivered"] <= 4


def test_a_long_handler_with_frames_waiting_behind_it_loses_no_lease(send: Send, tmp_path: Path) -> None:
    sending = send(f"{SMALL}&count=2", "--deadline", "30s")
    with Crew(sending.url, tmp_path, supervised=False) as crew:
        worker = crew.one(credit=2, sleep=20)
        wait_until(lambda: len(worker.events("frame")) == 2, "both frames are with the worker")
        sending.wait(100)
        account = sending.account(2)
        assert crew.seqs("start") == [0, 1]
    assert account["redelivered"] == 0
    assert [line["attempts"] for line in sending.lines] == [1, 1]


def test_a_connection_that_blips_during_a_long_frame_costs_no_second_run(send: Send, tmp_path: Path) -> None:
    sending = send(f"{SMALL}&count=3")
    with Proxy(sending.url) as proxy, Crew(sending.url, tmp_path, supervised=False) as crew:
        worker = crew.one(url=proxy.url, credit=2, long={"1": 8.0})
        wait_until(lambda: 1 in worker.seqs("start"), "the long frame")
        for cut in range(3):
            proxy.cut()
            worker.wait_for("welcome", 2 + cut)
        other = crew.one()
        other.wait_for("welcome")
        sending.wait()
        account = sending.account(3)
        assert crew.seqs("start").count(1) == 1
    assert [line["attempts"] for line in sending.lines if line["seq"] == 1] == [1]
    assert account["duplicates"] == 0 and account["dead"] == 0


def test_a_frame_that_takes_ninety_seconds_to_cross_is_leased_once(send: Send, tmp_path: Path) -> None:
    sending = send("test:noise?size=6000x5000&format=rgb8&count=1")
    with Proxy(sending.url) as proxy, Crew(sending.url, tmp_path, supervised=False) as crew:
        proxy.rate = 1e6
        worker = crew.one(url=proxy.url, credit=1)
        began = time.monotonic()
        worker.wait_for("welcome")
        sending.wait(200)
        assert time.monotonic() - began >= 85, "the proxy did not throttle"
        account = sending.account(1)
        assert crew.seqs("frame") == [0] and len(worker.events("welcome")) == 1
    assert account["redelivered"] == 0
    assert sending.lines[0]["value"]["sum"] == 90_000_000


def test_a_connection_cut_in_the_middle_of_a_frame_is_taken_up_again(send: Send, tmp_path: Path) -> None:
    sending = send("test:noise?size=1024x1024&format=rgb8&count=12")
    with Proxy(sending.url) as proxy, Crew(sending.url, tmp_path, supervised=False) as crew:
        proxy.cut_after = 5_000_000  # within the second frame
        worker = crew.one(url=proxy.url, credit=3)
        sending.wait()
        account = sending.account(12)
        # A word that was queued before the cut may come ahead of the hello: then the hub asks for another.
        assert proxy.cuts == 1 and len(worker.events("welcome")) in (2, 3)
        assert all(line["value"]["sum"] == 3 << 20 for line in sending.lines)
    assert account["redelivered"] >= 1


def test_a_slow_link_with_delay_carries_every_frame(send: Send, tmp_path: Path) -> None:
    sending = send(f"{SMALL}&count=60")
    with Proxy(sending.url) as proxy, Crew(sending.url, tmp_path, supervised=False) as crew:
        proxy.delay = 0.1
        crew.add(2, url=proxy.url, credit=4)
        sending.wait()
        assert sending.account(60)["redelivered"] == 0
        assert len(crew.seqs("start")) == 60


def test_a_link_that_falls_silent_loses_its_frames_to_another_worker(send: Send, tmp_path: Path) -> None:
    sending = send(f"{SMALL}&count=40", "--rate", "20fps", "--deadline", "1s", "--drain", "1s")
    with Proxy(sending.url) as proxy, Crew(sending.url, tmp_path, supervised=False) as crew:
        lost = crew.one(url=proxy.url, credit=2)
        lost.wait_for("done", 3)
        proxy.silent = True
        crew.add(1)
        sending.wait()
        account = sending.account(40)
    assert account["redelivered"] >= 1
    assert account["dead"] == 0
