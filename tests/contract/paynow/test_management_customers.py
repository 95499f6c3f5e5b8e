"""Customers, their tokens and the products, by API key, over real HTTP: each verb as it succeeds, and what is refused
before anything is sent."""

import json
from datetime import timedelta

import pytest

from perkd.daemon.paynow.customers_api import LOOKUPS
from perkd.daemon.paynow.documents import Customer
from perkd.daemon.paynow.errors import BadInput, NotFound, Rejected
from perkd.daemon.paynow.management import Management
from perkd.daemon.paynow.requests import BULK_CUSTOMERS, CustomerFields, made
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.goods import STORE_ID, ProductCommand
from perkd.daemon.sandbox.store.server import Store
from tests import secretwatch
from tests.contract.stores import client_of, management_of, newcomer, running_store

CUSTOMERS = f"/v1/stores/{STORE_ID}/customers"
STEAM = "76561197960287930"
UUID = "f84c6a79-0a4e-45e0-879b-cd49ebd4c4e2"
NOBODY = "1234567890123456"


async def everybody(store: Management, **how: str) -> list[Customer]:
    return [one async for page in store.customers.pages(**how) for one in page]


def crowd(store: Store, count: int) -> list[str]:
    for number in range(count):
        secretwatch.remember(store.add_customer(f"P{number}"), "a customer token")
    return list(store.customers)


# Reading


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (3, 1), (100, 2), (250, 3)])
async def test_every_customer_is_listed_once_and_in_the_order_of_ids(count: int, requests: int) -> None:
    async with running_store() as store, management_of(store) as management:
        ids = crowd(store, count)
        assert [one.id for one in await everybody(management)] == ids
        assert store.requests(CUSTOMERS) == requests
        assert all(asked.method == "GET" for asked in store.asked)


async def test_a_list_goes_on_after_an_id_and_can_be_searched() -> None:
    async with running_store() as store, management_of(store) as management:
        ids = crowd(store, 130)
        assert [one.id for one in await everybody(management, after=ids[120])] == ids[121:]
        assert [one.name for one in await everybody(management, search="P77")] == ["P77"]
        assert [one.name async for page in management.customers.pages(ids=ids[:2]) for one in page] == ["P0", "P1"]
        assert await everybody(management, search="Nobody & <co>?x=1#y") == []


async def test_customers_who_come_while_the_list_is_read_come_at_its_end() -> None:
    async with running_store() as store, management_of(store) as management:
        before = crowd(store, 150)

        def meanwhile(_path: str) -> None:
            if store.requests(CUSTOMERS) == 2:
                crowd(store, 60)

        store.before_answer = meanwhile
        found = [one.id for one in await everybody(management)]
        assert found == list(store.customers)
        assert found[:150] == before


async def test_one_customer_is_shown_with_all_that_is_known_of_him() -> None:
    async with running_store() as store, management_of(store) as management:
        secretwatch.remember(store.add_customer("Ann", UUID), "a customer token")
        customer = store.customer("Ann")
        customer.metadata["rank"] = "vip"
        shown = await management.customers.show(customer.id)
        assert (shown.id, shown.name, shown.minecraft_uuid) == (customer.id, "Ann", UUID)
        assert shown.metadata == {"rank": "vip"}
        assert shown.created_at == store.now()


@pytest.mark.parametrize("nulls", [True, False])
async def test_a_customer_is_found_by_each_name_and_id_and_an_unknown_one_is_none(nulls: bool) -> None:
    async with running_store() as store, management_of(store) as management:
        store.nulls = nulls
        values = {"steam_id": STEAM, "minecraft_uuid": UUID, "xbox_xuid": "2535405290989773", "name": "Änne & Co + 1"}
        ann = await management.customers.create(made(CustomerFields, values))
        for key, value in {"id": ann.id, **values}.items():
            found = await management.customers.lookup({key: value})
            assert found is not None
            assert found.id == ann.id
        plain = await management.customers.lookup({"minecraft_uuid": UUID.replace("-", "").upper()})
        assert plain is not None
        strangers = {
            "id": NOBODY,
            "steam_id": "76561197960287999",
            "minecraft_uuid": UUID.replace("f", "0"),
            "xbox_xuid": "1",
            "minecraft_java_name": "Nobody",
            "minecraft_bedrock_name": "Nobody",
            "name": "Nobody",
        }
        assert set(strangers) == set(LOOKUPS)
        for key, value in strangers.items():
            assert await management.customers.lookup({key: value}) is None


async def test_products_come_with_their_commands_and_servers() -> None:
    async with running_store() as store, management_of(store) as management:
        hub = store.add_gameserver("Hub")
        store.add_product(
            "vip",
            name="VIP",
            lasts=timedelta(days=30),
            commands=[ProductCommand(content="perkd", gameserver_ids=(hub.id,))],
        )
        store.add_product("hat", has_commands=False)
        rank, vip, hat = await management.products()
        assert [one.slug for one in (rank, vip, hat)] == ["rank", "vip", "hat"]
        assert (vip.id, vip.name, vip.remove_after_enabled) == (store.product("vip").id, "VIP", True)
        [command] = vip.commands
        assert (command.stage, command.content) == ("on_purchase", "perkd")
        assert command.override_execute_on_gameserver_ids == [hub.id]
        assert [(one.id, one.name, one.enabled) for one in vip.gameservers] == [(hub.id, "Hub", True)]
        assert (hat.commands, hat.remove_after_enabled) == ([], False)


# Writing


async def test_a_customer_is_created_from_what_was_given_and_may_be_blank() -> None:
    async with running_store() as store, management_of(store) as management:
        fields = {"steam_id": STEAM, "name": "Ann", "metadata": {"k": "v"}, "minecraft_platform": "java"}
        ann = await management.customers.create(made(CustomerFields, fields))
        blank = await management.customers.create(made(CustomerFields, {}))
        assert (ann.steam_id, ann.name, ann.metadata, ann.minecraft_platform) == (STEAM, "Ann", {"k": "v"}, "java")
        assert blank.name is None
        assert list(store.customers) == [ann.id, blank.id]
        assert store.requests(CUSTOMERS, "POST") == 2


async def test_many_customers_are_created_two_hundred_at_a_time_and_given_as_they_are_confirmed() -> None:
    async with running_store() as store, management_of(store) as management:
        wanted = [made(CustomerFields, {"name": f"N{number}"}) for number in range(2 * BULK_CUSTOMERS + 1)]
        pieces = [piece async for piece in management.customers.create_many(wanted)]
        assert [len(piece) for piece in pieces] == [BULK_CUSTOMERS, BULK_CUSTOMERS, 1]
        assert [one.name for piece in pieces for one in piece] == [fields.name for fields in wanted]
        assert store.requests(f"{CUSTOMERS}/bulk", "POST") == 3


async def test_a_failure_in_the_middle_of_many_leaves_the_confirmed_ones_told_and_sends_nothing_twice() -> None:
    async with running_store() as store, management_of(store) as management:
        wanted = [made(CustomerFields, {"name": f"N{number}"}) for number in range(BULK_CUSTOMERS + 5)]
        pieces = management.customers.create_many(wanted)
        confirmed = await anext(pieces)
        store.fault(Fault.BAD_REQUEST)
        with pytest.raises(Rejected, match="Validation failed"):
            await anext(pieces)
        assert [one.id for one in confirmed] == list(store.customers)
        assert len(confirmed) == BULK_CUSTOMERS
        assert store.requests(f"{CUSTOMERS}/bulk") == 2


async def test_an_update_changes_exactly_the_given_fields_and_null_clears_one() -> None:
    async with running_store() as store, management_of(store) as management:
        fields = {"steam_id": STEAM, "name": "Ann", "metadata": {"a": "1", "b": "2"}}
        ann = await management.customers.create(made(CustomerFields, fields))
        renamed = await management.customers.update(ann.id, made(CustomerFields, {"name": "Anna"}))
        assert (renamed.name, renamed.steam_id, renamed.metadata) == ("Anna", STEAM, {"a": "1", "b": "2"})
        cleared = await management.customers.update(
            ann.id, made(CustomerFields, {"name": None, "metadata": {"a": "3"}})
        )
        assert (cleared.name, cleared.steam_id, cleared.metadata) == (None, STEAM, {"a": "3"})
        assert store.requests(f"{CUSTOMERS}/{ann.id}", "PATCH") == 2


async def test_a_refusal_of_the_store_has_its_message_and_the_field() -> None:
    async with running_store() as store, management_of(store) as management:
        await management.customers.create(made(CustomerFields, {"steam_id": STEAM}))
        with pytest.raises(Rejected) as caught:
            await management.customers.create(made(CustomerFields, {"steam_id": STEAM}))
        assert caught.value.status == 400
        assert "steam_id: " in str(caught.value)
        assert len(store.customers) == 1


# Tokens


async def test_a_minted_token_works_at_the_storefront_and_the_others_stay_valid() -> None:
    async with running_store() as store, management_of(store) as management, client_of(store) as storefront:
        old, customer_id = newcomer(store)
        new = await management.customers.mint(customer_id)
        secretwatch.remember(new.reveal(), "a customer token")
        assert new.reveal() != old.reveal()
        assert (await storefront.customer(new)).customer_id == customer_id
        assert (await storefront.customer(old)).customer_id == customer_id
        await management.customers.invalidate(customer_id)
        assert store.customer(customer_id).tokens == []


async def test_every_token_of_the_store_is_invalidated_where_the_store_offers_it() -> None:
    async with running_store() as store, management_of(store) as management:
        crowd(store, 2)
        with pytest.raises(NotFound, match="404"):
            await management.customers.invalidate_all()
        assert [len(one.tokens) for one in store.customers.values()] == [1, 1]
        store.invalidate_all_exists = True
        await management.customers.invalidate_all()
        assert [len(one.tokens) for one in store.customers.values()] == [0, 0]


# Nobody there, and what is never sent


async def test_a_customer_who_is_not_there_is_named_with_the_store() -> None:
    async with running_store() as store, management_of(store) as management:
        customers = management.customers
        for call in (
            customers.show(NOBODY),
            customers.update(NOBODY, made(CustomerFields, {"name": "x"})),
            customers.mint(NOBODY),
            customers.invalidate(NOBODY),
        ):
            with pytest.raises(NotFound) as caught:
                await call
            assert all(key in str(caught.value) for key in (STORE_ID, NOBODY))
            assert caught.value.status == 404


@pytest.mark.parametrize("bad", ["", "x", "../5", "5/tokens", "5?x", "5 ", "-5", str(2**63), "9" * 30, "٥"])
async def test_a_malformed_id_never_reaches_the_network(bad: str) -> None:
    async with running_store() as store, management_of(store) as management:
        customers = management.customers
        for call in (
            customers.show(bad),
            customers.update(bad, made(CustomerFields, {"name": "x"})),
            customers.mint(bad),
            customers.invalidate(bad),
            customers.lookup({"id": bad}),
            everybody(management, after=bad),
            anext(customers.pages(ids=["5", bad])),
        ):
            with pytest.raises(BadInput):
                await call
        assert store.requests() == 0


async def test_what_is_empty_or_no_text_never_reaches_the_network() -> None:
    async with running_store() as store, management_of(store) as management:
        with pytest.raises(BadInput):
            await management.customers.update("5", made(CustomerFields, {}))
        with pytest.raises(BadInput):
            await anext(management.customers.create_many([]))
        with pytest.raises(BadInput, match="search"):
            await everybody(management, search="\ud800")
        with pytest.raises(BadInput, match="lookup"):
            await management.customers.lookup({})
        assert store.requests() == 0


@pytest.mark.parametrize("bad", ["", "x", "5/..", str(2**63)])
async def test_a_store_id_that_is_none_opens_no_client(bad: str) -> None:
    async with running_store() as store:
        with pytest.raises(BadInput, match=r"\[store\] id"):
            async with management_of(store, store_id=bad):
                pass
        assert store.requests() == 0


async def test_a_body_is_plain_json_whatever_the_text() -> None:
    async with running_store() as store, management_of(store) as management:
        name = 'Ä"\\\x1f💎<script>'
        ann = await management.customers.create(made(CustomerFields, {"name": name, "metadata": {"ключ": "\u2028"}}))
        assert ann.name == name
        assert store.customer(ann.id).metadata == json.loads('{"ключ": "\u2028"}')
