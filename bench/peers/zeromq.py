"""The recipe of pyzmq's documentation for arrays: a header in JSON, then the array; over PUSH and PULL, 2 ahead."""

from __future__ import annotations

import numpy as np
import zmq

from .frames import Source, Taker
from .sides import Link

AHEAD = 2


def send(link: Link, source: Source) -> None:
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.sndhwm = AHEAD
        socket.bind("tcp://127.0.0.1:*" if link.variant == "tcp" else f"ipc://{link.folder}/ipc")
        link.offer("url", socket.getsockopt_string(zmq.LAST_ENDPOINT))
        for picture in source:
            socket.send_json({"dtype": str(picture.dtype), "shape": picture.shape}, zmq.SNDMORE)
            socket.send(picture)


def receive(link: Link, taker: Taker) -> None:
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        socket.rcvhwm = AHEAD
        socket.connect(link.wait("url"))
        while taker.wants:
            header = socket.recv_json()
            taker.take(np.frombuffer(socket.recv(copy=False), header["dtype"]).reshape(header["shape"]))
