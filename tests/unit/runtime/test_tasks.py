"""Writes that a cancellation must not interrupt, and root loops that must not end unnoticed."""

import asyncio

import pytest

from perkd.daemon.runtime.tasks import LoopEnded, forever, uncancelled


async def test_a_write_is_finished_before_its_cancelled_caller_goes_on() -> None:
    """Even if the caller is cancelled several times."""
    gate, events = asyncio.Event(), list[str]()

    async def write() -> str:
        await gate.wait()
        events.append("written")
        return "done"

    async def caller() -> None:
        try:
            await uncancelled(write())
        finally:
            events.append("went on")

    task = asyncio.create_task(caller())
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0)
    assert events == []
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert events == ["written", "went on"]


async def test_a_write_that_fails_after_the_cancellation_raises_its_error() -> None:
    gate = asyncio.Event()

    async def write() -> None:
        await gate.wait()
        raise ValueError("no room")

    task = asyncio.create_task(uncancelled(write()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(ValueError, match="no room"):
        await task


async def test_what_a_cancelled_caller_never_saw_is_undone_before_it_goes_on() -> None:
    gates, events = [asyncio.Event(), asyncio.Event()], list[object]()

    async def write() -> int:
        await gates[0].wait()
        return 7

    async def undo(result: int) -> None:
        await gates[1].wait()
        events.append(result)

    task = asyncio.create_task(uncancelled(write(), undo))
    for gate in gates:
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        assert events == []
        gate.set()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert events == [7]


async def test_work_that_is_not_cancelled_gives_its_result() -> None:
    async def write() -> int:
        return 7

    assert await uncancelled(write()) == 7


async def test_a_root_loop_that_ends_by_itself_is_an_error_with_its_name() -> None:
    async def loop() -> None:
        return

    stopping = asyncio.Event()
    with pytest.raises(LoopEnded, match="'poll'"):
        await forever("poll", loop(), stopping)
    stopping.set()
    await forever("poll", loop(), stopping)
