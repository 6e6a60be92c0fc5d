"""Signals, and the progress line."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers import pictures
from helpers.command import Running, wait_until
from helpers.leased import Peer
from helpers.plain import Receiver

Start = Callable[..., Running]
PUSH = ("--to", "push+tcp://127.0.0.1:*")
ENDLESS = ("send", "test:bars?size=16x16", *PUSH, "--rate", "100fps")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_source_and_what_was_taken_is_delivered(start: Start, number: int) -> None:
    sending = start(*ENDLESS, "--summary", "-")
    with Receiver(sending.url) as receiver:
        frames = [receiver.receive() for _ in range(3)]
        sending.signal(number)
        frames += list(receiver)
    assert receiver.end is not None and receiver.end.header["sent"] == len(frames)
    assert [frame.seq for frame in frames] == list(range(len(frames)))
    assert sending.wait() == 0
    account = json.loads(sending.stdout)
    assert (account["captured"], account["sent"], account["in_flight"]) == (len(frames), len(frames), 0)
    assert "stopping" in sending.stderr


def test_a_signal_while_nobody_is_there_ends_it(start: Start) -> None:
    sending = start("send", "test:bars?size=16x16", *PUSH, "--drain", "100ms", "--summary", "-")
    assert sending.url
    sending.signal()
    assert sending.wait() in (0, 3)
    account = json.loads(sending.stdout)
    assert account["captured"] == account["sent"] + account["dropped"] + account["in_flight"]


# Frames larger than what the kernel buffers: a receiver that stops reading holds four of the eight at most.
STUCK = ("send", "test:bars?size=2400x2400&count=8", *PUSH, "--queue", 8, "--metrics", "127.0.0.1:0")


def all_captured(sending: Running) -> None:
    wait_until(lambda: "\nframewire_frames_captured_total 8\n" in sending.metrics, "all frames being captured")


def test_frames_that_nobody_takes_in_the_drain_time_are_in_flight_and_exit_3(start: Start) -> None:
    sending = start(*STUCK, "--drain", "300ms", "--summary", "-")
    with Receiver(sending.url, queue=1) as receiver:
        receiver.receive()
        all_captured(sending)
        sending.signal()
        assert sending.wait() == 3
    account = json.loads(sending.stdout)
    assert account["in_flight"] >= 4
    assert account["captured"] == account["sent"] + account["dropped"] + account["in_flight"] == 8
    assert "still in flight" in sending.stderr


def test_a_second_signal_ends_it_at_once(start: Start) -> None:
    sending = start(*STUCK, "--drain", "1h")
    with Receiver(sending.url, queue=1) as receiver:
        receiver.receive()
        all_captured(sending)
        sending.signal()
        sending.says("stopping")

        def ended_by_one_more() -> bool:
            sending.signal(signal.SIGINT)
            return sending.process.poll() is not None

        wait_until(ended_by_one_more, "the end by another signal")
        assert sending.wait() == 1


def test_a_list_in_a_fifo_is_waited_for_and_may_be_stopped(start: Start, tmp_path: Path) -> None:
    names = tmp_path / "names"
    os.mkfifo(names)
    sending = start("send", "--list", names, *PUSH)
    assert sending.url
    sending.signal()
    assert sending.wait() == 0


def test_names_come_by_a_fifo(start: Start, tmp_path: Path) -> None:
    names = tmp_path / "names"
    os.mkfifo(names)
    sending = start("send", "--list", names, *PUSH)
    with Receiver(sending.url) as receiver:
        with open(names, "w") as fifo:
            fifo.write(f"{pictures.ppm(tmp_path / 'a.ppm')}\n")
            fifo.flush()
            assert receiver.receive().seq == 0
        assert list(receiver) == []
    assert sending.wait() == 0


def test_a_summary_that_nobody_reads_does_not_keep_signals_off(start: Start, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "account")
    sending = start("send", "test:bars", *PUSH, "--summary", tmp_path / "account")
    status = Path(f"/proc/{sending.process.pid}/status")
    wait_until(lambda: "State:\tS" in status.read_text(), "the FIFO being opened")
    sending.signal()
    assert sending.wait() == -signal.SIGTERM


def test_a_signal_that_comes_twice_at_once_is_one(start: Start) -> None:
    """timeout(1) sends its signal to the process, and at once to the process group too."""
    sending = start(*ENDLESS, "--summary", "-")
    status = Path(f"/proc/{sending.process.pid}/status")
    with Receiver(sending.url) as receiver:
        receiver.receive()
        sending.signal()
        wait_until(lambda: "ShdPnd:\t0000000000000000\n" in status.read_text(), "the first signal being heeded")
        sending.signal()
        list(receiver)
    assert sending.wait() == 0
    assert json.loads(sending.stdout)["sent"] > 0


class Terminal:
    """What a program shows on a terminal, as it comes."""

    def __init__(self) -> None:
        self.master, self.side = pty.openpty()
        self.text = b""

    def read(self, patience: float = 0) -> None:
        if select.select([self.master], [], [], patience)[0]:
            self.text += os.read(self.master, 65536)

    def shows(self, what: bytes) -> None:
        def shown() -> bool:
            if what not in self.text:
                self.read(0.1)
            return what in self.text

        wait_until(shown, f"{what!r} on the terminal")

    def close(self) -> None:
        os.close(self.master)
        os.close(self.side)


def test_progress_is_one_line_on_a_terminal_that_messages_never_mix_with(start: Start) -> None:
    terminal = Terminal()
    sending = start(*ENDLESS, stderr=terminal.side, env={"TERM": "xterm"})
    with Receiver(sending.url) as receiver:
        receiver.receive()
        terminal.shows(b"1 receiver")
        assert b"framewire: listening on push+tcp://" in terminal.text
        status = terminal.text.rsplit(b"\r", 1)[1]
        assert b"\n" not in status
        assert b" fps, " in status and b" MB/s, " in status and b" dropped" in status
        sending.signal()
        terminal.shows(b"stopping")
        before = terminal.text[: terminal.text.index(b"framewire: Terminated")]
        assert before.endswith(b"\r\x1b[K")
        list(receiver)
        terminal.shows(b" frames sent in ")
        assert (
            terminal.text[: terminal.text.index(b" frames sent in ")].rsplit(b"framewire: ", 1)[0].endswith(b"\r\x1b[K")
        )
    assert sending.wait() == 0
    terminal.close()


def test_progress_and_the_sentence_of_leases_show_workers_and_what_became_of_frames(
    start: Start, tmp_path: Path
) -> None:
    terminal, summary = Terminal(), tmp_path / "summary.json"
    sending = start(
        *("send", "test:noise?size=64x64", "--rate", "50fps", "--to", "tcp://127.0.0.1:*", "--attempts", 1),
        *("--summary", summary),
        stderr=terminal.side,
        env={"TERM": "xterm"},
    )
    supervisor = Peer(sending.url, "supervisor")
    supervisor.greets = True
    supervisor.take("welcome")
    for answer in ("stats", "go"):  # the hub has heard of the start; the frame runs as a suspect
        worker = Peer(sending.url, supervisor=supervisor.instance)
        worker.join(1)
        worker.start(worker.take("frame"))
        if answer == "stats":
            worker.say("stats")
        worker.take(answer)
        supervisor.say("died", instance=worker.instance, reason="killed by SIGKILL")
        worker.close()
    last = Peer(sending.url)
    last.join(1)

    def serve() -> None:
        word = last.poll(0.01)
        if word and word.kind == "frame":
            last.result(word)
        elif word and word.kind == "end":
            last.say("bye")
            supervisor.say("bye")
        terminal.read()

    def shows(pattern: bytes) -> bool:
        serve()
        return re.search(pattern, terminal.text) is not None

    pattern = rb"\r\d+ done, [\d.]+ fps, [\d.]+ MB/s, 1 worker, \d+ in flight, 1 dead, 1 redelivered\x1b"
    wait_until(lambda: shows(pattern), "the line of progress")
    sending.signal()
    wait_until(lambda: shows(rb"\d+ frames done by 3 workers in .*, 1 redelivered, 1 dead\r\n"), "the sentence")
    assert sending.wait() == 3
    account = json.loads(summary.read_text())
    assert (account["workers"], account["redelivered"], account["dead"]) == (3, 1, 1)
    for peer in (supervisor, last):
        peer.close()
    terminal.close()


def test_there_is_no_progress_line_where_there_is_no_terminal(start: Start, tmp_path: Path) -> None:
    sending = start(*ENDLESS, "--count", "30")
    with Receiver(sending.url) as receiver:
        assert len(list(receiver)) == 30
    assert sending.wait() == 0
    assert "\r" not in sending.stderr and "\x1b" not in sending.stderr
    assert len(sending.stderr.splitlines()) == 2
