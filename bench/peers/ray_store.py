"""Ray's object store: each frame is put, and its reference given to an actor, two of them under way."""

from __future__ import annotations

import logging
import os
import secrets
from collections import deque
from typing import Any

from ..run import ROOT
from .frames import Source, Taker
from .sides import Link

AHEAD = 2
STORE = 1 << 30


class Reader:
    """The actor: a process of Ray's, with the reader in it."""

    def __init__(self, taker: Taker) -> None:
        self._taker = taker

    def take(self, pixels: Any) -> bool:
        self._taker.take(pixels)
        return self._taker.wants

    def taken(self) -> Taker:
        return self._taker


def send(link: Link, source: Source) -> None:
    ray = _ray(link.wait("token"))
    ray.init(address=link.wait("address"), namespace="bench", logging_level=logging.ERROR, log_to_driver=False)
    reader = ray.get_actor("reader")
    ahead: deque[Any] = deque()
    for picture in source:
        ahead.append(reader.take.remote(ray.put(picture)))
        if len(ahead) > AHEAD:
            ray.get(ahead.popleft())
        if source.last:
            ray.get(list(ahead))
            link.offer("sent", "")
    ray.shutdown()


def receive(link: Link, taker: Taker) -> None:
    """The cluster's first process, which starts the actor and waits for it."""
    token = secrets.token_hex(32)
    link.offer("token", token)
    ray = _ray(token)
    context = ray.init(
        num_cpus=2, object_store_memory=STORE, include_dashboard=False, log_to_driver=False, namespace="bench",
        logging_level=logging.ERROR, _temp_dir=link.folder,
    )  # fmt: skip
    actor = ray.remote(Reader).options(name="reader").remote(taker)
    ray.get(actor.taken.remote())
    link.offer("address", context.address_info["address"])
    link.wait("sent")
    vars(taker).update(vars(ray.get(actor.taken.remote())))
    ray.shutdown()


def _ray(token: str) -> Any:
    """The package, which reads its environment when it is imported: it is to write nothing into the user's home."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    os.environ["PYTHONPATH"] = str(ROOT)  # for the actor's process
    import ray

    return ray
