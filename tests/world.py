"""A whole small world for flow tests: an emulated store and game server, a config, and perkd beside them.

The tests of tests/flow use it as a context manager: `async with World(tmp_path) as world`. Time is real time plus what
the test added, both for perkd (in this process) and for the store.
"""

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Adapter
from perkd.daemon.app import App
from perkd.daemon.config import SecretSources, Settings, load
from perkd.daemon.paynow.transport import exchange
from perkd.daemon.paynow.transport.exchange import Timeouts
from perkd.daemon.runtime.clock import Clock
from perkd.daemon.sandbox.store.goods import STORE_ID
from perkd.daemon.sandbox.world import Sandbox
from tests import secretwatch
from tests.clock import Hands
from tests.forks import FORKS, command_line

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 60.0  # long, for busy machines; only a failing test waits this long
WATCHED = 200  # most customers whose tokens are searched for in the output: each slows down all later tests

VIP = """
[[perk]]
name = "vip"
kind = "lasting"
products = ["vip-30-days"]
servers = ["survival"]
grant = ["lp user {uuid} parent add vip"]
revoke = ["lp user {uuid} parent remove vip"]
"""
KIT = """
[[perk]]
name = "starter-kit"
kind = "once"
products = ["starter-kit"]
servers = ["survival"]
grant = ["give {name} iron_sword 1"]
"""


def patient_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets one request to the store take ten minutes, so that whatever ends earlier did not wait for it."""
    monkeypatch.setattr(exchange, "Timeouts", lambda: Timeouts(connect_s=600.0, total_s=600.0))


@dataclass(frozen=True, slots=True)
class Said:
    """How a run of the command line ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> dict[str, Any]:
        """The error of a verb that ran with JSON output: its code, message and facts by name."""
        found: dict[str, Any] = json.loads(self.out)["error"]
        return found


async def gone(process: Process) -> None:
    """Makes sure that the process has ended; kills it if necessary, so that it cannot disturb later tests."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class World:
    """`box` is the sandbox, `store` and `server` (survival) its parts, `folder` holds config, tokens and ledger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hands = Hands(running=True)
        self.password = secretwatch.mint("RCON password")
        self.box = Sandbox(password=self.password, now=self.hands.now)
        self.store = self.box.store
        self.server = self.box.servers["survival"]
        self.config_path = folder / "config.toml"
        self.ledger_path = folder / "state" / "ledger.db"
        self.tokens_path = folder / "tokens.toml"
        self.app: App | None = None
        self.program = ("-m", "perkd")  # Python's arguments to run `perkd`
        self._short = Path(tempfile.mkdtemp(prefix="perkd-"))  # a unix socket's path must be short
        self.socket = self._short / "control.sock"
        self._running: asyncio.Task[None] | None = None
        self._processes: list[Process] = []

    async def __aenter__(self) -> Self:
        self.ledger_path.parent.mkdir(parents=True, exist_ok=True)
        await self.box.start()
        self.store.add_product("vip-30-days", lasts=timedelta(days=30))
        self.store.add_product("starter-kit")
        self.tokens_path.touch(mode=0o600)
        self.tokens_path.write_text("# one [[customer]] for each token\n")
        self.write_config()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.stop_app()
        finally:
            for customer in list(self.store.customers.values())[:WATCHED]:  # also tokens that perkd made
                for token in customer.tokens:
                    secretwatch.remember(token, "customer token")
            for process in self._processes:
                await gone(process)
            await self.box.stop()
            shutil.rmtree(self._short)

    # The owner's files and the store

    def write_config(
        self, *more: str, perks: str = VIP + KIT, offline: str = "1s", server: str = "", enrol: str | None = None
    ) -> Path:
        """The config for this world: `more` are whole tables on top, `server` lines for [[server]] survival. With
        `enrol` perkd has the store's API key; its value says for whom perkd makes tokens."""
        key = ""
        if enrol is not None:
            key = f'id = "{STORE_ID}"\napi_key = "{secretwatch.remember(self.store.api_key, "API key")}"'
        text = f"""
[store]
api = "{self.store.url}"
{key}
[customers]
tokens = "file:{self.tokens_path}"
enrol = "{enrol or "off"}"
[poll]
online = "1s"
offline = "{offline}"
rate = 1000.0
[ledger]
url = "sqlite://{self.ledger_path}"
[http]
listen = "127.0.0.1:0"
[control]
socket = "{self.socket}"
[[server]]
name = "survival"
game = "minecraft"
address = "{self.server.address}"
password = "{self.password}"
presence = "1s"
{server}
"""
        self.config_path.write_text("\n".join([text, perks, *more]), "utf-8")
        self.config_path.chmod(0o600)
        return self.config_path

    def add_customer(self, name: str) -> str:
        """A customer of the store with a Minecraft account; returns their token, which perkd does not know yet."""
        uuid = self.server.console.account(name)
        return secretwatch.remember(self.store.add_customer(name, uuid), "customer token")

    def add_token(self, name: str) -> str:
        """Adds a customer whose token is in the tokens file, which perkd reads when it starts."""
        token = self.add_customer(name)
        with self.tokens_path.open("a") as file:
            file.write(f'[[customer]]\ntoken = "{token}"\n')
        return token

    def buy(self, customer: str, product: str = "vip-30-days", *, activate: bool = True) -> str:
        """Buys a product; returns the item's id."""
        [item] = self.store.purchase(customer, product)
        if activate:
            self.store.activate(item.id)
        return item.id

    # perkd in this process

    async def start_app(self, adapters: Mapping[str, Adapter] = ADAPTERS) -> App:
        """Starts perkd with this world's config and clock; returns when it is ready. Raises what its start raised."""

        def read() -> Settings:
            return load(self.config_path, ADAPTERS, SecretSources.of(os.environ), need_secrets=True)

        app = App(read(), adapters, Clock(self.hands.now, self.hands.monotonic), read=read, path=self.config_path)
        self.app, self._running = app, asyncio.create_task(app.run())
        ready = asyncio.create_task(app.loaded())
        await asyncio.wait({ready, self._running}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._running.done():
            await self.stop_app()
        # The store writes some times in whole seconds; this keeps later purchases after the start.
        self.hands.forward(timedelta(seconds=1))
        return app

    async def stop_app(self) -> None:
        """Stops perkd normally. Raises its error when it failed."""
        if self.app is not None and self._running is not None:
            self.app.stop.set()
            running, self._running = self._running, None
            try:
                await asyncio.wait_for(running, DEADLINE_S)
            finally:
                self.app = None  # not earlier: a listener in the store may use the app until the end

    def poll_now(self) -> None:
        """Makes perkd read every customer now, without waiting for the interval."""
        assert self.app is not None, "start_app first"
        self.app.polling.look_now()

    async def until(self, what: Callable[[], object], *, for_s: float = DEADLINE_S) -> None:
        """Returns as soon as `what()` is true; fails after a long deadline, or when perkd failed."""
        deadline = time.monotonic() + for_s
        while not what():
            if self._running is not None and self._running.done():
                await self.stop_app()
            assert time.monotonic() < deadline, f"did not happen within {for_s:.0f} s; sent: {self.server.deliveries}"
            await asyncio.sleep(0.005)

    # perkd as other processes

    async def start(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: int = DEVNULL,
        stdout: int = PIPE,
        stderr: int = PIPE,
    ) -> Process:
        """Starts `perkd` as a process. It always ends with this world."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *self.program, *arguments),
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )
        self._processes.append(process)
        return process

    async def start_daemon(self, *arguments: str, env: Mapping[str, str] | None = None) -> Process:
        """Starts `perkd run` on real time; returns when its socket answers. The caller reads its stderr."""
        daemon = await self.start("run", "-c", str(self.config_path), *arguments, env=env)
        deadline = time.monotonic() + DEADLINE_S
        while await self.ask("/status") is None:
            if daemon.returncode is not None or time.monotonic() > deadline:
                await gone(daemon)
                assert daemon.stderr is not None
                raise AssertionError(f"perkd run did not come up: {(await daemon.stderr.read()).decode()}")
            await asyncio.sleep(0.02)
        return daemon

    async def ask(self, path: str) -> dict[str, Any] | None:
        """The answer of the control socket to a GET; None when there is no answer."""
        try:
            async with (
                aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.socket))) as session,
                session.get(f"http://perkd{path}") as answer,
            ):
                found: dict[str, Any] = await answer.json()
                return found
        except (aiohttp.ClientError, OSError):
            return None

    async def perkd(self, *arguments: str, stdin: str = "") -> Said:
        """One run of the command line without a terminal, on this world's config, in a forked process with all
        imports done (`start` starts a fresh one, as an owner does). Fails when it printed a secret."""
        streams = Path(tempfile.mkdtemp(dir=self._short))
        for name, text in (("in", stdin), ("out", ""), ("err", "")):
            (streams / name).write_text(text, "utf-8")
        process = FORKS.Process(target=command_line, args=(("-c", str(self.config_path), *arguments), streams, ROOT))
        process.start()
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(process.sentinel, ended.set)
        try:
            await asyncio.wait_for(ended.wait(), DEADLINE_S * 2)
        finally:
            loop.remove_reader(process.sentinel)
            if process.exitcode is None:
                process.kill()
            process.join()
            code = process.exitcode
            process.close()
        said = Said(code or 0, (streams / "out").read_text("utf-8"), (streams / "err").read_text("utf-8"))
        leaked = secretwatch.found_in(said.out + said.err)
        assert leaked == [], f"perkd {' '.join(arguments)} printed: {leaked}"
        return said
