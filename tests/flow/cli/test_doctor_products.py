"""`perkd check --connect` with an API key: what the store's products mean for the perks of this config."""

import json
from datetime import timedelta
from pathlib import Path

from perkd.daemon.cli.doctor.doctor import INVISIBLE, TRIED_BY_RUN, WITH_A_KEY
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.goods import STORE_ID, ProductCommand
from tests import secretwatch
from tests.world import KIT, VIP, World

PRODUCTS = f"/v1/stores/{STORE_ID}/products"
ITEMS = f"/v1/stores/{STORE_ID}/delivery/items"
PERKD = ProductCommand(content="perkd")


async def test_every_finding_about_the_products_is_shown_with_its_fix(tmp_path: Path) -> None:
    perks = VIP + KIT.replace("starter-kit", "starter-kti") + VIP.replace("vip", "gold").replace("-30-days", "-rank")
    async with World(tmp_path) as world:
        hub = world.store.add_gameserver("Hub")
        world.store.add_product(
            "gold-rank",
            commands=[
                PERKD,
                ProductCommand(content="lp user {customer.name} parent add gold", gameserver_ids=(hub.id,)),
            ],
        )
        world.store.add_product("hat", has_commands=False)
        token = secretwatch.mint("a game server token")
        server = f'paynow_id = "{hub.id}"\npaynow_token = "{token}"\nrun_store_commands = true'
        world.add_token("Ann")
        world.buy("Ann")
        for _ in range(2):
            world.buy("Ann", "hat", activate=False)
        world.write_config(perks=perks, server=server, enrol="off")
        said, as_json = await world.perkd("check", "--connect"), await world.perkd("check", "--connect", "--json")
        assert (said.code, as_json.code) == (1, 1)
        assert all(word in said.out for word in (" 4 products", " 3 items", TRIED_BY_RUN))
        told = json.loads(as_json.out)
        missing, real, hat = told["products"]
        assert f"  error: product starter-kti (perk starter-kti): {missing['text']} [no_product]\n" in said.out
        assert f"    fix: {missing['fix']}\n" in said.out
        assert '"starter-kit"' in missing["fix"]
        assert f"  warning: product gold-rank (perk gold): {real['text']} [real_command]\n" in said.out
        for word in ('"lp user {customer.name} parent add gold"', "on_purchase", '"survival"', "run_store_commands"):
            assert word in real["text"]
        assert f"  info: product hat: {hat['text']} [not_mapped]\n" in said.out
        assert all(word in hat["text"] for word in ("2 items", "1 customer", "3 items"))
        assert told["store"]["warnings"] == []
        assert [(one["severity"], one["code"], one["product"]) for one in told["products"]] == [
            ("error", "no_product", "starter-kti"),
            ("warning", "real_command", "gold-rank"),
            ("info", "not_mapped", "hat"),
        ]
        assert told["products"][1]["perks"] == ["gold"]
        assert (told["api_key"]["state"], told["api_key"]["error"], told["well"]) == ("ok", None, False)
        assert all(asked.method == "GET" for asked in world.store.asked)  # nothing was changed, nothing linked
        assert hub.link is None
        assert (world.store.requests(PRODUCTS), world.store.requests(ITEMS)) == (2, 2)


async def test_warnings_alone_exit_with_0(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(enrol="off")
        said = await world.perkd("check", "--connect", "--json")
        assert said.code == 0, said
        told = json.loads(said.out)
        [found] = told["products"]
        assert (found["product"], found["code"], found["perks"]) == ("vip-30-days", "not_activated", ["vip"])
        assert INVISIBLE not in told["notes"]  # the products were checked
        assert world.store.requests() == 2  # no token: the key alone says that the store answers


async def test_a_config_with_good_products_has_no_finding(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(perks=VIP + 'lasts = "30d"\n' + KIT, enrol="off")
        said = await world.perkd("check", "--connect", "--json")
        assert said.code == 0, said
        told = json.loads(said.out)
        assert (told["well"], told["products"], told["api_key"]["items"]) == (True, [], 0)


async def test_without_a_key_owned_products_are_counted_from_inventories(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        world.store.add_product("hat", lasts=timedelta(days=3))
        world.add_token("Ann")
        world.buy("Ann", "hat", activate=False)
        said = await world.perkd("check", "--connect", "--json")
        assert said.code == 0, said
        told = json.loads(said.out)
        [hat] = told["products"]
        assert (told["api_key"]["state"], hat["code"], hat["product"]) == ("no_key", "not_mapped", "hat")
        assert all(word in hat["text"] for word in ("1 item ", "1 customer ", "1 inventory "))
        assert WITH_A_KEY in told["notes"]
        assert not any(asked.path.startswith("/v1/stores/") for asked in world.store.asked)


async def test_without_connect_nothing_is_asked(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(enrol="off")
        said = await world.perkd("check")
        assert said.code == 0, said
        assert world.store.requests() == 0
        assert "product " not in said.out


async def test_the_sources_of_the_key_and_tokens_are_shown_and_never_the_secrets(
    tmp_path: Path,
) -> None:
    async with World(tmp_path) as world:
        (tmp_path / "queue").write_text(secretwatch.mint("a game server token"))
        (tmp_path / "queue").chmod(0o600)
        config = world.write_config(server=f'paynow_token = "file:{tmp_path}/queue"', enrol="online").read_text()
        said = await world.perkd("check")
        assert said.code == 0, said
        [key] = [line for line in said.out.splitlines() if line.startswith("API key ")]
        [queue] = [line for line in said.out.splitlines() if line.startswith("queue ")]
        assert key.endswith("enrol = online")
        assert queue.endswith(f"file:{tmp_path}/queue")
        world.config_path.write_text(config.replace(world.store.api_key, "credential:no-such-key"))
        unread = await world.perkd("check")
        assert "credential:no-such-key (not checked)" in unread.out


async def test_a_missing_permission_is_a_warning_that_names_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.buy("Ann")
        world.write_config(enrol="off")
        world.store.permissions -= {"product_read", "customer_inventory_manage"}
        said = await world.perkd("check", "--connect", "--json")
        assert said.code == 0, said
        told = json.loads(said.out)
        key = told["api_key"]
        assert (key["state"], " product_read " in key["error"]) == ("not_permitted", True)
        assert [" customer_inventory_manage " in warning for warning in key["warnings"]] == [True]
        assert ['"starter-kit"' in warning for warning in told["store"]["warnings"]] == [
            True
        ]  # the same as without a key


async def test_a_key_that_the_store_does_not_know_is_an_error_and_is_tried_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        config = world.write_config(enrol="off").read_text()
        world.config_path.write_text(config.replace(world.store.api_key, secretwatch.mint("API key")))
        said, as_json = await world.perkd("check", "--connect"), await world.perkd("check", "--connect", "--json")
        assert (said.code, as_json.code) == (1, 1)
        assert "API key: REFUSED: " in said.out
        assert json.loads(as_json.out)["api_key"]["state"] == "refused"
        assert world.store.requests() == 2


async def test_a_store_that_fails_for_the_key_is_not_well(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.write_config(enrol="off")
        world.store.fault(Fault.BAD_GATEWAY, path=PRODUCTS)
        failing = await world.perkd("check", "--connect", "--json")
        assert (failing.code, json.loads(failing.out)["store"]["state"]) == (1, "failing")
        await world.store.down()
        away = await world.perkd("check", "--connect", "--json")
        assert away.code == 1  # its game server can be reached
        assert json.loads(away.out)["store"]["state"] == "unreachable"
        await world.server.down()
        nobody = await world.perkd("check", "--connect")
        assert nobody.code == 69


async def test_after_a_failed_token_request_the_key_is_not_tried(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.write_config(enrol="off")
        world.store.fault(Fault.LIMITED)
        said = await world.perkd("check", "--connect", "--json")
        assert said.code == 1
        assert json.loads(said.out)["api_key"]["state"] == "not_asked"
        assert world.store.requests() == 1


async def test_a_key_that_cannot_be_read_here_is_a_warning_and_not_tried(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        config = world.write_config(enrol="off").read_text()
        world.config_path.write_text(config.replace(world.store.api_key, "credential:no-such-key"))
        said = await world.perkd("check", "--connect", "--json")
        assert said.code == 0, said
        told = json.loads(said.out)
        assert told["api_key"]["state"] == "not_checked"
        assert ["[store] api_key" in one for one in told["not_checked"]] == [True]


async def test_an_older_store_has_no_list_of_its_items_and_is_not_asked_for_one(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        config = world.write_config(enrol="off").read_text()
        world.config_path.write_text(
            config.replace("[customers]", 'management_items = "command_delivery"\n[customers]')
        )
        said = await world.perkd("check", "--connect", "--json")
        assert said.code == 0, said
        assert json.loads(said.out)["api_key"]["items"] is None
        assert world.store.requests(ITEMS) == 0
