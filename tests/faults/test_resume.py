"""Senders that are killed or stopped, and disks that are full: what is written stays true."""

from __future__ import annotations

import json
import random
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.command import Running, wait_until
from helpers.crew import BOUND, Crew, lines_of, pause

Send = Callable[..., Any]
SMALL = "test:noise?size=64x64"


def test_a_sender_killed_twenty_times_leaves_one_line_an_item(send: Send, tmp_path: Path) -> None:
    count, kills = 3000, 20
    sending = send(f"{SMALL}&count={count}", "--rate", "100fps", name="all")
    at = sending.url
    pick = random.Random(10)
    with Crew(at, tmp_path, supervised=False) as crew:
        crew.add(2, follow=True, credit=4)
        for kill in range(kills):
            sending.wait_for_lines(len(sending.lines) + 1)
            due = time.monotonic() + pick.uniform(0, 0.3)
            while time.monotonic() < due:
                pause()
            sending.running.signal(signal.SIGKILL)
            sending.running.wait()
            rate = "100fps" if kill + 1 < kills else "2000fps"  # the last one is to come to its end
            sending = send(f"{SMALL}&count={count}", "--resume", "--rate", rate, to=at, name="all")
            assert sending.url == at
        sending.wait()
    account = json.loads(sending.summary.read_text())
    items = [int(line["item"]) for line in sending.lines]
    assert sorted(items) == list(range(count))
    assert account["skipped"] + account["captured"] == count
    assert account["done"] == account["captured"]
    assert {line["status"] for line in sending.lines} == {"done"}


def test_another_sender_on_the_same_results_is_refused(send: Send) -> None:
    sending = send(f"{SMALL}&count=10", name="same")
    assert sending.url
    other = send(f"{SMALL}&count=10", "--resume", name="same", ready=False)
    assert other.running.wait() == 1
    assert "another sender writes its results there" in other.stderr


def test_sigterm_under_load_is_drained_and_accounted(send: Send, tmp_path: Path) -> None:
    sending = send(f"{SMALL}&count=1000000", "--drain", "3s")
    with Crew(sending.url, tmp_path, supervised=False) as crew:
        crew.add(3, sleep=0.02)
        wait_until(lambda: len(sending.lines) > 50, "load")
        sending.running.signal()
        began = time.monotonic()
        sending.wait(20)
        assert time.monotonic() - began < 4
        account = json.loads(sending.summary.read_text())
        assert account["captured"] == account["done"] and account["in_flight"] == 0
        sending.account(account["captured"])


def test_sigterm_while_a_worker_hangs_ends_within_the_drain_time(send: Send, tmp_path: Path) -> None:
    sending = send(f"{SMALL}&count=1000000", "--drain", "1s")
    with Crew(sending.url, tmp_path, supervised=False) as crew:
        crew.one(deaf=True, long={"20": 3600})
        wait_until(lambda: 20 in crew.seqs("start"), "a worker that hangs")
        sending.running.signal()
        began = time.monotonic()
        sending.wait(20, code=3)
        assert time.monotonic() - began < 2
    account = json.loads(sending.summary.read_text())
    assert account["captured"] == account["done"] + account["in_flight"]
    assert account["done"] == 20 and account["in_flight"] >= 1
    assert len(sending.lines) == 20


def test_a_full_disk_is_said_and_nothing_that_was_written_is_lost(tmp_path: Path, framewire_path: Path) -> None:
    results, summary = tmp_path / "results.jsonl", tmp_path / "summary.json"
    limited = ("-c", 'trap "" XFSZ; exec "$0" "$@"', framewire_path, "send", f"{SMALL}&count=1000")
    (tmp_path / "run").mkdir()
    sender = Running(
        Path("/bin/sh"),
        (*limited, "--to", BOUND, "--results", results, "--summary", summary),
        tmp_path / "run",
        ready=True,
    )
    try:
        assert sender.url
        # A limit on the size of files makes write() fail in the middle of a line, as a full disk does.
        resource.prlimit(sender.process.pid, resource.RLIMIT_FSIZE, (4000, 4000))
        with Crew(sender.url, tmp_path, supervised=False) as crew:
            crew.add(2)
            assert sender.wait() == 1, sender.stderr
        assert str(results) in sender.stderr and "could not be written" in sender.stderr
        text = results.read_text()
        assert text.endswith("\n") and len(text) <= 4000
        lines = lines_of(results)
        assert len(lines) >= 8 and len({line["seq"] for line in lines}) == len(lines)
        account = json.loads(summary.read_text())
        assert account["done"] == len(lines)
        assert account["captured"] == account["done"] + account["dead"] + account["dropped"] + account["in_flight"]
    finally:
        sender.kill()
