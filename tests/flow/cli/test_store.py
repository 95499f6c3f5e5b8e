"""`perkd store`: products, customers, inventories and tokens of the store by its API key, as an owner uses it."""

import asyncio
import itertools
import json
import shlex
import signal
import stat
from pathlib import Path

import pytest
from aiohttp import web
from typer.testing import CliRunner

from perkd.daemon import cli
from perkd.daemon.cli.errors import WrongUse
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.goods import STORE_ID, ProductCommand
from tests import secretwatch
from tests.contract.stores import one_handler
from tests.flow.storekey import keyed
from tests.terminal import on_terminal
from tests.world import DEADLINE_S, World

STORE = f"/v1/stores/{STORE_ID}"


def names(folder: Path, part: str) -> list[str]:
    """The files in it with that in their name."""
    return sorted(path.name for path in folder.iterdir() if part in path.name)


async def test_products_show_the_ids_and_what_the_store_runs(tmp_path: Path) -> None:
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
    assert first.split("  ") == [
        vip.id,
        "vip-30-days",
        "Vip 30 Days",
        f"version {vip.version_id}; expires after 30 days; commands: on_purchase 1",
    ]
    assert any(line.endswith("never expires; commands: on_purchase 1, on_expire 1") for line in rest)
    assert any("silent" in line and line.endswith("commands: NONE, hidden from tokens") for line in rest)
    assert (listed[0]["id"], listed[0]["slug"], listed[0]["version_id"]) == (vip.id, "vip-30-days", vip.version_id)
    assert code == 0
    assert f"\n    version {vip.version_id}; expires after 30 days; commands: on_purchase 1\n" in shown


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
        unknown = await world.perkd("store", "customers", "show", "12")
    assert some.out.splitlines()[1].startswith(f"{ann.id}  Ann  ")
    assert some.out.splitlines()[2:] == [
        "more than these 1: --limit shows as many as you like, --export writes all to a file"
    ]
    assert [row["name"] for row in rows["customers"]] == ["Ann", "Bob"]
    assert rows["more"] is True
    assert nobody.out == 'the store finds no customer for "zzz"\n'
    assert f"minecraft_uuid      {ann.minecraft_uuid}\n" in shown.out
    assert (none.code, none.out) == (1, "null\n")
    assert 'the store has no customer whose name is "Nobody"' in none.err
    assert (unknown.code, unknown.out) == (1, "")
    assert f"store {STORE_ID} has no customer 12" in unknown.err


async def test_an_export_is_a_whole_new_file_only_its_owner_can_read(tmp_path: Path) -> None:
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
        again = await world.perkd("store", "customers", "list", "--export", str(file))
        world.store.fault(Fault.SERVER_ERROR)
        failed = await world.perkd("store", "customers", "export", str(tmp_path / "none.csv"))
    assert "Going on in a moment with the customers after " in said.err
    assert (said.code, said.out) == (0, f"231 customers written to {file}\n")
    head, *rows = text.splitlines()
    assert head.startswith("id,name,display_name,steam_id,minecraft_uuid,")
    assert [row.split(",")[1] for row in rows] == [*(f"P{number}" for number in range(230)), "'=1+1"]
    assert mode == 0o600
    assert (again.code, file.read_text("utf-8")) == (2, text)
    assert "is there already and is not overwritten" in again.err
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
        lost = await world.perkd("store", "customers", "create", "--name", "Lost")
    assert lost.code == 69
    assert "whether the customer was made is not known" in lost.err
    assert "tries again" not in lost.err
    assert "try again later" not in lost.err  # he could be made twice


WRONG = {
    "customers show abc": 'customer: "abc", expected an id of the store',
    "customers show 99999999999999999999": "expected an id of the store",
    "customers lookup": "a lookup needs exactly one of",
    "customers lookup --name a --id 5": "a lookup needs exactly one of",
    "customers lookup --steam-id 12": '--steam-id: "12", expected a SteamID64: 17 digits',
    "customers lookup --minecraft-uuid xyz": '--minecraft-uuid: "xyz", expected a UUID',
    "customers lookup --id 1.50353E+17": '--id: "1.50353E+17" was rounded by a spreadsheet',
    f"customers lookup --name {'a' * 51}": "--name: a text of 51 characters, expected 1 to 50 characters",
    "customers lookup --id x": '--id: "x", expected an id of the store',
    "customers create": "a customer without any field",
    "customers create --minecraft-platform psp": "expected java, bedrock or unknown",
    "customers create --metadata nothing": '--metadata: "nothing", expected KEY=VALUE',
    "customers create --metadata a=1 --metadata a=2": "is given twice",
    "customers update 5": "nothing to change",
    "customers update 5 --name a --clear name": "set it or clear it, not both",
    "customers update 5 --clear created_at": "created_at cannot be emptied",
    "customers create --name '' --steam-id 76561198000000001": "--name: nothing; leave it out",
    "customers create --minecraft-platform ''": "--minecraft-platform: nothing; leave it out",
    "customers update 5 --name '' --metadata x=y": "--name: nothing; `--clear name` empties it",
    "customers update 5 --steam-id ' ' --name a": "--steam-id: nothing; `--clear steam_id` empties it",
    "customers update 5 --minecraft-platform '' --name a": "--minecraft-platform: nothing; leave it out",
    "customers lookup --name ''": "--name: nothing; leave it out",
    "customers lookup --java-name '' --id 5": "--java-name: nothing; leave it out",
    "inventory assign 5": "exactly one of --product and --version is needed",
    "inventory assign 5 --product 1 --version 2": "exactly one of --product and --version is needed",
    "inventory assign 5 --product 1 --quantity 21": '--quantity: "21", expected a whole number from 1 to 20',
    "inventory assign 5 --product x --gameserver y": '--product: "x", expected an id of the store',
    "inventory assign 5 --product 1 --expires 2020-01-01T00:00:00Z": "--expires: ",
    "inventory assign 5 --product 1 --expires tomorrow": '--expires: "tomorrow", expected a time to come',
    "inventory revoke 5 6": "add --yes if you mean it",
    "inventory revoke 5 x --yes": 'item: "x", expected an id of the store',
    "tokens create x": 'customer: "x", expected an id of the store',
    "tokens invalidate 5": "add --yes if you mean it",
    "tokens invalidate-all": "add --store-id ID --yes if you mean it",
    "tokens invalidate-all --yes": "name the store as well: --store-id ID --yes",
    "tokens invalidate-all --yes --store-id 5": f'--store-id "5" is not the store of the config, which is {STORE_ID}',
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_or_not_meant_is_refused_before_anything_is_sent(tmp_path: Path, line: str) -> None:
    key = tmp_path / "key"
    key.write_text(secretwatch.mint("API key"))
    config = tmp_path / "config.toml"  # whoever asks the store fails in another way: nobody listens there
    config.write_text(f'[store]\napi = "http://127.0.0.1:1"\nid = "{STORE_ID}"\napi_key = "file:{key}"\n')
    ended = CliRunner().invoke(cli.app, ["-c", str(config), "store", *shlex.split(line)])
    assert isinstance(ended.exception, WrongUse)
    assert WRONG[line] in str(ended.exception)


async def test_a_token_that_is_pasted_as_an_id_is_not_shown(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        token = secretwatch.mint("token") + secretwatch.mint("token")
        said = await world.perkd("store", "tokens", "create", token)
    assert said.code == 2
    assert f"a text of {len(token)} characters" in said.err


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
    assert nothing.out == f"customer {ann} owns nothing\n"
    assert assigned.code == 0
    assert "perkd will likely never see it" in assigned.err
    assert assigned.out.startswith(f"customer {ann} has 2 new items\n")
    assert first.custom_variables == {"team": "red"}
    assert f"{first.id}  vip-30-days  usable" in assigned.out
    assert "2099-04-30T22:00:00Z  assigned, without commands" in assigned.out
    [made] = json.loads(by_version.out)["items"]
    assert (made["product"]["version_id"], made["state"], by_version.err) == (vip.version_id, "usable", "")
    assert [line.split()[0] for line in active.out.splitlines()] == ["item", second.id, made["id"]]
    assert revoked.out == f"item {first.id} of customer {ann} is revoked\n"
    assert "revoked 2" in shown.out.splitlines()[1]
    assert (none.code, none.out) == (1, "")
    assert f"customer {ann} has no item 5" in none.err


async def test_an_item_is_called_assigned_only_where_the_store_says_who_added_it(tmp_path: Path) -> None:
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
    assert (said.code, said.out.splitlines()[0]) == (0, f"customer {ann} has 1 new item")


async def test_an_assignment_of_which_nobody_knows_asks_to_look_and_not_to_try_again(tmp_path: Path) -> None:
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
        said = await world.perkd("store", "inventory", "assign", ann, "--product", vip.id)
        assert len(world.store.owned("Ann")) == 1
    assert (said.code, said.out) == (1, "")
    assert "is not known" in said.err
    assert f"Look at `perkd store inventory show {ann}` before trying again" in said.err
    assert "later" not in said.err


async def test_a_question_is_asked_on_a_terminal_and_no_is_no(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        token = world.add_customer("Ann")
        ann, item = world.store.customer("Ann").id, world.buy("Ann")
        config = ("-c", str(world.config_path), "store")
        code, shown = await on_terminal(*config, "inventory", "revoke", ann, item, answers=[("[y/N]", "n")])
        assert (code, world.store.item(item).state) == (1, "active")
        assert "nothing was changed" in shown
        code, _ = await on_terminal(*config, "inventory", "revoke", ann, item, answers=[("[y/N]", "y")])
        assert (code, world.store.item(item).state) == (0, "revoked")
        world.store.invalidate_all_exists = True
        code, shown = await on_terminal(*config, "tokens", "invalidate-all", answers=[("to go on", "12")])
        assert (code, world.store.customer("Ann").tokens) == (1, [token])
        assert "that is not the id of the store in the config" in shown
        code, shown = await on_terminal(*config, "tokens", "invalidate-all", answers=[("to go on", STORE_ID)])
        assert (code, world.store.customer("Ann").tokens) == (0, [])
        assert "perkd's own included" in shown


async def test_a_new_token_goes_to_the_daemon_or_to_a_file_and_nowhere_else(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.add_customer("Ann")
        ann = world.store.customer("Ann")
        alone = await world.perkd("store", "tokens", "create", ann.id)
        assert (alone.code, alone.out, len(ann.tokens)) == (69, "", 1)
        assert "no token was made" in alone.err
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
        assert handed.out == f"Ann (customer {ann.id}) is polled from now on, with a new token\n"
        await world.until(lambda: world.server.deliveries)
        assert world.store.item(item).state == "active"
        for said in (alone, filed, again, handed):
            assert secretwatch.found_in(said.out + said.err) == []
        ended = await world.perkd("store", "tokens", "invalidate", ann.id, "--yes")
        assert (ended.code, ann.tokens) == (0, [])
    assert f"`perkd store tokens create {ann.id}` hands it one" in ended.out


async def test_invalidating_all_says_when_the_store_has_it_no_more(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        said = await world.perkd("store", "tokens", "invalidate-all", "--store-id", STORE_ID, "--yes")
        world.store.invalidate_all_exists = True
        done = await world.perkd("store", "tokens", "invalidate-all", "--store-id", STORE_ID, "--yes")
    assert (said.code, done.code) == (1, 0)
    assert "the store does not offer this any more" in said.err


async def test_trouble_with_the_key_or_the_store_is_told_apart(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        key = keyed(world)
        world.store.permissions.discard("product_read")
        forbidden = await world.perkd("store", "products")
        assert forbidden.code == 78
        assert "Give the key's role the permission product_read" in forbidden.err
        key.write_text(secretwatch.mint("API key"))
        refused = await world.perkd("store", "products")
        assert refused.code == 78
        assert "the store does not know the API key" in refused.err
        key.unlink()
        missing = await world.perkd("store", "products")
        assert (missing.code, "store.api_key" in missing.err) == (78, True)
        assert f"no file {key}" in missing.err
        world.write_config()
        none = await world.perkd("store", "products")
        assert (none.code, "store.api_key" in none.err) == (78, True)
        assert 'api_key = "credential:paynow-api-key"' in none.err
        keyed(world)
        world.store.fault(Fault.LIMITED)
        limited = await world.perkd("store", "products")
        await world.store.down()
        down = await world.perkd("store", "products")
    assert (limited.code, down.code) == (69, 69)
    assert "cannot connect to" in down.err


async def test_what_is_not_paynows_api_is_not_a_store_without_the_customer(tmp_path: Path) -> None:
    """Whoever believed "no such customer" would make him a second time."""

    async def plain(_request: web.Request) -> web.Response:
        return web.Response(status=404, text="<h1>Error response</h1>", content_type="text/html")

    async with World(tmp_path) as world, one_handler(plain) as url:
        keyed(world)
        config = world.config_path.read_text("utf-8")
        verbs = (("lookup", "--name", "Bob"), ("show", "12"), ("list",))
        world.config_path.write_text(config.replace(world.store.url, url), "utf-8")
        elsewhere = [await world.perkd("store", "customers", *verb) for verb in verbs]
        world.config_path.write_text(config.replace(world.store.url, f"{world.store.url}/nope"), "utf-8")
        nope = [await world.perkd("store", "customers", *verb) for verb in verbs]
    assert [(said.code, said.out) for said in nope] == [(1, "")] * 3
    assert all("[store] id and [store] api" in said.err for said in nope)
    assert [(said.code, said.out) for said in elsewhere] == [(78, "")] * 3
    assert all("is no answer of PayNow's API: check [store] api" in said.err for said in elsewhere)


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


@pytest.mark.parametrize("verb", ["assign", "create", "update", "revoke", "invalidate", "invalidate-all"])
async def test_ctrl_c_says_that_it_is_not_known_and_where_to_look(tmp_path: Path, verb: str) -> None:
    async with World(tmp_path) as world:
        keyed(world)
        world.add_customer("Ann")
        ann, product = world.store.customer("Ann").id, world.store.product("vip-30-days").id
        store = ("--store-id", STORE_ID)
        line, look = {
            "update": (("customers", "update", ann, "--name", "Bo"), f"perkd store customers show {ann}"),
            "revoke": (("inventory", "revoke", ann, "5", "--yes"), f"perkd store inventory show {ann}"),
            "invalidate": (("tokens", "invalidate", ann, "--yes"), "Running it again is harmless"),
            "invalidate-all": (("tokens", "invalidate-all", *store, "--yes"), "Running it again is harmless"),
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
    assert "is not known" in err
    assert look in err


async def test_a_list_goes_on_when_the_store_asks_for_a_slower_pace_and_ends_when_for_long(tmp_path: Path) -> None:
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
        shown = await world.perkd("store", "products")
    assert (shown.code, "it asked for 61 s; try again in 61 s" in shown.err) == (69, True)
    assert said.code == 0
    assert len(json.loads(said.out)["customers"]) == 150
    assert "the store asks for a slower pace: going on when it allows it" in said.err
    assert ended.code == 69
