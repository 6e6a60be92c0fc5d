"""The compose example: a sender, three workers, results in a volume."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Project

ROOT = Path(__file__).parents[2]
PICTURES = os.environ.get("FRAMEWIRE_PICTURES", str(ROOT / "build/pictures"))


@pytest.mark.parametrize("first, second", [("sender", "worker"), ("worker", "sender")])
def test_each_picture_is_answered_once_whoever_starts_first(
    project: Callable[..., Project], first: str, second: str
) -> None:
    it = project(PICTURES=PICTURES)
    it.compose("up", "-d", first)
    it.compose("up", "-d", second)
    sender = it.container("sender")
    assert it.wait(sender) == 0, it.compose("logs")

    lines = [json.loads(line) for line in it.read("results.jsonl").splitlines()]
    assert sorted(line["item"] for line in lines) == sorted(os.listdir(PICTURES))
    assert {line["status"] for line in lines} == {"done"}
    assert all(0 <= line["value"]["mean"] <= 65535 for line in lines)
    assert len({line["worker"] for line in lines}) > 1
    summary = json.loads(it.read("summary.json"))
    assert summary["captured"] == summary["sent"] == summary["results"] == len(lines)
    assert summary["dropped"] == summary["in_flight"] == summary["lost"] == 0


def test_nothing_runs_as_root_and_health_is_watched(project: Callable[..., Project]) -> None:
    it = project(PICTURES=PICTURES)
    it.compose("up", "-d", "sender")
    sender = it.container("sender")
    assert it.inspect(sender, "{{.Config.User}}") == "framewire"
    assert it.inspect(sender, "{{json .Config.Healthcheck.Test}}") != "null"
    it.wait_healthy(sender)
    it.compose("up", "-d", "worker")
    assert it.wait(sender) == 0, it.compose("logs")
