"""Senders and receivers of frames that are stamped in every byte: tests/faults/writer.c, reader.c and reader.py."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .command import PATIENCE, Running
from .crew import lines_of

ROOT = Path(__file__).resolve().parents[2]
READERS = ("c", "python")

_STEP = 0x9E3779B97F4A7C15
_steps = np.arange((1 << 20) // 8 + 1, dtype="<u8") * np.uint64(_STEP)


def stamped(size: int, epoch: int, seq: int) -> NDArray[np.uint8]:
    """The bytes of a frame as stamped.h has them."""
    words = (_steps[: size // 8 + 1] + np.uint64((seq << 24) * _STEP % 2**64)) ^ np.uint64(epoch)
    return words.view(np.uint8)[:size]


def tool(name: str) -> Path:
    """A tool of tests/faults, as it was built."""
    built = os.environ.get("FRAMEWIRE_BUILD")
    folders = [Path(built)] if built else [ROOT / "build" / "test", ROOT / "build" / "c"]
    for folder in folders:
        if (path := folder / "tests" / "faults" / name).exists():
            return path
    raise AssertionError(f"no {name}: build it, or set FRAMEWIRE_BUILD")


def words(**options: object) -> list[str]:
    return [f"{name}={value}" for name, value in options.items()]


def reader_command(language: str, **options: object) -> list[str]:
    """A reader of frames in this language; see reader.c for its options."""
    start = [str(tool("reader"))] if language == "c" else [sys.executable, str(ROOT / "tests" / "faults" / "reader.py")]
    return [*start, *words(**options)]


class Scene:
    """A folder for the door and one for each process; all processes are gone when it is closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.door = folder / "door"
        self.results = folder / "results.jsonl"
        self.running: list[Running] = []

    def begin(self, command: Sequence[str], **options: Any) -> Running:
        folder = self.folder / f"process-{len(self.running)}"
        folder.mkdir()
        made = Running(Path(command[0]), [*command[1:], *words(ready=folder / "ready")], folder, ready=False, **options)
        self.running.append(made)
        return made

    def writer(self, **options: object) -> Running:
        """See writer.c for its options."""
        return self.begin([str(tool("writer")), *words(door=self.door, **options)])

    def reader(self, language: str, url: str, **options: object) -> Running:
        return self.begin(reader_command(language, **{"url": url, "door": self.door, **options}))

    @property
    def lines(self) -> list[dict[str, Any]]:
        return lines_of(self.results)

    @property
    def answered(self) -> int:
        """How many lines there are."""
        return self.results.read_bytes().count(b"\n")

    def close(self) -> None:
        for each in self.running:
            each.kill()


def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()


def account_of(process: Running, timeout: float = PATIENCE) -> dict[str, Any]:
    """What a tool says when it ends well."""
    assert process.wait(timeout) == 0, process.stderr
    account: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return account


def check_results(account: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    """Every frame is done, has one line, and was whole."""
    assert account["captured"] == account["done"] + account["dead"] + account["dropped"] + account["in_flight"]
    assert account["done"] == account["captured"] > 0
    assert sorted(int(line["item"]) for line in lines) == list(range(account["captured"]))
    assert all(line["status"] == "done" and line["value"]["seq"] == line["seq"] for line in lines)
    assert "torn" not in {line["value"]["how"] for line in lines}


def check_memory(account: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    """No memory is in use but the last frame's, which observers that come late would get."""
    last = max(lines, key=lambda line: int(line["seq"]))
    assert account["memory_used"] == max(4096, 1 << (last["shape"][0] - 1).bit_length()), last
