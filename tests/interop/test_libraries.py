"""Other libraries on frames in shared memory: no copy is made, and the slot goes back when they have let go."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow
import pytest

import framewire
from helpers.local_hub import LocalHub
from helpers.sender import picture

Begin = Callable[[], framewire.Frame]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    with LocalHub(tmp_path) as hub:
        yield hub


@pytest.fixture
def frame(hub: LocalHub, tmp_path: Path) -> Iterator[list[framewire.Frame]]:
    """One frame in slot 3, in a list so that the test can let go of it."""
    with framewire.Receiver(hub.url, door=tmp_path) as receiver:
        threading.Thread(target=hub.lend, args=(0, 3)).start()
        got = [receiver.receive(10)]
        assert got[0].transport == "shm"
        hub.take("start")
        yield got
        got.clear()


MADE: dict[str, tuple[Callable[[framewire.Frame], Any], Callable[[Any], Any]]] = {
    "arrow": (lambda frame: frame.to_arrow(), lambda made: made.to_numpy()),
    "arrow-flat": (lambda frame: pyarrow.py_buffer(frame.data), lambda made: np.frombuffer(made, np.uint8)),
    "dlpack": (np.from_dlpack, lambda made: made),
    "opencv": (lambda frame: cv2.Mat(frame.array), lambda made: np.asarray(made)),
}


@pytest.mark.parametrize("library", MADE)
def test_what_a_library_makes_of_a_frame_is_the_memory_itself_and_holds_it(
    hub: LocalHub, frame: list[framewire.Frame], library: str
) -> None:
    make, see = MADE[library]
    made = make(frame[0])
    frame[0].reply()
    hub.result()
    frame.clear()
    gc.collect()
    seen = see(made).reshape(-1)
    assert np.array_equal(seen, picture(0).reshape(-1))
    hub.memory[3 * 4096] ^= 255
    assert seen[0] == picture(0).reshape(-1)[0] ^ 255, "it is a copy"
    with pytest.raises(ValueError, match="read-only"):
        seen[0] = 1
    assert hub.is_silent
    del made, seen
    gc.collect()
    assert hub.released() == [[7, 3, 1]]


def test_opencv_reads_a_view_and_does_not_write_to_it(frame: list[framewire.Frame]) -> None:
    image = frame[0].array
    assert np.array_equal(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), picture(0)[:, :, ::-1])
    assert np.array_equal(cv2.flip(image[:2], 1), picture(0)[:2, ::-1]), "slices, too"
    assert cv2.resize(image, (12, 8)).shape == (8, 12, 3)
    for write in (
        lambda: cv2.blur(image, (3, 3), dst=image),
        lambda: cv2.rectangle(image, (0, 0), (2, 2), (1, 2, 3)),
    ):
        with pytest.raises(cv2.error, match="readonly"):
            write()
    assert np.array_equal(image, picture(0))


def test_rgb_is_a_copy_that_holds_nothing(hub: LocalHub, frame: list[framewire.Frame]) -> None:
    rgb = frame[0].rgb()
    frame[0].reply()
    hub.result()
    frame.clear()
    gc.collect()
    assert hub.released() == [[7, 3, 1]]
    rgb[0] = 1
