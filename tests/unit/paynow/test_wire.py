"""What the store's documents mean: every sample of its documentation, and everything odd that may stand in one."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from perkd.daemon.core.model import Item
from perkd.daemon.core.store_ids import flake, flake_time
from perkd.daemon.paynow.errors import Refusal
from perkd.daemon.paynow.own_items import read_items
from perkd.daemon.paynow.wire import NotAnAnswer, moment, read_customer

DATA = Path(__file__).parents[2] / "data" / "paynow"
OWNER = "150352880618967040"  # whose items the samples are
RABSCUTTLE = {"steam_id": "76561197960287930", "steam_name": "Rabscuttle", "customer_name": "Rabscuttle"}


def sample(name: str) -> bytes:
    return (DATA / f"{name}.json").read_bytes()


# The samples


@pytest.mark.parametrize(
    "name",
    [
        "storefront_inventory",
        "storefront_inventory_today",
        "management_inventory",
        "storefront_item_object",
        "management_item_object",
    ],
)
def test_the_used_banana_of_every_document_reads_the_same(name: str) -> None:
    body = sample(name)
    items = read_items(body if body.lstrip().startswith(b"[") else b"[" + body + b"]", OWNER)
    assert items == [
        Item(
            id="149643503939362817",
            customer_id=OWNER,
            product_id="124249183568797696",
            slug="banana",
            product_name="Banana",
            state="used",
            expirable=True,
            gift=False,
            added_at=datetime(2023, 4, 11, 20, 52, 13, 659206, tzinfo=UTC),
            ends_at=datetime(2023, 4, 11, 22, 52, 53, 665450, tzinfo=UTC),
            order_id="149643389770407936",
            quantity_index=1,
        )
    ]


def test_the_assigned_item_is_usable_and_its_clock_has_not_started() -> None:
    [item] = read_items(sample("management_items_assigned"), OWNER)
    assert (item.state, item.expirable, item.ends_at, item.order_id, item.quantity_index) == (
        "usable",
        True,
        None,
        None,
        None,
    )
    assert item.added_at == datetime(2023, 4, 14, 8, 49, 53, 265720, tzinfo=UTC)
    assert not item.revoked


@pytest.mark.parametrize(
    "name",
    [
        "storefront_customer_object",
        "storefront_customer_get",
        "management_customer_object",
        "management_customer_lookup",
        "management_customer_get",
        "management_customer_updated",
    ],
)
def test_every_sample_of_the_customer_has_the_identity(name: str) -> None:
    profile = read_customer(sample(name))
    assert (profile.customer_id, profile.store_id) == (OWNER, "94688451781206016")
    assert profile.values.items() >= RABSCUTTLE.items()
    assert profile.display_name == "Rabscuttle"
    assert "minecraft_uuid" not in profile.values


def test_the_customer_of_today_has_a_profile_and_no_minecraft_platform_when_it_is_unknown() -> None:
    assert read_customer(sample("storefront_customer_today")).values == RABSCUTTLE | {
        "profile_id": "76561197960287930",
        "profile_name": "Rabscuttle",
        "profile_platform": "steam",
    }


def test_the_created_customer_has_a_steam_id_and_no_name() -> None:
    values = read_customer(sample("management_customer_created")).values
    assert values["steam_id"] == "76561199479391297"
    assert values["profile_id"] == "76561197960287930"
    assert "customer_name" not in values


def test_each_customer_of_the_list_is_read_alone() -> None:
    [customer] = json.loads(sample("management_customers"))
    assert read_customer(json.dumps(customer).encode()).customer_id == OWNER


def test_the_error_document_gives_one_line_with_its_trace() -> None:
    assert Refusal.read(sample("paynow_error")).text == "Bad Request Example (trace 234a5bcd543ef3fa53ce929d0e0e4736)"


# Identities


def test_a_minecraft_customer_has_every_name_the_adapters_ask_for() -> None:
    document = {
        "id": 12,
        "profile": {"id": "ab", "platform": "minecraft_offline", "name": "Ann"},
        "steam_id": 76561197960287930,
        "minecraft_uuid": "f84c6a79-0a4e-45e0-879b-cd49ebd4c4e2",
        "minecraft": {"id": "Ann", "name": "Ann", "avatar_url": None},
        "minecraft_platform": "java",
        "xbox_xuid": "2535416409681153",
    }
    profile = read_customer(json.dumps(document).encode())
    assert (profile.customer_id, profile.store_id) == ("12", "")
    assert profile.values == {
        "profile_id": "ab",
        "profile_name": "Ann",
        "profile_platform": "minecraft_offline",
        "steam_id": "76561197960287930",
        "minecraft_uuid": "f84c6a79-0a4e-45e0-879b-cd49ebd4c4e2",
        "minecraft_id": "Ann",
        "minecraft_name": "Ann",
        "minecraft_platform": "java",
        "xbox_xuid": "2535416409681153",
    }


def test_the_steam_profile_gives_the_steam_id_when_the_field_is_missing() -> None:
    assert read_customer(b'{"id":"1","steam":{"id":"76561197960287930"}}').values == {"steam_id": "76561197960287930"}


def test_null_absent_and_empty_are_the_same() -> None:
    assert read_customer(b'{"id":"1","name":null,"steam":null,"minecraft_uuid":"","xbox_xuid":""}').values == {}
    assert read_customer(b'{"id":"1"}').values == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"<html>",
        b'{"id":null}',
        b'{"id":"x"}',
        b'{"id":"1","minecraft_uuid":5}',
        b'{"id":"1","steam":"7656"}',
        b'{"id":"1"',
        b'{"id":"9223372036854775808"}',
    ],
)
def test_a_customer_that_is_not_wholly_readable_is_none(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        read_customer(body)


# Ids and times


@pytest.mark.parametrize(
    ("value", "text"), [("007", "7"), (7, "7"), ("0", "0"), ("000", "0"), (2**63 - 1, str(2**63 - 1))]
)
def test_an_id_is_its_plain_decimal_number(value: str | int, text: str) -> None:
    assert flake(value) == text


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("0", "2022-02-22T22:22:22Z"),
        ("150352880618967040", "2023-04-13T19:51:02.161Z"),
        ("150510813361217536", "2023-04-14T06:18:36.261Z"),
        ("149643503939362817", "2023-04-11T20:52:13.581Z"),
        ("291252569328594944", "2024-05-06T15:16:05.739Z"),
        ("411486491630370816", "2025-04-03T10:02:46.654Z"),
    ],
)
def test_an_id_says_when_it_was_made(value: str, time: str) -> None:
    assert flake_time(value) == datetime.fromisoformat(time)


@given(
    at=st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)),  # noqa: DTZ001 - the offset is added below
    minutes=st.integers(-14 * 60, 14 * 60),
    digits=st.integers(0, 9),
)
def test_a_time_with_any_fraction_and_offset_is_utc_cut_to_microseconds(
    at: datetime, minutes: int, digits: int
) -> None:
    offset = timezone(timedelta(minutes=minutes))
    fraction = f"{at.microsecond:06d}987"[:digits]
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    text = f"{at:%Y-%m-%dT%H:%M:%S}{'.' if digits else ''}{fraction}{sign}{hours:02}:{rest:02}"
    read = moment(text)
    assert read == at.replace(microsecond=int(fraction[:6].ljust(6, "0")), tzinfo=offset)
    assert read is not None
    assert read.tzinfo is UTC


def test_z_is_utc_and_null_is_no_time() -> None:
    assert moment("2023-04-13T19:55:13.122010Z") == datetime(2023, 4, 13, 19, 55, 13, 122010, tzinfo=UTC)
    assert moment(None) is None


# Refusals


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"message":7}', b"[" * 100_000, b"\xff"])
def test_an_error_body_that_says_nothing_is_nothing(body: bytes) -> None:
    assert Refusal.read(body).text == ""


def test_what_a_store_says_is_one_short_printable_line() -> None:
    said = Refusal.read(json.dumps({"message": "a\r\nb\x1b[31m\u202ec" + "x" * 5000}).encode()).text
    assert said.startswith("a b [31m cx")
    assert len(said) <= 200
    assert said.isprintable()
