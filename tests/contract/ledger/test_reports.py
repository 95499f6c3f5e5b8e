"""What every ledger tells and keeps: lists, the summary, the brake's window, copies, purging, and no naive times."""

from collections.abc import Awaitable, Callable
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from perkd.daemon.core.changes import EventKind, Hold, HoldingKey, Note, Outcome, Turn
from perkd.daemon.core.model import Cause, State, Step
from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.ledger.rows import TokenSource
from tests.ledgers import (
    ANN,
    BEN,
    NOW,
    VIP,
    blocked,
    claim,
    claimed,
    configure,
    draft,
    ends,
    known,
    known_item,
    later,
    opens,
    perk,
    picture,
    polled,
    profile,
    record,
    rows,
    run,
    server,
    support,
    sync_tokens,
    token,
    turn,
)

KIT = HoldingKey("ann", "kit", "survival", "9")
BEN_KEY, CAT_KEY = VIP._replace(player="ben"), VIP._replace(player="cat")


async def test_commands_are_listed_newest_first_page_by_page(ledger: Ledger) -> None:
    await record(ledger, opens(*(f"give {number}" for number in range(7))))
    newest = await ledger.reports.commands(limit=3)
    assert [row.text for row in newest] == ["give 6", "give 5", "give 4"]
    then = await ledger.reports.commands(limit=3, before=newest[-1].id)
    assert [row.text for row in then] == ["give 3", "give 2", "give 1"]
    [last] = await ledger.reports.commands(limit=3, before=then[-1].id)
    assert (last.text, await ledger.reports.commands(before=last.id)) == ("give 0", [])


async def test_commands_are_listed_by_state_server_and_customer(ledger: Ledger) -> None:
    await ledger.roll.add(token(), TokenSource.OPERATOR, profile(BEN, "Ben"), NOW)
    await record(ledger, opens("ann here"), opens("ann there", key=VIP._replace(server="creative")))
    await record(ledger, opens("ben here", key=VIP._replace(player="ben")), customer_id=BEN)
    await run(ledger, State.DELIVERED)

    async def listed(**asked: Any) -> list[str]:
        return [row.text for row in await ledger.reports.commands(**asked)]

    assert await listed(state="planned") == ["ben here", "ann there"]
    assert await listed(server="survival") == ["ben here", "ann here"]
    assert await listed(customer_id=BEN) == ["ben here"]
    assert await listed(state="delivered", server="survival", customer_id=ANN) == ["ann here"]
    assert await listed(state="void") == []


async def test_a_listed_command_says_whose_it_is_and_why(ledger: Ledger) -> None:
    await record(ledger, opens("give", key=KIT), items=(known_item("9"),))
    await run(ledger, State.DELIVERED)
    await record(ledger, ends("take", key=KIT))
    [*_, row] = await rows(ledger)
    assert (row.customer_id, row.player, row.perk, row.server) == (ANN, "ann", "kit", "survival")
    assert (row.item_id, row.key_item, row.effect, row.step, row.position) == ("9", "9", "kit", "revoke", 0)
    assert (row.cause, row.end_reason, row.identity) == ("stated", "revoked", {})
    listed = (await ledger.reports.commands())[0]
    assert all(getattr(listed, field.name) == getattr(row, field.name) for field in fields(listed))


async def test_the_summary_counts_everything_once(ledger: Ledger) -> None:
    await configure(ledger, [server()], [perk()], NOW, adopt=True)
    players = [VIP._replace(player=name) for name in ("ann", "ben", "cat", "dan")]
    await record(ledger, *(opens(f"give {key.player}", key=key) for key in players), at=later(minutes=1))
    now = later(minutes=2)
    await run(ledger, State.DELIVERED, now)
    await run(ledger, State.REFUSED, now, reply="no")
    await run(ledger, State.REFUSED, now, reply="still no")
    await record(ledger, opens(blocked("give {uuid}"), key=VIP._replace(player="eve")), at=now)
    found = await ledger.reports.summary()
    counted = {state: count for state, count in found.commands.items() if count}
    assert counted == {"delivered": 1, "refused": 2, "planned": 1, "blocked": 1}
    assert set(found.commands) == set(State)
    assert (found.holdings, found.created_at) == (5, NOW)
    assert [(queue.server, queue.queue, queue.oldest_at) for queue in found.queues] == [
        ("survival", 1, later(minutes=1))
    ]
    troubles = [(one.state, one.hold, one.count, one.text, one.reply) for one in found.troubles]
    assert troubles == [("blocked", "value", 1, "give {uuid}", None), ("refused", None, 2, "give cat", "still no")]
    assert (found.brake.on_at, found.absent_servers) == (None, ())
    assert (await ledger.reports.rarities(NOW)).orphans == ()


async def test_what_is_over_or_waits_for_the_brake_is_no_trouble_of_its_own(ledger: Ledger) -> None:
    await record(ledger, opens("give"))
    await run(ledger, State.UNKNOWN)
    await record(ledger, ends("take"), braked="many")
    found = await ledger.reports.summary()
    assert (found.troubles, found.brake.blocked) == ((), 1)


async def test_the_summary_names_items_that_ask_for_attention(ledger: Ledger) -> None:
    odd = [
        known_item("1", state="usable", slug="stuck"),
        known_item("2", state="usable", slug="new", first_seen_at=later(minutes=59)),
        known_item("3", state="usable", slug="permanent", expirable=False),
        known_item("4", state="frozen", slug="odd"),
        known_item("5", slug="gone", missing_since=NOW),
        known_item("6", slug="gone but never held", missing_since=NOW),
        known_item("9", slug="kit"),
    ]
    await record(ledger, opens("give", supports=[support("5")]), items=tuple(odd))
    await record(ledger, opens("give", key=KIT))
    await run(ledger, State.DELIVERED)
    await run(ledger, State.DELIVERED)
    await record(ledger, ends("take", key=KIT))
    found = (await ledger.reports.rarities(later(minutes=60, seconds=1))).items
    named = {(one.kind, one.product, one.word, one.count, one.customer_id) for one in found}
    assert named == {
        ("usable", "stuck", "usable", 1, ANN),
        ("state", "odd", "frozen", 1, ANN),
        ("missing", "gone", "active", 1, ANN),
        ("returned", "kit", "active", 1, ANN),
    }


async def test_the_summary_names_items_that_come_with_the_slug_of_another_product(ledger: Ledger) -> None:
    first = known_item("1", slug="vip", product_id="7")
    again = {"slug": "vip", "product_id": "777"}
    over = [
        known_item("4", state="revoked", **again),
        known_item("5", revoked_at=NOW, **again),
        known_item("6", state="used", **again),
        known_item("7", missing_since=NOW, **again),
        known_item("8", slug="other", product_id="8"),
    ]
    await record(ledger, items=(first, known_item("2", **again), known_item("3", **again), *over))
    [moved] = (await ledger.reports.rarities(NOW)).items
    assert (moved.kind, moved.product, moved.product_id, moved.word, moved.count) == ("moved", "vip", "777", "7", 2)


async def test_the_summary_names_players_who_are_not_seen_for_a_day(ledger: Ledger) -> None:
    await ledger.roll.add(token(), TokenSource.OPERATOR, profile(), NOW)
    await record(ledger, opens("give", "give more"), opens("ben's", key=BEN_KEY))
    gone = await run(ledger, State.PLANNED, absent=True, reply="no player was found")
    assert (gone.text, (await ledger.reports.rarities(later(days=1))).unseen) == ("give", ())
    [unseen] = (await ledger.reports.rarities(later(days=1, seconds=1))).unseen
    assert (unseen.player, unseen.name, unseen.server, unseen.count) == ("ann", "Ann", "survival", 1)
    assert unseen.since == NOW
    found = await claimed(ledger, later(days=2), online=["ann"])
    await ledger.commands.settle(found.id, Outcome(state=State.DELIVERED), later(days=2))
    assert (await ledger.reports.rarities(later(days=3))).unseen == ()


async def test_what_a_brake_stopped_is_counted_and_released_though_none_is_on(ledger: Ledger) -> None:
    await record(ledger, opens("give"))
    await run(ledger, State.DELIVERED)
    await record(ledger, ends(blocked("take", Step.REVOKE, hold=Hold.BRAKE)))
    brake = (await ledger.reports.summary()).brake
    assert (brake.on_at, brake.blocked) == (None, 1)
    assert await ledger.commands.release_brake(NOW) == 1
    assert (await ledger.reports.summary()).brake.blocked == 0


async def test_a_once_item_that_was_given_while_its_removal_came_has_been_given(ledger: Ledger) -> None:
    await record(ledger, opens("give", key=KIT), items=(known_item("9"),))
    give = await claimed(ledger)
    await record(ledger, ends("take", key=KIT))
    await ledger.commands.settle(give.id, Outcome(state=State.DELIVERED), NOW)
    assert [item.kind for item in (await ledger.reports.rarities(NOW)).items] == ["returned"]


async def test_held_perks_whose_line_left_the_config_are_orphans(ledger: Ledger) -> None:
    await configure(ledger, [server()], [perk()], NOW, adopt=True)
    await record(ledger, opens("give"))
    assert (await ledger.reports.rarities(NOW)).orphans == ()
    await configure(ledger, [server()], [], NOW, adopt=True)
    [orphan] = (await ledger.reports.rarities(NOW)).orphans
    assert (orphan.perk, orphan.server, orphan.count) == ("vip", "survival", 1)
    await configure(ledger, [], [perk()], NOW, adopt=True)
    assert len((await ledger.reports.rarities(NOW)).orphans) == 1


async def test_the_window_counts_holdings_and_removals_of_customers_read_in_it(ledger: Ledger) -> None:
    await ledger.roll.add(token(), TokenSource.OPERATOR, profile(BEN, "Ben"), NOW)
    keys = [VIP._replace(server=name) for name in ("a", "b", "c", "d")]
    await record(ledger, *(opens(key=key, supports=[support()]) for key in keys), read_at=NOW)
    for key, cause in zip(keys, (Cause.STATED, Cause.ABSENT, Cause.FORETOLD), strict=False):
        gone = support(live=False)
        await record(ledger, ends(key=key, cause=cause, supports=[gone]), at=later(minutes=5), read_at=later(minutes=5))
    await record(ledger, customer_id=BEN, read_at=later(minutes=-20))
    assert await ledger.observations.window(NOW) == [(ANN, later(minutes=5), 1, 2)]
    assert await ledger.observations.window(later(minutes=-30)) == [
        (ANN, later(minutes=5), 1, 2),
        (BEN, later(minutes=-20), 0, 0),
    ]
    await record(ledger, braked="many", at=later(minutes=6))
    await ledger.commands.release_brake(later(minutes=7))
    assert await ledger.observations.window(NOW) == [(ANN, later(minutes=5), 1, 0)]


async def test_the_list_of_customers_says_what_each_owns_and_holds(ledger: Ledger) -> None:
    note = Note(EventKind.ITEM_SEEN, "1", "vip-30-days: active")
    await record(ledger, opens("give", supports=[support()]), items=(known_item(),), notes=(note,))
    [row] = await ledger.reports.customers()
    assert (row.customer_id, row.name, row.items, row.holdings, row.read_at) == (ANN, "Ann", 1, 1, None)
    assert (row.source, row.added_at, row.removed_at) == ("operator", NOW, None)


# --- life -------------------------------------------------------------------------------------------------------------


async def test_purging_removes_what_is_long_over_and_keeps_the_keys_of_once_items(ledger: Ledger) -> None:
    held, waiting = VIP._replace(player="held"), VIP._replace(player="waiting")
    await record(ledger, opens("vip"), opens("kit", key=KIT), opens("held", key=held), opens("waits", key=waiting))
    await record(ledger, items=(known_item("9"),))
    for _ in range(4):
        await run(ledger, State.DELIVERED)
    await record(ledger, ends("take vip"), ends("take kit", key=KIT))
    await record(ledger, ends(blocked("take it", Step.REVOKE, 0, Hold.ABSENT), key=waiting))
    for _ in range(2):
        await run(ledger, State.DELIVERED)
    assert await ledger.purge(NOW) == 0
    assert await ledger.purge(later(seconds=1)) > 0
    left = {row.text: row.state for row in await rows(ledger)}
    assert left == {
        "kit": "delivered",
        "take kit": "delivered",
        "held": "delivered",
        "waits": "delivered",
        "take it": "blocked",
    }
    [kit] = (await known(ledger)).holdings
    assert (kit.state, kit.touched) == ("ended", True)
    assert (await record(ledger, opens("vip again"), at=later(days=1))).planned == 1
    assert (await claimed(ledger, later(days=1))).text == "vip again"


async def test_the_history_of_what_is_not_over_is_never_purged(ledger: Ledger) -> None:
    await record(ledger, opens("give"))
    give = await run(ledger, State.UNKNOWN)
    await ledger.purge(later(days=900))
    assert len(await ledger.reports.events(command_id=give.id)) == 3


# --- times ------------------------------------------------------------------------------------------------------------

NAIVE = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - what the ledger must refuse
GIVE = draft("again")
NAIVE_CALLS: dict[str, Callable[[Ledger], Awaitable[object]]] = {
    "configure": lambda ledger: configure(ledger, [], [], NAIVE, adopt=True),
    "sync_tokens": lambda ledger: sync_tokens(ledger, [], NAIVE),
    "add_token": lambda ledger: ledger.roll.add(token(), TokenSource.OPERATOR, profile(BEN), NAIVE),
    "identify": lambda ledger: ledger.roll.identify(1, profile(), NAIVE),
    "remove_customer": lambda ledger: ledger.roll.remove(ANN, NAIVE),
    "record": lambda ledger: record(ledger, opens("late"), at=NAIVE),
    "record an item": lambda ledger: record(ledger, opens("late"), items=(known_item("8", added_at=NAIVE),)),
    "record a support": lambda ledger: record(ledger, turn(Turn.KEEP, supports=[support("8", ends_at=NAIVE)])),
    "record a reading": lambda ledger: record(ledger, opens("late", key=KIT), read_at=NAIVE),
    "record a deadline": lambda ledger: record(ledger, opens("late", key=KIT), deadline_at=NAIVE),
    "sighted": lambda ledger: ledger.observations.sighted({ANN: NAIVE}),
    "claim": lambda ledger: claim(ledger, NAIVE),
    "next_due": lambda ledger: ledger.commands.next_due("survival", NAIVE, {}),
    "settle": lambda ledger: ledger.commands.settle(1, Outcome(state=State.DELIVERED), NAIVE),
    "settle for later": lambda ledger: ledger.commands.settle(1, Outcome(state=State.PLANNED, due_at=NAIVE), NOW),
    "recover": lambda ledger: ledger.commands.recover(NAIVE),
    "retry": lambda ledger: ledger.commands.retry(2, GIVE, NAIVE),
    "close_command": lambda ledger: ledger.commands.close(2, State.VOID, NAIVE),
    "release_brake": lambda ledger: ledger.commands.release_brake(NAIVE),
    "rarities": lambda ledger: ledger.reports.rarities(NAIVE),
    "window": lambda ledger: ledger.observations.window(NAIVE),
    "backup": lambda ledger: ledger.backup(7, NAIVE),
    "purge": lambda ledger: ledger.purge(NAIVE),
}


@pytest.mark.parametrize("call", NAIVE_CALLS)
async def test_a_naive_time_is_refused_and_changes_nothing(ledger: Ledger, call: str) -> None:
    await record(ledger, opens("sending"), opens("refused", key=BEN_KEY), opens("planned", key=CAT_KEY))
    await claimed(ledger)
    await run(ledger, State.REFUSED)
    before = (await picture(ledger), await known(ledger, ANN, "ann"), await polled(ledger))
    with pytest.raises(TypeError):
        await NAIVE_CALLS[call](ledger)
    assert (await picture(ledger), await known(ledger, ANN, "ann"), await polled(ledger)) == before


async def test_a_time_of_another_zone_is_the_same_moment(ledger: Ledger) -> None:
    elsewhere = later(microseconds=1).astimezone(timezone(timedelta(hours=5, minutes=45)))
    await record(ledger, opens("give"), at=elsewhere)
    [row] = await rows(ledger)
    assert (row.created_at, row.created_at.utcoffset()) == (later(microseconds=1), timedelta(0))
