"""A leased sender with its results and its summary."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helpers.command import Running, wait_until
from helpers.crew import BOUND, check_account, lines_of

ROOT = Path(__file__).resolve().parent.parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", type=float, default=60.0, help="seconds that the soak takes (default 60)")


@dataclass
class Sending:
    """framewire send, with what it leaves."""

    running: Running
    results: Path
    summary: Path

    @property
    def url(self) -> str:
        return self.running.url

    @property
    def lines(self) -> list[dict[str, Any]]:
        return lines_of(self.results)

    @property
    def stderr(self) -> str:
        return self.running.stderr

    def wait_for_lines(self, count: int) -> None:
        wait_until(lambda: len(self.lines) >= count, f"{count} lines")

    def wait(self, timeout: float = 60, code: int = 0) -> None:
        assert self.running.wait(timeout) == code, self.running.stderr

    def account(self, count: int, dead: list[int] | None = None) -> dict[str, Any]:
        """The account of a run that has ended, where the items are the numbers below count."""
        return check_account(self.summary, self.results, items=range(count), dead=dead or [])


@pytest.fixture(scope="session")
def loan_times() -> Path:
    """The tool that measures loans and sends, as it was built."""
    built = os.environ.get("FRAMEWIRE_BUILD")
    folders = [Path(built)] if built else [ROOT / "build" / "test", ROOT / "build"]
    for folder in folders:
        if (tool := folder / "tests" / "faults" / "loan_times").exists():
            return tool
    raise AssertionError("no loan_times: build it, or set FRAMEWIRE_BUILD")


@pytest.fixture
def send(start: Callable[..., Running], tmp_path: Path) -> Callable[..., Sending]:
    """send("test:noise?size=64x64&count=10", ...): a leased sender at a free port, unless `to` says another."""
    made: list[Sending] = []

    def begin(source: str, *arguments: object, to: str = BOUND, name: str = "", **options: Any) -> Sending:
        stem = name or f"send-{len(made)}"
        results, summary = tmp_path / f"{stem}.jsonl", tmp_path / f"{stem}.json"
        words = ("send", source, "--to", to, "--results", results, "--summary", summary)
        sending = Sending(start(*words, *arguments, **options), results, summary)
        made.append(sending)
        return sending

    return begin
