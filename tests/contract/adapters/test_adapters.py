"""What every adapter promises on every transport: a reply belongs to its command, or the command is in doubt.

The same tests run over every row of `tests/contract/games.py`.
"""

import asyncio
import contextlib
import gc
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from perkd.adapters import ADAPTERS
from perkd.adapters.base import AdapterError, AuthRefused, InDoubt, LoginClosed, NotSent, Player, Session
from perkd.daemon.sandbox.games.minecraft import Fault, MinecraftServer
from perkd.daemon.sandbox.games.source import SourceServer
from tests.contract.games import EVERY, HARMLESS, IN_DOUBT, Game

SOON_S = 0.2  # a timeout that is meant to be reached
LONG_S = 60.0  # one that is not


class Table:
    """One game's server with its password, and how to connect to it."""

    def __init__(self, game: Game[Any], server: MinecraftServer | SourceServer, password: str) -> None:
        self.game = game
        self.server = server
        self.password = password

    def connect(
        self, *, timeout_s: float = LONG_S, login_s: float = LONG_S
    ) -> contextlib.AbstractAsyncContextManager[Session]:
        endpoint = self.game.endpoint(self.server, self.password, timeout_s=timeout_s, login_s=login_s)
        return ADAPTERS[self.game.adapter].connect(endpoint)

    async def works(self) -> bool:
        """Whether a new connection gives the right answer."""
        async with self.connect() as session:
            return await session.send(self.game.steady_command) == self.game.steady_answer


@pytest.fixture(params=EVERY.values(), ids=list(EVERY))
async def table(request: pytest.FixtureRequest, secret: Callable[[str], str]) -> AsyncIterator[Table]:
    password = secret("an RCON password")
    async with request.param.server(password) as server:
        yield Table(request.param, server, password)
    gc.collect()  # an unclosed socket or transport is a ResourceWarning, and warnings are errors


def clean(error: BaseException, table: Table) -> bool:
    """Whether a message says where, and neither it nor anything it carries says the password."""
    told: list[str] = []
    link: BaseException | None = error
    while link is not None:
        told.append(f"{link!r} {link}")
        link = link.__cause__ or link.__context__
    return table.password not in "\n".join(told) and table.server.address in str(error)


async def test_every_command_gets_its_own_answer(table: Table) -> None:
    async with table.connect() as session:
        for command, answer in table.game.answers.items():
            assert (await session.send(command)).strip() == answer
    assert table.server.executed == list(table.game.answers)


async def test_many_callers_at_once_each_get_their_own_answer(table: Table) -> None:
    async with table.connect() as session:
        replies = await asyncio.gather(*(session.send(command) for command in table.game.answers))
    assert [reply.strip() for reply in replies] == list(table.game.answers.values())


async def test_a_long_answer_comes_whole_and_the_next_command_is_not_disturbed(table: Table) -> None:
    command, answer = next(iter(table.game.answers.items()))
    async with table.connect() as session:
        assert await session.send(table.game.long_command) == table.game.long_answer
        assert (await session.send(command)).strip() == answer


@pytest.mark.parametrize("fault", HARMLESS)
async def test_a_harmless_peculiarity_changes_no_answer(table: Table, fault: Fault) -> None:
    table.server.faults = {fault}
    async with table.connect() as session:
        assert await session.send(table.game.long_command) == table.game.long_answer
        for command, answer in table.game.answers.items():
            assert (await session.send(command)).strip() == answer


async def test_a_broken_character_does_not_lose_the_answer(table: Table) -> None:
    table.server.faults = {Fault.BAD_UTF8}
    command, answer = next(iter(table.game.answers.items()))
    async with table.connect() as session:
        assert (await session.send(command)).lstrip("\ufffd").strip() == answer


@pytest.mark.parametrize("fault", IN_DOUBT)
async def test_after_a_fault_the_command_is_in_doubt_and_the_connection_never_used_again(
    table: Table, fault: Fault
) -> None:
    first, second, *_ = table.game.answers
    async with table.connect() as session:
        await session.send(first)
        table.server.faults = {fault}
        with pytest.raises(InDoubt) as raised:
            await session.send(second)
        assert clean(raised.value, table)
        ran = list(table.server.executed)
        with pytest.raises(NotSent) as refused:
            await session.send(second)
        assert clean(refused.value, table)
        assert await asyncio.wait_for(session.wait_closed(), LONG_S) != ""
    assert table.server.executed == ran
    assert (second in ran) == (fault is not Fault.CLOSE_UNEXECUTED)
    table.server.faults = set()
    assert await table.works()


async def test_without_an_answer_in_time_the_command_is_in_doubt_and_its_late_answer_goes_nowhere(table: Table) -> None:
    first, second, *_ = table.game.answers
    table.server.answer_gate = asyncio.Event()
    async with table.connect(timeout_s=SOON_S) as session:
        with pytest.raises(InDoubt) as raised:
            await session.send(first)
        assert clean(raised.value, table)
        await asyncio.wait_for(table.server.waiting.wait(), LONG_S)  # it ran, however late the server came to it
        table.server.answer_gate.set()
        with pytest.raises(NotSent):
            await session.send(second)
    assert table.server.executed == [first]
    async with table.connect() as session:
        assert (await session.send(second)).strip() == table.game.answers[second]


async def test_a_command_given_up_closes_the_connection(table: Table) -> None:
    first, second, *_ = table.game.answers
    table.server.answer_gate = asyncio.Event()
    async with table.connect() as session:
        sending = asyncio.create_task(session.send(first))
        await table.server.waiting.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        with pytest.raises(NotSent):
            await session.send(second)
        assert await asyncio.wait_for(session.wait_closed(), LONG_S) != ""
    assert table.server.executed == [first]


async def test_a_caller_that_gives_up_while_it_waits_its_turn_sends_nothing(table: Table) -> None:
    first, second, third, *_ = table.game.answers
    table.server.answer_gate = asyncio.Event()
    async with table.connect() as session:
        sending = asyncio.create_task(session.send(first))
        await table.server.waiting.wait()
        queued = asyncio.create_task(session.send(second))
        await asyncio.sleep(0)
        queued.cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued
        table.server.answer_gate.set()
        assert (await sending).strip() == table.game.answers[first]
        assert (await session.send(third)).strip() == table.game.answers[third]
    assert table.server.executed == [first, third]


async def test_the_answer_counts_when_the_server_closes_behind_it(table: Table) -> None:
    first, *_ = table.game.answers
    table.server.faults = {Fault.CLOSE_ANSWERED}
    async with table.connect() as session:
        assert (await session.send(first)).strip() == table.game.answers[first]
        assert "closed" in await asyncio.wait_for(session.wait_closed(), LONG_S)


async def test_a_session_says_when_its_server_goes_away(table: Table) -> None:
    async with table.connect() as session:
        gone = asyncio.create_task(session.wait_closed())
        await session.send(next(iter(table.game.answers)))
        assert not gone.done()
        await table.server.down()
        assert await asyncio.wait_for(gone, LONG_S) != ""
        with pytest.raises(NotSent):
            await session.send(next(iter(table.game.answers)))
    await table.server.up()
    assert await table.works()


async def test_a_refused_password_says_where_and_what_to_do(table: Table) -> None:
    table.server.faults = {Fault.REFUSE_PASSWORD}
    with pytest.raises(AuthRefused, match="password") as raised:
        async with table.connect():
            pass
    assert clean(raised.value, table)
    table.server.faults = set()
    assert await table.works()


async def test_a_login_closed_without_a_word_is_told_apart(table: Table) -> None:
    table.server.faults = {Fault.CLOSE_LOGIN}
    with pytest.raises(LoginClosed) as raised:
        async with table.connect():
            pass
    assert clean(raised.value, table)
    table.server.faults = set()
    assert await table.works()


async def test_a_login_without_an_answer_ends_in_time(table: Table) -> None:
    table.server.faults = {Fault.SILENT_LOGIN}
    with pytest.raises(NotSent, match="login") as raised:
        async with table.connect(login_s=SOON_S):
            pass
    assert clean(raised.value, table)
    assert not isinstance(raised.value, LoginClosed)


async def test_a_login_given_up_closes_the_socket(table: Table) -> None:
    table.server.faults = {Fault.SILENT_LOGIN}

    async def log_in() -> None:
        async with table.connect():
            pytest.fail("the server never answered")

    trying = asyncio.create_task(log_in())
    await table.server.waiting.wait()
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying
    table.server.faults = set()
    assert await table.works()


async def test_a_server_that_is_down_is_not_sent_to(table: Table) -> None:
    await table.server.down()
    with pytest.raises(NotSent, match="running") as raised:
        async with table.connect():
            pass
    assert clean(raised.value, table)
    assert not isinstance(raised.value, LoginClosed)


async def test_a_command_the_protocol_cannot_carry_never_leaves_and_harms_nothing(table: Table) -> None:
    first, *_ = table.game.answers
    most = ADAPTERS[table.game.adapter].max_command_bytes
    async with table.connect() as session:
        for wrong in ("say a\0b", "say a\nop Eve", "say " + "x" * most, "say " + "é" * most, "say \ud800"):
            with pytest.raises(NotSent) as raised:
                await session.send(wrong)
            assert clean(raised.value, table)
        assert (await session.send(first)).strip() == table.game.answers[first]
        largest = "say " + "x" * (most - 4)
        await session.send(largest)
    assert table.server.executed == [first, largest]


async def test_players_are_listed_with_their_identities(table: Table) -> None:
    names = table.server.console.names
    async with table.connect() as session:
        expected = {Player(identity, names[identity]) for identity in table.server.console.online}
        assert set(await session.players()) == expected
        assert set(await session.players()) == expected


async def test_a_list_that_is_none_is_no_roster(table: Table) -> None:
    for command in table.game.lists:
        table.server.answered[command] = "Online (2): Ann, Bob"
    async with table.connect() as session:
        with pytest.raises(InDoubt) as raised:
            await session.players()
    assert clean(raised.value, table)


async def test_a_server_still_starting_answers_in_its_own_time(table: Table) -> None:
    first, *_ = table.game.answers
    table.server.start_gate = asyncio.Event()
    async with table.connect() as session:
        sending = asyncio.create_task(session.send(first))
        await table.server.waiting.wait()
        assert table.server.executed == []
        table.server.start_gate.set()
        assert (await sending).strip() == table.game.answers[first]


async def test_no_error_is_of_another_type_than_promised(table: Table) -> None:
    """Every fault at once on the way in: whatever comes, it is one of the adapter's own errors."""
    for fault in Fault:
        table.server.faults = {fault}
        with contextlib.suppress(AdapterError):
            async with table.connect(timeout_s=SOON_S, login_s=SOON_S) as session:
                reply = await session.send(next(iter(table.game.answers)))
                assert re.sub("\ufffd", "", reply).strip() == next(iter(table.game.answers.values()))
                table.server.console.items.clear()
