"""Runs a handler on every frame, in processes that are restarted when they die."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .errors import Error
from .frame import Frame
from .handler import UsageError, name_of
from .intake import check_results_url, check_urls
from .log import say
from .process import Job
from .supervisor import Supervisor


def work(
    handler: Callable[[Frame], Any] | type | str,
    *urls: str,
    processes: int = 1,
    credit: int = 2,
    results: str | None = None,
    streams: Sequence[str] | None = None,
    follow: bool = False,
    timeout: float | None = None,
    kill_after: float | None = None,
    keys: str | os.PathLike[str] | None = None,
    server_key: str | os.PathLike[str] | None = None,
    door: str | os.PathLike[str] | None = None,
) -> int:
    """Run a handler on every frame until the end of the streams, or SIGTERM or SIGINT.

    handler: `handle(frame) -> value` or `-> (value, {"name": array})`, or a class whose instance, made once a process,
    is called so; from the top level of a file, or its name: "file.py", "file.py:name", "module:name".
    processes: how many to run; each is a fresh Python, so a script that calls this needs `if __name__ == "__main__":`.
    kill_after: seconds after its deadline at which a process that is still at a frame is killed and replaced; where
        frames have no deadline (push+), after their start.
    The rest is as for Receiver.

    Returns 0, or 1 if it could not go on. Raises Error for what makes no sense, like a handler that is not there.
    """
    options = {
        "credit": credit,
        "results": results,
        "streams": list(streams) if streams is not None else None,
        "follow": follow,
        "timeout": timeout,
        "keys": os.fspath(keys) if keys is not None else None,
        "server_key": os.fspath(server_key) if server_key is not None else None,
        "door": os.fspath(door) if door is not None else None,
    }
    try:
        parsed = check_urls(urls, "worker")
        if results is not None:
            check_results_url(results, parsed)
    except Error as error:
        raise UsageError(str(error)) from None
    if not isinstance(processes, int) or processes < 1:
        raise UsageError(f"processes is a number of at least 1, not {processes!r}")
    if kill_after is not None and not kill_after > 0:
        raise UsageError(f"kill_after is a number of seconds above 0, not {kill_after!r}")
    if processes > 1 and any(url.startswith("pub+") for url in urls):
        say(f"a pub+ stream goes to each of the {processes} processes; to share its frames, the sender says push+")
    name = handler if isinstance(handler, str) else name_of(handler)
    job = Job(name, list(urls), options, [os.path.abspath(entry) for entry in sys.path])
    return Supervisor(job, processes, kill_after).run()
