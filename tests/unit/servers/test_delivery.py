"""Delivery that is cancelled while it claims a command, with a real ledger."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from perkd.daemon.core.roster import Roster
from perkd.daemon.ledger import Ledger
from perkd.daemon.runtime.clock import Clock
from perkd.daemon.runtime.context import Context
from perkd.daemon.servers.delivery import Delivery
from perkd.daemon.servers.link import Link
from tests.ledgers import NOW, claim, later, opens, record, rows, server, told
from tests.tinygame import TinyGame


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "ledger.db", NOW)
    yield opened
    await opened.close()


@pytest.mark.parametrize("cancellations", [1, 3])
async def test_a_command_claimed_while_perkd_stops_waits_again_and_was_not_sent(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, cancellations: int
) -> None:
    """The claim is committed, but its answer comes only after the cancellation."""
    await record(ledger, opens("give Ann"))
    claimed, answer, real = asyncio.Event(), asyncio.Event(), ledger.commands.claim

    async def slow(*asked: Any) -> Any:
        command = await real(*asked)
        claimed.set()
        await answer.wait()
        return command

    monkeypatch.setattr(ledger.commands, "claim", slow)
    link = Link(server(), TinyGame("name"), clock := Clock(lambda: NOW))
    link.up.set()
    delivery = Delivery(
        link, TinyGame("name"), Roster(), ledger.commands, Context.of(clock), elsewhere=lambda _places: None
    )
    running = asyncio.create_task(delivery.loop.run())
    await claimed.wait()
    [sending] = await rows(ledger)
    for _ in range(cancellations):
        running.cancel()
        await asyncio.sleep(0)
    assert not running.done()
    answer.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    [waits] = await rows(ledger)
    assert (sending.state, waits.state) == ("sending", "planned")
    assert await told(ledger, waits.id) == [(None, "planned"), ("planned", "sending"), ("sending", "planned")]
    monkeypatch.undo()
    again = await claim(ledger, later(minutes=1))
    assert again is not None
    assert again.text == "give Ann"
