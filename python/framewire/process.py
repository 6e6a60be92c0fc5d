"""One worker process: answers frames with its handler until the end, or until it is told to leave."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import log
from .board import ENDED, READY, Board
from .errors import Error
from .frame import Frame
from .handler import UsageError, load_handler, where
from .intake import describe
from .receiver import Receiver
from .transport import Identity

OK, BROKE, USAGE = 0, 1, 2
LEAVE_IF_ALONE = signal.SIGUSR1  # the end was seen by others: who has no sender need not wait for one
_REQUESTS = (signal.SIGTERM, signal.SIGINT, LEAVE_IF_ALONE)
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Job:
    """What a process is to do; travels as JSON."""

    handler: str  # FILE.py, FILE.py:NAME or MODULE:NAME
    urls: list[str]
    options: dict[str, Any]  # of Receiver
    path: list[str]  # where modules are looked for
    quiet: bool = False  # another process says what there is to say of the connection
    instance: int = 0  # who the process is to leased senders
    supervisor: int = 0  # and who tells them of its death


def main(job: Job, board_fd: int, report_fd: int, parent: int) -> int:
    """Run the job; what keeps it from running is reported as text, for the supervisor to say once."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        return BROKE
    log.muted = job.quiet
    sys.argv = [job.handler]
    try:
        _serve(job, Board(board_fd))
        return OK
    except Error as error:
        os.write(report_fd, json.dumps(str(error)).encode())
        return USAGE if isinstance(error, UsageError) else BROKE
    finally:
        ignore_requests()


def ignore_requests() -> None:
    """A process that is about to end takes its handlers away first: a request to leave would then look like a death."""
    for number in _REQUESTS:
        signal.signal(number, signal.SIG_IGN)


def _serve(job: Job, board: Board) -> None:
    receiver: Receiver | None = None
    stopped = False

    def leave(number: int, place: Any) -> None:
        nonlocal stopped
        if number == LEAVE_IF_ALONE and receiver is not None and receiver.connected:
            return
        stopped = True
        if receiver is not None:
            receiver.stop()

    for number in _REQUESTS:
        signal.signal(number, leave)
    handler = load_handler(job.handler)
    identity = Identity(job.instance, job.supervisor, board.extend) if job.instance else None
    receiver = Receiver(*job.urls, **job.options, identity=identity)
    with receiver:
        board.write(phase=READY)
        if stopped:
            return
        stats = receiver.stats
        errors = 0
        for frame in receiver:
            board.write(since=time.monotonic(), deadline=frame.owner.deadline)
            error = answer(handler, frame)
            if error is not None:
                if not errors:
                    _say_first(frame, error)
                errors += 1
            board.write(since=0.0, frames=stats.frames, results=stats.results, errors=errors, bad=stats.bad.total())
            if isinstance(error, SystemExit):
                raise error
            del frame, error  # which would keep the sender's memory while this process waits
        if not stopped:
            board.write(phase=ENDED)


def _say_first(frame: Frame, error: BaseException) -> None:
    """Results may go nowhere, or nobody looks at them: the first error of a process is said by the process itself."""
    which = f"{frame.item} " if frame.item else ""
    log.say(f"{which}(frame {frame.seq} of {frame.stream}): {where(error)}; later errors are only counted", always=True)


def answer(handler: Callable[[Frame], Any], frame: Frame) -> BaseException | None:
    """Answer a frame with what its handler gives; with status `error` if it raises, or gives what has no form.

    Returns what went wrong. A handler that wants to exit has its frame answered, too: given back, it would end one
    process after the other.
    """
    try:
        value, arrays = _split(handler(frame))
        if frame.open and not frame.kept:
            frame.reply(value, **arrays)
        return None
    except (Exception, SystemExit) as error:
        frame.fail(describe(error))
        return error


def _split(given: Any) -> tuple[Any, dict[str, Any]]:
    """A handler gives a value, or (value, {"name": array})."""
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], dict):
        value, arrays = given
        if all(isinstance(name, str) and hasattr(array, "__array__") for name, array in arrays.items()):
            return value, arrays
    return given, {}
