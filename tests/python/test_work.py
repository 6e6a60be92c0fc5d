"""framewire work: handlers in processes of their own."""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import framewire
from framewire.handler import UsageError, load_handler, name_of
from helpers.sender import Collector, Sender, until
from helpers.work import PACKAGE, Start, Work, starter


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    yield from starter(tmp_path)


def feed(sender: Sender, seqs: range, peers: int = 1) -> None:
    for seq in seqs:
        sender.frame(seq)
    for _ in range(peers):
        sender.end()


def test_a_function_answers_every_frame(sender: Sender, collector: Collector, start: Start) -> None:
    feed(sender, range(20))
    work = start(
        "def handle(frame):\n    return {'sum': int(frame.array.sum())}, {'half': frame.array[::2]}",
        *("--from", sender.url, "--results", collector.url),
    )
    results = collector.take_all(20)
    assert all(header["status"] == "done" and set(value) == {"sum"} for header, value, _ in results.values())
    assert all(len(arrays[0]) == 2 * 6 * 3 for _, _, arrays in results.values())
    assert work.exit_code() == 0
    assert work.said == "framewire: 20 frames, 20 results, 0 errors\n"


def test_a_class_is_made_once_a_process(sender: Sender, collector: Collector, start: Start) -> None:
    feed(sender, range(6))
    work = start(
        "class Model:\n"
        "    made = 0\n"
        "    def __init__(self):\n        Model.made += 1\n        self.calls = 0\n"
        "    def __call__(self, frame):\n        self.calls += 1\n        return [Model.made, self.calls]\n",
        *("--from", sender.url, "--results", collector.url),
        handler="measure.py:Model",
    )
    assert [collector.take()[1] for _ in range(6)] == [[1, call] for call in range(1, 7)]
    assert work.exit_code() == 0


def test_a_module_is_looked_for_where_the_command_runs(sender: Sender, collector: Collector, start: Start) -> None:
    feed(sender, range(1))
    work = start(
        "def brightest(frame):\n    return frame.array.max()",
        *("--from", sender.url, "--results", collector.url),
        handler="measure:brightest",
    )
    assert isinstance(collector.take()[1], int)
    assert work.exit_code() == 0


def test_a_handler_that_raises_or_gives_nothing_sayable_is_an_error_and_it_goes_on(
    sender: Sender, collector: Collector, start: Start
) -> None:
    feed(sender, range(4))
    source = (
        "def handle(frame):\n"
        "    if frame.seq == 0: raise ValueError('too dark')\n"
        "    if frame.seq == 1: return {'x': object()}\n"
        "    if frame.seq == 2: return {'x': frame.array}\n"
        "    return 'fine'\n"
    )
    work = start(source, "--from", sender.url, "--results", collector.url)
    results = collector.take_all(4)
    assert results[0][0]["error"] == "ValueError: too dark"
    assert "no form" in results[1][0]["error"]
    assert "arrays travel beside the value" in results[2][0]["error"]
    assert (results[3][0]["status"], results[3][1]) == ("done", "fine")
    assert work.exit_code() == 0
    assert "4 frames, 4 results, 3 errors" in work.said


def test_a_payload_that_cannot_be_decoded_is_an_error(sender: Sender, collector: Collector, start: Start) -> None:
    sender.frame(0, encoding="jpeg", payload=b"nonsense")
    sender.end()
    work = start("def handle(frame):\n    return frame.array.mean()", "--from", sender.url, "--results", collector.url)
    header, _, _ = collector.take()
    assert (header["status"], header["error"][:19]) == ("error", "BadMessage: jpeg pa")
    assert work.exit_code() == 0
    assert "1 bad message" in work.said


def test_several_processes_share_the_frames(sender: Sender, collector: Collector, start: Start) -> None:
    source = "import os, time\ndef handle(frame):\n    time.sleep(0.02)\n    return os.getpid()\n"
    work = start(source, "--from", sender.url, "--results", collector.url, "--processes", "3")
    workers: set[int] = set()
    seq = 0
    while len(workers) < 3:
        sender.frame(seq)
        workers.add(collector.take()[1])
        seq += 1
    for _ in range(3):
        sender.end()
    assert work.exit_code() == 0
    assert f"{seq} frames, {seq} results" in work.said


def test_a_process_that_dies_is_named_and_replaced(sender: Sender, collector: Collector, start: Start) -> None:
    source = (
        "import os, signal\n"
        "def handle(frame):\n"
        "    if frame.seq == 1: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "    if frame.seq == 3: raise SystemExit(7)\n"
        "    return os.getpid()\n"
    )
    work = start(source, "--from", sender.url, "--results", collector.url)
    pids: list[int] = []
    for seq in range(5):
        sender.frame(seq)
        if seq == 3:  # or it would end one process after the other
            assert collector.take()[0]["error"] == "SystemExit: 7"
        if seq % 2:
            until(lambda: work.said.count("restarting") == len(pids))
        else:
            pids.append(collector.take()[1])
    sender.end()
    assert work.exit_code() == 0
    assert len(set(pids)) == 3
    assert f"framewire: worker {pids[0]} died by SIGSEGV; restarting in 1 s\n" in work.said
    assert f"framewire: worker {pids[1]} ended with exit code 7; restarting in 2 s\n" in work.said
    assert "4 frames, 4 results, 1 error, 2 restarts" in work.said


def test_who_has_no_sender_left_does_not_wait_for_one(sender: Sender, collector: Collector, start: Start) -> None:
    """One process sees the end; the other, with its connection up only after it, has nothing to wait for."""
    source = (
        "import os, time\n"
        "if not os.path.exists('first'):\n    open('first', 'w').close()\nelse:\n    time.sleep(2)\n"
        "def handle(frame):\n    return 1\n"
    )
    work = start(source, "--from", sender.url, "--results", collector.url, "--processes", "2")
    sender.frame(0)
    collector.take()
    sender.end()
    until(sender._waiting.empty)
    time.sleep(0.2)
    sender.close()
    assert work.exit_code() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_leave_it_finishes_the_frame_in_hand(
    number: int, sender: Sender, collector: Collector, start: Start, tmp_path: Path
) -> None:
    source = (
        "import os, time\n"
        "def handle(frame):\n"
        "    open('begun', 'w').close()\n"
        "    while not os.path.exists('go'): time.sleep(0.01)\n"
        "    return 'finished'\n"
    )
    work = start(source, "--from", sender.url, "--results", collector.url)
    sender.frame(0)
    until((tmp_path / "begun").exists)
    work.process.send_signal(number)
    time.sleep(0.5)
    (tmp_path / "go").write_text("")
    assert collector.take()[1] == "finished"
    assert work.exit_code() == 0
    assert "1 frame, 1 result, 0 errors" in work.said


def children(work: Work) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{work.process.pid}/task/{work.process.pid}/children").read_text().split()]


def test_what_tells_all_its_processes_to_leave_is_no_death(
    sender: Sender, collector: Collector, start: Start, tmp_path: Path
) -> None:
    """Ctrl-C goes to the whole group."""
    work = start("def handle(frame):\n    return 1\n", "--from", sender.url, "--results", collector.url)
    sender.frame(0)
    collector.take()
    for pid in (work.process.pid, *children(work)):
        os.kill(pid, signal.SIGINT)
    assert work.exit_code() == 0
    assert work.said == "framewire: 1 frame, 1 result, 0 errors\n"


def test_ctrl_c_while_its_processes_start_is_heard_by_the_supervisor_alone(sender: Sender, start: Start) -> None:
    work = start("def handle(frame):\n    return 1\n", "--from", sender.url)

    def ignores_it() -> bool:
        return any(
            int(re.findall(r"SigIgn:\s+(\w+)", Path(f"/proc/{pid}/status").read_text())[0], 16) & 1 << signal.SIGINT - 1
            for pid in children(work)
        )

    until(ignores_it)
    for pid in (*children(work), work.process.pid):
        os.kill(pid, signal.SIGINT)
    assert work.exit_code() == 0
    assert work.said == "framewire: 0 frames, 0 results, 0 errors\n"


def test_told_twice_it_leaves_at_once(sender: Sender, start: Start, tmp_path: Path) -> None:
    work = start(
        "import time\ndef handle(frame):\n    open('begun', 'w').close()\n    time.sleep(1000)\n", "--from", sender.url
    )
    sender.frame(0)
    until((tmp_path / "begun").exists)

    def ends_when_told() -> bool:
        work.process.send_signal(signal.SIGTERM)
        try:
            work.process.wait(1)  # longer than what counts as the same request
            return True
        except subprocess.TimeoutExpired:
            return False

    assert not ends_when_told()
    until(ends_when_told)
    assert work.exit_code() == 1


def test_told_twice_at_once_it_finishes_the_frame_in_hand(
    sender: Sender, collector: Collector, start: Start, tmp_path: Path
) -> None:
    """timeout(1) sends its signal to the process, and at once to the process group too."""
    source = (
        "import os, time\n"
        "def handle(frame):\n"
        "    open('begun', 'w').close()\n"
        "    while not os.path.exists('go'): time.sleep(0.01)\n"
        "    return 'finished'\n"
    )
    work = start(source, "--from", sender.url, "--results", collector.url)
    sender.frame(0)
    until((tmp_path / "begun").exists)
    work.process.send_signal(signal.SIGTERM)
    status = Path(f"/proc/{work.process.pid}/status")
    until(lambda: "ShdPnd:\t0000000000000000\n" in status.read_text())
    work.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    (tmp_path / "go").write_text("")
    assert collector.take()[1] == "finished"
    assert work.exit_code() == 0


def test_the_first_error_is_said_though_results_go_nowhere(sender: Sender, start: Start, tmp_path: Path) -> None:
    work = start("def handle(frame):\n    raise ValueError('too dark')\n", "--from", sender.url)
    feed(sender, range(5))
    assert work.exit_code() == 0
    assert work.said.count("too dark") == 1
    assert f"(frame 0 of cam0): ValueError: too dark ({tmp_path}/measure.py, line 2)" in work.said
    assert "5 errors" in work.said


def test_help_that_cannot_be_written_is_no_success(start: Start) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "framewire.cli.work", "--help"],
            env={**os.environ, "PYTHONPATH": str(PACKAGE), "PYTHONUNBUFFERED": ""},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == "framewire: standard output: No space left on device\n"


def test_its_processes_die_with_it(sender: Sender, collector: Collector, start: Start) -> None:
    work = start(
        "import os\ndef handle(frame):\n    return os.getpid()\n", "--from", sender.url, "--results", collector.url
    )
    sender.frame(0)
    child = collector.take()[1]
    work.process.kill()
    assert work.exit_code() == -signal.SIGKILL

    def gone() -> bool:
        try:
            return Path(f"/proc/{child}/stat").read_text().rpartition(") ")[2][0] == "Z"
        except OSError:
            return True

    until(gone)


def test_a_process_that_hangs_is_killed_and_replaced(sender: Sender, collector: Collector, start: Start) -> None:
    source = "import time\ndef handle(frame):\n    if frame.seq == 0: time.sleep(1000)\n    return frame.seq\n"
    work = start(source, "--from", sender.url, "--results", collector.url, "--kill-after", "300ms")
    sender.frame(0)
    until(lambda: "restarting" in work.said)
    seqs = itertools.count(1)  # the first may still go to the one that was killed
    until(lambda: sender.frame(next(seqs)) or not collector.is_empty())
    assert collector.take()[1] > 0
    sender.end()
    assert work.exit_code() == 0
    assert re.search(
        r"worker \d+ is at a frame for more than 0.3 s; killing it\n.*died by SIGKILL; restarting", work.said
    )


def test_a_sender_that_never_comes_ends_it_with_timeout(start: Start, tmp_path: Path) -> None:
    url = f"push+ipc://{tmp_path}/none"
    work = start("def handle(frame): pass", "--from", url, "--timeout", "2500ms", "--processes", "2")
    assert work.exit_code() == 1
    assert work.said.count(f"framewire: waiting for a sender at {url} (nobody listens there yet)\n") == 1
    assert work.said.count(f"framewire: no sender at {url} for 2.5 s\n") == 1


@pytest.mark.parametrize(
    ("source", "arguments", "sentence"),
    [
        ("def handel(frame): pass", [], "measure.py has no handle; it has handel"),
        ("handle = 3", [], "measure.py: no handler, but of type int; a function or a class is one"),
        ("import nothing_of_the_kind", [], "ModuleNotFoundError: No module named 'nothing_of_the_kind' ("),
        ("1 / 0", [], "measure.py cannot be imported: ZeroDivisionError: division by zero ("),
        ("def handle(frame:", [], "measure.py cannot be imported: SyntaxError"),
        ("", ["--processes", "0"], "argument --processes: 0: a whole number from 1 to 10000 is wanted"),
        ("", ["--timeout", "soon"], "argument --timeout: soon: a time is a number and"),
        ("", ["--timeout", "0"], "argument --timeout: 0: more than 0 is wanted"),
        ("", ["--color"], "unrecognized arguments: --color"),
        ("", ["other.py"], "one HANDLER is wanted, like measure.py; here are 2"),
        ("", ["--from", "tcp://cam:5555?bind"], "a receiver of a leased stream connects, and its sender listens"),
        ("", ["--from", "push+tcp://cam"], "push+tcp://cam: a port is missing"),
        ("", ["--results", "pub+tcp://cam:1"], "results go to one collector"),
        ("", ["--from", "tcp://cam:5555", "--results", "tcp://cam:1"], "replies to leased frames go back to their"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_exit_2(
    source: str, arguments: list[str], sentence: str, start: Start
) -> None:
    work = start(source, *(["--from", "push+tcp://127.0.0.1:5"] if "--from" not in arguments else []), *arguments)
    assert work.exit_code() == 2
    assert sentence in work.said
    assert work.said.count("\n") == 1
    assert work.said.startswith("framewire: ")


@pytest.mark.parametrize("handler", ["nothing.py", "nothing.py:handle", "no_module:handle", "measure"])
def test_a_handler_that_is_not_there_is_one_sentence_and_exit_2(handler: str, start: Start) -> None:
    work = start("", "--from", "push+tcp://127.0.0.1:5", "--processes", "2", handler=handler)
    assert work.exit_code() == 2
    assert work.said.count("\n") == 1
    assert handler.split(":")[0] in work.said


def test_an_instance_that_cannot_be_made_is_said_and_exit_1(start: Start) -> None:
    work = start(
        "class handle:\n    def __init__(self):\n        raise OSError('no such device')\n",
        *("--from", "push+tcp://127.0.0.1:5"),
    )
    assert work.exit_code() == 1
    assert "measure.py: its instance could not be made: OSError: no such device (" in work.said


def test_help_and_versions_go_to_stdout() -> None:
    for option, text in (("--help", "HANDLER"), ("--version", f"framewire {framewire.__version__}")):
        done = subprocess.run(
            [sys.executable, "-m", "framewire.cli.work", option],
            env={**os.environ, "PYTHONPATH": str(PACKAGE)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert text in done.stdout
        assert done.stderr == ""


def double(frame: framewire.Frame) -> Any:
    return frame.seq * 2


def test_a_script_runs_its_own_function(sender: Sender, collector: Collector) -> None:
    feed(sender, range(3))
    assert framewire.work(double, sender.url, results=collector.url) == 0
    assert {seq: value for seq, (_, value, _) in collector.take_all(3).items()} == {0: 0, 1: 2, 2: 4}


def test_a_script_that_is_main_is_found_by_its_file(sender: Sender, collector: Collector, tmp_path: Path) -> None:
    feed(sender, range(2))
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, framewire\n"
        "def triple(frame):\n    return frame.seq * 3\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(framewire.work(triple, sys.argv[1], results=sys.argv[2]))\n"
    )
    done = subprocess.run(
        [sys.executable, script, sender.url, collector.url], env={**os.environ, "PYTHONPATH": str(PACKAGE)}, timeout=30
    )
    assert done.returncode == 0
    assert {seq: value for seq, (_, value, _) in collector.take_all(2).items()} == {0: 0, 1: 3}


def test_handlers_without_a_name_are_refused() -> None:
    for handler in (lambda frame: 1, double.__get__(1), object()):
        with pytest.raises(UsageError, match="top level of a file"):
            name_of(handler)
    with pytest.raises(UsageError, match="processes is a number"):
        framewire.work(double, "push+tcp://127.0.0.1:5", processes=0)
    with pytest.raises(UsageError, match="kill_after is a number"):
        framewire.work(double, "push+tcp://127.0.0.1:5", kill_after=-1)
    assert load_handler(name_of(double)) is double
