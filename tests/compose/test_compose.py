"""The compose example: a sender, three workers, results in a volume. Skipped where no Docker daemon runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.docker import ROOT, Project, need_base_image, need_daemon

FILE = "examples/compose/docker-compose.yml"
PICTURES = Path(os.environ.get("FRAMEWIRE_PICTURES", ROOT / "build" / "pictures"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    need_daemon()
    need_base_image(tmp_path)
    monkeypatch.setenv("PICTURES", str(PICTURES))
    made = Project(FILE)
    try:
        made.compose("build")
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("first, second", [("sender", "worker"), ("worker", "sender")])
def test_each_picture_is_answered_once_whoever_starts_first(project: Project, first: str, second: str) -> None:
    project.compose("up", "-d", first)
    [started] = {project.inspect(each, "{{.Config.User}}") for each in project.containers(first)}
    assert started == "framewire", "a container runs as root"
    if first == "sender":
        project.wait_healthy(project.containers(first)[0])
    project.compose("up", "-d", second)
    [sender] = project.containers("sender")
    workers = project.containers("worker")
    assert len(workers) == 3
    assert project.wait(sender) == 0, project.compose("logs")
    assert [project.wait(worker) for worker in workers] == [0, 0, 0], project.compose("logs")

    lines = [json.loads(line) for line in project.read("results", "results.jsonl").splitlines()]
    assert sorted(line["item"] for line in lines) == sorted(os.listdir(PICTURES))
    assert {line["status"] for line in lines} == {"done"}
    assert all(line["value"]["darkest"] <= line["value"]["mean"] <= line["value"]["brightest"] for line in lines)
    summary = json.loads(project.read("results", "summary.json"))
    assert summary["captured"] == summary["done"] == len(lines)
    assert summary["dead"] == summary["dropped"] == summary["in_flight"] == 0
    # Containers share memory by the volume of the door alone: no copy was made.
    assert summary["shared"] == len(lines) + summary["redelivered"] and summary["copied"] == 0
    assert f"{summary['shared']} read in shared memory" in project.compose("logs", "sender")
    assert "frames come over the socket" not in project.compose("logs")
