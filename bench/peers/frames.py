"""What all contenders have in common: where frames come from, and what a reader does with each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .costs import Meter, Reading

STEP = 65536  # stamps as in leased_send.c: [number, ~number] at each STEP and at the end
TIME_AT = 16  # ns of CLOCK_MONOTONIC, from before the frame was copied in
PAGE = 4096
LIMIT = 60.0  # seconds; what takes longer is stuck

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Load:
    """Which frames are sent: `warm` and then `count` that are measured, as fast as they are taken or at a rate."""

    width: int
    height: int
    warm: int
    count: int
    rate: float = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, 3

    @property
    def size(self) -> int:
        return self.height * self.width * 3

    @property
    def total(self) -> int:
        return self.warm + self.count


def stamps(pixels: Any) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Views of the stamps in a frame's bytes: those at each STEP, and the last."""
    size = memoryview(pixels).nbytes
    rows = len(range(0, size - 15, STEP))
    return np.ndarray((rows, 2), "<u8", pixels, 0, (STEP, 8)), np.ndarray((1, 2), "<u8", pixels, size - 16)


class Source:
    """Frames one after another: each turn of the loop is a new one, the same memory stamped anew.

    After the last it waits until the reader has all, so that a contender may close when its loop ends.
    """

    def __init__(self, load: Load, in_place: bool, done: Event) -> None:
        self.load = load
        self.raw = bytearray(b"\1") * load.size  # the same bytes as `picture`, for who takes nothing else
        self.picture: Pixels = np.frombuffer(self.raw, np.uint8).reshape(load.shape)
        self.in_place = in_place
        self._done = done
        self._number = 0
        self._stamps = stamps(self.picture)
        self._clock = np.ndarray(1, "<i8", self.raw, TIME_AT)

    def __iter__(self) -> Iterator[Pixels]:
        due = time.monotonic()
        for self._number in range(self.load.total):  # noqa: B020
            if self.load.rate:
                due = max(due + 1 / self.load.rate, time.monotonic() - 1)
                time.sleep(max(0.0, due - time.monotonic()))
            if not self.in_place:
                self._mark(*self._stamps, self._clock)
            yield self.picture
        self._done.wait(LIMIT)

    @property
    def last(self) -> bool:
        return self._number == self.load.total - 1

    def write(self, slot: Any) -> None:
        """Write the frame into memory of the contender's own, a writable buffer."""
        if self.in_place:
            self._mark(*stamps(slot), np.ndarray(1, "<i8", slot, TIME_AT))
        else:
            np.copyto(np.ndarray(self.load.size, np.uint8, slot), self.picture.reshape(-1))

    def _mark(self, each: NDArray[np.uint64], last: NDArray[np.uint64], clock: NDArray[np.int64]) -> None:
        clock[0] = time.monotonic_ns()
        number = np.uint64(self._number)
        for place in (each, last):
            place[:, 0] = number
            place[:, 1] = ~number


class Taker:
    """What a reader does with each frame in hand, the same for all: note the delay, check stamps, read every page."""

    def __init__(self, load: Load, meter: Meter) -> None:
        self.load = load
        self.delays: list[int] = []  # ns
        self.begin: Reading | None = None
        self.end: Reading | None = None
        self.memory: tuple[float, float] = (0, 0)
        self.sum = 0
        self._meter = meter
        self._number = 0

    @property
    def wants(self) -> bool:
        return self._number < self.load.total

    def take(self, pixels: Any) -> None:
        """The next frame, any buffer of its bytes."""
        now = time.monotonic_ns()
        each, last = stamps(pixels)
        number = np.uint64(self._number)
        for place in (each, last):
            if not (place[:, 0] == number).all() or not (place[:, 1] == ~number).all():
                raise ValueError(f"frame {number} is not whole, or not the one that was due: {place[0]}")
        bytes_ = np.ndarray(self.load.size, np.uint8, pixels)
        self.sum += int(bytes_[::PAGE].sum())
        if self._number >= self.load.warm:
            self.delays.append(now - int(np.ndarray(1, "<i8", pixels, TIME_AT)[0]))
        self._number += 1
        if self._number == self.load.warm // 2:
            self._meter.find()
        if self._number == self.load.warm:
            self.begin = self._meter.read()
        elif self._number == self.load.total:
            self.end = self._meter.read()
            self.memory = self._meter.memory()
