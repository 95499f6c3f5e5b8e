"""One inventory item with something missing, odd or broken in it: what it still means, and that it hides no other."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from perkd.daemon.core.model import ITEM_STATES, Item
from perkd.daemon.paynow.own_items import UNREADABLE, read_items
from perkd.daemon.paynow.wire import NotAnAnswer

OWNER = "150352880618967040"  # whose items the sample is
SAMPLE = Path(__file__).parents[2] / "data" / "paynow" / "storefront_item_object.json"


def item_document(**changes: Any) -> dict[str, Any]:
    """The item of the storefront's documentation with some fields changed; a field set to `...` is left out."""
    document = json.loads(SAMPLE.read_bytes()) | changes
    return {key: value for key, value in document.items() if value is not ...}


def read_one(**changes: Any) -> Item:
    [item] = read_items(json.dumps([item_document(**changes)]).encode(), OWNER)
    return item


def test_an_override_of_the_end_wins_over_the_natural_end() -> None:
    item = read_one(state="active", override_expires_at="2030-01-01T00:00:00Z")
    assert item.ends_at == datetime(2030, 1, 1, tzinfo=UTC)


def test_a_revoked_item_says_when_and_why() -> None:
    item = read_one(state="revoked", revoked_at="2023-04-12T00:00:00.5Z", revoke_reason="chargeback")
    assert item.revoked
    assert item.revoked_at == datetime(2023, 4, 12, 0, 0, 0, 500000, tzinfo=UTC)
    assert item.revoke_reason == "chargeback"


def test_a_fraction_is_cut_and_not_rounded() -> None:
    assert read_one(added_at="2026-01-05T10:00:00.9999999Z").added_at.microsecond == 999999


def test_todays_new_fields_are_read() -> None:
    item = read_one(subscription_id="77", execute_on_gameserver_id=88, gift=True, state="renewed")
    assert (item.subscription_id, item.gameserver_id, item.gift, item.state) == ("77", "88", True, "renewed")


@pytest.mark.parametrize(("end", "expirable"), [("2030-01-01T00:00:00Z", True), (None, False)])
@pytest.mark.parametrize("missing", [None, ...])
def test_without_a_word_about_expiry_an_item_expires_when_it_has_an_end(
    end: str | None, expirable: bool, missing: Any
) -> None:
    assert read_one(expirable=missing, expires_at=end).expirable is expirable


def test_an_item_without_an_adding_time_was_added_when_its_id_was_made() -> None:
    added = read_one(added_at=...).added_at
    assert added == datetime(2023, 4, 11, 20, 52, 13, 581000, tzinfo=UTC)
    assert abs(added - read_one().added_at) < timedelta(milliseconds=100)


def test_nulls_and_absent_fields_mean_the_same() -> None:
    optional = [
        "order_id",
        "order_line_id",
        "quantity_index",
        "gift",
        "active_at",
        "expires_at",
        "override_expires_at",
        "removed_at",
        "revoked_at",
        "revoke_reason",
        "subscription_id",
        "execute_on_gameserver_id",
        "customer_id",
        "added_at",
    ]
    assert read_one(**dict.fromkeys(optional)) == read_one(**dict.fromkeys(optional, ...))


def test_unknown_fields_are_ignored() -> None:
    assert read_one(store={"deep": [1, {}]}, skip_commands=True, command_attempts=[{}]) == read_one()


@pytest.mark.parametrize("customer", [{"id": "x"}, {"id": OWNER, "minecraft_uuid": 5}, "Ann", {}])
def test_an_odd_customer_inside_an_item_changes_nothing(customer: Any) -> None:
    assert read_one(customer=customer) == read_one()


def test_a_state_nobody_knows_is_kept_as_it_is() -> None:
    assert read_one(state="pending_review").state == "pending_review"


def test_the_zero_time_of_other_languages_is_no_time() -> None:
    item = read_one(revoked_at="0001-01-01T00:00:00Z", override_expires_at="0001-01-01T00:00:00")
    assert item.state == UNREADABLE  # a time without an offset is none
    item = read_one(revoked_at="0001-01-01T00:00:00Z", override_expires_at="0001-01-01T00:00:00Z", state="active")
    assert not item.revoked
    assert item.ends_at == datetime(2023, 4, 11, 22, 52, 53, 665450, tzinfo=UTC)


BROKEN: list[dict[str, Any]] = [
    {"product": ...},
    {"product": None},
    {"product": 7},
    {"product": {"slug": "banana"}},
    {"product": {"id": "banana"}},
    {"state": ...},
    {"state": ""},
    {"state": 3},
    {"expirable": "perhaps"},
    {"expirable": 1},
    {"gift": "no"},
    {"added_at": "yesterday"},
    {"added_at": 1681246333},
    {"expires_at": "20230414"},
    {"expires_at": "1681453116"},
    {"expires_at": "2023-04-14T06:18:36"},
    {"expires_at": "9999-12-31T23:59:59-05:00"},
    {"override_expires_at": {}},
    {"revoked_at": True},
    {"revoke_reason": 4},
    {"customer_id": "me"},
    {"product": {"id": "9", "slug": 7}},
    {"product": {"id": "9", "name": []}},
    {"subscription_id": "s-1"},
    {"execute_on_gameserver_id": -1},
]


@pytest.mark.parametrize("changes", BROKEN, ids=lambda changes: json.dumps(changes, default=lambda _: "left out"))
def test_a_broken_item_is_carried_by_its_id_alone_and_the_others_are_whole(changes: dict[str, Any]) -> None:
    good = [item_document(id="149643503939362816"), item_document(id="149643503939362818")]
    body = json.dumps([good[0], item_document(**changes), good[1]]).encode()
    before, broken, after = read_items(body, OWNER)
    assert (before.state, before.id) == ("used", "149643503939362816")
    assert (after.state, after.id) == ("used", "149643503939362818")
    assert (broken.id, broken.state, broken.customer_id) == ("149643503939362817", UNREADABLE, OWNER)
    assert UNREADABLE not in ITEM_STATES
    assert broken.product_id == ""
    assert not broken.revoked


def test_a_name_with_half_a_character_breaks_only_its_own_item() -> None:
    bad = b'{"id":"2","state":"active","product":{"id":"3","name":"\\ud800"}}'
    good = b'{"id":"1","state":"active","product":{"id":"3","name":"\xc3\xa9"}}'
    first, second = read_items(b"[" + good + b"," + bad + b"]", OWNER)
    assert (first.product_name, first.state, second.state) == ("é", "active", UNREADABLE)


ORDER = "149643389770407936"


@pytest.mark.parametrize(
    ("changes", "order_id", "quantity_index"),
    [
        ({"order_id": "order-1"}, None, 1),
        ({"order_id": "1,2"}, None, 1),
        ({"order_id": 2**63}, None, 1),
        ({"order_id": 7.0}, None, 1),
        ({"order_id": {}}, None, 1),
        ({"quantity_index": "one"}, ORDER, None),
        ({"quantity_index": 1.0}, ORDER, None),
        ({"quantity_index": float("nan")}, ORDER, None),
        ({"quantity_index": True}, ORDER, None),
        ({"order_id": False, "quantity_index": []}, None, None),
        ({"quantity_index": 2**31 - 1}, ORDER, 2**31 - 1),
        ({"quantity_index": 2**31}, ORDER, None),
        ({"quantity_index": -(2**31)}, ORDER, -(2**31)),
        ({"quantity_index": -(2**31) - 1}, ORDER, None),
        ({"quantity_index": 10**25}, ORDER, None),
        ({"quantity_index": 10**25, "order_id": 10**25}, None, None),
    ],
)
def test_a_field_that_only_fills_a_variable_breaks_nothing_when_it_is_odd(
    changes: dict[str, Any], order_id: str | None, quantity_index: int | None
) -> None:
    item = read_one(**changes)
    assert (item.state, item.order_id, item.quantity_index) == ("used", order_id, quantity_index)


@pytest.mark.parametrize(
    ("field", "state"), [("quantity_index", "used"), ("order_id", "used"), ("new", "used"), ("revoked_at", UNREADABLE)]
)
def test_a_number_of_thousands_of_digits_does_not_hide_the_other_items(field: str, state: str) -> None:
    """Python refuses to read one; here beside another broken item, so that the whole page is read the slow way."""
    page = [item_document(**{field: "DIGITS"}), item_document(id="149643503939362818", state=7)]
    first, second = read_items(json.dumps(page).replace('"DIGITS"', "9" * 5000).encode(), OWNER)
    assert (first.state, second.state) == (state, UNREADABLE)


# What stands beside it

TIMES = [None, "2026-01-05T10:00:00Z", "2026-01-05T10:00:00.1234567Z", "0001-01-01T00:00:00Z", "yesterday", 5]
KINDS: dict[str, list[Any]] = {
    "id": ["149643503939362817", "149643503939362818", 12, "0012", 2**63 - 1],
    "state": ["active", "revoked", None, 7],
    "added_at": TIMES,
    "expires_at": TIMES,
    "override_expires_at": TIMES,
    "revoked_at": TIMES,
    "order_id": [None, ORDER, 7, "1,2", "x", 1.0],
    "quantity_index": [None, 3, "x", 1.0],
    "nobody_reads": [float("nan"), float("inf"), 10**400, "\ud800", {"id": []}],
}


@given(
    st.lists(st.fixed_dictionaries({}, optional={key: st.sampled_from(of) for key, of in KINDS.items()}), max_size=6)
)
def test_an_item_means_the_same_with_any_extra_fields(changes: list[dict[str, Any]]) -> None:
    """Whole pages are read another way than pages with something broken in them."""
    documents = [item_document(**change) for change in changes]
    together = read_items(json.dumps(documents).encode(), OWNER)
    assert together == [read_items(json.dumps([document]).encode(), OWNER)[0] for document in documents]


@pytest.mark.parametrize("junk", [b"NaN", b"-Infinity", b"1e999", b'"\xff"', b"[" * 80 + b"]" * 80])
@pytest.mark.parametrize("beside", [b"", b',{"id":"2","state":7}'])
def test_an_unknown_field_changes_nothing(junk: bytes, beside: bytes) -> None:
    [item, *_] = read_items(b'[{"id":"1","state":"active","product":{"id":"3"},"store":%b}%b]' % (junk, beside), OWNER)
    assert (item.id, item.state, item.product_id) == ("1", "active", "3")


def test_half_a_character_breaks_its_item_in_any_field() -> None:
    assert read_one(store="\ud800").state == UNREADABLE
    assert read_one(order_id="\ud800").state == UNREADABLE
    assert read_one(**{"\udc00": 1}).state == UNREADABLE


def test_bytes_that_are_no_text_become_the_sign_for_them() -> None:
    [item] = read_items(b'[{"id":"1","state":"active","product":{"id":"3","name":"\xc0x"}}]', OWNER)
    assert (item.state, item.product_name) == ("active", "\N{REPLACEMENT CHARACTER}x")


@pytest.mark.parametrize("first", [b'"2"', b"1.5", b"null", b"{}"])
def test_of_a_field_that_comes_twice_the_last_counts(first: bytes) -> None:
    [item] = read_items(b'[{"id":%b,"state":7,"product":{"id":"3"},"id":"1","state":"active"}]' % first, OWNER)
    assert (item.id, item.state) == ("1", "active")


@pytest.mark.parametrize("ids", [["003", "1"], ["1", "003", "0"], ["1", 2, "003", 2**63 - 1], [1, 2]])
def test_ids_are_texts_or_numbers_and_those_of_one_page_may_differ_in_that(ids: list[str | int]) -> None:
    items = read_items(json.dumps([item_document(id=one, order_id=one) for one in ids]).encode(), OWNER)
    assert [item.id for item in items] == [item.order_id for item in items] == [str(int(one)) for one in ids]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"42",
        b'"[]"',
        b"<html></html>",
        b'[{"id":"1"}',
        b"[7]",
        b"[null]",
        b"[{}]",
        b'[{"id":null}]',
        b'[{"id":true}]',
        b'[{"id":1.5}]',
        b'[{"id":1.0}]',
        b'[{"id":1e2}]',
        b'[{"id":-1}]',
        b'[{"id":9223372036854775808}]',
        b'[{"id":18446744073709551616}]',
        b'[{"id":""}]',
        b'[{"id":"1x"}]',
        b'[{"id":"1,2"}]',
        b'[{"id":"1,2"},{"id":"3"}]',
        b'[{"id":"1"},{"id":""}]',
        b'[{"id":"-1"}]',
        b'[{"id":"9223372036854775808"}]',
        b'[{"id":"' + "१".encode() + b'"}]',
        b"[" * 100_000,
        b'[{"id":' + b"9" * 10_000 + b"}]",
    ],
)
def test_a_page_in_which_an_item_cannot_be_named_is_no_page(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        read_items(body, OWNER)


@pytest.mark.parametrize("item_id", ["", "1x", "1,2", "-1", "१", "9" * 18 + "x", str(2**63), "1" * 20, 2**63, -1])
def test_a_whole_item_with_an_id_that_is_none_is_no_item(item_id: str | int) -> None:
    with pytest.raises(NotAnAnswer, match="id"):
        read_one(id=item_id)


@pytest.mark.parametrize("owner", [{"customer_id": "1"}, {"customer_id": None, "customer": {"id": "1"}}])
def test_another_customers_item_makes_the_page_unreadable(owner: dict[str, Any]) -> None:
    body = json.dumps([item_document(**owner)]).encode()
    with pytest.raises(NotAnAnswer, match=" 1,"):
        read_items(body, OWNER)


def test_an_empty_array_is_an_inventory() -> None:
    assert read_items(b" [ ] ", OWNER) == []
