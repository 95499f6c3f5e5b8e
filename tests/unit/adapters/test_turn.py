"""Whose turn it is on a connection: in order, and never lost."""

import asyncio

import pytest

from perkd.adapters.wire.turn import Turn


async def taken_by(turn: Turn, names: list[str], name: str) -> None:
    if not turn.take():
        await turn.wait()
    names.append(name)


def test_only_one_takes_it() -> None:
    turn = Turn()
    assert turn.take()
    assert not turn.take()
    turn.give()
    assert turn.take()


async def test_it_goes_to_the_one_who_waits_longest() -> None:
    turn, names = Turn(), list[str]()
    assert turn.take()
    async with asyncio.TaskGroup() as group:
        for name in ("first", "second"):
            group.create_task(taken_by(turn, names, name))
        await asyncio.sleep(0)
        turn.give()
        assert not turn.take()  # handed over, not free for whoever comes now
        await asyncio.sleep(0)
        assert names == ["first"]
        turn.give()
    assert names == ["first", "second"]
    turn.give()
    assert turn.take()


async def test_one_who_gave_up_is_passed_over() -> None:
    turn, names = Turn(), list[str]()
    assert turn.take()
    tasks = [asyncio.create_task(taken_by(turn, names, name)) for name in ("gone", "patient")]
    await asyncio.sleep(0)
    tasks[0].cancel()
    turn.give()
    await asyncio.wait(tasks)
    assert names == ["patient"]


@pytest.mark.parametrize("somebody_waits", [True, False])
async def test_one_who_gives_up_as_it_is_handed_over_hands_it_on(somebody_waits: bool) -> None:
    turn, names = Turn(), list[str]()
    assert turn.take()
    gone = asyncio.create_task(taken_by(turn, names, "gone"))
    await asyncio.sleep(0)
    next_ = asyncio.create_task(taken_by(turn, names, "next")) if somebody_waits else None
    await asyncio.sleep(0)
    turn.give()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    if next_ is not None:
        await next_
        turn.give()
    assert names == (["next"] if somebody_waits else [])
    assert turn.take()
