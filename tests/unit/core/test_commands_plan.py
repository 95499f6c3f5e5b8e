"""The commands for a change: which steps it needs, in which order and with which values."""

from datetime import timedelta
from typing import Any

import pytest

from perkd.daemon.core.changes import Catalogue, Changes, Draft, Hold, HoldingChange, HoldingKey, PlannedChange, Turn
from perkd.daemon.core.entitlements import release
from perkd.daemon.core.model import Cause, Item, PerkKind, Reason, State, Step, Who
from tests.builders import (
    ALEX,
    BLAKE,
    DAY,
    MINUTE,
    NOW,
    VIP,
    catalogue,
    given_kit,
    held,
    holding,
    item,
    kit,
    kit_item,
    known,
    known_item,
    looked,
    perk,
    permanent,
    planned,
    spec,
    specs,
    support,
    who,
)

BAN = {Reason.CHARGEBACK: specs("ban {name} {reason}", "say {product}"), Reason.EXPIRED: specs("say bye {name}")}
STRICT_VIP = catalogue(perk(revoke_on=BAN))


def ended(word: str | None = "chargeback", sold: Catalogue = STRICT_VIP, **options: Any) -> PlannedChange:
    """The commands after Alex's one item was revoked with this reason."""
    before = held(item())
    changes = looked(before, item(state="revoked", revoke_reason=word), sold=sold)
    [one] = planned(changes, sold, before, **options)
    return one


def texts(drafts: tuple[Draft, ...]) -> list[str]:
    return [draft.text for draft in drafts]


def holds(drafts: tuple[Draft, ...]) -> list[Hold | None]:
    return [draft.hold for draft in drafts]


# --- which commands ---------------------------------------------------------------------------------------------------


def test_an_opened_holding_needs_its_grant_in_order() -> None:
    sold = catalogue(perk(grant=specs("one {uuid}", "two {uuid}")))
    [one] = planned(looked(known(), item(), sold=sold), sold)
    assert texts(one.grant) == [f"one {ALEX}", f"two {ALEX}"]
    assert [(draft.step, draft.position, draft.state) for draft in one.grant] == [
        (Step.GRANT, 0, State.PLANNED),
        (Step.GRANT, 1, State.PLANNED),
    ]
    assert (one.revoke, one.values) == ((), who().values)


def test_a_kept_or_adopted_holding_needs_none() -> None:
    before = held(item("10"))
    [kept] = planned(looked(before, item("10"), item("11")), VIP, before)
    assert (kept.change.turn, kept.grant, kept.revoke) == (Turn.KEEP, (), ())
    sold = catalogue(kit())
    [adopted] = planned(looked(known(), kit_item(added_at=NOW - 9 * DAY), sold=sold), sold)
    assert (adopted.change.turn, adopted.grant, adopted.values) == (Turn.ADOPT, (), who().values)


def test_after_revoke_come_the_commands_for_the_reason() -> None:
    one = ended()
    assert texts(one.revoke) == [f"lp user {ALEX} parent remove vip", "ban Alex chargeback", "say VIP"]
    assert [draft.position for draft in one.revoke] == [0, 1, 2]
    assert {draft.step for draft in one.revoke} == {Step.REVOKE}


@pytest.mark.parametrize("word", ["refund", "strange", None])
def test_a_reason_without_its_own_commands_means_plain_revoke(word: str | None) -> None:
    assert texts(ended(word).revoke) == [f"lp user {ALEX} parent remove vip"]


def test_the_operators_removal_has_no_reason_of_the_store() -> None:
    before = held(item())
    [one] = planned(release(before), STRICT_VIP, before)
    assert texts(one.revoke) == [f"lp user {ALEX} parent remove vip"]


def test_an_unknown_perk_sends_nothing() -> None:
    sold = catalogue(kit())
    before = known([known_item(kit_item())], [given_kit()])
    changes = looked(before, kit_item(state="revoked"), sold=catalogue())
    [one] = planned(changes, catalogue(), before)
    assert (one.change.turn, one.revoke) == (Turn.END, ())
    [two] = planned(changes, sold, before)
    assert texts(two.revoke) == ["clear Alex bread"]


def test_a_retired_perk_is_taken_back_by_its_last_definition() -> None:
    assert texts(ended(sold=catalogue(retired=STRICT_VIP.perks)).revoke)[0] == f"lp user {ALEX} parent remove vip"


def test_a_new_name_revokes_with_the_old_values_and_grants_with_the_new_ones() -> None:
    sold = catalogue(perk(grant=specs("rank {name} vip"), revoke=specs("unrank {name} {reason}")))
    before = held(item())
    [one] = planned(looked(before, item(), sold=sold, somebody=who("New")), sold, before, who("New"))
    assert (texts(one.revoke), texts(one.grant)) == (["unrank Alex identity"], ["rank New vip"])
    assert one.values == who("New").values


def test_a_revoke_uses_the_identity_of_the_grant_even_if_it_changed() -> None:
    assert "ban Alex chargeback" in texts(ended(somebody=who("Blake", BLAKE)).revoke)
    assert "ban Alex chargeback" in texts(ended(somebody=who(player=None)).revoke)


def test_every_command_has_the_settings_of_its_perk_and_its_own_table() -> None:
    own = spec("later {uuid}", after=timedelta(seconds=2.5), online=timedelta(seconds=20), repeatable=False)
    sold = catalogue(perk(grant=(spec("now {uuid}"), own), success="^ok", failure="^no", strict=True))
    [one] = planned(looked(known(), item(), sold=sold), sold)
    first, second = one.grant
    assert (first.after_s, first.online_s, first.repeatable, first.strict) == (0.0, None, True, True)
    assert (second.after_s, second.online_s, second.repeatable) == (2.5, 20.0, False)
    assert {(draft.success, draft.failure) for draft in one.grant} == {("^ok", "^no")}


def test_commands_of_a_kit_are_not_repeatable_unless_they_say_so() -> None:
    sold = catalogue(kit(grant=(spec("give {name} bread"), spec("say hi", repeatable=True))))
    [one] = planned(looked(known(), kit_item(), sold=sold), sold)
    assert [draft.repeatable for draft in one.grant] == [False, True]


def test_a_command_has_the_values_in_its_text() -> None:
    [draft] = planned(looked(known(), item()), VIP)[0].grant
    assert draft.values == {"uuid": ALEX}


# --- values -----------------------------------------------------------------------------------------------------------


def granted(text: str, *stated: Item, somebody: Who | None = None, **changes: Any) -> Draft:
    """The one grant command, written so, for these items."""
    sold = catalogue(perk(grant=specs(text), **changes))
    [one] = planned(looked(known(), *stated, sold=sold, somebody=somebody), sold, somebody=somebody)
    [draft] = one.grant
    return draft


def test_a_command_can_use_every_fact_of_an_item() -> None:
    text = "{customer_id} {item_id} {order_id} {product} {product_id} {quantity_index} {server} {perk}"
    stated = item(order_id="55", quantity_index=2)
    assert granted(text, stated).text == "1 10 55 VIP 7 2 survival vip"


def test_a_product_without_a_name_goes_by_its_slug() -> None:
    assert granted("{product}", item(product_name="")).text == "vip"


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("name", "`perkd store customers update 1`"),
        ("order_id", "{order_id}"),
        ("quantity_index", "{quantity_index}"),
        ("expires_at", "{expires_at}"),
    ],
)
def test_a_missing_value_blocks_the_command_and_says_what_to_do(variable: str, words: str) -> None:
    text = f"do {{uuid}} {{{variable}}}"
    draft = granted(text, permanent(), somebody=who(name=None))
    assert (draft.state, draft.hold, draft.text, draft.values) == (State.BLOCKED, Hold.VALUE, text, {})
    assert f"{{{variable}}}" in (draft.reason or "")
    assert words in (draft.reason or "")


def test_an_unsafe_value_blocks_the_command_and_is_not_stripped() -> None:
    draft = granted("rank {name}", item(), somebody=who("Al\nex"))
    assert (draft.state, draft.hold, draft.text) == (State.BLOCKED, Hold.VALUE, "rank {name}")
    assert "{name}" in (draft.reason or "")


def test_one_blocked_command_leaves_the_others_of_its_step_as_they_are() -> None:
    sold = catalogue(perk(grant=specs("a {uuid}", "b {order_id}")))
    [one] = planned(looked(known(), item(), sold=sold), sold)
    assert [draft.state for draft in one.grant] == [State.PLANNED, State.BLOCKED]


@pytest.mark.parametrize(("length", "hold"), [(1000, None), (1001, Hold.VALUE)])
def test_a_command_longer_than_the_game_takes_is_blocked(length: int, hold: Hold | None) -> None:
    draft = granted("say ö" + "x" * (length - 4 - 2 - len(ALEX)) + "{uuid}", item())
    assert len(draft.text.encode()) == length
    assert draft.hold is hold
    if hold:
        assert all(fact in (draft.reason or "") for fact in ("1001 bytes", "1000"))


# --- the end of a holding ---------------------------------------------------------------------------------------------


def test_expires_at_is_the_latest_end_in_utc_and_whole_seconds() -> None:
    late = item("11", ends_at=NOW + 40 * DAY + timedelta(seconds=1, microseconds=999_999))
    assert granted("{expires_at}", item(), late).text == "2026-04-10T12:00:01Z"


def test_a_holding_with_an_endless_item_has_no_end() -> None:
    assert granted("{expires_at}", item("10"), permanent("11")).hold is Hold.VALUE


def test_perkds_own_clock_starts_about_when_the_grant_is_rendered() -> None:
    waiting = item(state="usable", ends_at=None)
    assert granted("{expires_at}", waiting, lasts=30 * DAY).text == "2026-03-31T12:00:00Z"
    assert granted("{expires_at}", permanent(), lasts=30 * DAY).hold is Hold.VALUE


def test_a_new_name_is_granted_with_the_latest_end_of_all_items_behind_the_holding() -> None:
    sold = catalogue(perk(grant=specs("{name} {expires_at}")))
    theirs = support("20", customer_id="2", ends_at=NOW + 60 * DAY)
    before = known([known_item(item(), seen_live=True)], [holding(support(), theirs)])
    [one] = planned(looked(before, item(), sold=sold, somebody=who("New")), sold, before, who("New"))
    assert texts(one.grant) == ["New 2026-04-30T12:00:00Z"]


def test_a_removal_has_the_end_of_the_item_that_emptied_the_holding() -> None:
    sold = catalogue(perk(revoke=specs("{reason} {expires_at}")))
    before = held(item(ends_at=NOW - MINUTE))
    [one] = planned(looked(before, item(ends_at=NOW - MINUTE), sold=sold), sold, before)
    assert texts(one.revoke) == ["expired 2026-03-01T11:59:00Z"]


def test_a_removal_by_perkds_own_clock_has_the_end_of_that_clock() -> None:
    sold = catalogue(perk(lasts=DAY, revoke=specs("{expires_at}")))
    waiting = item(state="usable", ends_at=None)
    before = known([known_item(waiting, seen_live=True)], [holding(support(started_at=NOW - 2 * DAY))])
    [one] = planned(looked(before, waiting, sold=sold), sold, before)
    assert texts(one.revoke) == ["2026-02-28T12:00:00Z"]


@pytest.mark.parametrize("waiting", [item(ends_at=None), item(ends_at=NOW)])
def test_a_removal_of_a_revoked_item_has_the_end_it_gave_the_perk(waiting: Item) -> None:
    sold = catalogue(perk(lasts=DAY, revoke=specs("{expires_at}")))
    before = known([known_item(waiting, seen_live=True)], [holding(support(ends_at=NOW + DAY))])
    [one] = planned(looked(before, waiting._replace(state="revoked"), sold=sold), sold, before)
    assert texts(one.revoke) == ["2026-03-02T12:00:00Z"]


def test_a_kit_has_the_end_of_its_item() -> None:
    sold = catalogue(kit(grant=specs("{expires_at}")))
    [one] = planned(looked(known(), kit_item(expirable=True, ends_at=NOW), sold=sold), sold)
    assert texts(one.grant) == ["2026-03-01T12:00:00Z"]


def test_a_change_with_an_unknown_item_has_no_facts_about_it() -> None:
    change = HoldingChange(
        turn=Turn.END,
        key=HoldingKey(ALEX, "vip", "survival"),
        kind=PerkKind.LASTING,
        perk="vip",
        item_id="404",
        cause=Cause.OPERATOR,
    )
    sold = catalogue(perk(revoke=specs("{item_id}", "{expires_at}", "say {server}")))
    [one] = planned(Changes(customer_id="1", holdings=(change,)), sold)
    assert holds(one.revoke) == [Hold.VALUE, Hold.VALUE, None]
