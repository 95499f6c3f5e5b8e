"""Servers that are not like the others: each oddity is a switch of the emulated server, over every row of EVERY.

Whatever the switch, a reply belongs to its command, or the command is in doubt or was not sent; nothing is a setting;
and when the switch is off again the next connection works. What each comes to is the matrix that `make test` prints.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from perkd.adapters import ADAPTERS
from perkd.adapters.base import AdapterError, AuthRefused, InDoubt, LoginClosed, NotSent, Session
from perkd.daemon.sandbox.games.minecraft import Fault, MinecraftServer
from perkd.daemon.sandbox.games.source import SourceServer
from tests import matrix
from tests.contract.games import EVERY, Game

SOON_S = 0.2  # for a server that is meant to let it pass
LONG_S = 60.0
BIG = 2_000_000  # characters of one answer

Record = Callable[[str, object], None]
Server = MinecraftServer | SourceServer


class Told(StrEnum):
    """How a command ended, for whoever sent it."""

    ANSWERED = "answered"
    IN_DOUBT = "in doubt"
    NOT_SENT = "not sent"
    LOGIN_CLOSED = "not sent (login closed)"
    REFUSED = "password refused"

    @classmethod
    def of(cls, error: AdapterError) -> "Told":
        by_type = {
            InDoubt: cls.IN_DOUBT,
            NotSent: cls.NOT_SENT,
            LoginClosed: cls.LOGIN_CLOSED,
            AuthRefused: cls.REFUSED,
        }
        return by_type[type(error)]


# A short command, a long one, a short one: what each is told until the first that gets no answer. After that one the
# connection is over, whatever it was.
GOOD = (Told.ANSWERED, Told.ANSWERED, Told.ANSWERED)
AT_ONCE = (Told.IN_DOUBT,)
EXPECTED: dict[Fault, tuple[Told, ...]] = {
    Fault.REFUSE_PASSWORD: (Told.REFUSED,),
    Fault.SILENT_LOGIN: (Told.NOT_SENT,),
    Fault.CLOSE_LOGIN: (Told.LOGIN_CLOSED,),
    Fault.ONE_NUL_LOGIN: GOOD,
    Fault.NEVER_ANSWER: AT_ONCE,
    Fault.CLOSE_UNEXECUTED: AT_ONCE,
    Fault.CLOSE_EXECUTED: AT_ONCE,
    Fault.RESET_EXECUTED: AT_ONCE,
    Fault.CUT_ANSWER: AT_ONCE,
    Fault.STALL_ANSWER: AT_ONCE,
    Fault.FOREIGN_ID: AT_ONCE,
    Fault.SIZE_NEGATIVE: AT_ONCE,
    Fault.SIZE_SMALL: AT_ONCE,
    Fault.SIZE_HUGE: AT_ONCE,
    Fault.NOT_RCON: AT_ONCE,
    Fault.CLOSE_UNKNOWN_TYPE: (Told.ANSWERED, Told.IN_DOUBT),  # only a long answer is probed
    Fault.CLOSE_ANSWERED: (
        Told.ANSWERED,
    ),  # the next command is not sent, or in doubt: the end may still be on its way
    Fault.FRAGMENTS: GOOD,
    Fault.BAD_UTF8: GOOD,
    Fault.EXTRA_EMPTY: GOOD,
    Fault.ONE_PACKET: GOOD,
    Fault.IGNORE_EARLY: GOOD,
    Fault.DROP_MISFIT: GOOD,
}
HANGING = {Fault.NEVER_ANSWER, Fault.STALL_ANSWER}
MINECRAFTS_OWN = {Fault.CLOSE_UNKNOWN_TYPE, Fault.IGNORE_EARLY, Fault.DROP_MISFIT}
ODDITIES = [
    (name, fault)
    for name, game in EVERY.items()
    for fault in Fault
    if game.adapter == "minecraft" or fault not in MINECRAFTS_OWN
]


def short(game: Game[Any]) -> list[str]:
    return list(game.answers)


@contextlib.asynccontextmanager
async def connected(
    game: Game[Any], server: Server, *, timeout_s: float = LONG_S, login_s: float = LONG_S
) -> AsyncIterator[Session]:
    endpoint = game.endpoint(server, server.password, timeout_s=timeout_s, login_s=login_s)
    async with ADAPTERS[game.adapter].connect(endpoint) as session:
        yield session


async def ask(game: Game[Any], session: Session, command: str) -> Told:
    """Sends one command. A reply that is not its own fails the test here."""
    try:
        reply = await session.send(command)
    except AdapterError as error:
        return Told.of(error)
    right = game.long_answer if command == game.long_command else game.answers[command]
    assert reply.replace("\ufffd", "").strip() == right.strip(), f"{command} was given another answer"
    return Told.ANSWERED


async def converse(
    game: Game[Any], server: Server, commands: Iterable[str], *, timeout_s: float = LONG_S, login_s: float = LONG_S
) -> list[tuple[str, Told]]:
    """Every command with what it came to, in one connection."""
    told: list[tuple[str, Told]] = []
    try:
        async with connected(game, server, timeout_s=timeout_s, login_s=login_s) as session:
            for command in commands:
                told.append((command, await ask(game, session, command)))  # noqa: PERF401 - what was told before an error counts
    except AdapterError as error:
        told.append(("", Told.of(error)))
    return told


def check_runs(server: Server, told: Sequence[tuple[str, Told]]) -> None:
    """An answered command ran once, one that was not sent did not, one in doubt at most once."""
    ran = Counter(server.executed)
    answered = Counter(command for command, outcome in told if outcome is Told.ANSWERED)
    doubted = Counter(command for command, outcome in told if outcome is Told.IN_DOUBT)
    assert answered <= ran <= answered + doubted


async def works(game: Game[Any], server: Server) -> bool:
    told = await converse(game, server, [game.steady_command])
    return told == [(game.steady_command, Told.ANSWERED)]


@pytest.fixture(params=list(EVERY))
def row(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def server(row: str, secret: Callable[[str], str]) -> AsyncIterator[Server]:
    async with EVERY[row].server(secret("an RCON password")) as running:
        yield running


@pytest.mark.parametrize(("row", "fault"), ODDITIES, indirect=["row"])
async def test_each_oddity_ends_as_it_must_and_leaves_nothing_behind(
    row: str, server: Server, fault: Fault, record_property: Record
) -> None:
    game = EVERY[row]
    first, second, *_ = short(game)
    server.faults = {fault}
    told = await converse(
        game,
        server,
        [first, game.long_command, second],
        timeout_s=SOON_S if fault in HANGING else LONG_S,
        login_s=SOON_S if fault is Fault.SILENT_LOGIN else LONG_S,
    )
    outcomes = [outcome for _, outcome in told]
    expected = EXPECTED[fault]
    record_property(*matrix.cell(fault, row, ", then ".join(expected[-2:]) if expected is not GOOD else Told.ANSWERED))
    assert tuple(outcomes[: len(expected)]) == expected
    over = outcomes[len(expected) :]
    if fault is Fault.CLOSE_ANSWERED:
        assert over[0] in {Told.NOT_SENT, Told.IN_DOUBT}
        over = over[1:]
    assert set(over) <= {Told.NOT_SENT}
    check_runs(server, told)
    server.faults = set()
    assert await works(game, server)


def test_every_oddity_has_an_expected_end() -> None:
    assert set(EXPECTED) == set(Fault)


async def test_megabytes_in_one_packet_are_one_answer(row: str, server: Server, record_property: Record) -> None:
    record_property(*matrix.cell("two megabytes in one packet", row, Told.ANSWERED))
    game = replace(EVERY[row], long_answer="x" * BIG)
    server.answered[game.long_command] = game.long_answer
    server.faults = {Fault.ONE_PACKET}
    first, *_ = short(game)
    told = await converse(game, server, [game.long_command, first])
    assert [outcome for _, outcome in told] == [Told.ANSWERED, Told.ANSWERED]


async def test_a_login_taken_during_start_up_gets_its_first_answer_when_the_world_is_there(
    row: str, server: Server, record_property: Record
) -> None:
    record_property(*matrix.cell("first answer only after start-up", row, Told.ANSWERED))
    game = EVERY[row]
    first, second, *_ = short(game)
    server.start_gate = asyncio.Event()
    async with connected(game, server) as session:
        asking = asyncio.create_task(ask(game, session, first))
        await asyncio.wait_for(server.waiting.wait(), LONG_S)
        assert server.executed == []
        assert not asking.done()
        server.start_gate.set()
        assert await asking is Told.ANSWERED
        assert await ask(game, session, second) is Told.ANSWERED


async def test_a_command_given_up_during_start_up_is_in_doubt_although_it_runs_later(
    row: str, server: Server, record_property: Record
) -> None:
    record_property(*matrix.cell("start-up longer than the timeout", row, Told.IN_DOUBT))
    game = EVERY[row]
    first, second, *_ = short(game)
    server.start_gate = asyncio.Event()
    async with connected(game, server, timeout_s=SOON_S) as session:
        assert await ask(game, session, first) is Told.IN_DOUBT
        assert await ask(game, session, second) is Told.NOT_SENT
        server.start_gate.set()
    told = await converse(game, server, [second])
    assert told == [(second, Told.ANSWERED)]
    assert server.executed.count(second) == 1


async def test_a_restart_between_two_commands_gives_nobody_anothers_answer(
    row: str, server: Server, record_property: Record
) -> None:
    record_property(*matrix.cell("restart between two commands", row, "not sent or in doubt"))
    game = EVERY[row]
    first, second, third, *_ = short(game)
    async with connected(game, server) as session:
        assert await ask(game, session, first) is Told.ANSWERED
        await server.down()
        await server.up()
        told = [(second, await ask(game, session, second)), (third, await ask(game, session, third))]
        assert told[0][1] in {Told.NOT_SENT, Told.IN_DOUBT}
        assert told[1][1] is Told.NOT_SENT
    assert server.executed == [first]
    assert await works(game, server)


@pytest.mark.parametrize("fault", [Fault.NEVER_ANSWER, Fault.SILENT_LOGIN])
async def test_hung_servers_cost_a_healthy_one_nothing(
    row: str, fault: Fault, secret: Callable[[str], str], record_property: Record
) -> None:
    """Eight of them: more than the shared thread pool of a machine with two cores has threads."""
    record_property(*matrix.cell(f"a healthy server beside eight with {fault}", row, Told.ANSWERED))
    game = EVERY[row]
    commands = short(game)
    async with contextlib.AsyncExitStack() as stack:
        healthy = await stack.enter_async_context(game.server(secret("an RCON password")))
        hung = [await stack.enter_async_context(game.server(secret("an RCON password"))) for _ in range(8)]
        waiting = []
        for server in hung:
            server.faults = {fault}
            waiting.append(asyncio.create_task(converse(game, server, commands[:1], timeout_s=60, login_s=60)))
        for server in hung:
            await asyncio.wait_for(server.waiting.wait(), LONG_S)
        told = await asyncio.wait_for(converse(game, healthy, commands), LONG_S)
        assert [outcome for _, outcome in told] == [Told.ANSWERED] * len(commands)
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


ODD = st.lists(st.tuples(st.sampled_from([None, *Fault]), st.integers(0, 6)), min_size=1, max_size=8)


@pytest.mark.volume
@pytest.mark.parametrize("name", list(EVERY))
@settings(max_examples=25)
@given(script=ODD)
@example(script=[(Fault.REFUSE_PASSWORD, 0)] * 5)  # a Source server bans an address after five wrong passwords
def test_in_whatever_order_the_oddities_come_no_command_is_told_another_ones_answer(
    name: str, script: list[tuple[Fault | None, int]]
) -> None:
    asyncio.run(play(EVERY[name], script))


async def play(game: Game[Any], script: list[tuple[Fault | None, int]]) -> None:
    """Each step turns one switch on (or all off) and sends one command; a connection is kept as long as it lasts. What
    is in doubt may run in any later step."""
    told: list[tuple[str, Told]] = []
    commands = [*short(game), game.long_command]
    async with game.server("a-password-of-no-consequence") as server, contextlib.AsyncExitStack() as stack:
        server.answered |= {**game.answers, game.long_command: game.long_answer}  # the same answer each time
        session: Session | None = None
        for fault, number in script:
            server.faults = {fault} if fault else set()
            command = commands[number % len(commands)]
            outcome = Told.NOT_SENT
            try:
                if session is None:
                    session = await stack.enter_async_context(connected(game, server, timeout_s=0.05, login_s=0.05))
                outcome = await ask(game, session, command)
            except AdapterError as error:
                assert isinstance(error, NotSent | AuthRefused)  # noqa: PT017 - others may not come out of `connect`
            if outcome is not Told.ANSWERED:
                await stack.aclose()
                session = None
            told.append((command, outcome))
            check_runs(server, told)
        server.faults = set()
        assert await works(game, server)
