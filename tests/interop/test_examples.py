"""Each example does what its first lines say, with real programs at both ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helpers.command import PATIENCE, Running
from helpers.plain import Receiver, Results, endpoint

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
Start = Callable[..., Running]

SEND = ["send", "test:gradient?size=64x48&format=rgb8&count=20", "--to", "push+tcp://127.0.0.1:*"]
SEND += ["--collect", "tcp://127.0.0.1:*"]
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
    sender = start(*SEND, "--results", results)
    frames, answers = sender.urls
    work = start("work", EXAMPLES / "workers/mean.py", "--from", frames, "--results", answers, env=WITH_WORK)
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
    sender = start(*SEND, "--results", results, "--result-arrays", arrays)
    frames, answers = sender.urls
    work = start("work", EXAMPLES / "workers/edges.py", "--from", frames, "--results", answers, env=WITH_WORK)
    assert sender.wait() == 0, sender.stderr
    assert work.wait() == 0, work.stderr
    assert {line["status"] for line in lines_of(results)} == {"done"}
    kept = sorted(arrays.rglob("*.npy"))
    assert len(kept) == 20
    assert {(edges.shape, edges.dtype) for edges in map(np.load, kept)} == {((48, 64), np.dtype(np.uint8))}


def test_plain_pull_answers_without_our_package(start: Start, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    sender = start(*SEND, "--results", results)
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
        [embed, "push+tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "10"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert camera.stderr and camera.stdout
        _, _, frames, _, _, answers = next(line for line in camera.stderr if "results to" in line).split()
        with Receiver(frames.rstrip(",")) as receiver:
            results = Results(answers)
            for frame in receiver:
                expected = np.add.outer(np.arange(480), np.arange(640)) + frame.seq
                assert np.array_equal(frame.array, expected.astype(np.uint8))
                assert frame.header["meta"]["exposure_us"] == 5000
                results.reply(frame, {"seq": frame.seq})
            results.close()
        said = [json.loads(line) for line in camera.stdout]
        assert camera.wait(PATIENCE) == 0
        assert [line["value"]["seq"] for line in said] == list(range(10))
    finally:
        camera.kill()
        camera.wait()
