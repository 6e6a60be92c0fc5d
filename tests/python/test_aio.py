"""The receiver for asyncio."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

import framewire
from framewire import aio
from helpers.sender import Collector, Sender, picture


def test_async_for_takes_frames_to_the_end_and_acknowledges(sender: Sender, collector: Collector) -> None:
    async def run() -> list[int]:
        for seq in range(4):
            sender.frame(seq)
        sender.end()
        seen = []
        async with aio.Receiver(sender.url, results=collector.url) as receiver:
            async for frame in receiver:
                seen.append(frame.seq)
                assert np.array_equal(frame.array, picture(frame.seq))
                if frame.seq == 2:
                    frame.reply("two")
        return seen

    assert asyncio.run(run()) == [0, 1, 2, 3]
    assert {seq: value for seq, (_, value, _) in collector.take_all(4).items()} == {0: None, 1: None, 2: "two", 3: None}


def test_an_error_that_leaves_the_block_is_answered_and_cancellation_is_not(
    sender: Sender, collector: Collector
) -> None:
    async def fails() -> None:
        async with aio.Receiver(sender.url, results=collector.url) as receiver:
            async for _ in receiver:
                raise ValueError("too dark")

    async def is_cancelled() -> None:
        async with aio.Receiver(sender.url, results=collector.url) as receiver:
            async for _ in receiver:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                await asyncio.sleep(10)

    sender.frame(0)
    with pytest.raises(ValueError, match="too dark"):
        asyncio.run(fails())
    assert collector.take()[0]["error"] == "ValueError: too dark"
    sender.frame(1)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(is_cancelled())
    assert collector.is_empty()


def test_other_tasks_run_while_it_waits_and_waiting_costs_nothing(sender: Sender) -> None:
    async def run() -> int:
        turns = 0

        async def tick() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.01)
                turns += 1

        async with aio.Receiver(sender.url) as receiver:
            sender.frame(0)
            await receiver.receive(10)
            ticker = asyncio.create_task(tick())
            began = time.thread_time()
            with pytest.raises(framewire.Timeout):
                await receiver.receive(0.5)
            assert time.thread_time() - began < 0.15
            ticker.cancel()
        return turns

    assert asyncio.run(run()) > 10


def test_cancelled_waits_lose_nothing(sender: Sender) -> None:
    async def run() -> list[int]:
        seen: list[int] = []
        async with aio.Receiver(sender.url) as receiver:

            async def feed() -> None:
                for seq in range(200):
                    sender.frame(seq)
                    await asyncio.sleep(0.001)
                sender.end()

            feeding = asyncio.create_task(feed())
            patience = 0.0
            while True:
                patience = (patience + 0.0007) % 0.004
                try:
                    seen.append((await asyncio.wait_for(receiver.receive(), patience)).seq)
                except TimeoutError:
                    continue
                except framewire.Closed:
                    break
            await feeding
        return seen

    assert asyncio.run(run()) == list(range(200))


def test_a_cancelled_batch_leaves_its_frames_to_the_next(sender: Sender) -> None:
    async def run() -> None:
        async with aio.Receiver(sender.url) as receiver:
            for seq in range(3):
                sender.frame(seq)
            batch = asyncio.create_task(receiver.batch(8))
            while receiver.stats.frames < 3:
                await asyncio.sleep(0.005)
            batch.cancel()
            with pytest.raises(asyncio.CancelledError):
                await batch
            assert [frame.seq for frame in await receiver.batch(8, 0.05)] == [0, 1, 2]
            with pytest.raises(framewire.Timeout):
                await receiver.batch(8, 0.05)

    asyncio.run(run())


def test_one_task_at_a_time_may_receive(sender: Sender) -> None:
    async def run() -> None:
        async with aio.Receiver(sender.url) as receiver:
            waiting = asyncio.create_task(receiver.receive())
            await asyncio.sleep(0)
            with pytest.raises(framewire.Error, match="another task"):
                await receiver.receive(1)
            sender.frame(5)
            assert (await waiting).seq == 5

    asyncio.run(run())


def test_close_ends_a_task_that_waits(sender: Sender) -> None:
    async def run() -> None:
        receiver = aio.Receiver(sender.url)
        waiting = asyncio.create_task(receiver.receive())
        await asyncio.sleep(0.01)
        await receiver.close()
        with pytest.raises(framewire.Closed):
            await waiting
        await receiver.close()

    asyncio.run(run())


@pytest.mark.parametrize("pattern", ["push", "pub"])
def test_both_patterns_over_ipc(pattern: str, tmp_path: Path) -> None:
    async def run() -> None:
        with Sender(pattern, f"ipc://{tmp_path}/s") as sender:
            async with aio.Receiver(sender.url, queue=10) as receiver:
                if pattern == "pub":
                    await asyncio.get_running_loop().run_in_executor(None, sender.subscription)
                sender.parts(b"cam0", b"\xc1", b"")
                sender.frame(0)
                sender.end()
                with pytest.raises(framewire.BadMessage):
                    await receiver.receive(10)
                assert [frame.seq async for frame in receiver] == [0]

    asyncio.run(run())


def test_a_missing_sender_is_said_and_ended_by_timeout(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    async def run() -> None:
        async with aio.Receiver(f"push+ipc://{tmp_path}/none", timeout=2.5) as receiver:
            async for _ in receiver:
                pass

    with pytest.raises(framewire.Timeout, match="no sender at"):
        asyncio.run(run())
    assert "waiting for a sender at" in caplog.text


def test_the_package_has_it_without_being_asked() -> None:
    assert framewire.aio.Receiver is aio.Receiver
    name: Callable[..., int] | Awaitable[int] = framewire.work
    assert callable(name)
    with pytest.raises(AttributeError):
        framewire.nothing  # noqa: B018
