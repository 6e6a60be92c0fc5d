"""zenoh with shared memory: its provider's buffers, a subscriber with a queue, and a Unix socket between them."""

from __future__ import annotations

import zenoh

from .frames import Source, Taker
from .sides import Link

AHEAD = 2
SLOTS = 4
KEY = "bench/frames"


def _open(link: Link, way: str) -> zenoh.Session:
    config = zenoh.Config()
    config.insert_json5("scouting/multicast/enabled", "false")
    config.insert_json5("listen/endpoints", "[]")
    config.insert_json5(f"{way}/endpoints", f'["unixsock-stream/{link.folder}/zenoh"]')
    config.insert_json5("transport/shared_memory/enabled", "true")
    return zenoh.open(config)


def send(link: Link, source: Source) -> None:
    size = source.load.size
    with _open(link, "listen") as session:
        provider = zenoh.shm.ShmProvider.default_backend(SLOTS * (size + 4096))
        publisher = session.declare_publisher(
            KEY, congestion_control=zenoh.CongestionControl.BLOCK, reliability=zenoh.Reliability.RELIABLE
        )
        link.offer("listening", "")
        link.wait("subscribed")
        policy = zenoh.shm.BlockOn(zenoh.shm.GarbageCollect())
        for _ in source:
            buffer = provider.alloc(size, policy=policy)
            buffer[0:size] = source.raw  # its Python buffers take bytes and bytearray only
            publisher.put(buffer)


def receive(link: Link, taker: Taker) -> None:
    link.wait("listening")
    with (
        _open(link, "connect") as session,
        session.declare_subscriber(KEY, zenoh.handlers.FifoChannel(AHEAD)) as frames,
    ):
        link.offer("subscribed", "")
        while taker.wants:
            payload = frames.recv().payload
            if payload.as_shm() is None:
                raise ValueError("frames came without shared memory")
            taker.take(payload.to_bytes())
