"""framewire receive: what ends up in files and pipes, what is said, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zmq

from helpers.command import Command, Running, wait_until

Start = Callable[..., Running]
SMALL = "test:gradient?size=64x48&format=rgb8&count=5"
PUSH = ("--to", "push+tcp://127.0.0.1:*")


def test_frames_of_a_push_stream_become_npy_files(start: Start, tmp_path: Path) -> None:
    sender = start("send", SMALL, *PUSH, "--stream", "a/b c")
    receiver = start("receive", tmp_path / "out", "--from", sender.url)
    assert (receiver.wait(), sender.wait()) == (0, 0), receiver.stderr
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name[-12:] for file in files] == [f"{seq:08}.npy" for seq in range(5)]
    assert all(file.name.startswith("a%2Fb%20c-") for file in files)
    for file in files:
        array = np.load(file)
        assert (array.shape, array.dtype) == ((48, 64, 3), np.uint8)
    assert receiver.stdout == ""
    assert f"5 frames to {tmp_path}/out" in receiver.stderr


def test_jpeg_stays_jpeg(start: Start, tmp_path: Path) -> None:
    sender = start("send", SMALL, *PUSH, "--encoding", "jpeg:90")
    receiver = start("receive", tmp_path, "--from", sender.url)
    assert receiver.wait() == 0
    files = sorted(tmp_path.glob("*.jpg"))
    assert len(files) == 5
    assert all(file.read_bytes()[:3] == b"\xff\xd8\xff" for file in files)


def test_a_pipe_gets_the_bytes(start: Start) -> None:
    sender = start("send", SMALL, *PUSH)
    receiver = start("receive", "-", "--from", sender.url, "--quiet")
    assert receiver.wait() == 0
    assert (receiver.folder / "stdout").stat().st_size == 5 * 64 * 48 * 3
    assert receiver.stderr == ""


@pytest.fixture
def worker(framewire_path: Path) -> Path:
    return framewire_path.parents[2] / "examples" / "worker"


def test_a_leased_stream_is_watched_while_a_worker_in_c_works(start: Start, worker: Path, tmp_path: Path) -> None:
    sender = start(
        "send", "test:gradient?size=64x48&count=60", "--to", "tcp://127.0.0.1:*", "--rate", "200fps",
        "--results", tmp_path / "results", "--wait-workers", "1", "--summary", "-",
    )  # fmt: skip
    receiver = start("receive", tmp_path / "seen", "--from", sender.url)
    wait_until(lambda: (tmp_path / "seen").exists(), "the sink")
    answers = Running(worker, [sender.url], tmp_path, ready=False)
    assert (answers.wait(), receiver.wait(), sender.wait()) == (0, 0, 0), receiver.stderr + answers.stderr
    lines = [json.loads(line) for line in (tmp_path / "results").read_text().splitlines()]
    assert sorted(line["seq"] for line in lines) == list(range(60))
    assert {line["seq"]: line["value"] for line in lines}.keys() == set(range(60))
    summary = json.loads(sender.stdout)
    assert (summary["done"], summary["redelivered"], summary["errors"]) == (60, 0, 0)
    means = {line["seq"]: line["value"]["mean"] for line in lines}
    seen = list((tmp_path / "seen").glob("*.npy"))
    assert seen
    for file in seen:
        assert means[int(file.stem[-8:])] == pytest.approx(np.load(file).mean())


def test_the_door_is_where_both_sides_were_told(start: Start, tmp_path: Path) -> None:
    door = tmp_path / "door"
    sender = start("send", "test:bars?size=64x48&count=1", "--to", "tcp://127.0.0.1:*", "--door", door)
    inside, outside = (
        start("receive", tmp_path / where.name, "--from", sender.url, "--door", where, "--count", "1")
        for where in (door, tmp_path / "elsewhere")
    )
    assert (inside.wait(), outside.wait()) == (0, 0)
    assert "not in shared memory" not in inside.stderr
    assert "frames come over the socket, not in shared memory" in outside.stderr


def test_count_ends_it_and_a_signal_too(start: Start, tmp_path: Path) -> None:
    sender = start("send", "test:bars?size=64x48", "--loop", "0", "--rate", "100fps", "--to", "pub+tcp://127.0.0.1:*")
    some = start("receive", tmp_path / "some", "--from", sender.url, "--count", "3")
    assert some.wait() == 0
    assert len(list((tmp_path / "some").iterdir())) == 3
    stopped = start("receive", tmp_path / "more", "--from", sender.url)
    wait_until(lambda: (tmp_path / "more").exists() and list((tmp_path / "more").iterdir()), "a frame")
    stopped.signal()
    assert stopped.wait() == 0


def test_what_cannot_be_written_is_said(framewire: Command, start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sender = start("send", SMALL, *PUSH)
    done = framewire("receive", tmp_path / "file", "--from", sender.url)
    assert done.returncode == 1
    assert f"{tmp_path}/file" in done.stderr and "Not a directory" in done.stderr
    done = framewire("receive", tmp_path / "no" / "such", "--from", sender.url)
    assert (done.returncode, "No such file" in done.stderr) == (1, True)


def test_a_message_that_breaks_the_format_is_told_and_makes_the_exit_code_3(start: Start, tmp_path: Path) -> None:
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        receiver = start("receive", tmp_path / "out", "--from", f"push+tcp://127.0.0.1:{port}")
        socket.send_multipart([b"s", b"\xc1"])
        receiver.says("not one whole msgpack map")
        receiver.signal()
        assert receiver.wait() == 3
        assert "1 bad message" in receiver.stderr
        socket.linger = 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "receive needs one SINK: a folder, or - for the standard output"),
        (["a", "b"], "receive needs one SINK: a folder, or - for the standard output"),
        (["a", "--from", "tcp://127.0.0.1:1?bind"], "a leased sender listens, and receivers connect; leave out ?bind"),
        (["a", "--queue", "65"], "--queue 65"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    framewire: Command, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    done = framewire("receive", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_a_sender_that_never_comes_is_named(framewire: Command, tmp_path: Path) -> None:
    done = framewire("receive", tmp_path / "out", "--from", "tcp://127.0.0.1:1", "--timeout", "50ms")
    assert done.returncode == 1
    assert "no sender was at tcp://127.0.0.1:1 for 0.05 s" in done.stderr
