"""gRPC over a Unix socket: one streaming call, a frame a message, as bytes without Protocol Buffers around them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import grpc

from .frames import Source, Taker
from .sides import Link

UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


def send(link: Link, source: Source) -> None:
    sent = Event()

    def stream(request: bytes, context: Any) -> Iterator[bytes]:
        try:
            for _ in source:
                yield bytes(source.raw)
        finally:
            sent.set()

    server = grpc.server(ThreadPoolExecutor(1), options=UNLIMITED)
    handlers = {"Frames": grpc.unary_stream_rpc_method_handler(stream)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Bench", handlers),))
    url = f"unix:{link.folder}/grpc"
    server.add_insecure_port(url)
    server.start()
    link.offer("url", url)
    sent.wait()
    server.stop(None)


def receive(link: Link, taker: Taker) -> None:
    with grpc.insecure_channel(link.wait("url"), options=UNLIMITED) as channel:
        call = channel.unary_stream("/Bench/Frames")(b"")
        while taker.wants:
            taker.take(next(call))
        call.cancel()
