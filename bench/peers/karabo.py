"""karabo-bridge as its documentation has it: a server in a thread, which answers the client's requests over tcp."""

from __future__ import annotations

import numpy as np
from karabo_bridge import Client, ServerInThread

from .frames import Source, Taker
from .sides import Link

AHEAD = 2
IN_USE = AHEAD + 3  # queued, in the thread's hand, being sent, and the one that is written: it sends without a copy


def send(link: Link, source: Source) -> None:
    with ServerInThread("tcp://127.0.0.1:*", maxlen=AHEAD) as server:
        link.offer("url", server.endpoint)
        buffers = [np.empty_like(source.picture) for _ in range(IN_USE)]
        for number, _ in enumerate(source):
            buffer = buffers[number % IN_USE]
            source.write(buffer)
            server.feed({"camera": {"image": buffer}}, {"camera": {"timestamp.tid": number}})


def receive(link: Link, taker: Taker) -> None:
    with Client(link.wait("url")) as client:
        while taker.wants:
            data, _ = client.next()
            taker.take(data["camera"]["image"])
