"""The PyPI package mcrcon, as shipped, is an independent client of the emulated server: what it understands is RCON.

It runs in a process of its own, because it uses signals and works on a main thread only.
"""

import asyncio
import os
import sys
from collections.abc import Callable

import pytest

from perkd.daemon.sandbox.games.minecraft import MinecraftServer

CLIENT = """
import os, sys
from mcrcon import MCRcon, MCRconException
try:
    with MCRcon("127.0.0.1", os.environ["RCON_PASSWORD"], port=int(sys.argv[1])) as rcon:
        for command in sys.argv[2:]:
            print(rcon.command(command))
except MCRconException as error:
    print("error:", error)
"""


async def ask(server: MinecraftServer, password: str, *commands: str) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CLIENT,
        str(server.port),
        *commands,
        env={**os.environ, "RCON_PASSWORD": password},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, error = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, error) == (0, b"")
    return out.decode().splitlines()


@pytest.mark.parametrize("bukkit", [False, True])
async def test_mcrcon_logs_in_and_reads_every_answer(bukkit: bool, secret: Callable[[str], str]) -> None:
    password = secret("an RCON password")
    async with MinecraftServer(password=password) as server:
        server.console.bukkit = bukkit
        server.console.join("Ann")
        told = await ask(server, password, "give Ann diamond 3", "whitelist add Ann", "lp user Ann parent add vip")
    assert [line for line in told if line] == [
        "Gave 3 [Diamond] to Ann",
        "Added Ann to the whitelist",
        "[LP] Ann now inherits permissions from vip in context global.",
    ]
    assert server.executed == ["give Ann diamond 3", "whitelist add Ann", "lp user Ann parent add vip"]


async def test_mcrcon_is_refused_with_a_wrong_password(secret: Callable[[str], str]) -> None:
    async with MinecraftServer(password=secret("an RCON password")) as server:
        told = await ask(server, secret("a wrong RCON password"), "op Ann")
    assert told == ["error: Login failed"]
    assert server.executed == []
