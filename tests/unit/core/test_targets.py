"""Perks for one of several servers, or for the one the buyer chose: which holdings a comparison opens where."""

from typing import Any

import pytest

from perkd.adapters.base import Who
from perkd.daemon.core.changes import Catalogue, Changes, Hold, HoldingKey, HoldingState, Known, Turn
from perkd.daemon.core.commands import Scene, Spot, again
from perkd.daemon.core.entitlements import compare
from perkd.daemon.core.model import Cause, Item, Perk, Reason, State, Step, Target
from tests.builders import (
    ALEX,
    GAME,
    HOUR,
    NOW,
    catalogue,
    given_kit,
    holding,
    inventory,
    item,
    kit,
    kit_item,
    known,
    known_item,
    perk,
    planned,
    read,
    specs,
    support,
    time_passed,
    turns,
    who,
)

ANY = perk(target=Target.ANY, servers=("survival", "lobby"))
CHOSEN, CHOSEN_KIT = perk(target=Target.CHOSEN, servers=()), kit(target=Target.CHOSEN, servers=())
LABEL = "any:lobby,survival"
NOWHERE = "chosen:77"


def sold(*perks: Perk, **chosen: str) -> Catalogue:
    """`chosen`: server=store id. Every pair was configured two days ago."""
    plain = catalogue(*perks)
    pairs = {(one.name, f"{one.target}:"): NOW - 48 * HOUR for one in perks}
    by_id = {paynow_id: server for server, paynow_id in chosen.items()}
    return catalogue(*perks, cutoffs={**plain.cutoffs, **pairs}, chosen=by_id)


def looked(before: Known, stated: Item, goods: Catalogue) -> Changes:
    """The comparison for Alex with this one item, at every place that has servers."""
    whos: dict[str, Who] = {place: who() for place in (*goods.servers, LABEL, "any:creative,lobby", "online:lobby")}
    return compare(before, inventory(stated), read(), goods, whos)


def held_at(place: str, stated: Item, **changes: Any) -> Known:
    player = f"customer:{stated.customer_id}" if place.startswith("chosen:") else ALEX
    found = holding(support(stated.id, ends_at=stated.ends_at), key=HoldingKey(player, "vip", place), **changes)
    return known([known_item(stated, seen_live=True)], [found])


def test_one_of_several_servers_is_one_holding() -> None:
    changes = looked(known(), item(), sold(ANY))
    assert turns(changes) == [("open", LABEL)]
    assert turns(looked(held_at(LABEL, item()), item(), sold(ANY))) == []


@pytest.mark.parametrize(("place", "wanted"), [("any:creative,lobby", []), ("any:creative", [("open", LABEL)])])
def test_a_list_that_changed_is_the_same_place_while_a_server_is_in_both(
    place: str, wanted: list[tuple[str, str]]
) -> None:
    assert turns(looked(held_at(place, item()), item(), sold(ANY))) == wanted


def test_a_second_item_joins_the_holding_though_the_list_changed_meanwhile() -> None:
    before = held_at("any:creative,lobby", item())
    changes = compare(
        before, inventory(item(), item("11")), read(), sold(ANY), {LABEL: who(), "any:creative,lobby": who()}
    )
    [change] = changes.holdings
    assert (change.turn, change.key.server, [one.item_id for one in change.supports]) == (
        Turn.KEEP,
        "any:creative,lobby",
        ["11"],
    )


def test_a_perk_that_ended_at_an_old_list_is_given_at_the_current_one() -> None:
    before = held_at("any:creative,lobby", item(), state=HoldingState.ENDED)
    before = known(before.items.values(), [holding(key=before.holdings[0].key, state=HoldingState.ENDED)])
    assert turns(looked(before, item(), sold(ANY))) == [("open", LABEL)]


def test_a_chosen_server_is_that_server_and_an_unknown_one_is_a_blocked_place() -> None:
    bought = item(gameserver_id="77")
    assert turns(looked(known(), bought, sold(CHOSEN, lobby="77"))) == [("open", "lobby")]
    goods = sold(CHOSEN, lobby="78")
    changes = looked(known(), bought, goods)
    assert turns(changes) == [("open", NOWHERE)]
    [change] = planned(changes, goods)
    [draft] = change.grant
    assert (draft.state, draft.hold, draft.text) == (State.BLOCKED, Hold.CHOSEN, "lp user {uuid} parent add vip")
    assert "77" in (draft.reason or "")
    assert change.change.key.player == "customer:1"


def test_an_item_without_a_chosen_server_is_blocked_with_that_reason() -> None:
    goods = sold(CHOSEN, lobby="77")
    [change] = planned(looked(known(), item(), goods), goods)
    assert (change.grant[0].state, change.grant[0].hold) == (State.BLOCKED, Hold.CHOSEN)
    assert change.grant[0].reason


def test_a_retry_is_blocked_while_no_server_is_the_chosen_one() -> None:
    goods = sold(CHOSEN)
    [change] = looked(known(), item(gameserver_id="77"), goods).holdings
    scene = Scene(known=known(), catalogue=goods, whos={}, adapters={"lobby": GAME}, now=NOW)
    draft = again(change, Step.GRANT, Spot("", 0, 1), scene)
    assert draft is not None
    assert (draft.state, draft.hold) == (State.BLOCKED, Hold.CHOSEN)


def test_a_perk_that_waits_for_its_chosen_server_moves_there_when_the_config_has_it() -> None:
    bought = item(gameserver_id="77")
    changes = looked(held_at(NOWHERE, bought), bought, sold(CHOSEN, lobby="77"))
    assert turns(changes) == [("open", "lobby"), ("end", NOWHERE)]
    end = changes.holdings[1]
    assert (end.cause, end.reason) == (Cause.MOVED, Reason.MOVED)


def test_it_does_not_move_by_time_alone_nor_while_the_server_is_unknown() -> None:
    bought = item(gameserver_id="77")
    before = held_at(NOWHERE, bought)
    assert compare(before, None, time_passed(), sold(CHOSEN, lobby="77"), {}).holdings == ()
    assert turns(looked(before, bought, sold(CHOSEN))) == []


def test_it_stays_where_it_waits_when_its_perk_is_gone() -> None:
    bought = item(gameserver_id="77")
    gone = catalogue(retired={"vip": CHOSEN}, chosen={"77": "lobby"})
    assert turns(looked(held_at(NOWHERE, bought), bought, gone)) == []


def test_what_was_given_on_a_chosen_server_stays_there_whatever_the_config_says_later() -> None:
    bought = item(gameserver_id="77")
    before = held_at("lobby", bought)
    assert turns(looked(before, bought, sold(CHOSEN))) == []
    assert turns(looked(before, bought, sold(CHOSEN, survival="77"))) == [("open", "survival")]


def kit_at(place: str, **changes: Any) -> Known:
    player = "customer:1" if place.startswith("chosen:") else ALEX
    found = given_kit(key=HoldingKey(player, "kit", place, "10"), **changes)
    return known([known_item(kit_item(gameserver_id="77"))], [found])


def test_a_kit_for_one_of_several_is_one_kit_and_old_ones_are_adopted_by_one_cut_off() -> None:
    goods = sold(kit(target=Target.ONLINE, servers=("lobby",)))
    assert turns(looked(known(), kit_item(), goods)) == [("open", "online:lobby")]
    assert turns(looked(known(), kit_item(added_at=NOW - 72 * HOUR), goods)) == [("adopt", "online:lobby")]


def test_a_kit_waits_for_its_chosen_server_and_moves_there_once() -> None:
    bought = kit_item(gameserver_id="77")
    assert turns(looked(known(), bought, sold(CHOSEN_KIT))) == [("open", NOWHERE)]
    waits = kit_at(NOWHERE, touched=False)
    assert turns(looked(waits, bought, sold(CHOSEN_KIT))) == []
    known_now = sold(CHOSEN_KIT, lobby="77")
    assert turns(looked(waits, bought, known_now)) == [("open", "lobby"), ("end", NOWHERE)]
    assert looked(waits, bought, known_now).holdings[1].cause is Cause.MOVED
    ended, given = kit_at(NOWHERE, touched=False, state=HoldingState.ENDED).holdings, kit_at("lobby").holdings
    after = known([known_item(bought)], [*ended, *given])
    for goods in (known_now, sold(CHOSEN_KIT), sold(CHOSEN_KIT, survival="77")):
        assert turns(looked(after, bought, goods)) == []


def test_a_kit_not_sent_yet_stays_on_its_server_when_the_config_forgets_which_it_is() -> None:
    waits = kit_at("lobby", touched=False)
    assert turns(looked(waits, kit_item(gameserver_id="77"), sold(CHOSEN_KIT))) == []


def test_a_revoked_kit_is_taken_back_wherever_it_is_held() -> None:
    both = [*kit_at("lobby").holdings, *kit_at("survival").holdings]
    before = known([known_item(kit_item(gameserver_id="77"))], both)
    changes = looked(before, kit_item(gameserver_id="77", state="revoked"), sold(CHOSEN_KIT, lobby="77"))
    assert turns(changes) == [("end", "lobby"), ("end", "survival")]


def test_a_place_whose_servers_all_left_the_config_names_them() -> None:
    goods = sold(perk(target=Target.ANY, servers=("b", "a"), grant=specs("say hi")))
    changes = compare(known(), inventory(item()), read(), goods, {"any:a,b": who()})
    [change] = planned(changes, goods, adapters={"any:a,b": GAME})
    [draft] = change.grant
    assert (draft.state, draft.hold) == (State.BLOCKED, Hold.SERVER)
    assert all(name in (draft.reason or "") for name in ("'a'", "'b'"))
