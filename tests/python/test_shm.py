"""Shared memory as a receiver sees it: what is mapped, what a view is, and when its slot goes back."""

from __future__ import annotations

import ctypes
import fcntl
import gc
import mmap
import os
import select
import threading
import weakref
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from framewire import BadMessage, Error
from framewire.leased import Filling, Place
from framewire.shm import Region, Releases

SIZE = 1 << 16
ALL = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL | 0x10  # F_SEAL_FUTURE_WRITE


def memory(seals: int = ALL, size: int = SIZE) -> int:
    """A sender's region, filled with a pattern."""
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, pattern()[:size].tobytes())
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def look(region: Region, slot: int, gen: int, offset: int, length: int) -> NDArray[np.uint8]:
    return region.view(Place(region.number, slot, gen, offset, length))


def pattern() -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return (np.arange(SIZE) * 31 >> 4).astype(np.uint8)


def open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))


def mapped() -> int:
    with open("/proc/self/maps") as maps:
        return sum("memfd:test" in line for line in maps)


@pytest.fixture
def releases() -> Iterator[Releases]:
    releases = Releases()
    yield releases
    releases.close()


@pytest.fixture
def region(releases: Releases) -> Region:
    return Region(7, memory(), SIZE, releases)


def readable(releases: Releases) -> bool:
    return bool(select.select([releases], [], [], 0)[0])


def test_a_view_is_the_memory_itself_read_only_and_aligned(region: Region) -> None:
    view = look(region, 3, 1, 4096, 1000)
    assert view.dtype == np.uint8
    assert view.shape == (1000,)
    assert (view == pattern()[4096:5096]).all()
    assert view.ctypes.data % 64 == 0
    assert not view.flags.owndata
    pixels = view.view("<u2").reshape(10, 50)
    for array in (view, view[1:], pixels, np.asarray(view), np.frombuffer(view, "|u1")):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


def test_writers_to_the_memory_are_seen(releases: Releases) -> None:
    fd = memory(0)
    whole = mmap.mmap(fd, SIZE)  # before it is sealed, as a sender does
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, ALL)
    view = look(Region(7, fd, SIZE, releases), 0, 1, 128, 4)
    whole[128:132] = b"next"
    assert view.tobytes() == b"next"


def test_a_slot_goes_back_when_the_last_view_of_it_dies(region: Region, releases: Releases) -> None:
    view = look(region, 3, 9, 0, 1000)
    piece = view[10:20][::2]
    buffer = memoryview(view)
    other = np.frombuffer(view, "<u2")[5:]
    assert releases.held == 1
    del view
    del piece
    del buffer
    assert releases.take(asleep=True) == ()
    assert not readable(releases)
    assert other.base is not None
    del other
    assert readable(releases)
    assert releases.take() == ((7, 3, 9),)
    assert not readable(releases)
    assert releases.held == 0


def test_who_is_awake_is_not_woken(region: Region, releases: Releases) -> None:
    views = [look(region, slot, 1, slot * 64, 64) for slot in range(3)]
    releases.take()
    views.pop()
    assert not readable(releases)
    assert releases.take(asleep=True) == ((7, 2, 1),), "it is found by who looks before it sleeps"
    views.pop()
    assert readable(releases)
    releases.take()
    views.pop()
    assert not readable(releases)
    assert releases.take() == ((7, 0, 1),)


def test_releases_come_in_the_order_of_deaths(region: Region, releases: Releases) -> None:
    views = {slot: look(region, slot, slot + 1, slot * 64, 64) for slot in range(5)}
    assert releases.held == 5
    for slot in (3, 0, 4):
        del views[slot]
    assert releases.take() == ((7, 3, 4), (7, 0, 1), (7, 4, 5))
    assert releases.held == 2


def test_views_in_a_cycle_are_given_back_by_the_collector(region: Region, releases: Releases) -> None:
    ring: list[object] = [look(region, 0, 1, 0, 64)]
    ring.append(ring)
    del ring
    gc.collect()
    assert releases.take() == ((7, 0, 1),)


def test_views_die_on_any_thread(region: Region, releases: Releases) -> None:
    """Each release is taken once, and the owner is woken for each, however deaths and takes fall together."""
    count, threads = 2000, 4
    taken: list[Filling] = []
    views = [[look(region, t, i, 0, 64) for i in range(count)] for t in range(threads)]

    def kill(mine: list[object]) -> None:
        while mine:
            mine.pop()

    started = [threading.Thread(target=kill, args=(mine,)) for mine in views]
    for thread in started:
        thread.start()
    while len(taken) < count * threads:
        if not (found := releases.take(asleep=True)):
            assert select.select([releases], [], [], 10)[0], "nobody was woken"
        taken += found or releases.take()
    for thread in started:
        thread.join()
    assert sorted(taken) == [(7, t, i) for t in range(threads) for i in range(count)]


def test_the_memory_is_unmapped_with_the_last_view(releases: Releases) -> None:
    fds, maps = open_fds(), mapped()
    region: Region | None = Region(7, memory(), SIZE, releases)
    assert region is not None
    assert mapped() == maps + 1
    view = look(region, 0, 1, 0, 1000)[5:]
    gone = weakref.ref(region)
    region = None
    assert gone() is not None
    assert view[0] == pattern()[5]
    del view
    assert gone() is None
    assert mapped() == maps
    assert open_fds() == fds


def test_views_may_outlive_the_releases(region: Region, releases: Releases) -> None:
    view = look(region, 0, 1, 0, 64)
    releases.close()
    del view  # pytest would report an exception that nobody could catch
    gc.collect()


@pytest.mark.parametrize(
    ("offset", "length"),
    [
        (0, 0), (0, -1), (0, SIZE + 1), (64, SIZE), (SIZE, 1), (SIZE + 64, 1), (-64, 64), (1, 1), (32, 8),
        (2**63, 64), (64, 2**64), (2**64 - 64, 128),
    ],
)  # fmt: skip
def test_a_descriptor_beyond_the_region_is_refused(
    region: Region, releases: Releases, offset: int, length: int
) -> None:
    with pytest.raises(BadMessage, match="shared memory that has 65536"):
        look(region, 0, 1, offset, length)
    assert releases.held == 0
    assert releases.take() == ()


def test_the_whole_region_may_be_one_slot(region: Region) -> None:
    assert (look(region, 0, 1, 0, SIZE) == pattern()).all()
    assert look(region, 0, 2, SIZE - 64, 64).shape == (64,)


@pytest.mark.parametrize("missing", [fcntl.F_SEAL_SHRINK, fcntl.F_SEAL_GROW, fcntl.F_SEAL_SEAL, 0x10, ALL])
def test_memory_that_may_change_is_refused(releases: Releases, missing: int) -> None:
    fds = open_fds()
    with pytest.raises(Error, match="not sealed"):
        Region(7, memory(ALL & ~missing), SIZE, releases)
    assert open_fds() == fds


def test_memory_that_nobody_can_write_to_is_fine(releases: Releases) -> None:
    fd = memory(fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL)
    assert (look(Region(7, fd, SIZE, releases), 0, 1, 0, 100) == pattern()[:100]).all()


@pytest.mark.parametrize("size", [0, -1, SIZE + 1, 1 << 46, 1 << 63, 1 << 64])
def test_memory_of_another_size_than_said_is_refused(releases: Releases, size: int) -> None:
    fds = open_fds()
    with pytest.raises(Error, match=f"has {SIZE} bytes, not {size}"):
        Region(7, memory(), size, releases)
    assert open_fds() == fds


def test_what_cannot_be_mapped_is_refused(releases: Releases) -> None:
    fds = open_fds()
    huge = memory(0, 64)
    os.ftruncate(huge, 1 << 62)
    fcntl.fcntl(huge, fcntl.F_ADD_SEALS, ALL)
    with pytest.raises(Error, match="not mapped"):
        Region(7, huge, 1 << 62, releases)
    assert open_fds() == fds


def pipe_end() -> int:
    ends = os.pipe()
    os.close(ends[1])
    return ends[0]


@pytest.mark.parametrize(
    "make",
    [
        pipe_end,
        lambda: os.open("/dev/zero", os.O_RDONLY),
        lambda: os.open(__file__, os.O_RDONLY),
        lambda: os.open(__file__, os.O_PATH),
    ],
    ids=["pipe", "device", "file", "path"],
)
def test_what_is_no_memfd_is_refused(releases: Releases, make: Callable[[], int]) -> None:
    fds = open_fds()
    with pytest.raises(Error, match="no memfd"):
        Region(7, make(), 64, releases)
    assert open_fds() == fds


def test_a_release_that_comes_late_hits_no_other_file(releases: Releases, monkeypatch: pytest.MonkeyPatch) -> None:
    write, others = os.eventfd_write, []

    def write_late(fd: int, value: int) -> None:
        releases.close()
        others.append(os.eventfd(0, os.EFD_NONBLOCK))  # would get a number that has become free
        write(fd, value)

    monkeypatch.setattr(os, "eventfd_write", write_late)
    releases.take(asleep=True)
    releases.put((7, 0, 1))
    with pytest.raises(BlockingIOError):
        os.eventfd_read(others[0])
    os.close(others[0])


def test_a_forked_child_gets_an_error(region: Region, releases: Releases) -> None:
    view = look(region, 0, 1, 0, 64)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            releases.check_process()
        except Error as error:
            code = 0 if "fork" in str(error) else 2
        del view
        os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert releases.take() == ()  # the child's death of the view is not this process's
    del view
    assert releases.take() == ((7, 0, 1),)


def test_reading_costs_no_copy(region: Region) -> None:
    view = look(region, 0, 1, 0, 4096)
    assert view.reshape(64, 64).ctypes.data == view.ctypes.data
    assert ctypes.string_at(view.ctypes.data, 16) == pattern()[:16].tobytes()
