"""framewire-work as a process beside the test."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import framewire

PACKAGE = Path(framewire.__file__).parent.parent


class Work:
    """A running `framewire-work`, and what it says."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "framewire.cli.work", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(PACKAGE)},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said += line

    def exit_code(self) -> int:
        code = self.process.wait(30)
        self._reader.join()
        return code


Start = Callable[..., Work]


def starter(tmp_path: Path) -> Iterator[Start]:
    """start("def handle(frame): ...", "--from", url): the source goes to measure.py."""
    running: list[Work] = []

    def begin(source: str, *arguments: str, handler: str = "measure.py") -> Work:
        (tmp_path / "measure.py").write_text(source)
        running.append(Work(tmp_path, handler, *arguments))
        return running[-1]

    yield begin
    for work in running:
        if work.process.poll() is None:
            work.process.send_signal(signal.SIGTERM)
            try:
                work.process.wait(5)
            except subprocess.TimeoutExpired:
                work.process.kill()
        work.exit_code()
