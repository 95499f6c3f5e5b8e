"""What perkd sends with an API key: only what was given, and nothing that breaks a rule of the store's."""

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel

from perkd.daemon.paynow.errors import BadInput
from perkd.daemon.paynow.requests import (
    LOOKUPS,
    Assignment,
    BulkAssignment,
    CustomerFields,
    Sent,
    checked_id,
    checked_lookup,
    checked_text,
    expiry,
    made,
)

LARGEST = str(2**63 - 1)
UUID = "f84c6a79-0a4e-45e0-879b-cd49ebd4c4e2"
BAD_IDS = ["", "x", "-1", "+1", "1 ", "1\n", "1/2", "../1", "1?x", "٥", "1.0", "1e3", "0x1", str(2**63), "9" * 20]


# Only what was given


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, {}),
        ({"name": "Ann"}, {"name": "Ann"}),
        ({"name": None}, {"name": None}),
        ({"metadata": {}}, {"metadata": {}}),
        ({"metadata": {"k": ""}, "steam_id": None}, {"metadata": {"k": ""}, "steam_id": None}),
        ({"minecraft_platform": "bedrock", "xbox_xuid": "25"}, {"minecraft_platform": "bedrock", "xbox_xuid": "25"}),
    ],
)
def test_only_fields_that_were_given_are_sent_and_none_is_null(
    fields: dict[str, object], body: dict[str, object]
) -> None:
    assert made(CustomerFields, fields).body() == body


def test_a_quantity_is_sent_only_when_it_was_given() -> None:
    assert made(Assignment, {"product_id": "5"}).body() == {"product_id": "5"}
    assert made(Assignment, {"product_id": "5", "quantity": 1}).body() == {"product_id": "5", "quantity": 1}


def test_an_end_is_sent_in_utc_whatever_offset_it_was_written_with() -> None:
    at = datetime(2027, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    body = made(Assignment, {"product_version_id": "5", "override_expires_at": at}).body()
    assert body == {"product_version_id": "5", "override_expires_at": "2027-01-01T10:00:00Z"}
    assert expiry("2027-01-01T12:00:00+02:00") == at
    assert expiry("2027-01-01T10:00:00Z") == at.astimezone(UTC)


def test_an_item_without_commands_counts_as_hidden() -> None:
    assert made(Assignment, {"product_id": "5", "skip_commands": True}).hidden
    for skip in (False, None):
        assert not made(Assignment, {"product_id": "5", "skip_commands": skip}).hidden


# The store's limits


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "n" * 50},
        {"name": "n"},
        {"metadata": {f"k{number}": "v" for number in range(50)}},
        {"metadata": {"k" * 40: "v" * 500}},
        {"minecraft_uuid": UUID},
        {"minecraft_uuid": UUID.replace("-", "").upper()},
        {"steam_id": "76561197960287930"},
    ],
)
def test_what_is_just_within_the_limits_is_taken(fields: dict[str, object]) -> None:
    assert made(CustomerFields, fields).body() == fields


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"name": ""}, "name"),
        ({"name": "n" * 51}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"metadata": {f"k{number}": "v" for number in range(51)}}, "metadata"),
        ({"metadata": {"k" * 41: "v"}}, "metadata"),
        ({"metadata": {"": "v"}}, "metadata"),
        ({"metadata": {"k": "v" * 501}}, "metadata"),
        ({"metadata": {"k": 5}}, "metadata"),
        ({"steam_id": "7656119796028793"}, "steam_id"),
        ({"steam_id": "765611979602879300"}, "steam_id"),
        ({"steam_id": "٧٦٥٦١١٩٧٩٦٠٢٨٧٩٣٠"}, "steam_id"),
        ({"minecraft_uuid": "f84c6a79"}, "minecraft_uuid"),
        ({"minecraft_uuid": UUID + "\n"}, "minecraft_uuid"),
        ({"minecraft_platform": "pocket"}, "minecraft_platform"),
        ({"xbox_xuid": "abc"}, "xbox_xuid"),
        ({"nmae": "Ann"}, "nmae"),
        ({"name": "", "steam_id": "5"}, "steam_id"),
    ],
)
def test_what_breaks_a_limit_of_a_customer_is_refused_by_the_name_of_the_field(
    fields: dict[str, object], names: str
) -> None:
    with pytest.raises(BadInput) as caught:
        made(CustomerFields, fields)
    assert names in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "product_version_id"),
        ({"product_id": "1", "product_version_id": "2"}, "product_version_id"),
        ({"product_id": "1", "quantity": 0}, "quantity"),
        ({"product_id": "1", "quantity": 21}, "quantity"),
        ({"product_id": "1", "quantity": 1.5}, "quantity"),
        ({"product_id": "1", "override_expires_at": datetime(2027, 1, 1)}, "override_expires_at"),  # noqa: DTZ001 - that
        ({"product_id": "1", "override_expires_at": "soon"}, "override_expires_at"),
        ({"product_id": "1", "override_expires_at": "9999-12-31T23:59:59-01:00"}, "override_expires_at"),
        ({"product_id": "1", "skip_commands": "perhaps"}, "skip_commands"),
        ({"product_id": "1", "custom_variables": {"a": 5}}, "custom_variables"),
    ],
)
def test_what_breaks_a_limit_of_an_assignment_is_refused(fields: dict[str, object], says: str) -> None:
    with pytest.raises(BadInput) as caught:
        made(Assignment, fields)
    assert says in str(caught.value)


def test_a_bulk_row_needs_its_customer_and_a_version_and_takes_no_product() -> None:
    row = {"customer_id": "1", "product_version_id": "2"}
    assert made(BulkAssignment, row).body() == row
    for broken in ({"customer_id": "1"}, {"product_version_id": "2"}, {**row, "product_id": "3"}):
        with pytest.raises(BadInput):
            made(BulkAssignment, broken)


@given(st.text(min_size=8, max_size=60))
def test_what_was_refused_is_not_repeated_in_the_message(value: str) -> None:
    """A person may have put a secret in the wrong place."""
    value = f"hush-{value}"
    for fields in ({"steam_id": value}, {"metadata": {"k": value * 100}}):
        with pytest.raises(BadInput) as caught:
            made(CustomerFields, fields)
        assert value not in str(caught.value)


# Ids


@pytest.mark.parametrize("bad", BAD_IDS)
def test_a_malformed_id_is_refused_wherever_one_is_given(bad: str) -> None:
    with pytest.raises(BadInput):
        checked_id("customer", bad)
    for field in ("product_id", "product_version_id", "execute_on_gameserver_id"):
        with pytest.raises(BadInput, match=field):
            made(Assignment, {"product_id": "1", field: bad})
    with pytest.raises(BadInput, match="customer_id"):
        made(BulkAssignment, {"customer_id": bad, "product_version_id": "1"})
    with pytest.raises(BadInput):
        checked_lookup({"id": bad})


@pytest.mark.parametrize(("written", "meant"), [("1", "1"), ("007", "7"), (LARGEST, LARGEST), ("0", "0")])
def test_an_id_becomes_its_plain_form(written: str, meant: str) -> None:
    assert checked_id("customer", written) == meant
    assert made(BulkAssignment, {"customer_id": written, "product_version_id": "1"}).customer_id == meant
    assert checked_lookup({"id": written}) == [("id", meant)]


@given(st.text(max_size=25))
def test_an_id_is_digits_or_refused(text: str) -> None:
    try:
        found = checked_id("item", text)
    except BadInput:
        return
    assert found == str(int(text))
    assert text.isascii()


# Lookups


@pytest.mark.parametrize(
    "by",
    [
        {"id": "150352880618967040"},
        {"steam_id": "76561197960287930"},
        {"minecraft_uuid": UUID},
        {"minecraft_uuid": UUID.replace("-", "")},
        {"xbox_xuid": "2535405290989773"},
        {"minecraft_java_name": "Notch"},
        {"minecraft_bedrock_name": "Some Gamer Tag"},
        {"name": "Änne & Co + 1"},
    ],
)
def test_a_lookup_takes_each_of_the_stores_keys(by: dict[str, str]) -> None:
    assert checked_lookup(by) == list(by.items())
    assert set(by) <= set(LOOKUPS)


@pytest.mark.parametrize(
    "by",
    [
        {},
        {"uuid": UUID},
        {"name": ""},
        {"steam_id": "5"},
        {"steam_id": "76561197960287930&id=1"},
        {"minecraft_uuid": "Notch"},
        {"xbox_xuid": "x"},
        {"name": "n" * 51},
        {"name": "\ud800"},
        {"name": "Ann", "steam_id": ""},
    ],
)
def test_a_lookup_with_a_malformed_value_is_refused(by: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        checked_lookup(by)


def test_a_search_is_text() -> None:
    assert checked_text("the search", "Änne & Co") == "Änne & Co"
    with pytest.raises(BadInput, match="the search"):
        checked_text("the search", "\udc80")


@pytest.mark.parametrize("text", ["", "soon", "2027-01-01", "2027-01-01T00:00:00", "2027-13-01T00:00:00Z", "5"])
def test_a_time_without_an_offset_or_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"[0-9]{4}-[0-9]{2}-[0-9]{2}T"):
        expiry(text)


# The published description


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (CustomerFields, "UpsertCustomerRequestDto"),
        (Assignment, "DeliveryItemAssignmentDto"),
        (BulkAssignment, "DeliveryItemAssignmentBulkDto"),
    ],
)
def test_every_field_of_the_stores_description_can_be_sent(kind: type[Sent], schema: str) -> None:
    assert described(schema) <= set(kind.model_fields)


def described(schema: str) -> set[str]:
    """The properties of a schema of the Management API, where its description is at hand."""
    folder = os.environ.get("PERKD_PAYNOW_OPENAPI")
    if not folder:
        pytest.skip("set PERKD_PAYNOW_OPENAPI to a folder with PayNow's management-api.json")
    document = json.loads(Path(folder, "management-api.json").read_text())
    return set(document["components"]["schemas"][schema]["properties"])


def test_a_body_is_never_changed_once_it_was_checked() -> None:
    body: BaseModel = made(CustomerFields, {"name": "Ann"})
    with pytest.raises(ValueError, match="frozen"):
        body.name = "Bob"  # type: ignore[attr-defined] # that is what must not work
