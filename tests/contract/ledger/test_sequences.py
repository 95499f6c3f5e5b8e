"""Any sequence of observations, claims, settles and operator's words leaves every ledger consistent."""

import asyncio
import itertools
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings, strategies as st

from perkd.daemon.core.changes import HoldingKey, Outcome, Turn
from perkd.daemon.core.model import TRANSITIONS, Cause, State, Step
from perkd.daemon.ledger.base import NotPossible
from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.ledger.rows import CommandDetail, TokenSource
from tests.ledgers import (
    NOW,
    blocked,
    configure,
    draft,
    profile,
    record,
    rows,
    server,
    steps,
    support,
    token,
    told,
    turn,
)
from tests.newledger import new_ledger

KEYS = (
    HoldingKey("ann", "vip", "survival"),
    HoldingKey("ann", "mvp", "survival"),
    HoldingKey("ben", "kit", "survival", "9"),
)
Op: TypeAlias = Callable[["Play"], Awaitable[None]]


class Play:
    """One ledger, a clock that only goes forward, and the words of the operations."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.now = NOW
        self.number = itertools.count(1)

    def tick(self, seconds: float = 1) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    async def some(self, which: int, *among: State) -> int | None:
        """The id of one command in one of these states."""
        found = [row.id for row in await rows(self.ledger) if row.state in among]
        return found[which % len(found)] if found else None


def turns(what: Turn, key: HoldingKey, count: int, held: int | None, cause: Cause, braked: bool) -> Op:
    async def do(play: Play) -> None:
        number = next(play.number)
        grant = [draft(f"give {number}.{place}", position=place, after_s=place) for place in range(count)]
        revoke = [draft(f"take {number}.{place}", Step.REVOKE, place) for place in range(count)]
        if held is not None:
            grant[held % count] = blocked("held", position=held % count)
            revoke[held % count] = blocked("held", Step.REVOKE, held % count)
        change = turn(
            what,
            key,
            cause=cause,
            grant=steps(Step.GRANT, grant),
            revoke=steps(Step.REVOKE, revoke),
            supports=[support(str(number))],
            values={"name": str(number)},
        )
        await record(play.ledger, change, at=play.tick(), braked="many" if braked else None)

    return do


def claims(online: frozenset[str], wait_s: float) -> Op:
    async def do(play: Play) -> None:
        await play.ledger.commands.claim("survival", play.tick(wait_s), dict.fromkeys(online, NOW))

    return do


def settles(which: int, outcome: Outcome, due_s: float | None) -> Op:
    async def do(play: Play) -> None:
        command_id = await play.some(which, State.SENDING)
        if command_id is not None:
            now = play.tick()
            due_at = None if due_s is None else now + timedelta(seconds=due_s)
            said = Outcome(state=outcome.state, reply=outcome.reply, absent=outcome.absent, due_at=due_at)
            await play.ledger.commands.settle(command_id, said, now)

    return do


def asks(verb: State, which: int) -> Op:
    async def do(play: Play) -> None:
        command_id = await play.some(which, *State)
        if command_id is None:
            return
        try:
            if verb is State.PLANNED:
                await play.ledger.commands.retry(command_id, draft("again"), play.tick())
            else:
                await play.ledger.commands.close(command_id, verb, play.tick())
        except NotPossible:
            pass

    return do


async def release(play: Play) -> None:
    await play.ledger.commands.release_brake(play.tick())


async def recover(play: Play) -> None:
    await play.ledger.commands.recover(play.tick())


async def server_leaves(play: Play) -> None:
    await configure(play.ledger, [], [], play.tick(), adopt=True)


async def server_returns(play: Play) -> None:
    await configure(play.ledger, [server()], [], play.tick(), adopt=True)


OUTCOMES = st.sampled_from(
    [
        Outcome(state=State.DELIVERED, reply="ok"),
        Outcome(state=State.DELIVERED, reply="ok"),
        Outcome(state=State.REFUSED, reply="no"),
        Outcome(state=State.ANSWERED, reply="hm"),
        Outcome(state=State.UNKNOWN),
        Outcome(state=State.PLANNED),
        Outcome(state=State.PLANNED, reply="not here", absent=True),
    ]
)
OPS: st.SearchStrategy[Op] = st.one_of(
    st.builds(
        turns,
        st.sampled_from([Turn.OPEN, Turn.END, Turn.REGRANT, Turn.KEEP]),
        st.sampled_from(KEYS),
        st.integers(1, 3),
        st.none() | st.integers(0, 2),
        st.sampled_from([Cause.STATED, Cause.FORETOLD]),
        st.sampled_from([False, False, False, True]),
    ),
    st.builds(claims, st.sampled_from([frozenset(), frozenset({"ann", "ben"})]), st.sampled_from([1.0, 600.0])),
    st.builds(settles, st.integers(0, 3), OUTCOMES, st.none() | st.just(60.0)),
    st.builds(asks, st.sampled_from([State.PLANNED, State.DELIVERED, State.VOID]), st.integers(0, 20)),
    st.sampled_from([release, recover, server_leaves, server_returns]),
)


async def check(ledger: Ledger) -> None:
    """What holds after every operation, whatever it was."""
    found = await rows(ledger)
    sending = [row.holding_id for row in found if row.state == State.SENDING]
    assert len(sending) == len(set(sending)), "two commands of one holding are being sent"
    keys = [(r.player, r.perk, r.server, r.key_item, r.step, r.generation, r.position) for r in found]
    assert len(keys) == len(set(keys)), "a key was given twice"
    for row in found:
        waits = row.state in (State.PLANNED, State.BLOCKED)
        assert not (waits and row.superseded), "what is not wanted any more still waits to be sent"
        assert (row.hold is not None) == (row.state == State.BLOCKED), "blocked commands, and only they, say why"
        moves = await told(ledger, row.id)
        assert moves[0][0] is None
        assert moves[-1][1] == row.state, "a state changed without an event"
        for (_, before), (after, _) in itertools.pairwise(moves):
            assert before == after, "the history has a gap"
        assert {(State(was) if was else None, State(became or "")) for was, became in moves} <= TRANSITIONS
    await check_reports(ledger, found)


async def check_reports(ledger: Ledger, found: list[CommandDetail]) -> None:
    """Kept counts and merged lists are those that a look at every row gives."""
    summary = await ledger.reports.summary()
    assert Counter(summary.commands) == Counter(row.state for row in found)
    waiting = [row for row in found if row.state in (State.PLANNED, State.SENDING)]
    assert {one.server: one.queue for one in summary.queues} == Counter(row.server for row in waiting)
    for one in summary.queues:
        assert one.oldest_at == next(row.created_at for row in waiting if row.server == one.server)
    for state in State:
        listed = await ledger.reports.commands(state=state, server="survival", limit=5)
        all_of_them = [row.id for row in reversed(found) if (row.state, row.server) == (state, "survival")]
        assert [row.id for row in listed] == all_of_them[:5]
    with closing(sqlite3.connect(ledger.path)) as db:
        held = db.execute("SELECT perk, server, kind, COUNT(*) FROM holdings WHERE state = 'held' GROUP BY 1, 2, 3")
        kept = db.execute("SELECT perk, server, kind, count FROM held_counts WHERE count > 0")
        assert set(held) == set(kept)


@pytest.mark.volume
@settings(max_examples=100)
@given(ops=st.lists(OPS, min_size=5, max_size=25))
def test_whatever_happens_the_ledger_stays_consistent(ops: list[Op]) -> None:
    async def play_all(folder: str) -> None:
        ledger = await new_ledger(Path(folder))
        try:
            await ledger.roll.add(token(), TokenSource.OPERATOR, profile(), NOW)
            play = Play(ledger)
            await server_returns(play)
            for op in ops:
                await op(play)
                await check(ledger)
        finally:
            await ledger.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play_all(folder))


# --- a game that answers in the end -----------------------------------------------------------------------------------

WORDS = ("open", "end", "rename", "claim", "through", "not sent", "lost before", "lost after", "later")


@pytest.mark.volume
@settings(max_examples=100)
@given(words=st.lists(st.sampled_from(WORDS), min_size=5, max_size=40))
def test_once_every_command_got_its_answer_the_game_agrees_with_the_ledger(words: list[str]) -> None:
    async def play_all(folder: str) -> None:
        ledger = await new_ledger(Path(folder))
        try:
            await play_game(ledger, words)
        finally:
            await ledger.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play_all(folder))


async def play_game(ledger: Ledger, words: list[str]) -> None:
    """One perk of one player on a server that loses answers: `game` is whether he has it there."""
    play, game, sent = Play(ledger), False, None
    what = {"open": Turn.OPEN, "end": Turn.END, "rename": Turn.REGRANT}
    for word in [*words, *["through", "claim", "later"] * 12, "through"]:
        if word in what:
            name = str(next(play.number))
            change = turn(what[word], KEYS[0], grant=("give",), revoke=("take",), values={"name": name})
            await record(ledger, change, at=play.tick())
        elif word == "later":
            play.tick(600)
        elif word == "claim":
            sent = sent or await ledger.commands.claim("survival", play.tick(), {})
        elif sent is not None:
            now = play.tick()
            lost = Outcome(state=State.UNKNOWN, due_at=now + timedelta(seconds=60))
            back = Outcome(state=State.PLANNED, due_at=now + timedelta(seconds=1))
            outcome = {"through": Outcome(state=State.DELIVERED), "not sent": back}.get(word, lost)
            if word in ("through", "lost after"):
                game = sent.step == Step.GRANT
            await ledger.commands.settle(sent.id, outcome, now)
            sent = None
    left = [row for row in await rows(ledger) if row.state in (State.PLANNED, State.SENDING, State.BLOCKED)]
    assert left == []
    assert game == ((await ledger.reports.summary()).holdings == 1)
