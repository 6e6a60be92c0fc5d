"""iceoryx2: frames are loaned and sent in its shared memory; the reader polls, or waits for an event a frame."""

from __future__ import annotations

import ctypes
from pathlib import Path

import iceoryx2 as iox2

from .frames import Source, Taker
from .sides import Link

SHARED = Path("/dev/shm")


class Ends:
    """One side's services, in a world of this run's own so that nothing is left behind by it."""

    def __init__(self, link: Link) -> None:
        iox2.set_log_level(iox2.LogLevel.Error)
        self.prefix = Path(link.folder).name + "_"
        config = iox2.config.default()
        config.global_cfg.root_path = iox2.Path.new(f"{link.folder}/")
        config.global_cfg.prefix = iox2.FileName.new(self.prefix)
        self.node = iox2.NodeBuilder.new().config(config).create(iox2.ServiceType.Ipc)
        name = iox2.ServiceName.new("frames")
        builder = self.node.service_builder(name).publish_subscribe(iox2.Slice[ctypes.c_uint8])
        self.frames = builder.enable_safe_overflow(False).subscriber_max_buffer_size(2).open_or_create()
        self.events = self.node.service_builder(name).event().open_or_create()

    def __enter__(self) -> Ends:
        return self

    def __exit__(self, *_: object) -> None:
        del self.frames, self.events, self.node


def send(link: Link, source: Source) -> None:
    size = source.load.size
    with Ends(link) as ends:
        publisher = ends.frames.publisher_builder().initial_max_slice_len(size).create()
        notifier = ends.events.notifier_builder().create()
        link.offer("publishing", "")
        link.wait("subscribed")
        publisher.update_connections()
        for _ in source:
            sample = publisher.loan_slice_uninit(size)
            source.write(sample.payload().as_memory_view())
            sample.assume_init().send()
            if link.variant == "events":
                notifier.notify()
        del publisher, notifier


def receive(link: Link, taker: Taker) -> None:
    with Ends(link) as ends:
        link.wait("publishing")
        subscriber = ends.frames.subscriber_builder().create()
        listener = ends.events.listener_builder().create()
        subscriber.receive()  # connects: until then the publisher does not wait for it, and drops what is too much
        link.offer("subscribed", "")
        while taker.wants:
            if link.variant == "events":
                listener.blocking_wait()
            while taker.wants and (sample := subscriber.receive()) is not None:
                taker.take(sample.payload().as_memory_view())
                sample.delete()
        del subscriber, listener
