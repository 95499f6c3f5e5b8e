"""Enrolment: perkd makes tokens for customers and gives them what they buy, and no person has to paste a token."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from perkd.daemon.core.model import Profile, Secret
from perkd.daemon.enrolment import tokens
from perkd.daemon.ledger import ledger
from perkd.daemon.ledger.roll import RollFacet
from perkd.daemon.ledger.rows import Polled
from perkd.daemon.sandbox.store.faults import Fault
from tests import secretwatch
from tests.flow.enrolling import CUSTOMERS, begun, enrolled, fed, keyed, later, made, mints, read, round_over, tried
from tests.flow.owner import Owner
from tests.world import World, patient_requests

MANY = 2000
LOOKUP = f"{CUSTOMERS}/lookup"


def joins(owner: Owner, name: str) -> None:
    """A player with a Minecraft account joins the server."""
    owner.world.server.console.join(name, owner.world.server.console.account(name))


# Everybody


async def test_a_customer_on_no_list_gets_what_they_buy(tmp_path: Path) -> None:
    async with keyed(tmp_path, "Ann", offline="1s") as owner:
        await enrolled(owner.world, "Ann")
        owner.world.buy("Ann")
        await owner.settled(owner.add("Ann"))
        assert made(owner.world) == {"Ann": 1}
        assert await owner.problems() == {}


async def test_what_was_bought_before_the_key_was_given_is_granted_too(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_customer("Ann")
        world.buy("Ann")
        world.write_config(enrol="all", offline="1h")
        owner = await begun(world)
        await owner.settled(owner.add("Ann"))


async def test_a_customer_who_came_after_the_round_is_found_within_minutes(tmp_path: Path) -> None:
    async with keyed(tmp_path, "Ann") as owner:
        await enrolled(owner.world, "Ann")
        owner.world.add_customer("Bob")
        await later(owner.world, minutes=6)
        await enrolled(owner.world, "Ann", "Bob")
        assert made(owner.world) == {"Ann": 1, "Bob": 1}


@pytest.mark.volume
async def test_two_thousand_customers_are_enrolled_each_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        names = [f"n{number}" for number in range(MANY)]
        for name in names:
            world.store.add_customer(name, None)
        world.write_config(enrol="all", offline="1h")
        owner = await begun(world)
        problem = (await owner.problems())["enrolling"]
        assert problem["severity"] == "info"
        await enrolled(world, *names)
        assert set(made(world).values()) == {1}
        assert "enrolling" not in await owner.problems()
        _, metrics = await owner.http("/metrics")
        assert f'perkd_enrolments_total{{result="made"}} {float(MANY)}' in metrics


async def test_who_has_a_token_already_gets_no_other_one(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.add_customer("Bob")
        world.write_config(enrol="all", offline="1h")
        owner = await begun(world)
        await enrolled(world, "Ann", "Bob")
        await world.stop_app()
        owner = await begun(world)
        await enrolled(world, "Ann", "Bob")
        assert "duplicate_token" not in await owner.problems()
        assert made(world)["Bob"] == 1


async def test_with_enrolment_off_perkd_makes_no_token(tmp_path: Path) -> None:
    async with keyed(tmp_path, "Ann", enrol="off") as owner:
        joins(owner, "Ann")
        owner.world.buy("Ann")
        await fed(owner.world)
        await fed(owner.world)
        assert owner.world.store.requests(method="POST") == 0
        assert read(owner.world) == set()


async def test_a_customer_the_operator_removed_is_not_enrolled_again(tmp_path: Path) -> None:
    async with keyed(tmp_path, "Ann", "Bob") as owner:
        await enrolled(owner.world, "Ann", "Bob")
        ann = owner.world.store.customer("Ann").id
        status, _ = await owner.ask(f"/customers/{ann}", "DELETE")
        assert status == 200
        joins(owner, "Ann")
        owner.world.buy("Ann")
        await fed(owner.world)
        await later(owner.world, minutes=6)
        await owner.world.stop_app()
        await begun(owner.world)
        await enrolled(owner.world, "Bob")
        assert made(owner.world) == {"Ann": 1, "Bob": 1}


# What goes wrong


async def test_one_customer_without_a_token_stops_no_other_one_and_is_tried_again(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        for name in ("Ann", "Bob", "Cem"):
            world.add_customer(name)
        bob = f"{CUSTOMERS}/{world.store.customer('Bob').id}/tokens"
        world.store.fault(Fault.BAD_REQUEST, path=bob)
        world.write_config(enrol="all", offline="1h")
        owner = await begun(world)
        await enrolled(world, "Ann", "Cem")
        problem = (await owner.problems())["customer_not_enrolled"]
        assert (problem["severity"], problem["subject"]) == ("warning", "1 customer")
        await world.stop_app()
        world.store.heal()
        owner = await begun(world)
        await world.until(lambda: round_over(world))
        await later(owner.world, minutes=6)
        assert mints(world) == 3, "not before its time"
        await later(owner.world, hours=1)
        await enrolled(world, "Ann", "Bob", "Cem")
        await later(owner.world, minutes=1)
        assert "customer_not_enrolled" not in await owner.problems()


async def test_a_store_that_fails_with_one_customer_stops_no_other_one(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        for name in ("Ann", "Bob"):
            world.add_customer(name)
        world.store.fault(Fault.SERVER_ERROR, path=f"{CUSTOMERS}/{world.store.customer('Ann').id}/tokens")
        world.write_config(enrol="all", offline="1h")
        await begun(world)
        for _ in range(3):
            await tried(world, minutes=5)
        await enrolled(world, "Bob")


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.RESET, Fault.WEB_PAGE, Fault.LIMITED_SECONDS])
async def test_an_outage_pauses_enrolment_and_it_goes_on_by_itself(fault: Fault, tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        for name in ("Ann", "Bob"):
            world.add_customer(name)
        world.store.retry_after_s = 1
        world.store.fault(fault)
        world.write_config(enrol="all", offline="1h")
        owner = await begun(world)
        await world.until(lambda: world.store.requests(CUSTOMERS, "GET") >= 1)

        async def told_by_and_by() -> bool:
            world.hands.forward(timedelta(seconds=6))
            return await told(owner, "enrolment_failing")

        if fault is not Fault.LIMITED_SECONDS:  # that is the store's word about everybody
            await owner.until(told_by_and_by)
        world.store.heal()
        await tried(world, minutes=6)
        await enrolled(world, "Ann", "Bob")
        assert made(world) == {"Ann": 1, "Bob": 1}
        assert "enrolment_failing" not in await owner.problems()


async def told(owner: Owner, code: str) -> bool:
    return code in await owner.problems()


async def test_a_key_without_the_permission_is_one_problem_that_names_it(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        for name in ("Ann", "Bob"):
            world.add_customer(name)
        world.store.permissions.discard("customer_update")
        world.write_config(enrol="all", offline="1h")
        owner = await begun(world)
        await owner.until(lambda: told(owner, "enrolment_failing"))
        problem = (await owner.problems())["enrolment_failing"]
        assert "customer_update" in problem["text"]
        assert "permission" in problem["fix"]
        assert mints(world) == 1
        world.hands.forward(timedelta(minutes=5))
        world.store.permissions.add("customer_update")
        status, _ = await owner.ask("/reload", "POST")  # whoever reloads has looked
        assert status == 200
        await enrolled(world, "Ann", "Bob")


async def test_a_key_the_store_does_not_know_is_one_problem_and_polling_goes_on(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.add_customer("Bob")
        world.write_config(enrol="all", offline="1s")
        world.store.api_key = secretwatch.mint("API key")  # the one in the config is not it any more
        owner = await begun(world)
        await owner.until(lambda: told(owner, "api_key_refused"))
        world.store.invalidate_tokens("Ann")
        await owner.until(lambda: told(owner, "token_refused"))
        problems = await owner.problems()
        assert set(problems) == {"api_key_refused", "token_refused"}
        assert problems["api_key_refused"]["severity"] == "error"
        assert mints(world) == 0


# Who comes onto a server


async def test_a_player_who_joins_is_looked_up_and_gets_what_they_own(tmp_path: Path) -> None:
    async with keyed(tmp_path, "Ann", "Bob", enrol="online") as owner:
        owner.world.buy("Ann")
        joins(owner, "Ann")
        await owner.settled(owner.add("Ann"))
        assert made(owner.world) == {"Ann": 1, "Bob": 0}
        assert owner.world.store.requests(CUSTOMERS, "GET") == 0, "nobody asks for everybody"


async def test_a_player_the_store_does_not_know_is_looked_up_again_after_an_hour(tmp_path: Path) -> None:
    async with keyed(tmp_path, enrol="online") as owner:
        joins(owner, "Ann")
        await owner.world.until(lambda: owner.world.store.requests(LOOKUP) == 1)
        await later(owner.world, minutes=55)
        assert owner.world.store.requests(LOOKUP) == 1
        owner.world.add_customer("Ann")
        await later(owner.world, minutes=6)
        await enrolled(owner.world, "Ann")
        assert owner.world.store.requests(LOOKUP) == 2


async def test_a_player_goes_first_while_everybody_is_enrolled(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        for number in range(150):
            world.store.add_customer(f"n{number}", None)
        world.add_customer("Ann")
        config = world.write_config(enrol="all", offline="1h")
        config.write_text(config.read_text("utf-8").replace("rate = 1000.0", "rate = 10.0"), "utf-8")
        joins(Owner(world), "Ann")
        await begun(world)
        await world.until(lambda: "Ann" in read(world))
        assert len(read(world)) < 140, "the store lists her last"


async def test_a_customer_without_a_player_is_recognised_after_joining(tmp_path: Path) -> None:
    """The customer was enrolled without a Minecraft account, and added one at the store later."""
    async with keyed(tmp_path, enrol="online") as owner:
        world = owner.world
        uuid = world.server.console.account("Ann")
        token = secretwatch.remember(world.store.add_customer("Ann", None), "customer token")
        status, _ = await owner.ask("/customers", "POST", json={"token": token, "name": "", "note": ""})
        assert status == 200
        world.buy("Ann")
        await owner.looked()
        one = world.store.customer("Ann")
        was = world.store.people.keys(one)
        one.minecraft_uuid = uuid
        world.store.people.changed(one, was)
        joins(owner, "Ann")
        await owner.until(lambda: delivered(owner, "Ann"))
        assert mints(world) == 0


async def delivered(owner: Owner, name: str) -> bool:
    return owner.add(name) in await owner.told()


# Tokens that stop working


async def test_a_token_that_stops_working_is_replaced_once_an_hour_at_most(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_customer("Ann")
        world.write_config(enrol="all", offline="1s")
        owner = await begun(world)
        await enrolled(world, "Ann")
        world.store.invalidate_tokens("Ann")
        await world.until(lambda: refused(owner))
        await later(owner.world, minutes=50)
        assert mints(world) == 1, "one was made less than an hour ago"
        await world.stop_app()
        owner = await begun(world)
        await world.until(lambda: refused(owner))
        await later(owner.world, minutes=5)
        assert mints(world) == 1, "a restart forgets nothing of it"
        await later(owner.world, minutes=10)
        await world.until(lambda: mints(world) == 2 and not refused(owner))
        world.buy("Ann")
        await owner.settled(owner.add("Ann"))
        assert len(read(world)) == 1
        assert "duplicate_token" not in await owner.problems()


def refused(owner: Owner) -> bool:
    return any(watch.refused for watch in owner.app.polling.roll)


async def test_a_customer_who_is_gone_from_the_store_is_looked_up_once_an_hour(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.write_config(enrol="online", offline="1s")
        owner = await begun(world)
        await owner.looked()
        ann = f"{CUSTOMERS}/{world.store.customer('Ann').id}"
        world.store.fault(Fault.NOT_FOUND, path=ann)
        world.store.invalidate_tokens("Ann")
        await world.until(lambda: world.store.requests(ann) == 1)
        await later(world, minutes=55)
        assert world.store.requests(ann) == 1
        await later(world, minutes=6)
        await world.until(lambda: world.store.requests(ann) == 2)
        assert (mints(world), "token_refused" in await owner.problems()) == (0, True)


async def test_a_token_of_the_owners_own_list_is_replaced_too(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.write_config(enrol="online", offline="1s")
        owner = await begun(world)
        await owner.looked()
        world.store.invalidate_tokens("Ann")
        await world.until(lambda: mints(world) == 1)
        world.buy("Ann")
        await owner.settled(owner.add("Ann"))
        await world.stop_app()
        owner = await begun(world)  # the list still names the token that does not work
        await owner.looked()
        assert (read(world), mints(world)) == ({"Ann"}, 1)
        assert "token_refused" not in await owner.problems()


async def test_with_enrolment_off_no_token_is_replaced(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.write_config(enrol="off", offline="1s")
        owner = await begun(world)
        await owner.looked()
        world.store.invalidate_tokens("Ann")
        await world.until(lambda: refused(owner))
        await fed(world)
        assert world.store.requests(method="POST") == 0


# The owner's own list beside the key


async def test_a_customer_who_leaves_the_owners_list_is_enrolled_instead(tmp_path: Path) -> None:
    """An owner changes from a list of tokens to a key in this way."""
    async with World(tmp_path) as world:
        world.add_token("Ann")
        world.write_config(enrol="all", offline="1h")
        owner = await begun(world)
        await enrolled(world, "Ann")
        assert mints(world) == 0, "she had a token"
        world.tokens_path.write_text("# nobody any more\n")
        status, _ = await owner.ask("/reload", "POST")
        assert status == 200
        await world.until(lambda: mints(world) == 1)
        await enrolled(world, "Ann")
        world.buy("Ann")
        await fed(world)
        await owner.settled(owner.add("Ann"))


async def test_a_store_that_makes_no_tokens_at_all_is_tried_less_and_less_often(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        for number in range(30):
            world.store.add_customer(f"n{number}", None)
        for customer in world.store.customers:
            world.store.fault(Fault.BAD_REQUEST, path=f"{CUSTOMERS}/{customer}/tokens")
        world.write_config(enrol="all", offline="1h")
        owner = await begun(world)
        assert owner.app.newcomers.enrolment is not None
        for _ in range(3):
            await tried(world, minutes=6)
            tries = owner.app.newcomers.enrolment.loop.passes
            assert mints(world) == 10 + (tries - 1), "ten at first, and one more at each try"
        problems = await owner.problems()
        assert problems["enrolment_failing"]["severity"] == "warning"
        assert problems["customer_not_enrolled"]["subject"] == f"{mints(world)} customers"


async def test_a_customer_the_operator_adds_meanwhile_is_read_once(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        token = world.add_customer("Ann")
        world.store.fault(Fault.SLOW, times=1, path=f"{CUSTOMERS}/{world.store.customer('Ann').id}/tokens")
        world.write_config(enrol="all", offline="1h")
        owner = await begun(world)
        await world.until(lambda: mints(world) == 1)
        status, _ = await owner.ask("/customers", "POST", json={"token": token, "name": "", "note": ""})
        assert status == 200
        world.store.release()
        await enrolled(world, "Ann")
        assert "duplicate_token" not in await owner.problems()
        assert len(owner.app.polling.roll) == 1


class FaultyRoll(RollFacet):
    """It has a fault with one customer."""

    async def enrol(
        self, profile: Profile, token: Secret, now: datetime, *, instead_of: int | None = None
    ) -> Polled | None:
        if profile.display_name == "Bob":
            raise ValueError("a fault of the test")
        return await super().enrol(profile, token, now, instead_of=instead_of)


async def test_a_fault_in_perkd_with_one_customer_stops_no_other_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "RollFacet", FaultyRoll)
    async with keyed(tmp_path, "Ann", "Bob", "Cem") as owner:
        await enrolled(owner.world, "Ann", "Cem")
        problem = await owner.until(lambda: told(owner, "customer_not_enrolled"))
        assert problem
        assert ValueError.__name__ in (await owner.problems())["customer_not_enrolled"]["text"]


# The end of the daemon


async def test_a_token_whose_answer_is_under_way_at_the_end_is_not_lost(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.add_customer("Ann")
        world.store.fault(Fault.SLOW, times=1, path=f"{CUSTOMERS}/{world.store.customer('Ann').id}/tokens")
        world.write_config(enrol="all", offline="1h")
        await begun(world)
        await world.until(lambda: mints(world) == 1)
        ending = asyncio.create_task(world.stop_app())
        await asyncio.sleep(0)
        world.store.release()
        await ending
        await begun(world)
        await enrolled(world, "Ann")
        assert mints(world) == 1


async def test_a_store_that_never_answers_does_not_delay_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LAST_WORD_S", 0.2)
    patient_requests(monkeypatch)
    async with World(tmp_path) as world:
        world.add_customer("Ann")
        world.store.fault(Fault.SLOW, path=f"{CUSTOMERS}/{world.store.customer('Ann').id}/tokens")
        world.write_config(enrol="all", offline="1h")
        await begun(world)
        await world.until(lambda: mints(world) == 1)
        await world.stop_app()  # it fails after a minute: the request by itself would take ten
