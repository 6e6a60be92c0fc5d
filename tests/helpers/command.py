"""Run the framewire command: to its end, or beside the test."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.request import urlopen

PATIENCE = 60.0
"""Seconds that no condition may take, even on a busy machine: long enough never to be the reason."""


def wait_until(condition: Callable[[], object], what: str, timeout: float = PATIENCE) -> None:
    """Wait for a condition; AssertionError naming it when it does not come true."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout:g} s"
        time.sleep(0.005)


class Command:
    """The command, run to its end: (exit code, stdout, stderr) as subprocess gives them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(
        self,
        *arguments: object,
        timeout: float = PATIENCE,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str = "",
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.path), *map(os.fspath, map(_text, arguments))],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=timeout,
            env={**os.environ, **env} if env else None,
            cwd=cwd,
        )


class Running:
    """The command as a process of its own; its output goes to files, so that it never waits for the test.

    With `ready=True` (the default for send) --ready-file is added, and `urls` waits for it.
    """

    def __init__(
        self,
        path: Path,
        arguments: Sequence[object],
        folder: Path,
        *,
        ready: bool | None = None,
        env: Mapping[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
        stdout: int | None = None,
        stderr: int | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.folder = folder
        self.ready_file = folder / "ready"
        words = [str(path), *map(_text, arguments)]
        if ready if ready is not None else words[1] == "send":
            words += ["--ready-file", str(self.ready_file)]
        with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
            self.process = subprocess.Popen(
                words,
                stdin=stdin,
                stdout=out if stdout is None else stdout,
                stderr=err if stderr is None else stderr,
                env={**os.environ, **env} if env else None,
                cwd=cwd,
            )

    @property
    def urls(self) -> list[str]:
        """Where it listens: working output, side outputs, results; waits until it says so."""
        wait_until(lambda: self.ready_file.exists() or self.process.poll() is not None, "the ready file")
        assert self.ready_file.exists(), f"exit {self.process.returncode}: {self.stderr}"
        return self.ready_file.read_text().splitlines()

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text("utf-8", "surrogateescape")

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text("utf-8", "surrogateescape")

    def says(self, text: str, timeout: float = PATIENCE) -> None:
        """Wait until stderr holds this text."""
        wait_until(lambda: text in self.stderr or self.process.poll() is not None, f"{text!r} on stderr", timeout)
        assert text in self.stderr, self.stderr

    @property
    def metrics(self) -> str:
        """What /metrics says now; needs --metrics."""
        return self.page("metrics")

    def page(self, name: str) -> str:
        """What /metrics or /health says now; needs --metrics."""
        self.says("/metrics\n")
        with urlopen(self.stderr.split("metrics at ")[1].split()[0].removesuffix("metrics") + name) as answer:
            return str(answer.read(), "utf-8")

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Its exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout:g} s; stderr: {self.stderr}") from None

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _text(argument: object) -> str:
    return os.fsdecode(argument) if isinstance(argument, (bytes, os.PathLike)) else str(argument)
