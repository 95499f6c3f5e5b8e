"""What every ledger remembers of holdings and items: who stands behind what, and when perkd's own clocks started."""

from perkd.daemon.core.changes import Holding, HoldingKey, Outcome, Turn
from perkd.daemon.core.model import State
from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.ledger.rows import TokenSource
from tests.ledgers import (
    ANN,
    BEN,
    NOW,
    VIP,
    blocked,
    claimed,
    configure,
    ends,
    known,
    known_item,
    later,
    opens,
    profile,
    record,
    rows,
    run,
    states,
    support,
    token,
    turn,
)


async def held(ledger: Ledger) -> Holding:
    [holding] = (await known(ledger, ANN, "ann")).holdings
    return holding


async def started(ledger: Ledger) -> dict[str, object]:
    return {one.item_id: one.started_at for one in (await held(ledger)).supports}


async def test_perkds_own_clock_starts_when_the_last_command_of_the_grant_is_through(ledger: Ledger) -> None:
    await record(ledger, opens("give", "greet", supports=[support("1")]))
    await run(ledger, State.DELIVERED, later(minutes=1))
    assert await started(ledger) == {"1": None}
    await run(ledger, State.ANSWERED, later(minutes=2))
    assert await started(ledger) == {"1": later(minutes=2)}


async def test_an_item_that_joins_later_starts_its_clock_when_it_joins(ledger: Ledger) -> None:
    await record(ledger, opens("give", supports=[support("1")]))
    await record(ledger, turn(Turn.KEEP, supports=[support("2")]), at=later(minutes=1))
    await run(ledger, State.DELIVERED, later(minutes=2))
    await record(ledger, turn(Turn.KEEP, supports=[support("3")]), at=later(minutes=3))
    clocks = {"1": later(minutes=2), "2": later(minutes=2), "3": later(minutes=3)}
    assert await started(ledger) == clocks
    await record(ledger, turn(Turn.KEEP, supports=[support("1", ends_at=later(days=30))]), at=later(minutes=4))
    assert await started(ledger) == clocks


async def test_an_item_that_left_before_the_delivery_has_no_clock(ledger: Ledger) -> None:
    await record(ledger, opens("give", supports=[support("1"), support("2")]))
    for minute, deliver in ((1, True), (3, False)):
        await record(ledger, turn(Turn.KEEP, supports=[support("2", live=False)]), at=later(minutes=minute))
        if deliver:
            await run(ledger, State.DELIVERED, later(minutes=2))
    assert await started(ledger) == {"1": later(minutes=2), "2": None}


async def test_a_clock_once_started_is_remembered_through_the_end_and_the_next_grant(ledger: Ledger) -> None:
    await record(ledger, opens("give", supports=[support("1")]))
    await run(ledger, State.DELIVERED, later(minutes=1))
    await record(ledger, ends("take", supports=[support("1", live=False)]))
    await run(ledger, State.DELIVERED, later(minutes=2))
    await record(ledger, opens("give anew", supports=[support("1"), support("2")]), at=later(minutes=3))
    assert await started(ledger) == {"1": later(minutes=1), "2": None}
    await run(ledger, State.DELIVERED, later(minutes=4))
    assert await started(ledger) == {"1": later(minutes=1), "2": later(minutes=4)}


async def test_a_grant_that_was_through_while_it_was_not_wanted_starts_its_clock_when_it_is_again(
    ledger: Ledger,
) -> None:
    await record(ledger, opens("give", supports=[support("1")]))
    give = await claimed(ledger)
    await record(ledger, ends("take", supports=[support("1", live=False)]))
    await ledger.commands.settle(give.id, Outcome(state=State.DELIVERED), later(minutes=1))
    await record(ledger, opens("give anew", supports=[support("1")]), at=later(minutes=2))
    assert await states(ledger) == {"give": "delivered", "take": "void"}
    assert await started(ledger) == {"1": later(minutes=2)}


async def test_a_grant_the_operator_skipped_starts_no_clock_and_one_he_says_is_done_does(ledger: Ledger) -> None:
    await record(ledger, opens("give", supports=[support("1")]))
    give = await run(ledger, State.REFUSED)
    await ledger.commands.close(give.id, State.VOID, later(minutes=1))
    assert await started(ledger) == {"1": None}
    await record(ledger, ends("take"))
    await record(ledger, opens("give anew"), at=later(minutes=2))
    anew = await run(ledger, State.UNKNOWN, later(minutes=2))
    await ledger.commands.close(anew.id, State.DELIVERED, later(minutes=3))
    assert await started(ledger) == {"1": later(minutes=3)}


async def test_two_customers_with_one_player_share_the_holding(ledger: Ledger) -> None:
    await ledger.roll.add(token(), TokenSource.OPERATOR, profile(BEN, "Ben"), later())
    await record(ledger, opens("give", supports=[support("1")]), items=(known_item("1"),))
    await record(
        ledger,
        turn(Turn.KEEP, supports=[support("2", BEN)]),
        customer_id=BEN,
        items=(known_item("2", BEN),),
    )
    for customer, own in ((ANN, "1"), (BEN, "2")):
        found = await known(ledger, customer, "ann")
        assert set(found.items) == {own}
        assert [holding.live for holding in found.holdings] == [{"1", "2"}]
    assert (await known(ledger, BEN)).holdings[0].key == VIP
    assert (await known(ledger, "999", "ann")).holdings == ()  # nobody perkd knows: he has no players


async def test_an_adopted_once_item_is_remembered_and_sends_nothing(ledger: Ledger) -> None:
    kit = HoldingKey("ann", "kit", "survival", "9")
    await record(ledger, turn(Turn.ADOPT, kit), items=(known_item("9"),))
    recorded = await record(ledger, turn(Turn.ADOPT, kit))
    [holding] = (await known(ledger)).holdings
    assert (holding.key, holding.state, holding.touched, recorded.planned) == (kit, "adopted", False, 0)
    assert await rows(ledger) == []


async def test_what_is_known_comes_back_as_it_was_recorded(ledger: Ledger) -> None:
    item = known_item(
        "9007199254740993",
        state="revoked",
        revoked_at=later(hours=1),
        revoke_reason="chargeback",
        order_id="411486491630370818",
        subscription_id="5",
        gameserver_id="6",
        quantity_index=3,
        gift=True,
        ends_at=later(days=30, microseconds=1),
        seen_live=True,
        renewed_at=later(hours=2),
        missing_since=later(hours=3),
    )
    behind = support("9007199254740993", ends_at=later(days=30), started_at=later(minutes=1))
    await record(ledger, opens("give", supports=[behind]), items=(item,))
    found = await known(ledger, ANN, "ann")
    assert found.items == {"9007199254740993": item}
    assert (found.profile, found.holdings[0].supports, found.incomplete) == (profile(), (behind,), False)


async def test_a_command_that_waits_for_a_value_makes_its_customer_incomplete(ledger: Ledger) -> None:
    await record(ledger, opens(blocked("give {uuid}")))
    assert (await known(ledger)).incomplete
    await record(ledger, ends())
    assert not (await known(ledger)).incomplete


async def test_a_refusal_in_a_grant_does_not_keep_the_clock_from_starting(ledger: Ledger) -> None:
    grant = opens("give", "greet", "sing", blocked("say", position=3), supports=[support("1")])
    await record(ledger, grant)
    await run(ledger, State.DELIVERED)
    assert await started(ledger) == {"1": None}
    await run(ledger, State.REFUSED, later(minutes=1))
    assert await started(ledger) == {"1": later(minutes=1)}


async def test_a_grant_of_which_nothing_was_accepted_starts_no_clock(ledger: Ledger) -> None:
    await record(ledger, opens("give", "greet", supports=[support("1")], strict=True))
    await run(ledger, State.ANSWERED)
    assert await started(ledger) == {"1": None}


async def test_an_item_that_is_another_customers_now_is_known_as_his(ledger: Ledger) -> None:
    for customer_id in (ANN, BEN):
        await ledger.roll.add(token(), TokenSource.OPERATOR, profile(customer_id), NOW)
    await record(ledger, opens("give", supports=[support("1")]), items=(known_item("1"),))
    assert [holding.key for holding in (await known(ledger, ANN)).holdings] == [VIP]
    his = turn(Turn.KEEP, supports=[support("1", BEN, ends_at=later(days=1))])
    await record(ledger, his, items=(known_item("1", BEN, state="used"),), customer_id=BEN)
    assert ((await known(ledger, ANN)).items, (await known(ledger, ANN)).holdings) == ({}, ())
    found = await known(ledger, BEN)
    assert found.items == {"1": known_item("1", BEN, state="used")}
    assert [one.supports for one in found.holdings] == [(support("1", BEN, ends_at=later(days=1)),)]


async def test_a_holding_is_known_once_with_all_items_behind_it_and_without_any(ledger: Ledger) -> None:
    mvp = HoldingKey("ann", "mvp", "survival")
    behind = (support("1"), support("2", live=False), support("3", BEN))
    await record(ledger, opens("give", supports=behind), opens("give mvp", key=mvp))
    await ledger.roll.add(token(), TokenSource.OPERATOR, profile(), NOW)
    found = {one.key: one.supports for one in (await known(ledger, ANN, "ann", "nobody")).holdings}
    assert found == {VIP: behind, mvp: ()}
    assert len((await known(ledger, ANN, "ann")).holdings) == 2


async def test_a_slug_is_bound_when_an_item_first_has_it(ledger: Ledger) -> None:
    await ledger.roll.add(token(), TokenSource.OPERATOR, profile(), NOW)
    for slug, product_id in (("vip", "500"), ("vip", "500"), ("gold", "501"), ("vip", "502"), ("", "503"), ("mvp", "")):
        await record(ledger, items=(known_item("1", slug=slug, product_id=product_id),))
    catalogue = await configure(ledger, [], [], NOW, adopt=True)
    assert catalogue.slugs == {"vip": "500", "gold": "501"}
