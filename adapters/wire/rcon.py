"""Opens RCON connections: connects, logs in, closes.

The game adapters call `open_wire`; what happens on the connection is in `adapters/wire/connection.py`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..base import Endpoint, NotSent
from .connection import Wire, reason
from .dialects import Dialect

__all__ = ["Wire", "open_wire"]


@asynccontextmanager
async def open_wire(endpoint: Endpoint, dialect: Dialect) -> AsyncIterator[Wire]:
    """Connects and logs in, closes at the end. Entering raises NotSent (LoginClosed among them) or AuthRefused."""
    loop = asyncio.get_running_loop()
    address = endpoint.address
    try:
        async with asyncio.timeout(endpoint.connect_timeout_s):
            _, wire = await loop.create_connection(lambda: Wire(endpoint, dialect), endpoint.host, endpoint.port)
    except TimeoutError:
        raise NotSent(
            f"{address} did not answer within {endpoint.connect_timeout_s:g} s: is the address right, the machine up, "
            f"and the port open in its firewall?"
        ) from None
    except (OSError, UnicodeError) as error:
        raise NotSent(
            f"cannot connect to {address} ({reason(error)}): is the game server running, and is this its RCON "
            f"address? Compare with {dialect.advice}"
        ) from None
    try:
        await wire.login(endpoint.password, endpoint.connect_timeout_s)
        yield wire
    finally:
        await wire.close()
