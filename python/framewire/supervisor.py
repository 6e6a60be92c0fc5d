"""Keeps worker processes running: restarts those that die, ends with the stream or a signal, and sums up."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from typing import Any

from .board import ENDED, READY, Board, State
from .errors import Error
from .handler import UsageError
from .log import say
from .process import BROKE, LEAVE_IF_ALONE, OK, USAGE, Job
from .witness import Witness, new_instance

_FIRST_BACK_OFF = 1.0  # seconds; doubled at each death
_LAST_BACK_OFF = 30.0
_SETTLED = 30.0  # who lived so long starts over with the first
_LOOK = 0.2
_ALONE = 2.0
_SAME_REQUEST = 0.5  # a second signal this soon is the first: timeout(1) sends its own to the process and to its group
# The job's path comes first, so that the process finds this very package. Ctrl-C goes to all processes: until one can
# hear it, it is the supervisor's.
_START = (
    "import _signal; _signal.signal(_signal.SIGINT, _signal.SIG_IGN)\n"
    "import json, sys; job, *numbers = json.loads(sys.argv[1]); sys.path[:] = job['path']\n"
    "from framewire.process import Job, main; sys.exit(main(Job(**job), *numbers))"
)


class Worker:
    """A place for a process, and the process that has it now."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.total = State()  # of the processes that had this place before
        self.back_off = _FIRST_BACK_OFF
        self.start_at = 0.0  # when there is none
        self.process: subprocess.Popen[bytes] | None = None
        self.pidfd = -1
        self.started = 0.0
        self._report = -1
        self._board: Board | None = None

    def start(self) -> None:
        self._board = Board.make()
        self._report, report = os.pipe()
        passed = [self._board.fd, report]
        self.job.instance = new_instance()
        text = json.dumps([asdict(self.job), *passed, os.getpid()])
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _START, text], pass_fds=passed, stdin=subprocess.DEVNULL
            )
        finally:
            os.close(report)
        self.pidfd = os.pidfd_open(self.process.pid)
        self.started = time.monotonic()

    @property
    def state(self) -> State:
        """Of the process that is there now."""
        return self._board.read() if self._board else State()

    def kill(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def reap(self) -> tuple[int, State, str]:
        """Take a dead process away: its exit code (minus the signal's number), last state, and what it reported."""
        assert self.process is not None and self._board is not None
        code = self.process.wait()
        state = self._board.read()
        with os.fdopen(self._report, "rb") as report:
            text = report.read()
        self._board.close()
        os.close(self.pidfd)
        self.process = self._board = None
        self.total = add(self.total, state)
        return code, state, json.loads(text) if text else ""


def add(one: State, other: State) -> State:
    """The counts of both."""
    return State(one.frames + other.frames, one.results + other.results, one.errors + other.errors, one.bad + other.bad)


class Supervisor:
    """Runs `processes` workers until all have ended. One use."""

    def __init__(self, job: Job, processes: int, kill_after: float | None) -> None:
        self._witness = Witness(job.urls, job.options)
        job = replace(job, supervisor=self._witness.instance)
        self._workers = [Worker(replace(job, quiet=place > 0)) for place in range(processes)]
        self._kill_after = kill_after
        self._signals = 0
        self._signalled = 0.0  # when the first came
        self._ending = False  # one saw the end, or failed: nobody is started any more
        self._failure: Error | None = None
        self._restarts = 0
        self._ask_at = 0.0

    def run(self) -> int:
        """Returns the exit code, OK or BROKE. Raises UsageError where a process found one."""
        former: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            former = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self._loop()
        finally:
            for worker in self._workers:
                if worker.process is not None:
                    worker.kill(signal.SIGKILL)
                    code, _, _ = worker.reap()
                    self._witness.died(worker.job.instance, _reason(code))
            self._witness.close()
            for number, handler in former.items():
                signal.signal(number, handler)
        if isinstance(self._failure, UsageError):
            raise self._failure
        say(self._summary())
        return BROKE if self._failure or self._signals > 1 else OK

    def _on_signal(self, number: int, place: Any) -> None:
        now = time.monotonic()
        if not self._signals:
            self._signalled = now
        elif now - self._signalled < _SAME_REQUEST:
            return
        self._signals += 1

    def _loop(self) -> None:
        told = False
        while True:
            now = time.monotonic()
            if self._signals or self._failure:
                self._ending = True
                if self._signals > 1:
                    return
                if not told:
                    told = True
                    for worker in self._workers:
                        worker.kill(signal.SIGTERM)
            if self._witness.ended:  # which no process may have lived to see
                self._end()
            self._start_due(now)
            running = {worker.pidfd: worker for worker in self._workers if worker.process is not None}
            if not running and self._ending:
                return
            for fd, _ in _poll(list(running), _LOOK):
                self._on_death(running[fd])
            self._look(time.monotonic())

    def _end(self) -> None:
        """All streams have ended: who is at work finishes it, and nobody is started any more."""
        if not self._ending:
            self._ending = True
            self._ask_at = time.monotonic() + _ALONE

    def _start_due(self, now: float) -> None:
        for worker in self._workers:
            if worker.process is None and not self._ending and now >= worker.start_at:
                worker.start()

    def _look(self, now: float) -> None:
        for worker in self._workers:
            if worker.process is None:
                continue
            state = worker.state
            limit = None if self._kill_after is None else state.deadline + self._kill_after
            if limit is not None and state.since and now - state.since > limit:
                say(f"worker {worker.process.pid} is at a frame for more than {limit:g} s; killing it")
                worker.kill(signal.SIGKILL)
            elif self._ending and now >= self._ask_at and state.phase == READY and not state.since:
                worker.kill(LEAVE_IF_ALONE)
        if now >= self._ask_at:
            self._ask_at = now + _ALONE

    def _on_death(self, worker: Worker) -> None:
        assert worker.process is not None
        pid = worker.process.pid
        code, state, report = worker.reap()
        self._ending |= self._signals > 0  # which may have gone to all processes, and come first
        ended = code == OK and (state.phase == ENDED or self._ending)
        if not ended:
            self._witness.died(worker.job.instance, _reason(code))
        if ended:
            self._end()
            return
        if report:
            if self._failure is None:
                self._failure = UsageError(report) if code == USAGE else Error(report)
                if code != USAGE:
                    say(report)
            return
        if self._ending:
            if code == -signal.SIGTERM:
                return  # told to leave before it could hear it
            say(f"worker {pid} {_how(code)}")
            return
        now = time.monotonic()
        if now - worker.started >= _SETTLED:
            worker.back_off = _FIRST_BACK_OFF
        say(f"worker {pid} {_how(code)}; restarting in {worker.back_off:g} s")
        worker.start_at = now + worker.back_off
        worker.back_off = min(_LAST_BACK_OFF, worker.back_off * 2)
        self._restarts += 1

    def _summary(self) -> str:
        total = State()
        for worker in self._workers:
            total = add(total, worker.total)
        parts = [_count(total.frames, "frame"), _count(total.results, "result"), _count(total.errors, "error")]
        if total.bad:
            parts.append(_count(total.bad, "bad message"))
        if self._restarts:
            parts.append(_count(self._restarts, "restart"))
        return ", ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _how(code: int) -> str:
    return f"ended with exit code {code}" if code >= 0 else f"died by {_signal_name(-code)}"


def _reason(code: int) -> str:
    """As senders are told."""
    return f"exit code {code}" if code >= 0 else f"killed by {_signal_name(-code)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _poll(fds: list[int], seconds: float) -> list[tuple[int, int]]:
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return poll.poll(seconds * 1000)
