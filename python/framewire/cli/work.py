"""framewire work: runs a handler on every frame, in worker processes."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, NoReturn

from .. import __version__
from ..errors import Error
from ..handler import UsageError
from ..log import printable
from ..process import BROKE, USAGE, ignore_requests
from ..units import parse_time
from ..worker import work
from .man import page

SUMMARY = "run Python workers on the frames of a sender"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        complain(f"{message}; framewire work --help shows how")
        sys.exit(USAGE)

    def print_help(self, file: Any = None) -> None:
        super().print_help(file)
        (file or sys.stdout).flush()  # main() says where it cannot be written; at the exit nobody would


def complain(text: str) -> None:
    print(f"framewire: {printable(text)}", file=sys.stderr)


def make_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="framewire work",
        usage="framewire work HANDLER [--from URL...] [OPTION...]",
        description="Runs Python workers: HANDLER is called for each frame, and what it returns is its result.",
        epilog="HANDLER is FILE.py (its `handle`), FILE.py:NAME or MODULE:NAME: a function, or a class whose instance"
        " is made once a process. It returns a value, or (value, {name: array}). If it raises, the result's status is"
        " error, and the worker goes on. Exit codes: 0 all done; 1 could not run or broke; 2 usage.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("arguments", nargs="*", metavar="HANDLER", help=argparse.SUPPRESS)
    add("--from", dest="urls", action="append", default=[], metavar="URL",
        help="where frames come from: tcp://HOST:PORT or ipc:///PATH (leased), push+... or pub+...;"
        " may be repeated (default tcp://127.0.0.1:5555)")  # fmt: skip
    add("--results", metavar="URL", help="with push+: where results go, the sender's --collect, like tcp://HOST:PORT")
    add("--processes", type=count, default=1, metavar="N", help="how many worker processes (default 1)")
    add("--credit", type=count, default=2, metavar="N", help="frames that a worker may hold, at each URL (default 2)")
    add("--streams", action="append", metavar="NAME,...", help="take these streams only (default: all)")
    add("--follow", action="store_true", help="stay for the next run after the end")
    add("--timeout", type=seconds, metavar="TIME", help="give up after so long without a sender (default: wait)")
    add("--kill-after", type=seconds, metavar="TIME",
        help="kill and replace a process that passed its frame's deadline by this; where there is no deadline (push+),"
        " that is at one frame for longer (default: off)")  # fmt: skip
    add("--keys", metavar="DIR", help="CURVE: the folder with our keys, made by framewire keygen")
    add("--server-key", metavar="KEY", help="CURVE: the sender's public key, or the file that it is in")
    add("--door", metavar="DIR", help="where local senders offer shared memory; push+ and pub+ have no use for it")
    add("--version", action="store_true", help="say the versions, and leave")
    add("--man", action="store_true", help=argparse.SUPPRESS)
    return parser


def count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text}: a whole number from 1 to 10000 is wanted")
    return int(text)


def seconds(text: str) -> float:
    try:
        value = parse_time(text)
    except Error as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text}: more than 0 is wanted")
    return value


def main(arguments: list[str] | None = None) -> int:
    parser = make_parser()
    try:
        given = parser.parse_intermixed_args(arguments)
        if given.version or given.man:
            print(versions() if given.version else page(parser, SUMMARY), flush=True)
            return 0
    except OSError as error:
        complain(f"standard output: {error.strerror}")
        sys.stdout = None  # what it still holds cannot be written at the exit either
        return BROKE
    # `--from A B` names two URLs, and HANDLER may stand anywhere: what has :// is a URL.
    urls = given.urls + [text for text in given.arguments if "://" in text]
    handlers = [text for text in given.arguments if "://" not in text]
    if len(handlers) != 1:
        parser.error(f"one HANDLER is wanted, like measure.py; here are {len(handlers)}")
    sys.path[0] = os.getcwd()  # MODULE:NAME is looked for here, as by python -m; not beside this command
    try:
        return work(
            handlers[0],
            *urls,
            processes=given.processes,
            credit=given.credit,
            results=given.results,
            streams=[name for names in given.streams for name in names.split(",")] if given.streams else None,
            follow=given.follow,
            timeout=given.timeout,
            kill_after=given.kill_after,
            keys=given.keys,
            server_key=given.server_key,
            door=given.door,
        )
    except UsageError as error:
        complain(str(error))
        return USAGE
    except Error as error:
        complain(str(error))
        return BROKE
    finally:
        ignore_requests()


def versions() -> str:
    import msgpack
    import numpy
    import zmq

    return (
        f"framewire {__version__} (Python {sys.version.split()[0]}, pyzmq {zmq.pyzmq_version()}, libzmq"
        f" {zmq.zmq_version()}, NumPy {numpy.__version__}, msgpack {'.'.join(map(str, msgpack.version))})"
    )


if __name__ == "__main__":
    sys.exit(main())
