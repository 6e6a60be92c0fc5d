"""framewire work under faults: its processes are killed, hang and stop, and every frame is answered once."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.command import Running, wait_until
from helpers.crew import pause

Send = Callable[..., Any]
Start = Callable[..., Running]
SMALL = "test:noise?size=64x64"

# framewire work is framewire-work on PATH; it stands beside the interpreter that runs the tests.
WITH_WORK = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.fixture(params=["door", "socket"])
def work(start: Start, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Running]:
    """work(url, body, ...): framewire work with `handle(frame)` of this body; `first(name)` in it is true once.

    Over either link: by the sender's door, or like one on another host, that finds none.
    """
    elsewhere = ["--door", tmp_path / "elsewhere"] if request.param == "socket" else []

    def begin(url: str, body: str, *arguments: object) -> Running:
        handler = tmp_path / f"handler{len(list(tmp_path.glob('handler*.py')))}.py"
        handler.write_text(
            "import ctypes, os, signal, time\n"
            "def first(name):\n"
            "    try:\n"
            f"        os.close(os.open({str(tmp_path)!r} + '/once-' + name, os.O_CREAT | os.O_EXCL))\n"
            "        return True\n"
            "    except FileExistsError:\n"
            "        return False\n"
            f"def handle(frame):\n    {body}\n    return {{'seq': frame.seq}}\n"
        )
        return start("work", handler, "--from", url, *elsewhere, *arguments, env=WITH_WORK)

    return begin


def processes(work: Running) -> list[int]:
    """The worker processes that live now."""
    children = Path(f"/proc/{work.process.pid}/task/{work.process.pid}/children")
    return [int(pid) for pid in children.read_text().split()] if children.exists() else []


def test_processes_killed_at_random_cost_no_frame(send: Send, work: Callable[..., Running]) -> None:
    count = 2000
    sending = send(f"{SMALL}&count={count}", "--rate", "200fps", "--wait-workers", 4)
    worker = work(sending.url, "time.sleep(0.005)", "--processes", 4)
    sending.wait_for_lines(10)
    pick = random.Random(1)
    kills = 0
    due = time.monotonic()
    while kills < 8:  # each death doubles the time to the restart of that process
        due += 0.5
        if living := processes(worker):
            os.kill(pick.choice(living), signal.SIGKILL)
            kills += 1
        while time.monotonic() < due:
            pause()
    sending.wait()
    assert worker.wait() == 0, worker.stderr
    assert len(sending.lines) == count
    assert sending.account(count)["dead"] == 0


def test_poison_is_dead_and_the_rest_is_done(send: Send, work: Callable[..., Running], tmp_path: Path) -> None:
    sending = send(f"{SMALL}&count=500", "--dead-letter", tmp_path / "letters")
    worker = work(sending.url, "if frame.seq == 77: os.kill(os.getpid(), signal.SIGKILL)", "--processes", 4)
    sending.wait(code=3)
    assert worker.wait() == 0, worker.stderr
    sending.account(500, dead=[77])
    assert len(list((tmp_path / "letters").glob("*.npy"))) == 1
    assert "SIGKILL" in worker.stderr


def test_a_handler_that_exits_answers_its_frame(send: Send, work: Callable[..., Running]) -> None:
    sending = send(f"{SMALL}&count=100")
    worker = work(sending.url, "if frame.seq in (7, 8): raise SystemExit('no licence')", "--processes", 2)
    sending.wait()
    assert worker.wait() == 0, worker.stderr
    account = sending.account(100)
    assert account["errors"] == 2
    assert {line["seq"]: line["error"] for line in sending.lines if line["status"] == "error"} == {
        7: "SystemExit: no licence",
        8: "SystemExit: no licence",
    }
    assert "restarting" in worker.stderr


def test_an_end_that_no_process_lives_to_see_ends_the_work(send: Send, work: Callable[..., Running]) -> None:
    sending = send(f"{SMALL}&count=1", "--attempts", 1)
    worker = work(sending.url, "os.kill(os.getpid(), signal.SIGKILL)")
    sending.wait(code=3)
    sending.account(1, dead=[0])
    assert worker.wait(20) == 0, worker.stderr


HANGS = {
    "python": "while True: pass",
    "c": "ctypes.PyDLL(None).sleep(3600)",  # which holds the interpreter
}


@pytest.mark.parametrize("how", HANGS)
def test_a_handler_that_never_ends_once_costs_a_deadline(send: Send, work: Callable[..., Running], how: str) -> None:
    sending = send(f"{SMALL}&count=100", "--deadline", "500ms", "--drain", "1s")
    body = f"if frame.seq == 5 and first('hang'): {HANGS[how]}"
    worker = work(sending.url, body.replace(": while", ":\n        while"), "--processes", 2, "--kill-after", "500ms")
    sending.wait()
    assert worker.wait() == 0, worker.stderr
    assert sending.account(100)["redelivered"] >= 1
    assert next(line for line in sending.lines if line["seq"] == 5)["attempts"] == 2


@pytest.mark.parametrize("how", HANGS)
def test_a_frame_that_always_hangs_is_dead(send: Send, work: Callable[..., Running], how: str) -> None:
    sending = send(f"{SMALL}&count=100", "--deadline", "500ms", "--drain", "1s")
    body = f"if frame.seq == 5: {HANGS[how]}"
    worker = work(sending.url, body.replace(": while", ":\n        while"), "--processes", 4, "--kill-after", "300ms")
    sending.wait(code=3)
    assert worker.wait() == 0, worker.stderr
    sending.account(100, dead=[5])


def test_a_stopped_worker_reads_its_frame_unchanged_and_its_late_result_is_counted(
    send: Send, work: Callable[..., Running]
) -> None:
    sending = send("test:noise?size=640x480&count=300", "--rate", "60fps", "--deadline", "500ms", "--memory", "16MiB")
    body = (
        "if frame.seq == 20 and first('stop'):\n"
        "        before = int(frame.array.sum())\n"
        "        os.kill(os.getpid(), signal.SIGSTOP)\n"
        "        return {'seq': frame.seq, 'same': before == int(frame.array.sum()), 'late': True,\n"
        "                'told': print('same' if before == int(frame.array.sum()) else 'torn', flush=True)}"
    )
    worker = work(sending.url, body, "--processes", 2)
    wait_until(lambda: any(line["seq"] == 20 for line in sending.lines), "the frame with the other")
    sending.wait_for_lines(100)  # many more fillings than the budget has slots
    for pid in processes(worker):
        os.kill(pid, signal.SIGCONT)
    sending.wait()
    assert worker.wait() == 0, worker.stderr
    account = sending.account(300)
    assert account["duplicates"] >= 1 and account["redelivered"] >= 1
    assert worker.stdout.strip() == "same"


@pytest.mark.parametrize("work", ["door"], indirect=True)
def test_who_keeps_the_last_memory_past_its_deadline_is_named(send: Send, work: Callable[..., Running]) -> None:
    sending = send(
        *("test:noise?size=512x512&format=mono8", "--rate", "100fps", "--memory", "1MiB", "--deadline", "2s"),
        *("--wait-workers", 2, "--metrics", "127.0.0.1:0"),
    )
    worker = work(
        sending.url, "if frame.attempt == 1 and frame.seq < 2: os.kill(os.getpid(), signal.SIGSTOP)", "--processes", 2
    )
    sending.running.says("no memory is left: 4 frames are with workers past their deadline, 2 of them with ")
    health = json.loads(sending.running.page("health"))
    assert health["ok"] and health["quarantined"] == 4
    assert any(health["held_up"].endswith(f"/{pid}") for pid in processes(worker)), health
    assert "\nframewire_frames_quarantined 4\n" in sending.running.metrics
    for pid in processes(worker):
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: json.loads(sending.running.page("health"))["held_up"] == "", "nobody is waited for")
    sending.running.signal()
    sending.wait()
    assert worker.wait() == 0, worker.stderr
    sending.account(len(sending.lines))


def test_a_sender_that_is_killed_is_waited_for_and_gone_on_with(send: Send, work: Callable[..., Running]) -> None:
    sending = send(f"{SMALL}&count=100000", "--rate", "200fps", name="first")
    worker = work(sending.url, "pass", "--processes", 2)
    for run in range(5):
        sending.wait_for_lines(20)
        sending.running.signal(signal.SIGKILL)
        sending.running.wait()
        again = send(f"{SMALL}&count=100000", "--rate", "200fps", to=sending.url, name=f"run-{run}")
        assert again.url == sending.url
        sending = again
    sending.wait_for_lines(20)
    sending.running.signal()
    sending.wait()
    assert worker.wait() == 0, worker.stderr
    sending.account(len(sending.lines))


def test_sigterm_gives_frames_back_unblamed(send: Send, work: Callable[..., Running]) -> None:
    sending = send(f"{SMALL}&count=300", "--rate", "100fps")
    leaving = work(sending.url, "time.sleep(0.02)", "--processes", 2)
    sending.wait_for_lines(30)
    staying = work(sending.url, "time.sleep(0.005)", "--processes", 2)
    leaving.signal()
    assert leaving.wait() == 0, leaving.stderr
    sending.wait()
    assert staying.wait() == 0, staying.stderr
    sending.account(300)
    assert {line["attempts"] for line in sending.lines} == {1}
