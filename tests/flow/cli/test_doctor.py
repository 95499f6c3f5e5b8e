"""`perkd check --connect`: the store and each server asked once, with the words an owner can act on."""

import asyncio
import json
import re
from pathlib import Path

from aiohttp import web

from perkd.daemon.sandbox.games.minecraft import Fault
from perkd.daemon.sandbox.games.source import SourceServer
from perkd.daemon.sandbox.store.faults import Fault as StoreFault
from tests import secretwatch
from tests.terminal import on_terminal
from tests.world import World

LISTS = ["minecraft:list uuids", "list uuids"]


def connected(world: World, password: str = "") -> list[str]:
    """The arguments, with a config whose server has another password when one is given."""
    if password:
        world.config_path.write_text(world.config_path.read_text().replace(world.password, password))
    return ["check", "--connect"]


async def test_a_world_that_is_well_is_shown_with_what_was_read(tmp_path: Path) -> None:
    async with World(tmp_path) as world, SourceServer(password=world.password) as trade:
        world.add_token("Ann")
        world.buy("Ann")
        world.buy("Ann", "starter-kit")
        for name in ("Ann", "Bob"):
            world.server.console.join(name)
        trade.console.join("Cleo", 42)
        table = f"""
[[server]]
name = "trade"
game = "tf2"
address = "{trade.address}"
password = "{world.password}"
"""
        world.write_config(table)
        said, as_json = await asyncio.gather(
            world.perkd("check", "--connect"), world.perkd("check", "--connect", "--json")
        )
        assert (said.code, as_json.code) == (0, 0), said
        assert f"store {world.store.url}: answers, 1 of 1 token good\n" in said.out
        assert re.search(r"^  customer\[0\]: Ann \(customer \d+\), 2 items visible$", said.out, re.MULTILINE)
        assert re.search(
            r"^server survival \(minecraft at 127\.0\.0\.1:\d+\): 2 players online, answered in \d+ ms, "
            r"native and mcrcon agree$",
            said.out,
            re.MULTILINE,
        )
        assert re.search(r"^server trade \(tf2 at \S+\): 1 player online, answered in \d+ ms$", said.out, re.MULTILINE)
        assert "A product without any command in the store's dashboard is invisible" in said.out
        assert "is in no inventory" not in said.out
        assert said.out.endswith("All is well.\n")
        assert "asked the store for 1 of 1 token\n" in said.err
        assert f"asking survival ({world.server.address}), trade ({trade.address})\n" in said.err
        assert world.server.deliveries == trade.deliveries == []
        told = json.loads(as_json.out)
        assert (told["well"], told["daemon"]) == (True, False)
        assert [server["players"] for server in told["servers"]] == [2, 1]
        assert told["servers"][0]["transports"] == {"native": "2 online", "mcrcon": "2 online"}
        assert told["store"]["tokens"][0]["items"] == 2


async def test_with_a_daemon_a_server_is_asked_through_it_and_nobody_else_connects(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        app = await world.start_app()
        await world.until(app.servers["survival"].link.up.is_set)
        logins = world.server.logins
        said = await world.perkd("check", "--connect")
        assert said.code == 0, said
        assert world.server.logins == logins == 1
        assert "0 players online, answered in" in said.out
        assert "asked through the running daemon\n" in said.out
        assert "a second connection could take answers away from the daemon" in said.out
        assert "answers; there is no token to ask with" in said.out
        world.server.faults.add(Fault.REFUSE_PASSWORD)
        await world.server.down()
        await world.server.up()
        await world.until(lambda: app.servers["survival"].link.state == "refused")
        logins = world.server.logins
        refused = await world.perkd("check", "--connect")
        assert refused.code == 1
        assert "REFUSED: " in refused.out
        assert "fix: correct the password, then `perkd reload`" in refused.out
        assert world.server.logins == logins


async def test_a_refused_password_is_tried_once_and_a_product_nobody_has_is_said(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.buy("Ann")
        said = await world.perkd(*connected(world, secretwatch.mint("wrong password")))
        assert said.code == 1
        assert world.server.logins == 1
        address = world.server.address
        assert f"\nserver survival (minecraft at {address}): REFUSED: {address} refused the RCON password" in said.out
        assert "nothing was tried a second time" in said.out
        assert 'warning: perk "starter-kit": starter-kit is in no inventory read (1 of 1 customer)' in said.out
        assert 'perk "vip"' not in said.out
        assert said.out.endswith("Not all is well: see above.\n")


async def test_a_server_that_hangs_up_at_the_login_looks_like_a_ban_and_is_asked_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.server.faults.add(Fault.CLOSE_LOGIN)
        said = await world.perkd("check", "--connect")
        assert said.code == 1
        assert world.server.logins == 1
        assert f"CLOSED: {world.server.address}: " in said.out
        assert "look for this machine in its list of bans before trying again" in said.out


async def test_two_transports_that_read_different_things_are_said(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.server.console.join("Ann")
        asked = []

        class Changing(dict[str, str]):
            """The second connection's answer differs from every other."""

            def __contains__(self, command: object) -> bool:
                return command in LISTS

            def __getitem__(self, command: str) -> str:
                asked.append(world.server.logins)
                name = "Bob" if world.server.logins == 2 and len(asked) == 2 else "Ann"
                return f"There are 1 of a max of 20 players online: {name}"

        world.server.answered = Changing()
        said = await world.perkd("check", "--connect")
        assert said.code == 1
        assert len(asked) == 3
        assert "native and mcrcon read different players: Ann and Bob" in said.out
        assert 'transport = "native" or "mcrcon" in [[server]]' in said.out


async def test_when_nothing_can_be_reached_it_is_exit_69(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        for name in ("Ann", "Bob"):
            world.add_token(name)
        await world.store.down()
        await world.server.down()
        said = await world.perkd("check", "--connect")
        assert said.code == 69
        assert f"store {world.store.url}: unreachable: cannot connect to 127.0.0.1" in said.out
        assert "1 more token not asked for" in said.out
        assert f"UNREACHABLE: cannot connect to {world.server.address}" in said.out
        assert said.out.endswith("Nothing could be reached: is this machine's network up?\n")


async def test_a_token_the_store_refuses_is_named_by_its_place_and_name_never_by_itself(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        with world.tokens_path.open("a") as file:
            file.write(f'[[customer]]\nname = "Bobby"\ntoken = "{secretwatch.mint("customer token")}"\n')
        world.add_token("Cleo")
        said, as_json = await asyncio.gather(
            world.perkd("check", "--connect"), world.perkd("check", "--connect", "--json")
        )
        assert (said.code, as_json.code) == (1, 1)
        assert "answers, 2 of 3 tokens good" in said.out
        assert '  customer[1] "Bobby": REFUSED: the store does not know this token (401' in said.out
        assert [token["refused"] for token in json.loads(as_json.out)["store"]["tokens"]] == [False, True, False]


async def test_a_limited_store_is_not_asked_on_and_twenty_tokens_are_enough(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        for number in range(41):
            world.add_token(f"P{number}")
        many = await world.perkd("check", "--connect")
        assert many.code == 0
        assert "answers, 20 of 20 tokens good, a sample of 41\n" in many.out
        assert len(re.findall(r"0 items visible", many.out)) == 20
        assert "  customer[38]: " in many.out
        assert "asked the store for 2 of 20 tokens\n" in many.err
        before = world.store.requests()
        world.store.fault(StoreFault.LIMITED)
        limited = await world.perkd("check", "--connect")
        assert limited.code == 1
        assert ": limited: the store says that perkd asks too often (429" in limited.out
        assert "19 more tokens not asked for" in limited.out
        assert world.store.requests() == before + 1


async def test_what_cannot_be_read_here_is_a_warning_and_not_a_fault(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        text = world.config_path.read_text().replace(world.password, "credential:no-such-rcon")
        world.config_path.write_text(text.replace(f"file:{world.tokens_path}", "credential:no-such-tokens"))
        said, broken = await asyncio.gather(
            world.perkd("check", "--connect"), world.perkd("check", "--connect", "--json", "-c", str(tmp_path / "no"))
        )
        assert said.code == 0, said
        assert re.search(r"^server survival \(minecraft at \S+\): not checked$", said.out, re.MULTILINE)
        assert "warning: not checked: the tokens of credential:no-such-tokens" in said.out
        assert "warning: not checked: server survival: its password could not be read here" in said.out
        assert said.out.endswith("All that could be checked is well.\n")
        assert world.server.logins == 0
        assert broken.code == 78
        assert json.loads(broken.out)["mistakes"][0]["where"] == "the file"


async def test_one_address_twice_is_asked_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        text = world.config_path.read_text()
        twin = text[text.index("[[server]]") :].partition("\n\n")[0].replace('"survival"', '"twin"')
        world.write_config(twin)
        world.server.faults.add(Fault.REFUSE_PASSWORD)
        code, shown = await on_terminal("-c", str(world.config_path), "check", "--connect", columns=200)
        assert code == 1
        assert world.server.logins == 1
        assert "server twin: the address of survival: asked there" in shown


async def test_a_daemon_that_cannot_say_what_it_holds_keeps_everybody_from_its_servers(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        runner = web.AppRunner(web.Application())  # an older daemon: it knows no such path
        await runner.setup()
        await web.UnixSite(runner, str(world.socket)).start()
        try:
            said = await world.perkd("check", "--connect")
        finally:
            await runner.cleanup()
        assert said.code == 0, said
        assert world.server.logins == 0
        assert (
            "warning: not checked: server survival: a daemon may hold its connection, so it was not asked" in said.out
        )
