"""Slow workers, stopped observers, and a long run of everything at once."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers import leased
from helpers.command import wait_until
from helpers.crew import Crew, pause
from helpers.leased import Peer
from helpers.proxy import Proxy

Send = Callable[..., Any]
SMALL = "test:noise?size=64x64"

# An observer as a process of its own, so that it can be stopped: one line a frame.
OBSERVER = """
import sys; sys.path.insert(0, sys.argv[2])
from helpers.leased import Peer
peer = Peer(sys.argv[1], "observer")
peer.join(1)
while (word := peer.poll(60)) and word.kind != "end":
    if word.kind == "frame":
        print(word.seq, word.header.get("lost", 0), flush=True)
        peer.say("credit", credit=1)
peer.say("bye")
peer.poll(2)
"""


def observe(url: str, log: Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", OBSERVER, url, str(Path(leased.__file__).parent.parent)]
    with log.open("wb") as out:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out)


def resident(pid: int) -> float:
    """MiB of memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", text)[0]) / 1024


def fds(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_a_worker_twenty_times_slower_than_three_others_holds_no_one_up(send: Send, tmp_path: Path) -> None:
    count, quick, edge = 200, 0.2, 50  # long naps, beside which a busy machine's delays are short
    sending = send(f"{SMALL}&count={count}", "--wait-workers", 4)
    with Crew(sending.url, tmp_path, supervised=False) as crew:
        fast, slow = crew.add(3, sleep=quick), crew.one(sleep=20 * quick)
        sending.wait()
        sending.account(count)
        ends = sorted(event["t"] for event in crew.events("done"))
        # Between the first frames and the last: all four had work.
        reached = (count - 2 * edge) / (ends[-edge] - ends[edge])
        possible = 0.0
        for worker in [*fast, slow]:
            starts = {event["seq"]: event["t"] for event in worker.events("start")}
            times = [event["t"] - starts[event["seq"]] for event in worker.events("done")]
            possible += len(times) / sum(times)
            assert max(event["holds"] for event in worker.events("frame")) <= 2
        assert reached >= 0.9 * possible, (reached, possible)
        assert len(slow.seqs("done")) <= 1.2 * (ends[-1] - ends[0]) / (20 * quick) + 2


def test_an_observer_that_is_stopped_slows_nobody_and_costs_no_memory(tmp_path: Path, loan_times: Path) -> None:
    """The tool sends frames at 100 fps and prints how long loan and send took, each second, in microseconds."""
    budget = 64
    ready = tmp_path / "url"
    with (tmp_path / "times").open("wb") as out:
        tool = subprocess.Popen([loan_times, str(ready), "60", str(budget)], stdout=out)
    try:
        wait_until(ready.exists, "the tool listens")
        url = ready.read_text().strip()
        with Crew(url, tmp_path, supervised=False) as crew:
            crew.add(1, credit=4)
            log = tmp_path / "observer"
            observer = observe(url, log)

            def times() -> list[list[float]]:
                return [json.loads(line) for line in (tmp_path / "times").read_text().split("\n")[:-1]]

            wait_until(lambda: log.read_text().count("\n") > 20, "the observer sees frames")
            before_from = len(times())
            wait_until(lambda: len(times()) >= before_from + 5, "five seconds before")
            observer.send_signal(signal.SIGSTOP)
            during_from = len(times()) + 1
            seen = log.read_text().count("\n")
            wait_until(lambda: len(times()) >= during_from + 30, "thirty seconds of an observer that is stopped")
            most = resident(tool.pid)
            observer.send_signal(signal.SIGCONT)
            wait_until(lambda: log.read_text().count("\n") > seen + 20, "the observer goes on")
            tool.wait(60)
            observer.wait(10)
            assert len(crew.seqs("done")) == 6000
        seconds = times()

        def p99(some: list[list[float]]) -> float:
            every = sorted(value for second in some for value in second)
            return every[int(len(every) * 0.99)]

        before, during = p99(seconds[before_from : during_from - 1]), p99(seconds[during_from : during_from + 30])
        assert during - before < 2000, (before, during)
        assert most <= budget + 48
        numbers = [[int(word) for word in line.split()] for line in log.read_text().splitlines()]
        assert [seq for seq, _ in numbers] == sorted({seq for seq, _ in numbers})
        # What it did not see was counted, and told to it.
        assert numbers[-1][1] == numbers[-1][0] - numbers[0][0] + 1 - len(numbers) + numbers[0][1]
        assert numbers[-1][1] >= 2900
    finally:
        tool.kill()
        tool.wait()


def test_a_soak_of_random_faults_leaves_memory_and_fds_flat(
    send: Send, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seconds = float(request.config.getoption("--soak", 60.0))
    seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
    print(f"SEED={seed}")
    pick = random.Random(seed)
    sending = send(
        "test:noise?size=320x240&count=10000000",
        "--rate",
        "200fps",
        "--deadline",
        "2s",
        "--drain",
        "10s",
        "--memory",
        "64MiB",
    )
    pid = sending.running.process.pid
    with Proxy(sending.url) as proxy, Crew(sending.url, tmp_path, restart=True) as crew:
        crew.add(3, credit=4, sleep=0.005)
        crew.add(1, credit=4, sleep=0.005, url=proxy.url)
        crew.ready(4)
        watchers: list[Peer] = []
        stopped: dict[Any, float] = {}
        samples: list[tuple[float, float, int]] = []
        began = due = time.monotonic()

        def step(now: float) -> None:
            fault = pick.choice(["kill", "stop", "leave", "cut", "join", "watch", "unwatch"])
            living = [worker for worker in crew.living if worker not in stopped]
            if fault == "kill" and len(living) > 1:
                pick.choice(living).signal(signal.SIGKILL)
            elif fault == "stop" and len(living) > 2:
                worker = pick.choice(living)
                worker.signal(signal.SIGSTOP)
                stopped[worker] = now + pick.uniform(0.1, 4)
            elif fault == "leave" and len(living) > 2:
                pick.choice(living).signal(signal.SIGTERM)
            elif fault == "cut":
                proxy.cut()
            elif fault == "join" and len(living) < 5:
                crew.add(1, credit=4, sleep=0.005)
            elif fault == "watch" and len(watchers) < 4:
                watchers.append(Peer(sending.url, "observer", queue=2))
                watchers[-1].join(64)
            elif fault == "unwatch" and watchers:
                watchers.pop(0).close()

        while (now := time.monotonic()) < began + seconds:
            for worker in [one for one, until in stopped.items() if now >= until]:
                worker.signal(signal.SIGCONT)
                del stopped[worker]
            if now >= due:
                due += 0.25
                step(now)
                samples.append((now - began, resident(pid), fds(pid)))
            for watcher in watchers:
                while watcher.poll(0):
                    watcher.say("credit", credit=1)
            pause()
            assert sending.running.process.poll() is None, sending.stderr
        for worker in stopped:
            worker.signal(signal.SIGCONT)
        for watcher in watchers:
            watcher.close()
        sending.running.signal()
        sending.running.wait(30)
        assert sending.running.process.returncode == 0, f"SEED={seed}: {sending.stderr}"
    account = json.loads(sending.summary.read_text())
    assert account["captured"] == account["done"] + account["dead"] and account["dead"] == 0, (seed, account)
    items = [line["seq"] for line in sending.lines]
    assert sorted(items) == list(range(account["captured"])), seed
    assert account["captured"] > seconds * 50, f"SEED={seed}: hardly anything went through: {account}"
    # The second half against the end of the first: what grows shows.
    half = [sample for sample in samples if seconds * 0.3 <= sample[0] < seconds * 0.6]
    late = [sample for sample in samples if sample[0] >= seconds * 0.7]
    assert max(memory for _, memory, _ in late) <= max(memory for _, memory, _ in half) * 1.1 + 4, (seed, samples)
    assert max(count for _, _, count in late) <= max(count for _, _, count in half) + 8, (seed, samples)
