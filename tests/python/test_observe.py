"""The receiver as an observer of a leased stream, and both roles under asyncio."""

import asyncio
from collections.abc import Iterator

import msgpack
import numpy as np
import pytest

import framewire
from framewire import aio
from helpers.hub import Hub
from helpers.sender import EPOCH, until


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


def test_an_observer_asks_for_a_frame_when_it_wants_one(hub: Hub) -> None:
    with framewire.Receiver(hub.url, role="observer") as receiver:
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.2)
        hub.frame(0)
        frame = receiver.receive(10)
        assert frame.seq == 0
        assert hub.credits == [1]
        assert hub.hellos[0]["role"] == "observer" and "queue" not in hub.hellos[0]
        with pytest.raises(framewire.Error, match="not answered"):
            frame.reply(1)
        frame.progress()
        frame.fail("no")
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.1)
        until(lambda: hub.credits == [1, 1])
        hub.end()
        assert list(receiver) == []
    assert hub.is_silent and hub.byes == 1


def test_the_queue_is_the_hubs_and_drops_are_counted(hub: Hub) -> None:
    with framewire.Receiver(hub.url, role="observer", queue=4) as receiver:
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.1)
        until(lambda: hub.credits == [4])
        assert hub.hellos[0]["queue"] == 4
        for seq, lost in (0, 0), (5, 4), (6, 4):
            hub.frame(seq, lost=lost)
        assert [frame.seq for frame in receiver.batch(3, 10)] == [0, 5, 6]
        assert receiver.stats.dropped == 4
        hub.end(lost=7)
        assert list(receiver) == []
        assert receiver.stats.dropped == 7


def test_an_observer_asks_anew_after_a_cut(hub: Hub) -> None:
    with framewire.Receiver(hub.url, role="observer") as receiver:
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.1)
        until(lambda: hub.credits == [1])
        hub.close()
        with Hub(hub.url, sender=2) as again:
            with pytest.raises(framewire.Timeout):
                receiver.receive(1.5)
            again.frame(3)
            assert receiver.receive(10).seq == 3


def test_results_come_to_observers_that_ask(hub: Hub) -> None:
    results: list[framewire.Result] = []
    with framewire.Receiver(hub.url, role="observer", on_result=results.append) as receiver:
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.1)
        assert hub.hellos[0]["results"] is True
        arrays = [{"name": "mask", "shape": [2, 2], "dtype": "|u1"}]
        value = msgpack.packb({"n": 1})
        keys = {"epoch": EPOCH, "seq": 4, "status": "done", "attempt": 2, "worker": "a/1", "item": "x.jpg"}
        keys |= {"shape": [4, 6, 3], "dtype": "|u1", "format": "rgb8", "meta": {"file": "x.jpg"}, "time": 7}
        hub.say_parts("result", "cam0", keys | {"arrays": arrays}, value, b"\1\2\3\4")
        hub.say_parts(
            "result",
            "cam0",
            {"epoch": EPOCH, "seq": 5, "status": "dead", "error": "why", "attempt": 3, "lost": 2},
            b"\xc0",
        )
        hub.frame(6, lost=5)
        assert receiver.receive(10).seq == 6
        assert (receiver.stats.dropped, receiver.stats.results_dropped) == (5, 2)
    done, dead = results
    assert (done.stream, done.seq, done.status, done.attempt, done.worker) == ("cam0", 4, "done", 2, "a/1")
    assert (done.item, done.value, done.shape, done.format) == ("x.jpg", {"n": 1}, (4, 6, 3), "rgb8")
    assert np.array_equal(done.arrays["mask"], [[1, 2], [3, 4]]) and not done.arrays["mask"].flags.writeable
    assert (dead.status, dead.error, dead.value, dead.item) == ("dead", "why", None, None)


def test_a_worker_has_no_use_for_results() -> None:
    with pytest.raises(framewire.Error, match="for observers"):
        framewire.Receiver("tcp://127.0.0.1:5", on_result=print)
    with pytest.raises(framewire.Error, match="leave it out"):
        framewire.Receiver("tcp://127.0.0.1:5", results="tcp://127.0.0.1:6")


def test_a_worker_under_asyncio(hub: Hub) -> None:
    async def work() -> list[int]:
        seqs = []
        async with aio.Receiver(hub.url) as receiver:
            async for frame in receiver:
                seqs.append(frame.seq)
                frame.reply({"seq": frame.seq})
                if frame.seq == 4:
                    hub.end()
        return seqs

    async def run() -> list[int]:
        task = asyncio.create_task(work())
        await asyncio.to_thread(until, lambda: hub.credits)
        for seq in range(5):
            hub.frame(seq)
        return await task

    assert asyncio.run(run()) == [0, 1, 2, 3, 4]
    until(lambda: hub.byes)
    words = [(hub.take(), hub.take()) for _ in range(5)]
    assert [(a["kind"], b["kind"], b["payloads"]) for a, b in words] == [
        ("start", "result", [msgpack.packb({"seq": seq})]) for seq in range(5)
    ]


def test_the_hub_is_answered_while_the_event_loop_is_busy(hub: Hub) -> None:
    async def run() -> None:
        async with aio.Receiver(hub.url) as receiver:
            hub.frame(0)
            frame = await receiver.receive(10)
            hub.takes(("start", 0))
            hub.frame(1)
            hub.word("recall", 1)
            hub.takes(("return", 1))  # the loop has not run meanwhile
            frame.reply()
            hub.result()
            hub.frame(2, guarded=True)
            task = asyncio.create_task(receiver.receive(10))
            await asyncio.to_thread(hub.takes, ("start", 2))
            hub.word("go", 2)
            assert (await task).seq == 2

    asyncio.run(run())


def test_cancellation_gives_the_frame_in_hand_back(hub: Hub) -> None:
    async def run() -> None:
        async def work() -> None:
            async with aio.Receiver(hub.url) as receiver:
                async for _ in receiver:
                    await asyncio.sleep(60)

        task = asyncio.create_task(work())
        await asyncio.to_thread(hub.frame, 0)
        await asyncio.to_thread(hub.takes, ("start", 0))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    hub.takes(("return", 0))
    assert hub.byes == 1


def test_an_observer_under_asyncio(hub: Hub) -> None:
    async def run() -> None:
        async with aio.Receiver(hub.url, role="observer") as receiver:
            for seq in range(3):
                task = asyncio.create_task(receiver.receive(10))
                await asyncio.to_thread(until, lambda count=seq + 1: len(hub.credits) == count)
                hub.frame(seq)
                assert (await task).seq == seq

    asyncio.run(run())
