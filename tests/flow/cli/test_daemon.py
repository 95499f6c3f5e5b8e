"""The verbs that ask a running daemon, as an owner types them: status, commands, customers, brake."""

import asyncio
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp

from perkd.daemon.cli.customers.verbs import TYPE_IT
from perkd.daemon.core.model import State
from tests import secretwatch
from tests.terminal import on_terminal
from tests.world import DEADLINE_S, VIP, World

# A kit that the game refuses as long as the group `kit` is not there.
GROUP_KIT = """
[[perk]]
name = "kit"
kind = "once"
products = ["starter-kit"]
servers = ["survival"]
grant = ["lp user {uuid} parent add kit"]
"""
THREE_PERKS = "\n".join(VIP.replace("vip", f"vip{n}").replace(f"vip{n}-30-days", "vip-30-days") for n in (1, 2, 3))
TIGHT_BRAKE = "[brake]\nleast = 1\nshare = 0.1"
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]")


async def http(world: World, path: str) -> Any:
    """What the HTTP interface answers."""
    assert world.app is not None
    assert world.app.address is not None
    host, port = world.app.address
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}{path}") as answer:
        return await answer.json()


def shape(value: Any) -> Any:
    """The keys of a JSON document, without its values."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else None


def lines_of(text: str, word: str) -> list[str]:
    return [line for line in text.splitlines() if word in line]


async def test_status_of_a_daemon_that_is_well(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.buy("Ann")
        await world.start_app()
        await world.until(lambda: world.server.deliveries)
        await settled(world)
        text, as_json, public = await asyncio.gather(
            world.perkd("status"), world.perkd("status", "--json"), http(world, "/status")
        )
        terminal = await on_terminal("status", "-c", str(world.config_path), columns=60)
        plain = await on_terminal("status", "-c", str(world.config_path), env={"NO_COLOR": "1"})
    assert (text.code, text.err) == (0, "")
    assert re.search(r"^perkd .+: ready$", text.out, re.MULTILINE)
    assert re.search(r"^survival +minecraft +up ", text.out, re.MULTILINE)
    assert re.search(r"^commands +delivered 1$", text.out, re.MULTILINE)
    assert "\x1b" not in text.out
    assert as_json.code == 0
    assert shape(json.loads(as_json.out)) == shape(public)
    assert json.loads(as_json.out)["commands"] == public["commands"]
    assert terminal[0] == 0
    assert COLOUR.search(terminal[1])
    assert "survival" in terminal[1]
    assert not COLOUR.search(plain[1])


async def settled(world: World, state: str = "delivered", count: int = 1) -> list[dict[str, Any]]:
    """The commands in that state, once there are so many."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            answer = await world.ask(f"/commands?state={state}")
            if answer and len(answer["commands"]) >= count:
                rows: list[dict[str, Any]] = answer["commands"]
                return rows
            await asyncio.sleep(0.02)


async def test_a_refused_command_is_shown_and_the_operator_decides(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=GROUP_KIT)
        world.add_token("Ann")
        world.server.console.known_groups = set()
        await world.start_app()
        for _ in range(3):
            world.buy("Ann", "starter-kit")
        rows = await settled(world, "refused", 3)
        ids = [str(row["id"]) for row in rows][::-1]

        status = await world.perkd("status")
        assert status.code == 1
        assert [word for word in ("kit", "survival") if word in lines_of(status.out, "error: ")[0]] == [
            "kit",
            "survival",
        ]
        assert "`perkd commands retry" in status.out

        listed, as_json, public, one, narrow = await asyncio.gather(
            world.perkd("commands", "list", "--state", "refused"),
            world.perkd("commands", "list", "--state", "refused", "--json"),
            http(world, "/commands?state=refused"),
            world.perkd("commands", "list", "--limit", "1"),
            on_terminal("-c", str(world.config_path), "commands", "list", columns=50),
        )
        text = rows[0]["text"]
        assert len(lines_of(listed.out, "refused")) == 3
        assert all(text in line and rows[0]["reply"] in line for line in lines_of(listed.out, "refused"))
        assert json.loads(as_json.out) == public
        assert f"--before {ids[2]} " in one.out
        assert narrow[1].count(text) == 3
        assert "…" not in listed.out + narrow[1]

        world.server.console.known_groups = None
        retried = await world.perkd("commands", "retry", ids[0], "424242")
        assert retried.code == 1
        planned, missing = retried.out.splitlines()
        assert f"command {ids[0]} " in planned
        assert text in planned
        assert "command 424242 " in missing
        await settled(world)
        closed = await asyncio.gather(world.perkd("commands", "skip", ids[1]), world.perkd("commands", "done", ids[2]))
        assert [said.code for said in closed] == [0, 0]
        assert f"command {ids[1]} is skipped" in closed[0].out
        assert f"command {ids[2]} " in closed[1].out

        shown, shown_json, done, again, well = await asyncio.gather(
            world.perkd("commands", "show", ids[1]),
            world.perkd("commands", "show", ids[1], "--json"),
            world.perkd("commands", "show", ids[2], "--json"),
            world.perkd("commands", "skip", ids[1]),
            world.perkd("status"),
        )
        skipped = json.loads(shown_json.out)
        assert re.search(rf"^state +void \({skipped['reason']}\)$", shown.out, re.MULTILINE)
        assert re.search(rf"command +refused +void +{skipped['events'][-1]['detail']}$", shown.out, re.MULTILINE)
        assert (skipped["events"][-1]["became"], json.loads(done.out)["state"]) == ("void", "delivered")
        assert (again.code, f"command {ids[1]} " in again.out) == (1, True)
        assert well.code == 0


async def test_wrong_values_are_refused_and_the_possible_ones_are_named(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await world.start_app()
        state, customer, limit, missing, stranger = await asyncio.gather(
            world.perkd("commands", "list", "--state", "lost", "--json"),
            world.perkd("commands", "list", "--customer", "Ann", "--json"),
            world.perkd("commands", "list", "--limit", "0", "--json"),
            world.perkd("commands", "show", "7", "--json"),
            world.perkd("customers", "remove", "12345"),
        )
    assert {(said.code, said.error["code"]) for said in (state, customer, limit)} == {(2, "bad_request")}
    assert all(word in state.err for word in ("'lost'", *State))
    assert "'Ann'" in customer.err
    assert all(word in limit.err for word in ("'0'", "1000"))
    assert (missing.code, missing.error["code"], stranger.code) == (1, "no_command", 1)
    assert "command 7" in missing.err
    assert "customer 12345" in stranger.err


async def test_a_customer_is_added_by_a_pasted_token_and_delivered_to(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        token = world.add_customer("Ann")
        world.buy("Ann")
        await world.start_app()
        empty = await world.perkd("customers", "list")
        assert "`perkd customers add`" in empty.out
        added = await world.perkd("customers", "add", "--note", "from Discord", stdin=f"  {token} \r\n")
        assert added.code == 0
        assert re.match(r"Ann \(customer \d+\) ", added.out)
        assert len(added.err.splitlines()) == 1  # of what was left out around the token
        await world.until(lambda: world.server.deliveries)
        await settled(world)
        again, listed, as_json = await asyncio.gather(
            world.perkd("customers", "add", stdin=token),
            world.perkd("customers", "list"),
            world.perkd("customers", "list", "--json"),
        )
        assert (again.code, again.err) == (0, "")
        assert re.match(r"Ann \(customer \d+\) ", again.out)
        assert again.out != added.out
        assert re.search(r"^\d+ +Ann +operator +1 +1 .+from Discord$", listed.out, re.MULTILINE)
        assert [row["name"] for row in json.loads(as_json.out)["customers"]] == ["Ann"]


async def test_a_token_that_cannot_be_one_is_never_sent_nor_shown(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        token = world.add_customer("Ann")
        asked = world.store.requests()
        await world.start_app()
        argv, nothing, words, refused = await asyncio.gather(
            world.perkd("customers", "add", token),
            world.perkd("customers", "add", stdin="\n"),
            world.perkd("customers", "add", stdin=f"Customer {token}\n"),
            world.perkd("customers", "add", "--token-file", str(tmp_path / "missing")),
        )
        assert world.store.requests() == asked
        stale = await world.perkd("customers", "add", stdin=secretwatch.mint("customer token"))
    assert [said.code for said in (argv, nothing, words, refused)] == [2, 2, 2, 2]
    assert all(said.out == "" for said in (argv, nothing, words, refused))
    assert "2 words" in words.err
    assert str(tmp_path / "missing") in refused.err
    assert stale.code != 0
    assert "401" in stale.err


async def test_a_token_is_typed_without_being_shown_or_read_from_a_file(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        ann, bob = world.add_customer("Ann"), world.add_customer("Bob")
        file = tmp_path / "token"
        file.write_text(bob + "\n")
        file.chmod(0o600)
        await world.start_app()
        typed, read = await asyncio.gather(
            on_terminal("customers", "add", "-c", str(world.config_path), answers=[(TYPE_IT, ann)]),
            world.perkd("customers", "add", "--token-file", str(file), "--name", "Bobby"),
        )
    assert typed[0] == 0
    assert "Ann (customer " in typed[1]
    assert secretwatch.found_in(typed[1]) == []
    assert (read.code, read.err) == (0, "")


async def test_removing_a_customer_sends_nothing_without_revoke(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        for name in ("Ann", "Bob"):
            world.add_token(name)
            world.buy(name)
        await world.start_app()
        await world.until(lambda: len(world.server.deliveries) == 2)
        await settled(world, count=2)
        ann, bob = (world.store.customer(name).id for name in ("Ann", "Bob"))
        plain = await world.perkd("customers", "remove", ann)
        assert plain.code == 0
        assert len(plain.out.splitlines()) == 2
        assert "[customers] tokens" in plain.err

        unasked = await world.perkd("customers", "remove", bob, "--revoke")
        assert unasked.code == 2
        assert "--yes" in unasked.err
        no = await on_terminal(
            "customers", "remove", bob, "--revoke", "-c", str(world.config_path), answers=[("[y/N]", "n")]
        )
        assert no[0] == 1
        assert "1 holding" in no[1]
        assert len(world.server.deliveries) == 2
        yes = await on_terminal(
            "customers", "remove", bob, "--revoke", "-c", str(world.config_path), answers=[("[y/N]", "y")]
        )
        assert yes[0] == 0
        assert "1 command " in yes[1]
        await world.until(lambda: len(world.server.deliveries) == 3)
        assert world.server.deliveries[2].endswith("parent remove vip")
        left, all_ = await asyncio.gather(world.perkd("customers", "list"), world.perkd("customers", "list", "--all"))
        assert "`perkd customers add`" in left.out
        assert len(lines_of(all_.out, "removed")) == 2


async def test_the_brake_is_shown_with_its_commands_and_an_operator_releases_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(TIGHT_BRAKE, perks=THREE_PERKS)
        world.add_token("Ann")
        item = world.buy("Ann")
        await world.start_app()
        await settled(world, count=3)
        off, nothing = await asyncio.gather(world.perkd("brake", "status"), world.perkd("brake", "release"))
        assert (off.code, nothing.code) == (0, 0)
        assert off.out == nothing.out
        assert len(off.out.splitlines()) == 1

        world.store.revoke(item, "chargeback")
        world.poll_now()
        await settled(world, "blocked", 3)
        status, as_json, page, unasked = await asyncio.gather(
            world.perkd("brake", "status"),
            world.perkd("brake", "status", "--json"),
            world.perkd("status"),
            world.perkd("brake", "release"),
        )
        assert (status.code, as_json.code, page.code, unasked.code) == (1, 1, 1, 2)
        assert " ON " in status.out.splitlines()[0]
        assert "3 of 3 holdings" in status.out
        for number in (1, 2, 3):
            assert re.search(rf"^survival +vip{number} +1$", status.out, re.MULTILINE)
            assert re.search(rf"^  \d+ survival: lp user \S+ parent remove vip{number}$", status.out, re.MULTILINE)
        assert json.loads(as_json.out)["brake"]["blocked"] == 3
        assert "not ready: " in page.out
        assert "--yes" in unasked.err
        assert len(world.server.deliveries) == 3

        released = await on_terminal(
            "brake", "release", "-c", str(world.config_path), answers=[("3 commands? [y/N]", "y")]
        )
        assert released[0] == 0
        assert "3 commands planned" in released[1]
        await world.until(lambda: len(world.server.deliveries) == 6)
        assert (await world.perkd("brake", "status")).code == 0


async def test_commands_that_an_earlier_brake_stopped_are_shown_and_released(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(TIGHT_BRAKE, perks=THREE_PERKS)
        world.add_token("Ann")
        item = world.buy("Ann")
        await world.start_app()
        await settled(world, count=3)
        world.store.revoke(item, "chargeback")
        world.poll_now()
        await settled(world, "blocked", 3)
        await world.stop_app()
        with closing(sqlite3.connect(world.ledger_path)) as ledger, ledger:
            ledger.execute("UPDATE brakes SET released_at = on_at")  # as a write that failed half-way would leave it
        await world.start_app()
        status, report, released = (
            await world.perkd("brake", "status"),
            await world.perkd("status"),
            await world.perkd("brake", "release", "--yes"),
        )
        assert (status.code, released.code) == (1, 0)
        assert status.out.splitlines()[1].startswith("3 commands ")
        assert "3 commands wait" in report.out
        assert "3 commands planned" in released.out
        await world.until(lambda: len(world.server.deliveries) == 6)
