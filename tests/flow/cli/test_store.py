"""`perkd store`: products, customers, inventories and tokens of the store, with an API key, as an owner uses it."""

import asyncio
import itertools
import json
import shlex
import signal
import stat
from pathlib import Path

import pytest
from aiohttp import web
from syrupy.assertion import SnapshotAssertion
from typer.testing import CliRunner

from perkd.daemon import cli
from perkd.daemon.cli.errors import Code, WrongUse
from perkd.daemon.cli.store.session import SLOWER
from perkd.daemon.cli.store.tokens import GO_ON
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.goods import STORE_ID, ProductCommand
from tests import secretwatch
from tests.contract.stores import one_handler
from tests.flow.storekey import keyed
from tests.terminal import on_terminal
from tests.world import DEADLINE_S, World

STORE = f"/v1/stores/{STORE_ID}"


def names(folder: Path, part: str) -> list[str]:
    """The files in the folder that have this text in their name."""
    return sorted(path.name for path in folder.iterdir() if part in path.name)


async def test_products_are_listed_with_ids_and_commands(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.store.add_product(
            "kit", commands=[ProductCommand("on_purchase", "say hi"), ProductCommand("on_expire", "x")]
        )
        world.store.add_product("silent", has_commands=False)
        vip = world.store.product("vip-30-days")
        said = await world.perkd("store", "products")
        listed = json.loads((await world.perkd("store", "products", "--json")).out)["products"]
        code, shown = await on_terminal("-c", str(world.config_path), "store", "products")
    assert (said.code, said.err) == (0, "")
    head, first, *rest = said.out.splitlines()
    assert head.split() == ["product", "slug", "name", "more"]
    *plain, more = first.split("  ")
    assert plain == [vip.id, "vip-30-days", "Vip 30 Days"]
    assert all(word in more for word in (vip.version_id, "30 days", "on_purchase 1"))
    assert any("on_purchase 1, on_expire 1" in line for line in rest)
    assert any("silent" in line and "NONE" in line for line in rest)
    assert (listed[0]["id"], listed[0]["slug"], listed[0]["version_id"]) == (vip.id, "vip-30-days", vip.version_id)
    assert code == 0
    assert f"\n    {more}\n" in shown


async def test_customers_are_listed_searched_looked_up_and_shown(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        for name in ("Ann", "Bob", "Annabel"):
            world.add_customer(name)
        ann = world.store.customer("Ann")
        assert ann.minecraft_uuid is not None
        plain = ann.minecraft_uuid.replace("-", "")
        some = await world.perkd("store", "customers", "list", "--search", "ann", "--limit", "1")
        rows = json.loads((await world.perkd("store", "customers", "list", "--limit", "2", "--json")).out)
        nobody = await world.perkd("store", "customers", "list", "--search", "zzz")
        shown = await world.perkd("store", "customers", "show", ann.id)
        for option, value in (("--id", ann.id), ("--java-name", "Ann"), ("--minecraft-uuid", plain)):
            assert (await world.perkd("store", "customers", "lookup", option, value)).out == shown.out
        none = await world.perkd("store", "customers", "lookup", "--name", "Nobody", "--json")
        unknown = await world.perkd("store", "customers", "show", "12", "--json")
    assert some.out.splitlines()[1].startswith(f"{ann.id}  Ann  ")
    [more] = some.out.splitlines()[2:]
    assert "--limit" in more
    assert [row["name"] for row in rows["customers"]] == ["Ann", "Bob"]
    assert rows["more"] is True
    assert (nobody.code, len(nobody.out.splitlines()), '"zzz"' in nobody.out) == (0, 1, True)
    assert f"minecraft_uuid      {ann.minecraft_uuid}\n" in shown.out
    assert (none.code, none.out) == (1, "null\n")
    assert '"Nobody"' in none.err
    assert (unknown.code, unknown.error["code"]) == (1, "store_not_found")
    assert STORE_ID in unknown.err
    assert "customer 12" in unknown.err


async def test_an_export_is_a_complete_new_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        for number in range(230):
            world.store.add_customer(f"P{number}")
        world.store.add_customer("=1+1")
        file = tmp_path / "all.csv"
        asked = itertools.count(1)

        def fail_once(path: str) -> None:
            """The second of three pages fails once."""
            if path == f"{STORE}/customers" and next(asked) == 2:
                world.store.fault(Fault.SERVER_ERROR, path=path, times=1)

        world.store.before_answer = fail_once
        said = await world.perkd("store", "customers", "export", str(file))
        text = file.read_text("utf-8")
        mode = stat.S_IMODE(file.stat().st_mode)
        again = await world.perkd("store", "customers", "list", "--export", str(file), "--json")
        world.store.fault(Fault.SERVER_ERROR)
        failed = await world.perkd("store", "customers", "export", str(tmp_path / "none.csv"))
    assert f" {world.store.customer('P99').id}" in said.err  # the customer after whom it continued
    assert (said.code, said.out.count("231"), str(file) in said.out) == (0, 1, True)
    head, *rows = text.splitlines()
    assert head.startswith("id,name,display_name,steam_id,minecraft_uuid,")
    assert [row.split(",")[1] for row in rows] == [*(f"P{number}" for number in range(230)), "'=1+1"]
    assert mode == 0o600
    assert (again.code, file.read_text("utf-8")) == (2, text)
    assert again.error["code"] == "file_exists"
    assert failed.code == 69
    assert names(tmp_path, "csv") == ["all.csv"]


async def test_a_customer_is_made_and_exactly_the_given_fields_change(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        steam = "76561198000000001"
        made = await world.perkd(
            *("store", "customers", "create", "--name", "Zed", "--steam-id", steam),
            *("--metadata", "rank=a=b", "--metadata", "from=old shop", "--json"),
        )
        key = json.loads(made.out)["id"]
        zed = world.store.customer("Zed")
        assert (zed.id, zed.steam_id, zed.metadata) == (key, steam, {"rank": "a=b", "from": "old shop"})
        changed = await world.perkd(
            *("store", "customers", "update", key, "--name", "Zoe", "--metadata", "new=1"),
            *("--clear", "metadata.rank", "--clear", "steam-id"),
        )
        assert (changed.code, changed.err) == (0, "")
        assert (zed.name, zed.steam_id, zed.metadata) == ("Zoe", None, {"from": "old shop", "new": "1"})
        cleared = await world.perkd("store", "customers", "update", key, "--clear", "metadata")
        assert (cleared.code, zed.name, zed.metadata) == (0, "Zoe", {})
        world.store.fault(Fault.ANSWER_LOST, path=f"{STORE}/customers", method="POST")
        lost = await world.perkd("store", "customers", "create", "--name", "Lost", "--json")
    assert (lost.code, lost.error["code"], lost.error["may_have_happened"]) == (69, "store_unreachable", True)


def bad(*options: str) -> tuple[Code, list[str]]:
    return Code.BAD_VALUE, list(options)


WRONG = {
    "customers show abc": bad("customer"),
    "customers show 99999999999999999999": bad("customer"),
    "customers lookup": (Code.WRONG_CHOICE, []),
    "customers lookup --name a --id 5": (Code.WRONG_CHOICE, []),
    "customers lookup --steam-id 12": bad("--steam-id"),
    "customers lookup --minecraft-uuid xyz": bad("--minecraft-uuid"),
    "customers lookup --id 1.50353E+17": bad("--id"),
    f"customers lookup --name {'a' * 51}": bad("--name"),
    "customers lookup --id x": bad("--id"),
    "customers create": (Code.WRONG_CHOICE, []),
    "customers create --minecraft-platform psp": bad("--minecraft-platform"),
    "customers create --metadata nothing": bad("--metadata"),
    "customers create --metadata a=1 --metadata a=2": bad("--metadata"),
    "customers update 5": (Code.WRONG_CHOICE, []),
    "customers update 5 --name a --clear name": (Code.WRONG_CHOICE, ["--clear"]),
    "customers update 5 --clear created_at": bad("--clear"),
    "customers create --name '' --steam-id 76561198000000001": bad("--name"),
    "customers create --minecraft-platform ''": bad("--minecraft-platform"),
    "customers update 5 --name '' --metadata x=y": bad("--name"),
    "customers update 5 --steam-id ' ' --name a": bad("--steam-id"),
    "customers update 5 --minecraft-platform '' --name a": bad("--minecraft-platform"),
    "customers lookup --name ''": bad("--name"),
    "customers lookup --java-name '' --id 5": bad("--java-name"),
    "inventory assign 5": (Code.WRONG_CHOICE, []),
    "inventory assign 5 --product 1 --version 2": (Code.WRONG_CHOICE, []),
    "inventory assign 5 --product 1 --quantity 21": bad("--quantity"),
    "inventory assign 5 --product x --gameserver y": bad("--product", "--gameserver"),
    "inventory assign 5 --product 1 --expires 2020-01-01T00:00:00Z": bad("--expires"),
    "inventory assign 5 --product 1 --expires tomorrow": bad("--expires"),
    "inventory revoke 5 6": (Code.NEEDS_YES, []),
    "inventory revoke 5 x --yes": bad("item"),
    "tokens create x": bad("customer"),
    "tokens invalidate 5": (Code.NEEDS_YES, []),
    "tokens invalidate-all": (Code.NEEDS_YES, []),
    "tokens invalidate-all --yes": (Code.WRONG_CHOICE, []),
    "tokens invalidate-all --yes --store-id 5": (Code.OTHER_STORE, []),
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_use_is_refused_before_anything_is_sent(tmp_path: Path, line: str) -> None:
    key = tmp_path / "key"
    key.write_text(secretwatch.mint("API key"))
    config = tmp_path / "config.toml"  # no store listens there, so a request would fail with another error
    config.write_text(f'[store]\napi = "http://127.0.0.1:1"\nid = "{STORE_ID}"\napi_key = "file:{key}"\n')
    ended = CliRunner().invoke(cli.app, ["-c", str(config), "store", *shlex.split(line)])
    assert isinstance(ended.exception, WrongUse)
    assert (ended.exception.code, ended.exception.facts.get("options", [])) == WRONG[line]


def test_each_wrong_use_has_its_own_message(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    (tmp_path / "key").write_text(secretwatch.mint("API key"))
    config = tmp_path / "config.toml"
    config.write_text(f'[store]\napi = "http://127.0.0.1:1"\nid = "{STORE_ID}"\napi_key = "file:{tmp_path}/key"\n')
    run = CliRunner().invoke
    ended = {line: run(cli.app, ["-c", str(config), "store", *shlex.split(line)]).exception for line in WRONG}
    assert {line: str(error) for line, error in ended.items()} == snapshot


async def test_a_token_that_is_pasted_as_an_id_is_not_shown(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        token = secretwatch.mint("token") + secretwatch.mint("token")
        said = await world.perkd("store", "tokens", "create", token)
    assert said.code == 2
    assert str(len(token)) in said.err


async def test_items_are_assigned_shown_and_revoked(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.add_customer("Ann")
        ann, vip = world.store.customer("Ann").id, world.store.product("vip-30-days")
        nothing = await world.perkd("store", "inventory", "show", ann)
        assigned = await world.perkd(
            *("store", "inventory", "assign", ann, "--product", vip.id, "--quantity", "2"),
            *("--expires", "2099-05-01T00:00:00+02:00", "--variable", "team=red", "--skip-commands"),
        )
        first, second = world.store.owned("Ann")
        by_version = await world.perkd("store", "inventory", "assign", ann, "--version", vip.version_id, "--json")
        revoked = await world.perkd("store", "inventory", "revoke", ann, first.id, "--yes")
        active = await world.perkd("store", "inventory", "show", ann, "--active")
        shown = await world.perkd("store", "inventory", "show", ann)
        none = await world.perkd("store", "inventory", "revoke", ann, "5", "--yes")
    assert (nothing.code, nothing.out.count("\n"), ann in nothing.out) == (0, 1, True)
    assert assigned.code == 0
    assert "--skip-commands" in assigned.err
    assert {ann, "2"} <= set(assigned.out.splitlines()[0].split())
    assert first.custom_variables == {"team": "red"}
    assert f"{first.id}  vip-30-days  usable" in assigned.out
    assert "2099-04-30T22:00:00Z" in assigned.out
    [made] = json.loads(by_version.out)["items"]
    assert (made["product"]["version_id"], made["state"], by_version.err) == (vip.version_id, "usable", "")
    assert [line.split()[0] for line in active.out.splitlines()] == ["item", second.id, made["id"]]
    assert {first.id, ann} <= set(revoked.out.split())
    assert "revoked 2" in shown.out.splitlines()[1]
    assert (none.code, none.out) == (1, "")
    assert f"customer {ann}" in none.err
    assert "item 5" in none.err


async def test_an_item_counts_as_assigned_only_if_the_store_says_who_added_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.add_customer("Ann")
        ann, vip = world.store.customer("Ann").id, world.store.product("vip-30-days")
        await world.perkd("store", "inventory", "assign", ann, "--product", vip.id, "--quantity", "2")
        broken, nobodys = world.store.owned("Ann")
        given = (await world.perkd("store", "inventory", "show", ann)).out.splitlines()[1:]
        nobodys.added_by = None
        world.store.fault(Fault.BROKEN_ITEM)
        shown = (await world.perkd("store", "inventory", "show", ann)).out.splitlines()[1:]
    assert [line.split()[-1] for line in given] == ["assigned", "assigned"]
    assert [line.split()[0] for line in shown] == [broken.id, nobodys.id]
    assert shown[0].endswith("unreadable")
    assert not shown[1].endswith(("assigned", "unreadable"))


async def test_an_assignment_whose_answer_is_lost_is_found_and_not_sent_again(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.add_customer("Ann")
        ann, vip = world.store.customer("Ann").id, world.store.product("vip-30-days")
        world.store.fault(Fault.ANSWER_LOST, method="POST", path=STORE)
        said = await world.perkd("store", "inventory", "assign", ann, "--product", vip.id)
        assert len(world.store.owned("Ann")) == 1
    assert said.code == 0
    assert {ann, "1"} <= set(said.out.splitlines()[0].split())


async def test_an_unknown_assignment_asks_to_look_and_not_to_try_again(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.add_customer("Ann")
        ann, vip = world.store.customer("Ann").id, world.store.product("vip-30-days")
        asked = itertools.count(1)

        def lose(path: str) -> None:
            """The inventory is read, the product assigned, and then the store is broken."""
            if path == f"{STORE}/customers/{ann}/delivery/items" and next(asked) == 2:
                world.store.fault(Fault.ANSWER_LOST, method="POST")
                world.store.fault(Fault.SERVER_ERROR, method="GET")

        world.store.before_answer = lose
        said = await world.perkd("store", "inventory", "assign", ann, "--product", vip.id, "--json")
        assert len(world.store.owned("Ann")) == 1
    assert (said.code, said.error["code"], said.error["may_have_happened"]) == (1, "assignment_unknown", True)
    assert f"`perkd store inventory show {ann}`" in said.err


async def test_a_question_is_asked_on_a_terminal_and_no_is_no(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        token = world.add_customer("Ann")
        ann, item = world.store.customer("Ann").id, world.buy("Ann")
        config = ("-c", str(world.config_path), "store")
        code, shown = await on_terminal(*config, "inventory", "revoke", ann, item, answers=[("[y/N]", "n")])
        assert (code, world.store.item(item).state) == (1, "active")
        assert item in shown
        code, _ = await on_terminal(*config, "inventory", "revoke", ann, item, answers=[("[y/N]", "y")])
        assert (code, world.store.item(item).state) == (0, "revoked")
        world.store.invalidate_all_exists = True
        code, shown = await on_terminal(*config, "tokens", "invalidate-all", answers=[(GO_ON, "12")])
        assert (code, world.store.customer("Ann").tokens) == (1, [token])
        assert "12" in shown
        code, shown = await on_terminal(*config, "tokens", "invalidate-all", answers=[(GO_ON, STORE_ID)])
        assert (code, world.store.customer("Ann").tokens) == (0, [])


async def test_a_new_token_goes_to_the_daemon_or_to_a_file_and_nowhere_else(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.add_customer("Ann")
        ann = world.store.customer("Ann")
        alone = await world.perkd("store", "tokens", "create", ann.id)
        assert (alone.code, alone.out, len(ann.tokens)) == (69, "", 1)
        assert "--out FILE" in alone.err
        out = tmp_path / "token"
        filed = await world.perkd("store", "tokens", "create", ann.id, "--out", str(out))
        assert out.read_text("utf-8") == f"{secretwatch.remember(ann.tokens[-1], 'customer token')}\n"
        assert (filed.code, stat.S_IMODE(out.stat().st_mode)) == (0, 0o600)
        again = await world.perkd("store", "tokens", "create", ann.id, "--out", str(out))
        assert (again.code, len(ann.tokens)) == (2, 2)
        none = await world.perkd("store", "tokens", "create", "5", "--out", str(tmp_path / "none"))
        assert (none.code, (tmp_path / "none").exists()) == (1, False)
        item = world.buy("Ann")
        await world.start_app()
        handed = await world.perkd("store", "tokens", "create", ann.id)
        secretwatch.remember(ann.tokens[-1], "customer token")
        assert f"Ann (customer {ann.id})" in handed.out
        await world.until(lambda: world.server.deliveries)
        assert world.store.item(item).state == "active"
        for said in (alone, filed, again, handed):
            assert secretwatch.found_in(said.out + said.err) == []
        ended = await world.perkd("store", "tokens", "invalidate", ann.id, "--yes")
        assert (ended.code, ann.tokens) == (0, [])
    assert f"`perkd store tokens create {ann.id}`" in ended.out


async def test_invalidate_all_says_when_the_store_does_not_offer_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        said = await world.perkd("store", "tokens", "invalidate-all", "--store-id", STORE_ID, "--yes")
        world.store.invalidate_all_exists = True
        done = await world.perkd("store", "tokens", "invalidate-all", "--store-id", STORE_ID, "--yes")
    assert (said.code, done.code) == (1, 0)
    assert "404" in said.err


async def test_errors_of_the_key_and_of_the_store_are_different(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        key = keyed(world)
        world.store.permissions.discard("product_read")
        products = ("store", "products", "--json")
        forbidden = await world.perkd(*products)
        assert (forbidden.code, forbidden.error["code"]) == (78, "permission_missing")
        assert "product_read" in forbidden.err
        key.write_text(secretwatch.mint("API key"))
        refused = await world.perkd(*products)
        assert (refused.code, refused.error["code"]) == (78, "token_refused")
        key.unlink()
        missing = await world.perkd(*products)
        assert (missing.code, missing.error["code"]) == (78, "config_invalid")
        assert all(text in missing.err for text in ("store.api_key", str(key)))
        world.write_config()
        none = await world.perkd(*products)
        assert (none.code, none.error["code"]) == (78, "no_api_key")
        assert all(text in none.err for text in ("store.api_key", "api_key = "))
        keyed(world)
        world.store.fault(Fault.LIMITED)
        limited = await world.perkd(*products)
        await world.store.down()
        down = await world.perkd(*products)
    assert (limited.code, limited.error["code"]) == (69, "store_limited")
    assert (down.code, down.error["code"]) == (69, "store_unreachable")


async def test_an_answer_that_is_not_paynows_does_not_mean_no_such_customer(tmp_path: Path) -> None:
    """After a wrong "no such customer", an owner would make the customer a second time."""

    async def plain(_request: web.Request) -> web.Response:
        return web.Response(status=404, text="<h1>Error response</h1>", content_type="text/html")

    async with World(tmp_path) as world, one_handler(plain) as url:
        keyed(world)
        config = world.config_path.read_text("utf-8")
        verbs = (("lookup", "--name", "Bob"), ("show", "12"), ("list",))
        world.config_path.write_text(config.replace(world.store.url, url), "utf-8")
        elsewhere = [await world.perkd("store", "customers", *verb, "--json") for verb in verbs]
        world.config_path.write_text(config.replace(world.store.url, f"{world.store.url}/nope"), "utf-8")
        nope = [await world.perkd("store", "customers", *verb, "--json") for verb in verbs]
    assert [(said.code, said.error["code"]) for said in nope] == [(1, "store_not_found")] * 3
    assert [(said.code, said.error["code"]) for said in elsewhere] == [(78, "store_bad_address")] * 3
    assert all("[store] api" in said.err for said in (*nope, *elsewhere))


async def test_a_mistake_elsewhere_in_the_config_does_not_matter(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.config_path.write_text(world.config_path.read_text("utf-8") + '\n[[server]]\nname = "half"\n', "utf-8")
        said = await world.perkd("store", "products")
        world.config_path.unlink()
        gone = await world.perkd("store", "products")
    assert (said.code, gone.code) == (0, 78)


@pytest.mark.parametrize("word", ["command-delivery", "command_delivery", "inventory"])
async def test_the_older_paths_of_inventories_work_as_well(tmp_path: Path, word: str) -> None:
    async with World(tmp_path) as world:
        keyed(world, store=f'management_items = "{word}"')
        world.add_customer("Ann")
        ann, vip = world.store.customer("Ann").id, world.store.product("vip-30-days")
        assigned = await world.perkd("store", "inventory", "assign", ann, "--product", vip.id)
        shown = await world.perkd("store", "inventory", "show", ann)
        [item] = world.store.owned("Ann")
    assert (assigned.code, shown.code) == (0, 0)
    assert item.id in shown.out


async def test_ctrl_c_is_an_error_that_says_it_may_have_happened(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.store.fault(Fault.SLOW, method="POST")
        process = await world.start("-c", str(world.config_path), "store", "customers", "create", "--blank", "--json")
        await world.until(lambda: world.store.requests(method="POST") == 1)
        process.send_signal(signal.SIGINT)
        out, _ = await asyncio.wait_for(process.communicate(), DEADLINE_S)
        world.store.heal()
    error = json.loads(out)["error"]
    assert (process.returncode, error["code"], error["may_have_happened"]) == (1, "interrupted", True)


@pytest.mark.parametrize("verb", ["assign", "create", "update", "revoke", "invalidate", "invalidate-all"])
async def test_ctrl_c_says_that_the_result_is_unknown_and_where_to_look(tmp_path: Path, verb: str) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.add_customer("Ann")
        ann, product = world.store.customer("Ann").id, world.store.product("vip-30-days").id
        store = ("--store-id", STORE_ID)
        line, look = {
            "update": (("customers", "update", ann, "--name", "Bo"), f"perkd store customers show {ann}"),
            "revoke": (("inventory", "revoke", ann, "5", "--yes"), f"perkd store inventory show {ann}"),
            "invalidate": (("tokens", "invalidate", ann, "--yes"), ann),
            "invalidate-all": (("tokens", "invalidate-all", *store, "--yes"), STORE_ID),
            "assign": (("inventory", "assign", ann, "--product", product), f"perkd store inventory show {ann}"),
            "create": (("customers", "create", "--name", "Bob"), "perkd store customers lookup"),
        }[verb]
        method = {"update": "PATCH", "assign": "POST", "create": "POST"}.get(verb, "DELETE")
        world.store.fault(Fault.SLOW, method=method)
        process = await world.start("-c", str(world.config_path), "store", *line)
        await world.until(lambda: world.store.requests(method=method) == 1)
        process.send_signal(signal.SIGINT)
        out, err = (text.decode() for text in await asyncio.wait_for(process.communicate(), DEADLINE_S))
        world.store.heal()
    assert (process.returncode, out) == (1, "")
    assert look in err


async def test_a_list_continues_after_a_short_pause_and_ends_if_the_pause_is_long(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        for number in range(150):
            world.store.add_customer(f"P{number}")
        world.store.retry_after_s = 0
        world.store.fault(Fault.LIMITED_SECONDS, times=3)
        said = await world.perkd("store", "customers", "list", "--limit", "150", "--json")
        world.store.retry_after_s = 61
        world.store.fault(Fault.LIMITED_SECONDS, times=1)
        ended = await world.perkd("store", "customers", "list")
        world.store.fault(Fault.LIMITED_SECONDS, times=1)
        shown = await world.perkd("store", "products", "--json")
    assert (shown.code, shown.error["code"], round(shown.error["retry_after_s"])) == (69, "store_limited", 61)
    assert said.code == 0
    assert len(json.loads(said.out)["customers"]) == 150
    assert said.err.count(SLOWER) == 3
    assert ended.code == 69
