"""`perkd demo` and `perkd sandbox`: the story plays, and the sandbox gives an owner everything to try perkd."""

import asyncio
import json
import re
import signal
import stat
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from perkd.daemon.demo import play
from tests.world import DEADLINE_S, ROOT, World, gone


@asynccontextmanager
async def sandbox(*arguments: str) -> AsyncIterator[tuple[Process, str]]:
    """The sandbox as a process, and what it printed at its start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "perkd", "sandbox", *arguments, cwd=ROOT, stdout=PIPE, stderr=STDOUT
    )
    try:
        assert process.stdout is not None
        text = ""
        async with asyncio.timeout(DEADLINE_S):
            while "Ctrl-C" not in text:
                line = await process.stdout.readline()
                assert line, text
                text += line.decode()
        yield process, text
    finally:
        await gone(process)


async def test_the_story_plays_to_its_end_in_this_process() -> None:
    assert await play(once=True) == 0


async def test_the_sandbox_lists_its_addresses_and_writes_a_config_that_works(tmp_path: Path) -> None:
    config = tmp_path / "try.toml"
    async with sandbox("--write-config", str(config)) as (process, text), World(tmp_path) as world:
        control = re.search(r"^control +(http://127\.0\.0\.1:\d+)$", text, re.MULTILINE)
        assert control is not None
        async with aiohttp.ClientSession() as session, session.get(control[1]) as answer:
            there = await answer.json()
        assert f"store      {there['store']['url']}\n" in text
        for customer in there["customers"]:
            assert customer["tokens"][0] in text
        for product in there["products"]:
            assert f"  {product['slug']} " in text
        for file in (config, tmp_path / "try-customers.toml"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        check, plan = await asyncio.gather(
            world.perkd("check", "--connect", "-c", str(config)), world.perkd("plan", "--fresh", "-c", str(config))
        )
        assert check.code == 0, check
        assert "4 tokens" in check.out
        assert "roleplay (gmod " in check.out
        assert re.search(r"^survival +vip +1 +0 +0 +0$", plan.out, re.MULTILINE), plan
        async with aiohttp.ClientSession() as session:
            bought = {"customer": "Dora", "product": "builder-30-days", "activate": True}
            async with session.post(f"{control[1]}/purchases", json=bought) as answer:
                assert answer.status == 200
            assert there["store"]["api_key"] in text
            async with session.post(f"{control[1]}/servers/roleplay/down") as answer:
                assert (await answer.json())["up"] is False
            down = await world.perkd("check", "--connect", "--json", "-c", str(config))
            assert down.code == 1
            states = {server["name"]: server["state"] for server in json.loads(down.out)["servers"]}
            assert states == {"survival": "up", "creative": "up", "roleplay": "unreachable"}
            async with session.post(f"{control[1]}/servers/roleplay/up") as answer:
                assert (await answer.json())["up"] is True
        steam = await world.perkd("plan", "--fresh", "-c", str(config))
        assert "ulx adduserid STEAM_0:0:11101 builder" in steam.out
        for example in re.findall(r"curl -s -X POST (\S+?)(?:/items/ITEM/revoke)? ", text):
            assert example.startswith(control[1])
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), DEADLINE_S) == 0


async def test_the_sandbox_replaces_no_foreign_file_and_takes_no_used_port(tmp_path: Path) -> None:
    own = tmp_path / "config.toml"
    own.write_text("[store]\n")
    async with World(tmp_path / "world") as world:
        port = world.store.url.rpartition(":")[2]
        taken, kept = await asyncio.gather(
            world.perkd("sandbox", "--port", port), world.perkd("sandbox", "--write-config", str(own))
        )
    assert (taken.code, kept.code) == (1, 1)
    assert f"port {port}" in taken.err
    assert str(own) in kept.err
    assert own.read_text() == "[store]\n"
