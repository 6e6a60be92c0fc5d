"""framewire work on a leased stream: what its processes and their supervisor say to the hub."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.hub import Hub
from helpers.sender import until
from helpers.work import Start, starter


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    yield from starter(tmp_path)


def test_each_process_answers_frames_and_all_leave_at_the_end(hub: Hub, start: Start) -> None:
    work = start("def handle(frame):\n    return frame.seq, {'half': frame.array[::2]}", "--from", hub.url)
    until(lambda: len(hub.hellos) == 2 and hub.credits)
    hellos = {hello["role"]: hello for hello in hub.hellos}
    assert hellos["worker"]["supervisor"] == hellos["supervisor"]["instance"]
    assert hellos["worker"]["instance"] not in (0, hellos["supervisor"]["instance"])
    for seq in range(3):
        hub.frame(seq)
        hub.takes(("start", seq))
        message, value, arrays = hub.result()
        assert (message["seq"], value, len(arrays)) == (seq, seq, 1)
    hub.end()
    assert work.exit_code() == 0
    assert hub.byes == 2
    assert work.said == "framewire: 3 frames, 3 results, 0 errors\n"


@pytest.mark.parametrize(
    ("end", "reason"),
    [("os.kill(os.getpid(), 9)", "killed by SIGKILL"), ("os._exit(3)", "exit code 3"), ("os._exit(0)", "exit code 0")],
)
def test_a_death_is_told_at_once_and_the_process_replaced(hub: Hub, start: Start, end: str, reason: str) -> None:
    work = start(f"import os\ndef handle(frame):\n    if frame.attempt == 1: {end}\n    return 7", "--from", hub.url)
    hub.frame(0)
    while (died := hub.take())["kind"] == "start":  # it may have died with the process
        pass
    assert died["kind"] == "died"
    worker = next(hello for hello in hub.hellos if hello["role"] == "worker")
    assert (died["instance"], died["reason"]) == (worker["instance"], reason)
    until(lambda: sum(hello["role"] == "worker" for hello in hub.hellos) == 2 and len(hub.credits) == 2)
    assert len({hello["instance"] for hello in hub.hellos}) == 3
    hub.frame(0, attempt=2)
    hub.takes(("start", 0))
    assert hub.result()[1] == 7
    hub.end()
    assert work.exit_code() == 0
    assert "restarting in 1 s" in work.said


def test_sigterm_finishes_the_frame_in_hand_and_gives_the_rest_back(hub: Hub, start: Start, tmp_path: Path) -> None:
    source = "import os, time\ndef handle(frame):\n    while not os.path.exists('go'): time.sleep(0.01)\n    return 1"
    work = start(source, "--from", hub.url)
    hub.frame(0)
    hub.frame(1)
    hub.takes(("start", 0))
    work.process.send_signal(signal.SIGTERM)
    threading.Timer(0.3, (tmp_path / "go").touch).start()
    assert hub.result()[0]["seq"] == 0
    assert work.exit_code() == 0
    assert hub.byes == 2  # which gives frame 1 back
    assert hub.is_silent


def test_who_passes_the_deadline_is_killed_and_progress_saves_it(hub: Hub, start: Start) -> None:
    hub.welcome = {"deadline": 400_000_000}
    source = (
        "import time\n"
        "def handle(frame):\n"
        "    for _ in range(12 if frame.seq == 0 else 1000):\n"
        "        time.sleep(0.1)\n"
        "        if frame.seq == 0: frame.progress()\n"
    )
    work = start(source, "--from", hub.url, "--kill-after", "0.4s")
    hub.frame(0)
    hub.takes(("start", 0))
    while (word := hub.take())["kind"] == "progress":
        pass
    assert (word["kind"], word["seq"]) == ("result", 0)
    hub.frame(1)
    hub.takes(("start", 1))
    assert hub.take("died")["reason"] == "killed by SIGKILL"
    until(lambda: "is at a frame for more than 0.8 s; killing it" in work.said)  # which comes another way
    work.process.send_signal(signal.SIGTERM)
    assert work.exit_code() == 0


def test_a_handler_that_raises_and_a_frame_that_cannot_be_decoded_are_errors(hub: Hub, start: Start) -> None:
    work = start("def handle(frame):\n    return int(frame.array[0, 0, 0]) // (frame.seq - 1)", "--from", hub.url)
    hub.frame(0, payload=b"\xff\xd8 not a picture", encoding="jpeg")
    hub.frame(1)
    for seq, error in (0, "BadMessage: "), (1, "ZeroDivisionError: "):
        hub.takes(("start", seq))
        message, _, _ = hub.result()
        assert message["status"] == "error" and message["error"].startswith(error), message
    hub.end()
    assert work.exit_code() == 0
