"""The Management API of the emulated store: customers, tokens, inventories, and refused requests."""

from datetime import timedelta

import pytest

from perkd.daemon.sandbox.store.goods import STORE_ID, ProductCommand
from tests import secretwatch
from tests.contract.emulated import Caller

UUID = "f84c6a79-0a4e-45e0-879b-cd49ebd4c4e2"
STEAM_ID = "76561197960287930"


async def test_a_customer_is_created_found_and_changed(caller: Caller) -> None:
    made = await caller.good("POST", "/customers", {"name": "Ann", "steam_id": int(STEAM_ID), "metadata": {"a": "b"}})
    assert made["steam_id"] == STEAM_ID
    changed = await caller.good(
        "PATCH", f"/customers/{made['id']}", {"minecraft_uuid": UUID.replace("-", ""), "metadata": {}}
    )
    assert (changed["name"], changed["minecraft_uuid"], changed["metadata"]) == ("Ann", UUID, {})
    for query in (
        f"id={made['id']}",
        f"steam_id={STEAM_ID}",
        f"minecraft_uuid={UUID}",
        f"minecraft_uuid={UUID.replace('-', '')}",
        "minecraft_java_name=ann",
        "name=Ann",
    ):
        assert await caller.good("GET", f"/customers/lookup?{query}") == changed
    await caller.good("PATCH", f"/customers/{made['id']}", {"name": "Anna"})
    assert (await caller.key("GET", "/customers/lookup?name=Ann"))[0] == 404
    assert (await caller.key("GET", "/customers/lookup"))[0] == 400


async def test_a_profile_name_does_not_count_as_a_name(caller: Caller) -> None:
    secretwatch.remember(caller.store.add_customer(None, UUID, profile_name="Notch"))
    secretwatch.remember(caller.store.add_customer(None, xbox_xuid="2533274790395904", profile_name="Steve"))
    assert (await caller.key("GET", "/customers/lookup?name=Notch"))[0] == 404
    java = await caller.good("GET", "/customers/lookup?minecraft_java_name=Notch")
    assert (java["name"], java["profile"]["name"], java["minecraft_platform"]) == (None, "Notch", "java")
    bedrock = await caller.good("GET", "/customers/lookup?minecraft_bedrock_name=Steve")
    assert (bedrock["minecraft"]["id"], bedrock["minecraft_platform"]) == ("2533274790395904", "bedrock")
    assert await caller.good("GET", "/customers/lookup?xbox_xuid=2533274790395904") == bedrock


async def test_customers_are_listed_in_pages_searched_and_picked(caller: Caller) -> None:
    made = await caller.good("POST", "/customers/bulk", [{"name": f"Player {n}"} for n in range(120)])
    ids = [one["id"] for one in made]
    first = await caller.good("GET", "/customers?asc=true&limit=100")
    rest = await caller.good("GET", f"/customers?asc=true&limit=100&after={first[-1]['id']}")
    assert [one["id"] for one in first + rest] == ids
    assert [one["id"] for one in await caller.good("GET", "/customers?limit=1")] == ids[-1:]
    found = await caller.good("GET", "/customers?search=player%2011&asc=true")
    assert [one["name"] for one in found] == ["Player 11", *(f"Player 11{n}" for n in range(10))]
    picked = await caller.good("GET", f"/customers?customer_id={ids[3]}&customer_id={ids[5]}&asc=true")
    assert [one["id"] for one in picked] == [ids[3], ids[5]]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"name": ""}, "name must have 1 to 50"),
        ({"name": "x" * 51}, "name must have 1 to 50"),
        ({"name": 7}, "name must be a string"),
        ({"steam_id": "clearlynotasteamid"}, "cannot parse Steam ID from string: clearlynotasteamid"),
        ({"minecraft_uuid": "f84c"}, "cannot parse UUID"),
        ({"xbox_xuid": "x"}, "cannot parse XUID"),
        ({"minecraft_platform": "console"}, "must be one of"),
        ({"metadata": {str(n): "" for n in range(51)}}, "at most 50 keys"),
        ({"metadata": {"k" * 41: ""}}, "at most 50 keys of 40"),
        ({"metadata": {"k": "v" * 501}}, "values of 500"),
        ({"metadata": {"k": 7}}, "object of strings"),
        ({"steam_id": STEAM_ID}, "exists already"),
        ({"minecraft_uuid": UUID}, "exists already"),
    ],
)
async def test_a_wrong_customer_is_refused_with_the_whole_bulk(caller: Caller, body: object, says: str) -> None:
    secretwatch.remember(caller.store.add_customer("Ann", UUID, steam_id=STEAM_ID))
    status, error = await caller.key("POST", "/customers", body)
    assert (status, error["status"]) == (400, 400)
    assert says in error["message"]
    assert error["errors"]
    status, error = await caller.key("POST", "/customers/bulk", [{"name": "Bob"}, body])
    assert (status, error["message"].partition(": ")[0]) == (400, "[1]")
    assert len(caller.store.customers) == 1


async def test_two_of_one_bulk_may_not_share_an_identity(caller: Caller) -> None:
    status, error = await caller.key("POST", "/customers/bulk", [{"steam_id": STEAM_ID}] * 2)
    assert (status, error["errors"][0]["path"]) == (400, "[1].steam_id")
    assert (await caller.key("POST", "/customers/bulk", [{}] * 201))[0] == 400


async def test_tokens_are_made_and_invalidated_for_one_or_for_all(caller: Caller) -> None:
    customer = (await caller.good("POST", "/customers", {"name": "Ann"}))["id"]

    async def minted() -> str:
        answer = await caller.good("POST", f"/customers/{customer}/tokens")
        return secretwatch.remember(answer["token"], "a customer token")

    async def is_good(token: str) -> bool:
        return (await caller.send("GET", "/v1/store/customer", f"Customer {token}"))[0] == 200

    first, second = await minted(), await minted()
    assert [await is_good(token) for token in (first, second)] == [True, True]
    assert await caller.key("DELETE", f"/customers/{customer}/tokens") == (204, None)
    third = await minted()
    assert [await is_good(token) for token in (first, second, third)] == [False, False, True]
    assert (await caller.key("DELETE", "/customers/tokens"))[0] == 404
    caller.store.invalidate_all_exists = True
    assert await caller.key("DELETE", "/customers/tokens") == (204, None)
    assert not await is_good(third)


async def test_items_are_assigned_listed_and_revoked_by_every_spelling_of_the_path(caller: Caller) -> None:
    customer = (await caller.good("POST", "/customers", {"name": "Ann"}))["id"]
    product = caller.store.add_product("vip", lasts=timedelta(days=30))
    for spelling in ("delivery/items", "command-delivery", "command_delivery", "inventory"):
        path = f"/customers/{customer}/{spelling}"
        body = {"product_id": product.id, "quantity": 2, "override_expires_at": "2026-05-01T00:00:00+02:00"}
        given = await caller.good("POST", path, body)
        assert [(one["state"], one["quantity_index"], one["order_id"]) for one in given] == [("usable", None, None)] * 2
        assert given[0]["override_expires_at"].startswith("2026-04-30T22:00:00")
        assert given[0]["added_by"]["type"] == "api_key"
        assert await caller.key("DELETE", f"{path}/{given[0]['id']}") == (204, None)
        listed = {one["id"]: one for one in await caller.good("GET", path)}
        revoked = listed[given[0]["id"]]
        assert (revoked["state"], revoked["revoke_reason"]) == ("revoked", "admin")
        assert listed[given[1]["id"]] == given[1]
    active = await caller.good("GET", f"/customers/{customer}/delivery/items?activeOnly=true")
    assert {one["state"] for one in active} == {"usable"}
    assert len(await caller.good("GET", "/delivery/items?limit=3")) == 3


async def test_an_older_version_of_a_product_can_be_given(caller: Caller) -> None:
    customer = (await caller.good("POST", "/customers"))["id"]
    product = caller.store.add_product("vip")
    older = product.version_id
    caller.store.edit_product("vip")
    [item] = await caller.good("POST", f"/customers/{customer}/delivery/items", {"product_version_id": older})
    assert (item["product"]["id"], item["product"]["version_id"]) == (product.id, older)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"product_id": None}, "product_id or product_version_id is needed"),
        ({"product_id": "7"}, "no product 7"),
        ({"product_version_id": "7"}, "no product version 7"),
        ({"quantity": 0}, "quantity must be 1 to 20"),
        ({"quantity": 21}, "quantity must be 1 to 20"),
        ({"quantity": True}, "quantity must be 1 to 20"),
        ({"execute_on_gameserver_id": "7"}, "no game server 7"),
        ({"skip_commands": "yes"}, "skip_commands must be a boolean"),
        ({"override_expires_at": "tomorrow"}, "RFC 3339"),
        ({"override_expires_at": "2026-04-01T00:00:00"}, "RFC 3339"),
        ({"custom_variables": {"a": 1}}, "object of strings"),
    ],
)
async def test_a_wrong_assignment_gives_nothing(caller: Caller, change: dict[str, object], says: str) -> None:
    customer = (await caller.good("POST", "/customers"))["id"]
    body = {"product_id": caller.store.add_product("vip").id} | change
    status, error = await caller.key("POST", f"/customers/{customer}/delivery/items", body)
    assert (status, says in error["message"]) == (400, True), error
    assert caller.store.items == {}


async def test_a_bulk_gives_all_or_nothing(caller: Caller) -> None:
    ids = [one["id"] for one in await caller.good("POST", "/customers/bulk", [{}, {}])]
    server = caller.store.add_gameserver("survival")
    version = caller.store.add_product("vip", single_game_server=True).version_id
    rows = [{"customer_id": one, "product_version_id": version, "quantity": 2} for one in ids]
    status, error = await caller.key("POST", "/delivery/items", rows)
    assert (status, error["errors"][0]["path"]) == (400, "[0].execute_on_gameserver_id")
    placed = [row | {"execute_on_gameserver_id": server.id} for row in rows]
    status, error = await caller.key("POST", "/delivery/items", [*placed, placed[0] | {"customer_id": "7"}])
    assert (status, error["errors"][0]["path"], caller.store.items) == (400, "[2].customer_id", {})
    given = await caller.good("POST", "/delivery/items", placed)
    assert [one["customer_id"] for one in given] == [ids[0], ids[0], ids[1], ids[1]]
    assert await caller.key("POST", "/customers/bulk/command_delivery", placed) == (201, None)
    assert len(caller.store.items) == 8
    assert (await caller.key("POST", "/delivery/items", placed * 126))[0] == 400


async def test_who_sees_an_item_without_commands(caller: Caller) -> None:
    token = secretwatch.remember(caller.store.add_customer("Ann"))
    customer = caller.store.customer("Ann").id
    for slug, has_commands in (("vip", True), ("bare", False)):
        product = caller.store.add_product(slug, has_commands=has_commands)
        await caller.good("POST", f"/customers/{customer}/delivery/items", {"product_id": product.id})
    skipped = {"product_id": caller.store.product("vip").id, "skip_commands": True}
    await caller.good("POST", f"/customers/{customer}/delivery/items", skipped)
    assert [one["product"]["slug"] for one in await caller.customer(token)] == ["vip"]
    listed = await caller.good("GET", "/delivery/items?asc=true")
    assert [(one["product"]["slug"], one["skip_commands"]) for one in listed] == [
        ("vip", False),
        ("bare", False),
        ("vip", True),
    ]
    caller.store.show_commandless = True
    assert len(await caller.customer(token)) == 3


async def test_products_and_game_servers_are_listed_with_their_commands(caller: Caller) -> None:
    one, other = caller.store.add_gameserver("survival"), caller.store.add_gameserver("creative", enabled=False)
    secretwatch.remember(one.token)
    secretwatch.remember(other.token)
    command = ProductCommand("on_expire", "say bye", gameserver_ids=(one.id,))
    product = caller.store.add_product("vip", lasts=timedelta(days=30), commands=[command])
    caller.store.add_product("bare", has_commands=False)
    told = await caller.good("GET", f"/products/{product.id}")
    assert told["commands"] == [
        {
            "stage": "on_expire",
            "content": "say bye",
            "online_only": False,
            "override_execute_on_gameserver_ids": [one.id],
        }
    ]
    assert (told["remove_after_time_value"], told["remove_after_time_scale"]) == (30, "day")
    assert [server["id"] for server in told["gameservers"]] == [one.id, other.id]
    assert [(await caller.good("GET", "/products?slug=bare"))[0]["commands"]] == [[]]
    assert await caller.good("GET", f"/products?product_id={product.id}") == [told]
    servers = await caller.good("GET", "/gameservers")
    assert [(server["name"], server["enabled"]) for server in servers] == [("survival", True), ("creative", False)]
    assert await caller.good("GET", f"/gameservers/{one.id}") == servers[0]


async def test_a_key_of_another_store_or_without_permission_is_refused(caller: Caller) -> None:
    authorization = f"apikey {caller.store.api_key}"
    status, error = await caller.send("GET", "/v1/stores/7/customers", authorization)
    assert (status, STORE_ID in error["message"], "7" in error["message"]) == (403, True, True)
    caller.store.permissions.remove("customer_create")
    status, error = await caller.key("POST", "/customers")
    assert (status, "customer_create" in error["message"]) == (403, True)
    assert (await caller.key("GET", "/customers"))[0] == 200
