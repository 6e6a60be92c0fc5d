"""Fixtures that every suite may use. Set FRAMEWIRE to test another command than the one in build/."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from helpers.command import Command, Running

# How long an example takes says how busy the machine is, no more.
hypothesis.settings.register_profile("framewire", deadline=None)
hypothesis.settings.load_profile("framewire")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def framewire_path() -> Path:
    """The command under test: $FRAMEWIRE, else one that was built here, else the one on PATH."""
    if asked := os.environ.get("FRAMEWIRE"):
        return Path(asked)
    for build in ("test", "c", "."):
        built = ROOT / "build" / build / "cmd" / "framewire" / "framewire"
        if built.exists():
            return built
    found = shutil.which("framewire")
    assert found, "no command to test: build it, or set FRAMEWIRE"
    return Path(found)


@pytest.fixture
def framewire(framewire_path: Path) -> Command:
    """framewire("send", "photos/"): run the command to its end."""
    return Command(framewire_path)


@pytest.fixture
def start(framewire_path: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """start("send", ...): the command as a process of its own, which is gone when the test is."""
    started: list[Running] = []

    def begin(*arguments: object, **options: object) -> Running:
        folder = tmp_path / f"run-{len(started)}"
        folder.mkdir()
        running = Running(framewire_path, arguments, folder, **options)  # type: ignore[arg-type]
        started.append(running)
        return running

    yield begin
    for running in started:
        running.kill()
