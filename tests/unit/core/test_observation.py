"""What complete inventories change: items that are new, changed, missing, back, renewed or unreadable."""

from dataclasses import replace

import pytest

from perkd.daemon.core.changes import Known, KnownItem
from perkd.daemon.core.model import Item
from perkd.daemon.core.observation import sight
from tests.builders import DAY, MINUTE, NOW, inventory, item, known, known_item


def seen(before: KnownItem | None, stated: Item) -> KnownItem:
    """The item as it is known after an inventory with nothing else in it."""
    items, _, _ = sight(known([before] if before else []), inventory(stated), NOW)
    return items[stated.id]


def kinds(before: Known, *stated: Item) -> list[tuple[str, str]]:
    _, changed, notes = sight(before, inventory(*stated), NOW)
    assert {note.item_id for note in notes} <= changed
    return [(note.kind, note.item_id) for note in notes]


def test_a_new_item_is_noted_once() -> None:
    assert kinds(known(), item()) == [("item_seen", "10")]
    assert kinds(known([known_item(item())]), item()) == []


def test_an_item_keeps_when_it_was_first_seen() -> None:
    assert seen(known_item(item()), item(state="used")).first_seen_at == NOW - DAY
    assert seen(None, item()).first_seen_at == NOW


def test_another_state_is_noted_and_another_end_is_known_without_a_note() -> None:
    before = known([known_item(item())])
    assert kinds(before, item(state="used")) == [("item_changed", "10")]
    items, changed, notes = sight(before, inventory(item(ends_at=NOW)), NOW)
    assert (items["10"].item.ends_at, changed, notes) == (NOW, {"10"}, [])


def test_without_an_inventory_nothing_changes() -> None:
    before = known([known_item(item())])
    assert sight(before, None, NOW) == (before.items, set(), [])


def test_an_item_that_is_not_in_a_complete_list_is_missing_since_that_read() -> None:
    read_at = NOW - MINUTE
    items, changed, notes = sight(known([known_item(item())]), inventory(read_at=read_at), NOW)
    assert (items["10"].missing_since, changed) == (read_at, {"10"})
    assert [note.kind for note in notes] == ["item_missing"]


def test_an_item_that_stays_missing_is_missing_since_the_first_time() -> None:
    before = known([known_item(item(), missing_since=NOW - DAY)])
    assert sight(before, inventory(), NOW) == (before.items, set(), [])


def test_an_item_that_comes_back_is_noted_and_not_missing_any_more() -> None:
    before = known_item(item(), missing_since=NOW - DAY)
    assert seen(before, item()).missing_since is None
    assert kinds(known([before]), item()) == [("item_back", "10")]


def test_an_unknown_state_is_shown_and_everything_else_stays_as_last_known() -> None:
    before = known_item(item())
    after = seen(before, item(state="frozen", ends_at=NOW - DAY, expirable=False))
    assert after == replace(before, item=item(state="frozen"))
    assert kinds(known([after]), item(state="frozen", ends_at=NOW)) == []


def test_an_unknown_word_with_a_time_of_revocation_is_a_revocation() -> None:
    stated = item(state="frozen", revoked_at=NOW, revoke_reason="refund")
    assert seen(known_item(item()), stated).item == stated


def test_an_item_first_seen_with_an_unknown_word_is_known_by_it() -> None:
    assert seen(None, item(state="frozen")).item.state == "frozen"


# --- law 11: when an item was first seen as renewed -------------------------------------------------------------------


def test_an_item_that_counted_is_renewed_since_it_is_first_seen_so() -> None:
    first = seen(known_item(item(), seen_live=True), item(state="renewed"))
    assert first.renewed_at == NOW
    later, _, _ = sight(known([first]), inventory(item(state="renewed")), NOW + MINUTE)
    assert later["10"].renewed_at == NOW


@pytest.mark.parametrize("before", [None, known_item(item()), known_item(item(state="renewed"), seen_live=True)])
def test_an_item_that_did_not_count_before_it_was_renewed_has_no_ten_minutes(before: KnownItem | None) -> None:
    assert seen(before, item(state="renewed")).renewed_at is None


def test_an_item_that_is_active_again_can_be_renewed_again() -> None:
    before = known_item(item(state="renewed"), seen_live=True, renewed_at=NOW - DAY)
    active = seen(before, item())
    assert active.renewed_at is None
    assert seen(active, item(state="renewed")).renewed_at == NOW


def test_an_unknown_state_in_between_does_not_start_the_ten_minutes_again() -> None:
    before = known_item(item(state="renewed"), seen_live=True, renewed_at=NOW - DAY)
    assert seen(seen(before, item(state="frozen")), item(state="renewed")).renewed_at == NOW - DAY
