"""The supervisor's side of leased delivery: tells senders at once when a worker's process has ended, and how."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

import zmq

from .intake import check_urls
from .keeper import Keeper
from .keys import load
from .leased import Died
from .results import Results
from .session import Session
from .stats import Stats
from .transport import Identity, Options


class Witness:
    """Connected to every leased URL of a job; without one, it does nothing."""

    def __init__(self, urls: Iterable[str], options: dict[str, Any]) -> None:
        """options: of Receiver."""
        self.instance = new_instance()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._keeper = Keeper(always=True)
        self._sessions: list[Session] = []
        checked = check_urls(urls, "worker")
        leased = [url for url in checked if not url.pattern]
        self._all_leased = bool(leased) and len(leased) == len(checked)
        if not leased:
            return
        keys = load(options.get("keys"), options.get("server_key"))
        streams = options.get("streams")
        told = Options(
            context=self._context,
            streams=None if streams is None else frozenset(streams),
            credit=0,
            queue=1,
            follow=bool(options.get("follow")),
            keys=keys,
            results=Results(self._context, keys, None, Stats()),
            stats=Stats(),
            identity=Identity(self.instance),
            keeper=self._keeper,
            door=None,
        )
        self._keeper.enter()
        for url in leased:
            # The workers say what there is to say of the connection.
            self._sessions.append(Session(url, told, "supervisor", quiet=True))
        self._keeper.leave()
        self._keeper.start()

    def died(self, instance: int, reason: str) -> None:
        """The process of this instance has ended."""
        for session in self._sessions:
            session.post("died", body=Died(instance, reason), lasting=True)

    @property
    def ended(self) -> bool:
        """Every stream of the job has ended. Never, where other URLs are read, too: of those it hears nothing."""
        return self._all_leased and all(session.over for session in self._sessions)

    def close(self) -> None:
        self._keeper.stop()
        for session in self._sessions:
            session.close()
        self._keeper.close()
        self._context.term()


def new_instance() -> int:
    """Random, and never 0."""
    return secrets.randbits(64) or 1
