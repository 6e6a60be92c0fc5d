"""imagezmq as its README has it: REQ/REP over tcp, an image at a time."""

from __future__ import annotations

import socket

import imagezmq

from .frames import Source, Taker
from .sides import Link


def send(link: Link, source: Source) -> None:
    with imagezmq.ImageSender(connect_to=link.wait("url")) as sender:
        for picture in source:
            sender.send_image("bench", picture)


def receive(link: Link, taker: Taker) -> None:
    url = f"tcp://127.0.0.1:{free_port()}"
    with imagezmq.ImageHub(open_port=url) as hub:
        link.offer("url", url)
        while taker.wants:
            _, picture = hub.recv_image()
            taker.take(picture)
            hub.send_reply(b"OK")


def free_port() -> int:
    """A port for what cannot listen at one of the system's choice and say which."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
