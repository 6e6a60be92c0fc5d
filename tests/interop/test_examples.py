"""Each example does what its first lines say, with real programs at both ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framewire import Receiver
from helpers.command import PATIENCE, Running
from helpers.plain import endpoint

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
Start = Callable[..., Running]

SEND = ["send", "test:gradient?size=64x48&format=rgb8&count=20", "--to"]
# `framewire work` is framewire-work on PATH; it stands beside the interpreter that runs the tests.
WITH_WORK = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def python(script: str, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLES / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_mean(start: Start, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    sender = start(*SEND, "tcp://127.0.0.1:*", "--results", results)
    work = start("work", EXAMPLES / "workers/mean.py", "--from", sender.url, "--processes", "2", env=WITH_WORK)
    assert sender.wait() == 0, sender.stderr
    assert work.wait() == 0, work.stderr
    lines = lines_of(results)
    assert sorted(line["item"] for line in lines) == sorted(str(n) for n in range(20))
    for line in lines:
        value = line["value"]
        assert isinstance(value, dict)
        assert value["darkest"] <= value["mean"] <= value["brightest"]


def test_edges_answers_with_an_image(start: Start, tmp_path: Path) -> None:
    results, arrays = tmp_path / "results.jsonl", tmp_path / "edges"
    sender = start(*SEND, "tcp://127.0.0.1:*", "--results", results, "--result-arrays", arrays)
    work = start("work", EXAMPLES / "workers/edges.py", "--from", sender.url, env=WITH_WORK)
    assert sender.wait() == 0, sender.stderr
    assert work.wait() == 0, work.stderr
    assert {line["status"] for line in lines_of(results)} == {"done"}
    kept = sorted(arrays.rglob("*.npy"))
    assert len(kept) == 20
    assert {(edges.shape, edges.dtype) for edges in map(np.load, kept)} == {((48, 64), np.dtype(np.uint8))}


# As much of torch as the example uses, on NumPy: the real one has some hundred megabytes.
TORCH = """
import types
import numpy as np

class dtype: ...
class Tensor:
    def __init__(self, array): self.array = array
    def numpy(self): return self.array
    def to(self, device, non_blocking): return self
    def float(self): return Tensor(self.array.astype(np.float32))
    def mean(self): return self.array.mean()

uint8 = dtype()
cuda = types.SimpleNamespace(is_available=lambda: False)
def empty(shape, dtype, pin_memory): return Tensor(np.empty(shape, np.uint8))
"""


@pytest.mark.parametrize("name", ["opencv.py", "arrow.py", "dlpack.py", "tensor.py:Model"])
def test_other_libraries_read_frames_where_they_lie(start: Start, tmp_path: Path, name: str) -> None:
    (tmp_path / "torch.py").write_text(TORCH)
    results = tmp_path / "results.jsonl"
    door = {"FRAMEWIRE_DOOR": str(tmp_path / "door"), "PYTHONPATH": str(tmp_path)}
    arrays = ("--result-arrays", tmp_path / "arrays") if name == "opencv.py" else ()
    sender = start(*SEND, "tcp://127.0.0.1:*", "--results", results, *arrays, env=door)
    work = start("work", EXAMPLES / "workers" / name, "--from", sender.url, env=WITH_WORK | door)
    assert sender.wait() == 0, sender.stderr
    assert work.wait() == 0, work.stderr
    values = [line["value"] for line in lines_of(results) if line["status"] == "done"]
    assert len(values) == 20
    for value in values:
        assert isinstance(value, dict)
        assert value["transport"] == "shm"
        assert name != "opencv.py" or value["edges"] > 0
        assert name != "arrow.py" or (value["shape"] == [48, 64, 3] and 0 <= value["min"] < value["max"] <= 255)
        assert name != "dlpack.py" or (0 < value["mean"] < 255 and value["writable"] is False)
        assert name != "tensor.py:Model" or 0 < value["score"] < 255


def test_plain_pull_answers_without_our_package(start: Start, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    sender = start(*SEND, "push+tcp://127.0.0.1:*", "--collect", "tcp://127.0.0.1:*", "--results", results)
    frames, answers = sender.urls
    python("plain_pull.py", endpoint(frames), endpoint(answers))
    assert sender.wait() == 0, sender.stderr
    assert {line["worker"] for line in lines_of(results)} == {"plain/1"}
    assert len(lines_of(results)) == 20


def test_plain_sub_sees_the_stream_go_by(start: Start) -> None:
    sender = start("send", "test:bars?size=64x48&count=20", "--stream", "cam", "--to", "pub+tcp://127.0.0.1:*")
    seen = python("plain_sub.py", endpoint(sender.url), "cam").splitlines()
    assert sender.wait() == 0, sender.stderr
    assert seen[0].startswith("cam #0: (48, 64, 3) mean ")
    assert len(seen) - 1 + sum(int(line.split(", ")[-1].removesuffix(" missed")) for line in seen) == 20


@pytest.fixture
def embed(framewire_path: Path) -> Path:
    return framewire_path.parents[2] / "examples" / "embed"


def test_embed_is_a_camera(embed: Path) -> None:
    camera = subprocess.Popen(
        [embed, "tcp://127.0.0.1:*", "10"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert camera.stderr and camera.stdout
        url = next(line for line in camera.stderr if "frames at" in line).split()[-1]
        with Receiver(url, timeout=PATIENCE) as receiver:
            for frame in receiver:
                expected = np.add.outer(np.arange(480), np.arange(640)) + frame.seq
                assert np.array_equal(frame.array, expected.astype(np.uint8))
                assert frame.meta["exposure_us"] == 5000
                frame.reply({"seq": frame.seq})
        said = [json.loads(line) for line in camera.stdout]
        assert camera.wait(PATIENCE) == 0
        assert [line["value"]["seq"] for line in said] == list(range(10))
    finally:
        camera.kill()
        camera.wait()


@pytest.fixture
def native(start: Start, tmp_path: Path, framewire_path: Path) -> Callable[[str], list[Any]]:
    """native("worker"): a worker in C or C++ takes 20 frames; the values of their results."""

    def run(name: str) -> list[Any]:
        results, door = tmp_path / "results.jsonl", {"FRAMEWIRE_DOOR": str(tmp_path / "door")}
        sender = start(*SEND, "tcp://127.0.0.1:*", "--results", results, env=door)
        program = framewire_path.parents[2] / "examples" / name
        done = subprocess.run([program, sender.url], timeout=PATIENCE, env=os.environ | door)
        assert (done.returncode, sender.wait()) == (0, 0), sender.stderr
        lines = lines_of(results)
        assert sorted(line["item"] for line in lines) == sorted(str(n) for n in range(20))
        return [line["value"] for line in lines]

    return run


def test_a_worker_in_c_means_frames(native: Callable[[str], list[Any]]) -> None:
    assert all(0 < value["mean"] < 255 for value in native("worker"))


def test_view_reads_frames_as_matrices_where_they_lie(native: Callable[[str], list[Any]]) -> None:
    for value in native("view"):
        assert (value["type"], value["transport"]) == (16, "shm")
        assert 0 < value["bright"] < 64 * 48 * 3
