"""The whole sandbox: an emulated store, emulated game servers, and the control interface.

`perkd demo`, `perkd sandbox` and the flow tests start one and connect perkd to it.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Self

from .control import Control
from .games.minecraft import MinecraftServer
from .games.source import SourceServer
from .games.source_console import Style
from .store.server import Store

PASSWORD = "sandbox"  # noqa: S105 - a test password: these servers listen on loopback and hold no secrets


class Sandbox:
    """One store, its game servers by name, and the control interface, all on loopback. Use it as a context manager.

    `servers` names the Minecraft servers; `source` maps each Source engine server's name to its game.
    """

    def __init__(
        self,
        servers: Iterable[str] = ("survival",),
        source: Mapping[str, Style] | None = None,
        *,
        password: str = PASSWORD,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sweeper_lag: timedelta | None = None,
    ) -> None:
        self.store = Store(now=now, sweeper_lag=sweeper_lag)
        self.servers = {name: MinecraftServer(password=password) for name in servers}
        self.source = {name: SourceServer(password=password, style=style) for name, style in (source or {}).items()}
        self._all: dict[str, MinecraftServer | SourceServer] = {**self.servers, **self.source}
        self.control = Control(self.store, self._all)
        self._running = AsyncExitStack()

    async def start(self, *, store_port: int = 0, control_port: int = 0) -> None:
        """Opens every port (0: a free one). When one cannot be opened, closes the others again."""
        async with AsyncExitStack() as opened:
            await self.store.start(store_port)
            opened.push_async_callback(self.store.stop)
            for server in self._all.values():
                await server.start()
                opened.push_async_callback(server.stop)
            await self.control.start(control_port)
            opened.push_async_callback(self.control.stop)
            self._running = opened.pop_all()

    async def stop(self) -> None:
        """Closes everything, last opened first. A second call does nothing."""
        await self._running.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
