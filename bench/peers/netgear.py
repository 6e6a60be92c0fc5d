"""vidgear's NetGear as its documentation has it (PAIR over tcp, each frame confirmed), but without its compression."""

from __future__ import annotations

from vidgear.gears import NetGear

from .frames import Source, Taker
from .imagezmq import free_port
from .sides import Link


def send(link: Link, source: Source) -> None:
    gear = NetGear(address="127.0.0.1", port=link.wait("port"), jpeg_compression=False)
    for picture in source:
        gear.send(picture)
    gear.close()


def receive(link: Link, taker: Taker) -> None:
    port = str(free_port())
    gear = NetGear(address="127.0.0.1", port=port, receive_mode=True, jpeg_compression=False)
    link.offer("port", port)
    while taker.wants:
        taker.take(gear.recv())
    gear.close()
