"""Who drives leased connections: the thread that receives, or the keeper's own."""

from __future__ import annotations

import select
import threading
import time
from typing import Any

import pytest

from framewire.keeper import Keeper
from helpers.sender import until


class Nothing:
    """A connection where nothing happens."""

    def __init__(self) -> None:
        self.pumped: list[int] = []  # by which thread

    @property
    def sockets(self) -> list[Any]:
        return []

    def pump(self) -> None:
        self.pumped.append(threading.get_ident())

    def flush(self) -> None: ...

    def tend(self, now: float) -> float:
        return now + 3600


@pytest.fixture
def kept() -> Nothing:
    return Nothing()


@pytest.fixture
def keeper(kept: Nothing) -> Any:
    keeper = Keeper()
    keeper.add(kept)
    keeper.start()
    yield keeper
    keeper.stop()
    keeper.close()


def test_its_thread_drives_while_nobody_receives(keeper: Keeper, kept: Nothing) -> None:
    until(lambda: kept.pumped)
    keeper.enter()
    count = len(kept.pumped)
    assert keeper.mine
    time.sleep(0.05)  # what must not come
    assert len(kept.pumped) == count
    keeper.leave()
    until(lambda: len(kept.pumped) > count)


def test_turns_that_come_often_are_looked_at_and_then_waited_for(keeper: Keeper, kept: Nothing) -> None:
    for _ in range(20):
        keeper.enter()
        time.sleep(0.002)
        keeper.leave()
    count = len(kept.pumped)
    until(lambda: len(kept.pumped) > count)
    keeper.enter()
    time.sleep(1.2)  # it waits to be woken, by now
    count = len(kept.pumped)
    keeper.leave()
    until(lambda: len(kept.pumped) > count)


def start_at_clear(thread: threading.Thread, keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes right before the keeper's thread clears what tells of it."""
    clear = keeper.clear

    def clear_when_it_came() -> None:
        if thread.ident is None:
            clear()
            thread.start()
            assert select.select([keeper.wake], [], [], 10)[0]
        clear()

    monkeypatch.setattr(keeper, "clear", clear_when_it_came)


def test_a_stop_just_when_the_thread_looks_ends_it(kept: Nothing, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tells of it is cleared in the same moment."""
    keeper = Keeper(always=True)
    keeper.add(kept)
    stopper = threading.Thread(target=keeper.stop, daemon=True)
    start_at_clear(stopper, keeper, monkeypatch)
    keeper.start()
    until(lambda: stopper.ident is not None)
    stopper.join(10)
    assert not stopper.is_alive()
    keeper.close()


def test_who_comes_just_when_the_thread_looks_is_let_in(
    keeper: Keeper, kept: Nothing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What tells of it is cleared in the same moment."""
    until(lambda: kept.pumped)
    came = threading.Event()

    def come() -> None:
        keeper.enter()
        came.set()
        keeper.leave()

    comer = threading.Thread(target=come)
    start_at_clear(comer, keeper, monkeypatch)
    keeper.nudge()
    assert came.wait(10)
    comer.join()
