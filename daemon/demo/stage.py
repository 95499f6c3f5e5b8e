"""What the demo runs on: the sandbox, a config written for it, the real daemon, and a clock that can jump forward.

`story.py` uses it. It never waits for time to pass: it checks every few milliseconds whether something happened, and
the days of the story are jumps of the clock.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from perkd.adapters import ADAPTERS

from ..app import App
from ..config import SecretSources, load
from ..core.model import State
from ..runtime import Clock
from ..sandbox import PASSWORD, Goods, GoodsState, ProductCommand, Sandbox, Style

PATIENCE_S = 20.0  # a step that takes longer has failed
LOOK_AGAIN_S = 0.02
ANN, BOB = "069a79f4-44e9-4726-a5be-fca90e38aaf5", "61699b2e-d327-4a01-9f1e-0ea8c3f06bc6"
CLEO = 22202  # the number of her Steam account

CONFIG = """\
[store]
api = "{api}"

[customers]
tokens = "file:{folder}/customers.toml"

[poll]
rate = 100.0

[ledger]
url = "sqlite://{folder}/ledger.db"

[http]
listen = "127.0.0.1:{port}"

[control]
socket = "{folder}/control.sock"

[[server]]
name = "survival"
game = "minecraft"
address = "{survival}"
password = "{password}"
paynow_token = "{token}"

[[server]]
name = "roleplay"
game = "gmod"
address = "{roleplay}"
password = "{password}"

[[perk]]
name = "vip"
kind = "lasting"
products = ["vip-30-days"]
servers = ["survival"]
grant = ["lp user {{uuid}} parent add vip"]
revoke = ["lp user {{uuid}} parent remove vip"]
revoke_on = {{ chargeback = ["ban {{name}} Chargeback"] }}

[[perk]]
name = "starter-kit"
kind = "once"
products = ["starter-kit"]
servers = ["survival"]
grant = ["give {{name}} minecraft:diamond 16", "say Thank you, {{name}}!"]

[[perk]]
name = "builder"
kind = "lasting"
products = ["builder"]
servers = ["roleplay"]
grant = ["ulx adduserid {{steam_id2}} builder"]
revoke = ["ulx removeuserid {{steam_id2}}"]
"""


class StoryStuck(Exception):
    """Something the story waited for did not happen; the message names it."""


class Hands:
    """The time of the story: the real time plus all jumps so far."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead.total_seconds()

    def jump(self, by: timedelta) -> None:
        self._ahead += by


class Stage:
    """Everything the story uses. It reads commands and status from the daemon's HTTP interface, as an owner would."""

    def __init__(self, box: Sandbox, app: App, hands: Hands, http: aiohttp.ClientSession) -> None:
        self.box, self.app, self.hands = box, app, hands
        self.store, self.server, self.roleplay = box.store, box.servers["survival"], box.source["roleplay"]
        self._http = http

    @property
    def url(self) -> str:
        host, port = self.app.address or ("127.0.0.1", 0)
        return f"http://{host}:{port}"

    async def commands(self) -> list[dict[str, Any]]:
        """Every command the ledger has, oldest first."""
        return list(reversed((await self._get("/commands?limit=1000"))["commands"]))

    async def status(self) -> dict[str, Any]:
        return await self._get("/status")

    async def until(self, what: str, happened: Callable[[], bool]) -> None:
        """Returns once `happened` is true. Raises StoryStuck, which names `what`, after PATIENCE_S."""
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            await self._again(what, deadline)

    async def settled(self, count: int) -> list[dict[str, Any]]:
        """All commands, once there are at least `count` and none is planned or being sent. Raises StoryStuck."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = await self.commands()
            if len(found) >= count and not any(command["state"] in (State.PLANNED, State.SENDING) for command in found):
                return found
            await self._again(f"{count} commands to be settled", deadline)

    async def looked(self) -> None:
        """Returns once perkd has read every customer again and recorded the result. Jumps over the poll interval."""
        polling = self.app.polling
        await self.until("all customers to be read", lambda: polling.resting)
        since = self.hands.now()
        self.hands.jump(timedelta(minutes=16))
        await self.until(
            "every customer to be read again",
            lambda: polling.resting and all((watch.read_at or since) > since for watch in polling.roll),
        )

    async def activated(self, item: Goods) -> None:
        """Returns once perkd acknowledged the item's command. Jumps over the time between queue polls."""
        deadline = time.monotonic() + PATIENCE_S
        while item.state == GoodsState.USABLE:
            self.hands.jump(timedelta(seconds=11))
            for _ in range(20):
                if item.state == GoodsState.USABLE:
                    await self._again("the item to be activated", deadline)

    @staticmethod
    async def _again(what: str, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise StoryStuck(f"waited {PATIENCE_S:.0f} s for: {what}")
        await asyncio.sleep(LOOK_AGAIN_S)

    async def _get(self, path: str) -> dict[str, Any]:
        async with self._http.get(self.url + path) as answer:
            found: dict[str, Any] = await answer.json()
            return found


@asynccontextmanager
async def raised(folder: Path, port: int) -> AsyncIterator[Stage]:
    """The stage with the daemon running; stops everything at the end."""
    hands = Hands()
    lag = timedelta(seconds=40)
    async with Sandbox(("survival",), {"roleplay": Style.GMOD}, now=hands.now, sweeper_lag=lag) as box:
        tokens = {name: box.store.add_customer(name, uuid) for name, uuid in (("Ann", ANN), ("Bob", BOB))}
        gameserver = box.store.add_gameserver("survival")
        activation = ProductCommand(content="perkd", gameserver_ids=(gameserver.id,))
        box.store.add_product("vip-30-days", name="VIP (30 days)", lasts=timedelta(days=30), commands=[activation])
        box.store.add_product("starter-kit", name="Starter kit")
        console = box.servers["survival"].console
        console.account("Ann", ANN)
        console.join("Bob", BOB)
        steam_id = box.source["roleplay"].console.join("Cleo", CLEO)
        tokens["Cleo"] = box.store.add_customer("Cleo", steam_id=steam_id)
        box.store.add_product("builder", name="Builder")
        lines = "".join(f'[[customer]]\nname = "{name}"\ntoken = "{token}"\n' for name, token in tokens.items())
        _write(folder / "customers.toml", lines)
        addresses = {"survival": box.servers["survival"].address, "roleplay": box.source["roleplay"].address}
        secrets = {"password": PASSWORD, "token": gameserver.token}
        config = CONFIG.format(api=box.store.url, folder=folder, port=port, **secrets, **addresses)
        _write(folder / "config.toml", config)
        settings = load(folder / "config.toml", ADAPTERS, SecretSources.of({}), need_secrets=True)
        app = App(settings, ADAPTERS, Clock(hands.now, hands.monotonic))
        running = asyncio.create_task(app.run(), name="the daemon")
        try:
            await _ready(app, running)
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
                yield Stage(box, app, hands, http)
        finally:
            app.stop.set()
            await running


async def _ready(app: App, running: asyncio.Task[None]) -> None:
    ready = asyncio.create_task(app.loaded())
    await asyncio.wait((ready, running), return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if running.done():
        running.result()


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
