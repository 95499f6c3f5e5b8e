"""`perkd check --connect`: the store and each server are asked once, and each fault is shown with a fix."""

import asyncio
import json
import re
from pathlib import Path

from aiohttp import web

from perkd.daemon.cli.doctor.doctor import INVISIBLE
from perkd.daemon.cli.doctor.servers import LOOKS_BANNED
from perkd.daemon.sandbox.games.minecraft import Fault
from perkd.daemon.sandbox.games.source import SourceServer
from perkd.daemon.sandbox.store.faults import Fault as StoreFault
from tests import secretwatch
from tests.terminal import on_terminal
from tests.world import World

LISTS = ["minecraft:list uuids", "list uuids"]


def connected(world: World, password: str = "") -> list[str]:
    """The arguments, with a config whose server has another password if one is given."""
    if password:
        world.config_path.write_text(world.config_path.read_text().replace(world.password, password))
    return ["check", "--connect"]


async def test_everything_that_is_well_is_shown_with_the_numbers(tmp_path: Path) -> None:
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
        assert world.store.url in said.out
        assert re.search(r"^  customer\[0\]: Ann \(customer \d+\), 2 items ", said.out, re.MULTILINE)
        assert f"survival (minecraft at {world.server.address}): 2 players " in said.out
        assert f"trade (tf2 at {trade.address}): 1 player " in said.out
        assert INVISIBLE in said.out
        assert all(f"{one.address}" in said.err for one in (world.server, trade))
        assert world.server.deliveries == trade.deliveries == []
        told = json.loads(as_json.out)
        assert (told["well"], told["daemon"]) == (True, False)
        assert [server["players"] for server in told["servers"]] == [2, 1]
        assert told["servers"][0]["transports"] == {"native": "2 online", "mcrcon": "2 online"}
        assert told["store"]["warnings"] == []  # every product is in an inventory
        assert told["store"]["tokens"][0]["items"] == 2


async def test_with_a_running_daemon_servers_are_asked_only_through_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        app = await world.start_app()
        await world.until(app.servers["survival"].link.up.is_set)
        logins = world.server.logins
        said = await world.perkd("check", "--connect", "--json")
        assert said.code == 0, said
        assert world.server.logins == logins == 1
        told = json.loads(said.out)
        [server] = told["servers"]
        assert (server["through"], server["players"], told["daemon"]) == ("daemon", 0, True)
        assert told["store"]["tokens"] == []
        world.server.faults.add(Fault.REFUSE_PASSWORD)
        await world.server.down()
        await world.server.up()
        await world.until(lambda: app.servers["survival"].link.state == "refused")
        logins = world.server.logins
        refused = await world.perkd("check", "--connect", "--json")
        assert refused.code == 1
        [server] = json.loads(refused.out)["servers"]
        assert (server["state"], "`perkd reload`" in server["fix"]) == ("refused", True)
        assert world.server.logins == logins


async def test_a_refused_password_is_tried_once_and_a_product_that_nobody_has_is_named(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.buy("Ann")
        said = await world.perkd(*connected(world, secretwatch.mint("wrong password")), "--json")
        assert said.code == 1
        assert world.server.logins == 1
        told = json.loads(said.out)
        [server] = told["servers"]
        assert (server["state"], world.server.address in server["error"]) == ("refused", True)
        [unseen] = told["store"]["warnings"]
        assert '"starter-kit"' in unseen


async def test_a_server_that_hangs_up_at_the_login_looks_like_a_ban_and_is_asked_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.server.faults.add(Fault.CLOSE_LOGIN)
        said = await world.perkd("check", "--connect", "--json")
        assert said.code == 1
        assert world.server.logins == 1
        [server] = json.loads(said.out)["servers"]
        assert (server["state"], LOOKS_BANNED in server["fix"]) == ("closed", True)


async def test_two_transports_that_read_different_players_are_an_error(tmp_path: Path) -> None:
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
        said = await world.perkd("check", "--connect", "--json")
        assert said.code == 1
        assert len(asked) == 3
        [server] = json.loads(said.out)["servers"]
        assert all(word in server["error"] for word in ("native", "mcrcon", "Ann", "Bob"))
        assert all(word in server["fix"] for word in ('"native"', '"mcrcon"'))


async def test_when_nothing_can_be_reached_it_exits_with_69(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        for name in ("Ann", "Bob"):
            world.add_token(name)
        await world.store.down()
        await world.server.down()
        said = await world.perkd("check", "--connect", "--json")
        assert said.code == 69
        told = json.loads(said.out)
        [server] = told["servers"]
        assert (told["store"]["state"], told["store"]["not_asked"]) == ("unreachable", 1)
        assert (server["state"], world.server.address in server["error"]) == ("unreachable", True)


async def test_a_refused_token_is_named_by_its_place_and_never_shown(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        with world.tokens_path.open("a") as file:
            file.write(f'[[customer]]\nname = "Bobby"\ntoken = "{secretwatch.mint("customer token")}"\n')
        world.add_token("Cleo")
        said, as_json = await asyncio.gather(
            world.perkd("check", "--connect"), world.perkd("check", "--connect", "--json")
        )
        assert (said.code, as_json.code) == (1, 1)
        assert "3 tokens" in said.out
        assert '  customer[1] "Bobby": REFUSED: ' in said.out
        assert [token["refused"] for token in json.loads(as_json.out)["store"]["tokens"]] == [False, True, False]


async def test_at_most_twenty_tokens_are_tried_and_none_after_too_many_requests(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        for number in range(41):
            world.add_token(f"P{number}")
        many = await world.perkd("check", "--connect")
        assert many.code == 0
        assert all(word in many.out for word in ("20 tokens", " 41)\n"))
        assert len(re.findall(r", 0 items ", many.out)) == 20
        assert "  customer[38]: " in many.out
        assert [re.findall(r"\d+", line) for line in many.err.splitlines()[:2]] == [["2", "20"], ["4", "20"]]
        before = world.store.requests()
        world.store.fault(StoreFault.LIMITED)
        limited = await world.perkd("check", "--connect", "--json")
        assert limited.code == 1
        store = json.loads(limited.out)["store"]
        assert (store["state"], store["not_asked"]) == ("limited", 19)
        assert world.store.requests() == before + 1


async def test_a_secret_that_cannot_be_read_here_is_a_warning_and_not_an_error(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        text = world.config_path.read_text().replace(world.password, "credential:no-such-rcon")
        world.config_path.write_text(text.replace(f"file:{world.tokens_path}", "credential:no-such-tokens"))
        said, broken = await asyncio.gather(
            world.perkd("check", "--connect", "--json"),
            world.perkd("check", "--connect", "--json", "-c", str(tmp_path / "no")),
        )
        assert said.code == 0, said
        told = json.loads(said.out)
        tokens, server = told["not_checked"]
        assert ("credential:no-such-tokens" in tokens, "survival" in server) == (True, True)
        assert (told["well"], told["servers"][0]["state"]) == (True, "not_checked")
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
        assert re.search(r"server twin: .* survival", shown)


async def test_when_the_daemon_cannot_name_its_servers_none_is_asked_directly(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        runner = web.AppRunner(web.Application())  # an older daemon does not know the path
        await runner.setup()
        await web.UnixSite(runner, str(world.socket)).start()
        try:
            said = await world.perkd("check", "--connect", "--json")
        finally:
            await runner.cleanup()
        assert said.code == 0, said
        assert world.server.logins == 0
        told = json.loads(said.out)
        [server], [warning] = told["servers"], told["not_checked"]
        assert (server["state"], server["note"] in warning) == ("not_checked", True)
