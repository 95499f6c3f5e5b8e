"""A failure with one customer or player never stops enrolment for the others."""

from datetime import timedelta
from pathlib import Path

import pytest

from perkd.daemon.sandbox.store import documents, people
from perkd.daemon.sandbox.store.calls import Refused
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.goods import STORE_ID, Customer, Goods
from tests.flow.enrolling import CUSTOMERS, begun, enrolled, fed, keyed, later, looked, mints, read, tried
from tests.world import World

LOOKUP = f"{CUSTOMERS}/lookup"
FUTURE = "9223372036854775000"


def joins(world: World, name: str) -> None:
    world.server.console.join(name, world.server.console.account(name))


def customer_with_id(world: World, number: str, name: str) -> None:
    world.store.people.add(Customer(number, name, world.hands.now(), None, None, None, False, None))
    customers = world.store.customers
    for one in sorted(customers, key=int):  # as the store lists them
        customers[one] = customers.pop(one)


def lookup_fails_for(monkeypatch: pytest.MonkeyPatch, account: str, status: int) -> None:
    was = people.People.with_identity

    def with_identity(self: people.People, kind: str, value: str) -> Customer | None:
        if value == account:
            raise Refused(status, "no")
        return was(self, kind, value)

    monkeypatch.setattr(people.People, "with_identity", with_identity)


@pytest.mark.parametrize("status", [400, 500])
async def test_a_player_the_store_fails_with_stops_no_other_one(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with keyed(tmp_path, "Bob", enrol="online") as owner:
        world = owner.world
        lookup_fails_for(monkeypatch, world.server.console.account("Odd"), status)
        joins(world, "Odd")
        await world.until(lambda: world.store.requests(LOOKUP) >= 1)
        joins(world, "Bob")
        await world.until(lambda: "Bob" in owner.app.servers["survival"].roster)
        for _ in range(4):
            await tried(world, minutes=2)
        assert read(world) == {"Bob"}
        await looked(world)
        asked = world.store.requests(LOOKUP)
        await later(world, minutes=5)
        assert world.store.requests(LOOKUP) == asked, "looked up again after an hour"


async def test_without_a_store_a_player_is_not_unknown_and_there_is_a_problem(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_customer("Bob")
        text = world.write_config(enrol="online", offline="1h").read_text("utf-8")
        world.config_path.write_text(text.replace(world.store.url, f"{world.store.url}/nope"), "utf-8")
        owner = await begun(world)
        enrolment = owner.app.newcomers.enrolment
        assert enrolment is not None
        joins(world, "Bob")
        await world.until(lambda: enrolment.backoff.lasting)
        [said] = [one for one in owner.app.newcomers.problems() if one.code == "enrolment_failing"]
        assert "[store] api" in said.text
        assert "[store] id, api" in said.fix
        _, player = next(iter(enrolment._present()))
        assert enrolment._unknown_players.due({player.id: player}, world.hands.now()) == [player.id], "looked up again"


@pytest.mark.store_lies
async def test_a_player_whose_document_cannot_be_read_stops_no_other_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with keyed(tmp_path, "Ann", "Bob", enrol="online") as owner:
        world = owner.world
        was = documents.Documents.customer

        def customer(self: documents.Documents, one: Customer) -> documents.Document:
            return was(self, one) | ({"profile": "none of the kind"} if one.name == "Ann" else {})

        monkeypatch.setattr(documents.Documents, "customer", customer)
        joins(world, "Ann")
        await world.until(lambda: world.store.requests(LOOKUP) >= 1)
        joins(world, "Bob")
        await enrolled(world, "Bob")
        assert "enrolment_failing" not in await owner.problems()


async def test_a_customer_whose_token_cannot_be_replaced_stops_no_other_one(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_customer("Ann")
        world.write_config(enrol="all", offline="1s")
        await begun(world)
        await enrolled(world, "Ann")
        ann = f"{CUSTOMERS}/{world.store.customer('Ann').id}"
        world.hands.forward(timedelta(hours=2))
        world.store.fault(Fault.SERVER_ERROR, path=ann)
        world.store.invalidate_tokens("Ann")
        await world.until(lambda: world.store.requests(ann) >= 1)
        world.add_customer("Bob")
        await tried(world, minutes=6)
        await enrolled(world, "Ann", "Bob")
        for _ in range(3):
            await tried(world, minutes=2)
        await looked(world)
        asked = world.store.requests(ann)
        await later(world, minutes=5)
        assert world.store.requests(ann) == asked, "looked up again after an hour"
        world.store.heal()
        await later(world, hours=1)
        await world.until(lambda: mints(world) == 3)


@pytest.mark.parametrize("fault", [Fault.NOT_FOUND, Fault.SERVER_ERROR])
async def test_a_failing_customer_of_the_feed_delays_no_other_token(fault: Fault, tmp_path: Path) -> None:
    async with keyed(tmp_path) as owner:
        world = owner.world
        await enrolled(world)
        for number in range(12):
            world.store.add_customer(f"n{number}", None)
            world.store.fault(fault, path=f"{CUSTOMERS}/{world.store.customer(f'n{number}').id}/tokens")
            world.buy(f"n{number}", activate=False)
        await fed(world)
        world.add_customer("Ann")
        for _ in range(40):
            await tried(world, minutes=2)
            if "Ann" in read(world):
                break
        assert read(world) == {"Ann"}
        for _ in range(20):
            await tried(world, minutes=1)
        problems = await owner.problems()
        assert problems["customer_not_enrolled"]["subject"] == "12 customers"
        assert "enrolment_failing" not in problems


async def test_a_customer_the_store_merged_with_another_one_is_looked_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.add_customer("Bob")
        world.write_config(enrol="all", offline="1h")
        owner = await begun(world)
        await enrolled(world, "Ann", "Bob")
        was, bob = documents.Documents.customer, world.store.customer("Bob")
        monkeypatch.setattr(documents.Documents, "customer", lambda self, _one: was(self, bob))
        ann = f"{CUSTOMERS}/{world.store.customer('Ann').id}"
        world.tokens_path.write_text("# nobody any more\n")
        status, _ = await owner.ask("/reload", "POST")
        assert status == 200
        await world.until(lambda: world.store.requests(ann) == 1)
        for _ in range(3):
            await later(world, minutes=1)
        assert world.store.requests(ann) == 1
        assert (read(world), mints(world)) == ({"Bob"}, 1)


async def test_a_customer_with_an_id_of_the_far_future_hides_no_other_one(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        customer_with_id(world, FUTURE, "Eve")
        world.write_config(enrol="all", offline="1h")
        owner = await begun(world)
        await enrolled(world, "Eve")
        world.add_customer("Ann")
        await later(world, minutes=6)
        await enrolled(world, "Ann", "Eve")
        await owner.app.ledger.put_bookmark(f"enrolled:{STORE_ID}", FUTURE)  # as an older perkd left it
        await world.stop_app()
        world.add_customer("Bob")
        await begun(world)
        await enrolled(world, "Ann", "Bob", "Eve")
        assert mints(world) == 3


async def test_an_item_with_an_id_of_the_far_future_does_not_blind_the_feed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with keyed(tmp_path, "Ann", "Eve") as owner:
        world = owner.world
        await enrolled(world, "Ann", "Eve")
        await owner.looked()
        was = documents.Documents.item

        def item(self: documents.Documents, goods: Goods) -> documents.Document:
            return was(self, goods) | {"id": FUTURE}

        world.buy("Eve")
        with monkeypatch.context() as once:
            once.setattr(documents.Documents, "item", item)
            await fed(world)
            await owner.settled(owner.add("Eve"))
        world.hands.forward(timedelta(minutes=2))
        await fed(world)
        world.buy("Ann")
        await fed(world)
        await owner.settled(owner.add("Eve"), owner.add("Ann"))


async def test_a_customer_listed_late_is_found_after_a_restart(tmp_path: Path) -> None:
    async with keyed(tmp_path) as owner:
        world = owner.world
        await enrolled(world)
        late = world.store.new_id()
        world.add_customer("Ann")
        await later(world, minutes=6)
        await enrolled(world, "Ann")
        await world.stop_app()
        customer_with_id(world, late, "Late")
        await begun(world)
        await enrolled(world, "Ann", "Late")
