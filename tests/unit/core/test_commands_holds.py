"""What blocks a rendered command: the brake, a missing item, a gift, a server that left the config; and retrying."""

from dataclasses import replace
from typing import Any

import pytest

from perkd.daemon.core.changes import Hold, HoldingChange, HoldingKey, Known, PlannedChange, Turn
from perkd.daemon.core.commands import ABSENT_HELD, GIFT_HELD, Scene, Spot, again
from perkd.daemon.core.model import Cause, Item, PerkKind, Reason, State, Step
from tests.builders import (
    ALEX,
    DAY,
    GAME,
    MINUTE,
    NOW,
    catalogue,
    everywhere,
    held,
    holding,
    item,
    kit,
    kit_item,
    known,
    known_item,
    looked,
    perk,
    planned,
    specs,
    support,
    who,
)

BAN = {
    Reason.CHARGEBACK: specs("ban {name} {reason}"),
    Reason.REFUND: specs("say {order_id}"),
    Reason.EXPIRED: specs("say bye {name}"),
}
SOLD = catalogue(perk(revoke_on=BAN))


def taken(stated: Item, **options: Any) -> PlannedChange:
    """The commands after Alex's one item is stated like this."""
    before = held(item(gift=stated.gift))
    [one] = planned(looked(before, stated, sold=SOLD), SOLD, before, **options)
    return one


def absent(**options: Any) -> PlannedChange:
    """The commands after Alex's one item was missing for ten minutes."""
    before = known([known_item(item(), seen_live=True, missing_since=NOW - DAY)], [holding(support())])
    [one] = planned(looked(before, sold=SOLD), SOLD, before, **options)
    return one


def holds(one: PlannedChange) -> list[Hold | None]:
    return [draft.hold for draft in (*one.grant, *one.revoke)]


def chargeback(*, gift: bool = False) -> Item:
    return item(state="revoked", revoke_reason="chargeback", gift=gift)


# --- the brake --------------------------------------------------------------------------------------------------------


def test_the_brake_blocks_every_command_of_a_removal_and_says_what_to_do() -> None:
    one = taken(chargeback(), braked=True)
    assert holds(one) == [Hold.BRAKE, Hold.BRAKE]
    assert {draft.state for draft in one.revoke} == {State.BLOCKED}
    assert all("perkd brake release" in (draft.reason or "") for draft in one.revoke)
    assert one.revoke[0].text == f"lp user {ALEX} parent remove vip"  # rendered, ready to be released


def test_the_brake_decides_about_each_change_and_grants_go_on() -> None:
    sold = catalogue(perk(), kit())
    before = held(item("10"))
    changes = looked(before, item("10", state="revoked"), kit_item("11"), sold=sold)
    opened, ended = planned(changes, sold, before)
    assert (holds(opened), holds(ended)) == ([None], [None])
    braked_grant, braked_end = planned(changes, sold, before, braked=True)
    assert (holds(braked_grant), holds(braked_end)) == ([None], [Hold.BRAKE])


def test_a_value_that_is_missing_is_the_reason_shown_also_while_the_brake_is_on() -> None:
    stated = item(state="revoked", revoke_reason="refund")
    assert holds(taken(stated, braked=True)) == [Hold.BRAKE, Hold.VALUE]


# --- absence ----------------------------------------------------------------------------------------------------------


def test_a_removal_by_absence_waits_for_the_operator() -> None:
    one = absent()
    assert holds(one) == [Hold.ABSENT]
    assert one.revoke[0].reason == ABSENT_HELD


def test_a_removal_by_absence_is_sent_if_the_config_says_revoke() -> None:
    assert holds(absent(hold_absent=False)) == [None]


def test_releasing_the_brake_does_not_decide_about_a_missing_item() -> None:
    assert holds(absent(braked=True)) == [Hold.ABSENT]


def test_an_absence_that_needs_no_operator_is_still_stopped_by_the_brake() -> None:
    assert holds(absent(braked=True, hold_absent=False)) == [Hold.BRAKE]


# --- gifts ------------------------------------------------------------------------------------------------------------


def test_a_gift_is_taken_back_and_commands_that_punish_its_owner_wait_for_the_operator() -> None:
    one = taken(chargeback(gift=True))
    assert holds(one) == [None, Hold.GIFT]
    assert one.revoke[1].reason == GIFT_HELD


def test_releasing_the_brake_does_not_punish_the_owner_of_a_gift() -> None:
    assert holds(taken(chargeback(gift=True), braked=True)) == [Hold.BRAKE, Hold.GIFT]


def test_a_gift_that_simply_ends_needs_no_operator() -> None:
    one = taken(item(ends_at=NOW - MINUTE, gift=True))
    assert [(draft.text, draft.hold) for draft in one.revoke[1:]] == [("say bye Alex", None)]


# --- servers ----------------------------------------------------------------------------------------------------------


def test_commands_for_a_server_that_left_the_config_are_blocked() -> None:
    sold = catalogue(perk(), servers=("lobby",))
    before = held(item())
    changes = looked(before, item(state="used"), sold=sold)
    [one] = planned(changes, sold, before, adapters={"survival": GAME})
    assert holds(one) == [Hold.SERVER]
    assert "'survival'" in (one.revoke[0].reason or "")
    assert one.revoke[0].text == f"lp user {ALEX} parent remove vip"


def test_commands_for_a_game_that_is_not_known_any_more_are_blocked_unrendered() -> None:
    before = held(item())
    [one] = planned(looked(before, item(state="used"), sold=SOLD), SOLD, before, adapters={})
    assert holds(one) == [Hold.VALUE, Hold.VALUE]
    assert one.revoke[0].text == "lp user {uuid} parent remove vip"
    assert one.revoke[0].reason


# --- the operator says retry ------------------------------------------------------------------------------------------


def change_of(turn: Turn, **changes: Any) -> HoldingChange:
    return HoldingChange(
        turn=turn,
        key=HoldingKey(ALEX, "vip", changes.pop("server", "survival")),
        kind=PerkKind.LASTING,
        perk=changes.pop("perk", "vip"),
        item_id="10",
        cause=Cause.STATED,
        stored_values=who("Old").values,
        **changes,
    )


def scene(before: Known | None = None) -> Scene:
    return Scene(
        known=before or held(item(gift=True)),
        catalogue=SOLD,
        whos=everywhere(who("New")),
        adapters={"survival": GAME, "gone": GAME},
        now=NOW,
    )


def test_a_retried_grant_uses_the_customers_current_identity() -> None:
    draft = again(change_of(Turn.OPEN), Step.GRANT, Spot("an older line", 0, 1), scene())
    assert draft is not None
    assert (draft.text, draft.state) == (f"lp user {ALEX} parent add vip", State.PLANNED)


@pytest.mark.parametrize(
    ("position", "text"), [(0, f"lp user {ALEX} parent remove vip"), (1, "ban Old chargeback"), (2, None)]
)
def test_a_retried_revoke_uses_the_values_of_the_grant_and_nothing_else_blocks_it(
    position: int, text: str | None
) -> None:
    change = change_of(Turn.END, reason=Reason.CHARGEBACK)
    draft = again(change, Step.REVOKE, Spot("an older line", position, 2), scene())
    assert (draft and draft.text) == text
    assert draft is None or (draft.hold, draft.position) == (None, position)


@pytest.mark.parametrize("reason", [None, Reason.REVOKED])
def test_a_revoke_whose_reason_has_no_commands_has_only_the_plain_ones(reason: Reason | None) -> None:
    change = change_of(Turn.END, reason=reason)
    assert again(change, Step.REVOKE, Spot("", 0, 1), scene()) is not None
    assert again(change, Step.REVOKE, Spot("", 1, 2), scene()) is None


def test_a_retried_revoke_has_the_end_of_its_own_item_though_another_opened_the_holding_again() -> None:
    reopened = known([], [holding(support("10", live=False, ends_at=NOW), support("11"))])
    sold = catalogue(perk(revoke=specs("{expires_at}")))
    now = replace(scene(), catalogue=sold, known=reopened)
    draft = again(change_of(Turn.END), Step.REVOKE, Spot("{expires_at}", 0, 1), now)
    assert draft is not None
    assert draft.text == "2026-03-01T12:00:00Z"


def test_an_unknown_perk_cannot_be_retried() -> None:
    assert again(change_of(Turn.OPEN, perk="ghost"), Step.GRANT, Spot("", 0, 1), scene()) is None


def test_a_value_that_is_still_missing_blocks_it_again() -> None:
    draft = again(change_of(Turn.END, reason=Reason.REFUND), Step.REVOKE, Spot("", 1, 2), scene())
    assert draft is not None
    assert draft.hold is Hold.VALUE


def test_a_server_that_is_gone_blocks_it_again() -> None:
    draft = again(change_of(Turn.END, server="gone"), Step.REVOKE, Spot("", 0, 1), scene())
    assert draft is not None
    assert draft.hold is Hold.SERVER


# --- the line that is retried -----------------------------------------------------------------------------------------


def retried(line: Spot, *texts: str) -> str | None:
    """What a retry of that grant sends when these are the perk's commands now."""
    now = replace(scene(), catalogue=catalogue(perk(grant=specs(*texts))))
    draft = again(change_of(Turn.OPEN), Step.GRANT, line, now)
    assert draft is None or (draft.position, draft.identity) == (line.position, who("New").values)
    return draft.source if draft else None


@pytest.mark.parametrize(
    ("line", "now", "source"),
    [
        (Spot("b", 1, 2), ("b",), "b"),  # the line before it is gone
        (Spot("b", 1, 2), ("new", "a", "b"), "b"),
        (Spot("a", 1, 2), ("a", "a"), "a"),
        (Spot("b", 1, 2), ("a", "better"), "better"),  # corrected where it stood
        (Spot("b", 1, 2), ("a",), None),
        (Spot("b", 1, 2), ("a", "c", "d"), None),  # one more: nobody knows which of them it became
    ],
)
def test_a_retry_sends_the_same_line_or_its_correction_and_never_another(
    line: Spot, now: tuple[str, ...], source: str | None
) -> None:
    assert retried(line, *now) == source


@pytest.mark.parametrize(
    ("stored", "text"),
    [({"uuid": ALEX}, "ban New chargeback"), (who("Old").values, "ban Old chargeback"), ({"uuid": "b"}, None)],
)
def test_a_retried_removal_takes_only_missing_values_from_the_current_identity(
    stored: dict[str, str], text: str | None
) -> None:
    change = replace(change_of(Turn.END, reason=Reason.CHARGEBACK), stored_values=stored)
    if text is None:  # somebody else by now
        change = replace(change, key=change.key._replace(player="b"))
    draft = again(change, Step.REVOKE, Spot("ban {name} {reason}", 1, 2), scene())
    assert draft is not None
    assert (draft.text if draft.state is State.PLANNED else None) == text
