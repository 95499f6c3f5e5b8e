"""One timer ends every request that takes too long, and nothing else."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import pytest

from perkd.daemon.paynow.transport.deadlines import Deadline
from tests.clock import forward_loop

T = TypeVar("T")


async def never() -> None:
    await asyncio.Event().wait()


async def soon(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def kept(deadline: Deadline, asked: Awaitable[T]) -> T:
    with deadline:
        return await asked


async def test_a_result_in_time_is_returned() -> None:
    deadline = Deadline(60.0)
    assert await asyncio.gather(*(kept(deadline, soon(number)) for number in range(3))) == [0, 1, 2]


async def test_a_block_that_takes_too_long_raises_a_timeout_and_the_task_continues() -> None:
    deadline = Deadline(60.0)
    for _ in range(2):  # the timer starts again with the next request
        asyncio.get_running_loop().call_soon(forward_loop, 60.0)
        with pytest.raises(TimeoutError):
            await kept(deadline, never())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert await kept(deadline, soon(1)) == 1


async def test_an_error_is_raised_unchanged() -> None:
    async def broken() -> None:
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        await kept(Deadline(60.0), broken())


async def test_a_cancelled_task_gets_no_timeout() -> None:
    task = asyncio.create_task(kept(Deadline(60.0), never()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_each_task_has_its_own_time() -> None:
    deadline = Deadline(600.0)
    early = asyncio.create_task(kept(deadline, never()))
    gate = asyncio.Event()
    await asyncio.sleep(0)
    forward_loop(300.0)
    late = asyncio.create_task(kept(deadline, gate.wait()))
    await asyncio.sleep(0)
    assert not early.done()
    forward_loop(300.0)
    await asyncio.wait([early])
    assert isinstance(early.exception(), TimeoutError)
    gate.set()
    assert await late
