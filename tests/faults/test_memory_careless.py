"""Workers in Python that are careless with shared memory: they keep what they have no use for, and fork."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers import stamp
from helpers.command import wait_until

Send = Callable[..., Any]

# Before each program: `receiver`, at the sender's door.
BEGIN = f"""
import json, multiprocessing, os, sys, time
import framewire
sys.path.insert(0, {str(Path(stamp.__file__).parent.parent)!r})
from helpers import stamp
receiver = framewire.Receiver(sys.argv[1], door=sys.argv[2], credit=int(sys.argv[3]))
"""


class Program:
    """A worker, what it prints, and how it ends."""

    def __init__(self, log: Path, body: str, url: str, door: Path, credit: int) -> None:
        self.log = log
        with log.open("wb") as out:
            words = [sys.executable, "-u", "-c", BEGIN + body, url, str(door), str(credit)]
            self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)

    @property
    def said(self) -> list[str]:
        return self.log.read_text().splitlines()

    def says(self, text: str) -> None:
        wait_until(lambda: text in self.said or self.process.poll() is not None, f"{text!r} of a worker")
        assert text in self.said, self.said

    def end(self) -> None:
        """It ends well, at the latest when its stdin does."""
        self.process.communicate(timeout=60)
        assert self.process.returncode == 0, self.said


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """run(url, body, credit): a worker with this program."""
    made: list[Program] = []

    def begin(url: str, body: str, credit: int = 2) -> Program:
        made.append(Program(tmp_path / f"program-{len(made)}", body, url, tmp_path / "door", credit))
        return made[-1]

    yield begin
    for each in made:
        each.process.kill()
        each.process.communicate()


@pytest.fixture
def lend(send: Send, tmp_path: Path) -> Send:
    """A sender whose door is where the programs look for it."""
    return lambda *arguments: send(*arguments, "--door", tmp_path / "door")


# Frames that are kept

LOOP = """
for frame in receiver:
    assert stamp.whole(frame.data, frame.seq)
    frame.reply({"seq": frame.seq, "how": frame.transport})
"""
KEEPER = """
with receiver:
    frame = receiver.receive()
    array = frame.array
    frame.reply({"seq": frame.seq, "how": frame.transport})
print("keeps", flush=True)
sys.stdin.read()
assert stamp.whole(array.reshape(-1), frame.seq), "overwritten"
"""
HUGE = "test:bars?size=3840x2160&format=rgb8"


def test_four_that_have_left_with_a_frame_each_do_not_stop_the_stream(lend: Send, run: Callable[..., Program]) -> None:
    sending = lend(f"{HUGE}&count=40", "--memory", "128MiB")  # four slots
    keepers = [run(sending.url, KEEPER, 1) for _ in range(4)]
    for keeper in keepers:
        keeper.says("keeps")
    worker = run(sending.url, LOOP)
    sending.wait()
    worker.end()
    for keeper in keepers:
        keeper.end()
    account = sending.account(40)
    how = {line["seq"]: line["value"]["how"] for line in sending.lines}
    assert sorted(how[seq] for seq in range(4)) == ["copy", "shm", "shm", "shm"]
    assert {how[seq] for seq in range(4, 40)} == {"copy"}
    assert account["shared"] >= 3 and account["copied"] >= 37
    assert account["shared"] + account["copied"] == 40 + account["redelivered"]
    assert f", {account['copied']} copied from it" in sending.stderr


def test_four_idle_workers_with_the_last_frame_in_a_variable_do_not_stop_the_stream(
    lend: Send, run: Callable[..., Program]
) -> None:
    sending = lend(
        f"{HUGE}&count=40", "--memory", "128MiB", "--rate", "10fps", "--wait-workers", 4, "--metrics", "127.0.0.1:0"
    )
    workers = [run(sending.url, LOOP, 1) for _ in range(4)]
    sending.wait_for_lines(20)
    counts = dict(line.split() for line in sending.running.metrics.splitlines() if line.startswith("framewire_leases"))
    shared, copied = (int(counts[f"framewire_leases_{how}_total"]) for how in ("shared", "copied"))
    assert shared > 0 and shared + copied >= 20
    sending.wait()
    for worker in workers:
        worker.end()
    sending.account(40)
    assert len({line["worker"] for line in sending.lines}) == 4


# Forks

DIES_WITH_A_CHILD = """
frame = receiver.receive()
array = frame.array
child = os.fork()
if child == 0:
    time.sleep(3600)  # with the connection, the door, the memory and the pidfd
print(f"child {child}", flush=True)
time.sleep(3600)
"""
FORKS = """
def touch(what, pipe):
    try:
        pipe.send(repr(what()))
    except framewire.Error as error:
        pipe.send(f"Error: {error}")

fork = multiprocessing.get_context("fork")
for frame in receiver:
    touches = [lambda: frame.array, lambda: frame.reply(1), lambda: receiver.receive(1), lambda: receiver.close()]
    here, there = fork.Pipe()
    loader = fork.Process(target=touch, args=(touches[frame.seq % 4], there))
    loader.start()
    said = here.recv()
    loader.join()
    if os.fork() == 0:
        sys.exit(0)  # with all that an interpreter does at its end
    os.wait()
    assert stamp.whole(frame.data, frame.seq)
    frame.reply({"seq": frame.seq, "said": said})
"""
LOADS = """
def means(pipe):
    with framewire.Receiver(sys.argv[1], door=sys.argv[2]) as mine:
        for frame in mine:
            frame.reply({"seq": frame.seq, "how": frame.transport})
    pipe.send("ended")

receiver.close()
fork = multiprocessing.get_context("fork")
pipes = []
for _ in range(2):
    here, there = fork.Pipe()
    fork.Process(target=means, args=(there,)).start()
    pipes.append(here)
for pipe in pipes:
    assert pipe.recv() == "ended"
"""


def test_the_death_of_a_worker_is_seen_though_its_child_lives_on(lend: Send, run: Callable[..., Program]) -> None:
    sending = lend("test:noise?size=64x64&count=20", "--memory", "1MiB")
    dies = run(sending.url, DIES_WITH_A_CHILD, 1)
    wait_until(lambda: dies.said, "it has a frame, and a child")
    child = int(dies.said[0].split()[1])
    try:
        dies.process.kill()
        sending.running.says("died with frame 0 in hand", timeout=4)  # less than the grace time of a lost connection
        worker = run(sending.url, LOOP)
        sending.wait()
        worker.end()
        os.kill(child, 0)  # it lives
    finally:
        os.kill(child, signal.SIGKILL)
    sending.account(20)
    assert [line["attempts"] for line in sending.lines if line["seq"] == 0] == [2]


def test_what_a_forked_child_touches_is_refused_and_costs_its_parent_nothing(
    lend: Send, run: Callable[..., Program]
) -> None:
    sending = lend("test:noise?size=64x64&count=20")
    worker = run(sending.url, FORKS)
    sending.wait()
    worker.end()
    account = sending.account(20)
    assert account["redelivered"] == account["unknown"] == 0
    said: dict[int, set[str]] = {}
    for line in sending.lines:
        said.setdefault(line["seq"] % 4, set()).add(line["value"]["said"])
    assert all(len(texts) == 1 for texts in said.values())
    first, second, third, fourth = (texts.pop() for _, texts in sorted(said.items()))
    assert first.startswith("Error: ") and "process" in first
    assert second.startswith("Error: ") and "process" in second
    assert third.startswith("Error: ") and "fork" in third
    assert fourth == "None"


def test_forked_loaders_that_open_receivers_of_their_own_share_the_stream(
    lend: Send, run: Callable[..., Program]
) -> None:
    sending = lend("test:noise?size=64x64&count=200", "--wait-workers", 2)
    loader = run(sending.url, LOADS)
    sending.wait()
    loader.end()
    sending.account(200)
    assert len({line["worker"] for line in sending.lines}) == 2
    assert {line["value"]["how"] for line in sending.lines} <= {"shm", "copy"}
