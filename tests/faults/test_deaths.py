"""Workers that die, hang or stop: their frames go to others, and only what was running is ever blamed."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.command import wait_until
from helpers.crew import Crew, pause

Send = Callable[..., Any]
SMALL = "test:noise?size=64x64"


def test_a_worker_killed_every_half_second_costs_no_frame(send: Send, tmp_path: Path) -> None:
    count = 10_000
    sending = send(f"{SMALL}&count={count}", "--rate", "1000fps", "--wait-workers", 4)
    with Crew(sending.url, tmp_path, restart=True) as crew:
        crew.add(4, sleep=0.001, credit=4)
        crew.ready(4)
        pick = random.Random(4)
        due = time.monotonic()
        while sending.running.process.poll() is None:
            due += 0.5
            while time.monotonic() < due and sending.running.process.poll() is None:
                pause()
            busy = [worker for worker in crew.living if worker.events("welcome")]
            if busy and len(sending.lines) < count - 100:
                pick.choice(busy).signal(signal.SIGKILL)
        sending.wait()
        account = sending.account(count)
        assert crew.deaths >= 5, "too few were killed for this to say anything"
        assert account["redelivered"] >= 1
        assert {line["seq"] for line in sending.lines} <= set(crew.seqs("done"))
        # Each frame beyond the first start of it was with one that died: no more than these may have run twice.
        assert len(crew.seqs("start")) <= count + crew.deaths * 4


def test_the_frame_of_a_worker_killed_at_its_start_is_with_another_at_once(send: Send, tmp_path: Path) -> None:
    sending = send(f"{SMALL}&count=100", "--rate", "20fps", "--wait-workers", 2)
    victims = [seq for seq in range(4, 90) if seq % 6 in (4, 5)]  # two in a row never go to the same worker
    with Crew(sending.url, tmp_path, restart=True) as crew:
        crew.add(2, credit=1, kill=victims, kill_once=True)
        crew.add(1, credit=1)
        sending.wait()
        account = sending.account(100)
        kills = {event["seq"]: event["t"] for event in crew.events("kill")}
        starts = crew.events("start")
    assert len(kills) >= 3, "nobody was killed: nothing is tested"
    assert account["redelivered"] >= len(kills)
    delays = [
        min(event["t"] for event in starts if event["seq"] == seq and event["t"] > at) - at for seq, at in kills.items()
    ]
    # The line is 100 ms; a machine that is busy with other tests may keep one of them waiting.
    assert sum(delay > 0.1 for delay in delays) <= max(1, len(delays) // 4), delays
    assert max(delays) < 2, delays


@pytest.mark.parametrize("after", [0.0, 0.01])
def test_poison_is_dead_after_three_proven_deaths_and_the_innocent_live(
    send: Send, tmp_path: Path, after: float
) -> None:
    poison, letters = [100, 101, 700], tmp_path / "letters"
    sending = send(f"{SMALL}&count=1000", "--dead-letter", letters, "--wait-workers", 4)
    with Crew(sending.url, tmp_path, restart=True) as crew:
        crew.add(4, credit=4, kill=poison, kill_after=after)
        sending.wait(code=3)
        sending.account(1000, dead=poison)
        kills = crew.seqs("kill")
    for line in sending.lines:
        if line["status"] == "dead":
            # What was said just before a death may die with it: then an earlier frame is suspected first.
            assert 3 <= line["attempts"] <= kills.count(line["seq"]), (line, kills)
            assert not after or line["attempts"] == 4
            assert "died" in line["error"]
    # Each is a file that our own reader opens, and the pixels are the frame's.
    assert len(list(letters.glob("*.json"))) == 3
    arrays = [np.load(path) for path in letters.glob("*.npy")]
    assert len(arrays) == 3 and all(array.shape[:2] == (64, 64) for array in arrays)
    sending = send(f"{letters}/*.npy", name="letters")
    with Crew(sending.url, tmp_path / "run-0") as crew:
        crew.add()
        sending.wait()
    assert len(sending.lines) == 3


def test_a_frame_that_hangs_its_workers_is_dead_after_three_proven_deadlines(send: Send, tmp_path: Path) -> None:
    sending = send(f"{SMALL}&count=200", "--deadline", "400ms", "--dead-letter", tmp_path / "letters")
    with Crew(sending.url, tmp_path, restart=True) as crew:
        crew.add(3, deaf=True, long={"50": 3600})

        def kill_those_that_hang() -> bool:
            last = {event["pid"]: event for event in crew.events() if event["event"] in ("start", "done", "kill")}
            for worker in crew.living:
                event = last.get(worker.process.pid)
                if event and event["event"] == "start" and time.monotonic() - event["t"] > 1.0:
                    worker.signal(signal.SIGKILL)
            return sending.running.process.poll() is not None

        wait_until(kill_those_that_hang, "the end")
        sending.wait(code=3)
        sending.account(200, dead=[50])
        assert crew.seqs("start").count(50) == 4  # the first without `go`, which proves nothing
    assert len(list((tmp_path / "letters").glob("*.npy"))) == 1


def test_a_worker_stopped_beyond_its_deadline_comes_back_with_a_late_result_that_is_counted(
    send: Send, tmp_path: Path
) -> None:
    sending = send(f"{SMALL}&count=80", "--rate", "20fps", "--deadline", "2s", "--wait-workers", 2)
    with Crew(sending.url, tmp_path) as crew:
        first, second = crew.add(2, credit=1, long={"10": 1.0, "11": 1.0, "12": 1.0})
        wait_until(lambda: any(seq in first.seqs("start") for seq in (10, 11, 12)), "a long frame")
        first.signal(signal.SIGSTOP)
        held = first.seqs("start")[-1]
        assert held not in first.seqs("done")
        wait_until(lambda: held in second.seqs("done"), "the frame with the other")
        first.signal(signal.SIGCONT)
        sending.wait()
        account = sending.account(80)
        assert held in first.seqs("done") and held in second.seqs("done")
        assert account["duplicates"] == len(crew.seqs("done")) - 80 >= 1
    assert account["redelivered"] >= 1
    assert next(line for line in sending.lines if line["seq"] == held)["worker"] == f"test/{second.process.pid}"


def test_progress_keeps_a_slow_frame_and_silence_moves_it(send: Send, tmp_path: Path) -> None:
    sending = send(f"{SMALL}&count=4", "--deadline", "1s", "--wait-workers", 1)
    with Crew(sending.url, tmp_path) as crew:
        slow = crew.one(credit=1, long={"0": 3.5}, progress=0.25)
        slow.wait_for("start")
        crew.one(credit=1)
        sending.wait()
        assert sending.account(4)["redelivered"] == 0
        assert crew.seqs("start").count(0) == 1
    sending = send(f"{SMALL}&count=4", "--deadline", "1s", "--wait-workers", 1)
    with Crew(sending.url, tmp_path / "run-0") as crew:
        slow = crew.one(credit=1, long={"0": 8.0}, deaf=True)
        slow.wait_for("start")
        crew.one(credit=1)
        sending.wait()
        assert sending.account(4)["redelivered"] == 1
        assert crew.seqs("start").count(0) == 2
