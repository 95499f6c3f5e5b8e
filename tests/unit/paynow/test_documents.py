"""The documents of the Management API: every field that was ever described has a name, none is lost, one broken
document hides no other."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel

from perkd.daemon.paynow.documents import Customer, Minted, Product, QueuedCommand, StoreItem
from perkd.daemon.paynow.errors import Unreadable
from perkd.daemon.paynow.reading import read_list, read_one
from perkd.daemon.paynow.transport.exchange import StoreAnswer
from tests import secretwatch

SAMPLES = Path(__file__).parents[2] / "data" / "paynow"
CUSTOMERS = (
    "management_customer_created.json",
    "management_customer_get.json",
    "management_customer_lookup.json",
    "management_customer_object.json",
    "management_customer_updated.json",
    "management_customers.json",
    "storefront_customer_get.json",
    "storefront_customer_object.json",
    "storefront_customer_today.json",
)
ITEMS = (
    "management_inventory.json",
    "management_item_object.json",
    "management_items_assigned.json",
    "storefront_inventory.json",
    "storefront_inventory_today.json",
    "storefront_item_object.json",
)


def said(document: object, status: int = 200) -> StoreAnswer:
    return StoreAnswer(status, json.dumps(document).encode(), None)


def sample(name: str) -> list[dict[str, Any]]:
    document = json.loads((SAMPLES / name).read_text())
    return document if isinstance(document, list) else [document]


def extras(document: BaseModel, where: str = "") -> list[str]:
    """The places of fields no model names, in the document and in those within it."""
    found = [f"{where}{key}" for key in document.model_extra or {}]
    for key in type(document).model_fields:
        value = getattr(document, key)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, BaseModel):
                found += extras(one, f"{where}{key}.")
    return found


def nulls(document: BaseModel, raw: dict[str, Any]) -> list[str]:
    """Fields that hold something in the sample and nothing in the model."""
    return [key for key, value in raw.items() if value not in (None, "", {}, []) and not getattr(document, key)]


@pytest.mark.parametrize("name", CUSTOMERS)
def test_every_field_of_a_sampled_customer_is_a_field_of_the_model(name: str) -> None:
    raws = sample(name)
    found = read_list(said(raws), Customer, "/x")
    assert [extras(one) for one in found] == [[] for _ in raws]
    assert [nulls(one, raw) for one, raw in zip(found, raws, strict=True)] == [[] for _ in raws]


@pytest.mark.parametrize("name", ITEMS)
def test_every_field_of_a_sampled_item_is_a_field_of_the_model(name: str) -> None:
    raws = sample(name)
    found = read_list(said(raws), StoreItem, "/x")
    assert [extras(one) for one in found] == [[] for _ in raws]
    for one, raw in zip(found, raws, strict=True):
        assert [key for key in nulls(one, raw) if raw[key] is not False] == []
        assert one.owner_id == (raw.get("customer_id") or raw["customer"]["id"])


def test_fields_nobody_knows_are_kept_as_they_came() -> None:
    raw = sample("management_inventory.json")[0] | {"warranty": {"years": 2}}
    raw["customer"] |= {"loyalty": [1, "two"]}
    item = read_one(said(raw), StoreItem, "/x")
    assert item.model_extra == {"warranty": {"years": 2}}
    assert item.customer is not None
    assert item.customer.model_extra == {"loyalty": [1, "two"]}


def test_null_and_absent_are_the_same() -> None:
    raw = sample("management_inventory.json")[0]
    full = read_one(said({**{key: None for key in StoreItem.model_fields if key not in raw}, **raw}), StoreItem, "/x")
    bare = read_one(said({key: value for key, value in raw.items() if value is not None}), StoreItem, "/x")
    assert full == bare
    assert full.command_attempts == []
    assert full.custom_variables == {}


def test_ids_may_be_numbers_and_times_are_cut_to_microseconds() -> None:
    raw = {
        "id": 5,
        "customer_id": 7,
        "product": {"id": 9, "version_id": 11},
        "added_at": "2023-04-14T08:49:53.265720572Z",
    }
    item = read_one(said(raw), StoreItem, "/x")
    assert (item.id, item.customer_id, item.owner_id) == ("5", "7", "7")
    assert item.product is not None
    assert (item.product.id, item.product.version_id) == ("9", "11")
    assert item.added_at == datetime(2023, 4, 14, 8, 49, 53, 265720, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spoiled", "shown"),
    [
        ({"metadata": {"vip": 1, "on": True, "tags": ["a"], "none": None, "note": "é"}}, None),
        ({"metadata": 7}, {"metadata": {}}),
        ({"created_at": "yesterday", "updated_at": "9999-12-31T23:59:59-23:00"}, {"created_at": None}),
        ({"created_at": 5}, {"created_at": None}),
        ({"profile": {"id": "7", "name": 7, "avatar_url": {}}}, None),
        ({"name": ["Ann"]}, {"name": None}),
        ({"created_by": "the owner", "store": 5}, {"created_by": None, "store": None}),
    ],
)
def test_what_is_shown_only_never_makes_a_customer_unreadable(
    spoiled: dict[str, object], shown: dict[str, object] | None
) -> None:
    found = read_one(said({"id": "3", "steam_id": "76561197960287930"} | spoiled), Customer, "/x")
    assert (found.id, found.steam_id) == ("3", "76561197960287930")
    assert {key: getattr(found, key) for key in shown or {}} == (shown or {})
    if shown is None and "metadata" in spoiled:
        assert found.metadata == {"vip": "1", "on": "true", "tags": '["a"]', "note": "é"}
    [item] = read_list(said([{"id": "1", "customer": {"id": "3"} | spoiled, "product": {"id": "9"}}]), StoreItem, "/x")
    assert item.product is not None
    assert (item.owner_id, item.product.id) == ("3", "9")


def test_what_is_shown_only_never_makes_an_item_unreadable() -> None:
    spoiled = {"added_at": "yesterday", "added_by": {"id": "an owner"}, "custom_variables": {"a": 1}, "state": "active"}
    [item] = read_list(said([{"id": "1", "product": {"id": "9", "name": 5}} | spoiled]), StoreItem, "/x")
    assert item.product is not None
    assert (item.product.id, item.product.name, item.added_at) == ("9", None, None)
    assert (item.state, item.custom_variables) == ("active", {"a": "1"})


SHOWN = (
    *("store_id", "order_customer_id", "order_customer", "checkout_id", "checkout_line_id", "order_line_id"),
    *("subscription_id", "trial_id", "quantity_index", "command_attempts", "revoked_by", "active_at"),
)


@pytest.mark.parametrize("field", SHOWN)
@pytest.mark.parametrize("odd", ["odd", [7], {"id": "odd"}, 1.5])
def test_an_odd_value_in_a_field_nobody_decides_by_costs_only_that_field(field: str, odd: object) -> None:
    whole = {"id": "1", "customer_id": "2", "state": "active", "product": {"id": "9"}}
    with_odd, without = read_list(said([whole | {field: odd}, whole]), StoreItem, "/x")
    assert with_odd.product is not None
    assert with_odd.model_copy(update={field: getattr(without, field)}) == without


def test_a_command_attempt_that_cannot_be_read_hides_neither_the_others_nor_the_item() -> None:
    attempts = [{"id": "x"}, {"id": "5", "command": "say hi", "online_only": "perhaps"}, None, 7]
    [item] = read_list(said([{"id": "1", "product": {"id": "9"}, "command_attempts": attempts}]), StoreItem, "/x")
    assert item.product is not None
    assert [(one.id, one.command, one.online_only) for one in item.command_attempts if one] == [("5", "say hi", None)]


@pytest.mark.parametrize(("version", "read"), [("v2.1.0", "v2.1.0"), ("007", "7"), (11, "11"), ("", None), ({}, None)])
def test_a_version_is_an_id_or_any_text_as_the_description_has_it(version: object, read: str | None) -> None:
    [item] = read_list(said([{"id": "1", "product": {"id": "9", "version_id": version}}]), StoreItem, "/x")
    assert item.product is not None
    assert item.product.version_id == read


@pytest.mark.parametrize("odd", ["deleted", True, 1.5, {}, "9" * 20])
def test_an_owner_that_is_no_id_does_not_hide_the_page(odd: object) -> None:
    good = {"id": "1", "customer_id": "2", "state": "active"}
    broken, first = read_list(said([{"id": "3", "customer_id": odd}, good]), StoreItem, "/x")
    assert (broken.id, broken.owner_id, first.state) == ("3", "", "active")


@pytest.mark.parametrize(
    "spoiled",
    [
        {"product": 7},
        {"expirable": "perhaps"},
        {"customer": {"name": "nobody"}},
        {"order_id": "one"},  # without an order it would count as assigned by hand
        {"execute_on_gameserver_id": "hub"},
        {"skip_commands": "perhaps"},
        {"override_expires_at": "soon", "product": 7},
    ],
)
def test_one_broken_document_is_left_with_its_ids_and_hides_no_other(spoiled: dict[str, object]) -> None:
    good = {"id": "1", "customer_id": "2", "state": "active"}
    bad = {"id": "3", "customer_id": "4", "state": "active"} | spoiled
    first, broken, last = read_list(said([good, bad, good]), StoreItem, "/x")
    assert first == last
    assert (first.id, first.state) == ("1", "active")
    assert (broken.id, broken.owner_id, broken.state, broken.product) == ("3", "4", "", None)


@pytest.mark.parametrize(
    "body",
    [b"{}", b"5", b"null", b"[5]", b"[{}]", b'[{"id":"x"}]', b"[", b"", b"\xff\xfe", b"[" * 100_000, b'[{"id":true}]'],
)
def test_what_is_no_list_of_documents_is_an_error_with_its_path(body: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read_list(StoreAnswer(200, body, None), StoreItem, "/v1/some/path")
    assert "/v1/some/path" in str(caught.value)
    assert caught.value.path == "/v1/some/path"


keys = st.sampled_from(["id", "customer", "product", "metadata", "state", "added_at", "attempt_id", "commands"])
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
)


@given(documents)
def test_whatever_json_comes_it_is_read_or_refused(document: object) -> None:
    for kind in (StoreItem, Customer, Product, QueuedCommand):
        with suppress(Unreadable):
            found = read_list(said(document), kind, "/x")
            assert isinstance(document, list)
            assert len(found) == len(document)


def test_a_minted_token_is_in_no_text_of_the_document_or_of_the_answer() -> None:
    token = secretwatch.mint("a customer token")
    reply = said({"token": token})
    document = read_one(reply, Minted, "/x")
    assert document.token == token
    assert secretwatch.found_in(f"{document!r} {document} {reply!r} {reply}") == []


@pytest.mark.parametrize("spoiled", [{"token": ["{}"]}, {"tokn": "{}"}, ["{}"], "{}"])
def test_an_answer_that_holds_a_token_in_the_wrong_place_is_not_quoted(spoiled: object) -> None:
    token = secretwatch.mint("a customer token")
    body = json.dumps(spoiled).replace("{}", token).encode()
    with pytest.raises(Unreadable) as caught:
        read_one(StoreAnswer(201, body, None), Minted, "/x")
    assert secretwatch.found_in(f"{caught.value!r} {caught.value} {caught.value.args}") == []


def test_a_queued_line_without_its_text_hides_no_other() -> None:
    broken, good = read_list(
        said([{"attempt_id": "5", "command": None}, {"attempt_id": "6", "command": "say hi", "online_only": True}]),
        QueuedCommand,
        "/x",
    )
    assert (broken.attempt_id, broken.readable) == ("5", False)
    assert (good.attempt_id, good.command, good.online_only, good.readable) == ("6", "say hi", True, True)


@pytest.mark.parametrize(
    ("said_of_it", "readable"),
    [
        ({}, True),
        ({"command": ""}, True),
        ({"online_only": None}, False),
        ({"online_only": "soon"}, False),
        ({"command": None}, False),
        ({"command": 5}, False),
        ({"queued_at": "yesterday"}, False),
        ({"queued_at": "9999-12-31T23:59:59-12:00"}, False),
        ({"queued_at": "9999-12-31T23:59:59Z"}, True),
        ({"queued_at": "0001-01-01T00:00:00+12:00"}, True),
        ({"customer_name": 5}, False),
        ({"queued_at": None}, True),
    ],
)
def test_a_queued_line_is_acted_on_only_when_it_says_what_and_for_whom(
    said_of_it: dict[str, object], readable: bool
) -> None:
    line = {"attempt_id": "5", "command": "perkd", "online_only": False, "queued_at": "2026-03-01T12:00:00Z"}
    [found] = read_list(said([line | said_of_it]), QueuedCommand, "/x")
    assert (found.attempt_id, found.readable) == ("5", readable)
    del line["online_only"]
    [found] = read_list(said([line]), QueuedCommand, "/x")
    assert not found.readable
