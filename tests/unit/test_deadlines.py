"""One timer ends every request that takes too long, and nothing else."""

import asyncio

import pytest

from daemon.paynow.deadlines import Deadline


async def never() -> None:
    await asyncio.Event().wait()


async def soon(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def test_what_comes_in_time_is_handed_on() -> None:
    deadline = Deadline(60.0)
    assert await asyncio.gather(*(deadline.keep(soon(number)) for number in range(3))) == [0, 1, 2]


async def test_what_takes_too_long_is_a_timeout_and_the_task_goes_on() -> None:
    deadline = Deadline(0.4)  # a busy machine may stop for a while: what comes at once has this long
    for _ in range(2):  # the timer starts again with the next request
        with pytest.raises(TimeoutError):
            await deadline.keep(never())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert await deadline.keep(soon(1)) == 1


async def test_an_error_is_handed_on() -> None:
    async def broken() -> None:
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        await Deadline(60.0).keep(broken())


async def test_who_is_cancelled_is_cancelled_not_late() -> None:
    task = asyncio.create_task(Deadline(60.0).keep(never()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_each_has_his_own_time() -> None:
    deadline = Deadline(1.0)
    early = asyncio.create_task(deadline.keep(never()))
    gate = asyncio.Event()
    await asyncio.wait([early], timeout=0.9)
    late = asyncio.create_task(deadline.keep(gate.wait()))
    await asyncio.wait([early])
    assert isinstance(early.exception(), TimeoutError)
    gate.set()
    assert await late
