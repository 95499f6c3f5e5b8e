"""Asks one server who is online, over the daemon's own connection.

`control` calls it for `perkd check --connect`. A vanilla Minecraft server answers all RCON connections from one buffer,
so a second connection could receive the daemon's answers.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from datetime import datetime

from perkd.adapters.base import AdapterError

from .link import Link, LinkState

COMING_S = 5.0  # how long to wait for a connection, for a daemon that just started


@dataclass(frozen=True, slots=True)
class Probed:
    """The server's answer. `players` is None when there was no readable answer; `error` says why."""

    name: str
    game: str
    address: str
    transport: str
    state: LinkState  # of the link, before the question
    players: int | None
    latency_s: float | None
    error: str | None
    retry_at: datetime | None


async def probed(link: Link) -> Probed:
    """Asks the server. It waits a moment for a new connection, and for a command in flight."""
    if link.state is LinkState.CONNECTING:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(link.up.wait(), COMING_S)
    state, players, latency_s, error = link.state, None, None, link.last_error
    if state is LinkState.UP:
        began = time.monotonic()
        try:
            players = len(await link.players())
        except AdapterError as problem:
            error = str(problem)
        else:
            latency_s, error = round(time.monotonic() - began, 4), None
    server = link.server
    return Probed(
        name=server.name,
        game=server.game,
        address=server.endpoint.address,
        transport=server.endpoint.transport,
        state=state,
        players=players,
        latency_s=latency_s,
        error=error,
        retry_at=link.retry_at,
    )
