"""Every field of PayNow's published description of its API, at any depth, is a field of perkd's documents."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from perkd.daemon.paynow.documents import (
    Actor,
    CommandAttempt,
    Customer,
    Linked,
    Minted,
    ProductCommand,
    QueuedCommand,
    StoreItem,
)
from perkd.daemon.paynow.errors import Refusal
from perkd.daemon.paynow.own_items import UNREADABLE, OwnItem, read_items
from perkd.daemon.paynow.reading import read_one
from perkd.daemon.paynow.transport.exchange import StoreAnswer
from perkd.daemon.paynow.wire import read_customer

Place = tuple[str | int, ...]

MANAGEMENT, STOREFRONT, GAMESERVER = "management-api.json", "storefront-api.json", "gameserver-api.json"
DESCRIBED: list[tuple[type[BaseModel], str, str]] = [
    (Customer, "CustomerDto", MANAGEMENT),
    (Customer, "CustomerDto", STOREFRONT),
    (StoreItem, "DeliveryItemDto", MANAGEMENT),
    (OwnItem, "StorefrontDeliveryItemDto", STOREFRONT),
    (CommandAttempt, "CommandAttemptDto", MANAGEMENT),
    (Actor, "ActorDto", MANAGEMENT),
    (ProductCommand, "ProductCommandDto", MANAGEMENT),
    (Minted, "CustomerTokenResponseDto", MANAGEMENT),
    (Linked, "LinkGameServerResponseDto", GAMESERVER),
    (QueuedCommand, "QueuedCommandDto", GAMESERVER),
]
described = pytest.mark.parametrize(("kind", "schema", "file"), DESCRIBED, ids=[f"{s} {f}" for _, s, f in DESCRIBED])


def schemas(file: str) -> dict[str, Any]:
    folder = os.environ.get("PERKD_PAYNOW_OPENAPI")
    if not folder:
        pytest.skip("set PERKD_PAYNOW_OPENAPI to a folder with PayNow's descriptions of its APIs")
    found: dict[str, Any] = json.loads(Path(folder, file).read_text())["components"]["schemas"]
    return found


def example(known: dict[str, Any], name: str) -> Any:
    """A document with every property, by the description's own examples where it has them."""
    return _value(known, known[name])


def _value(known: dict[str, Any], schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return example(known, schema["$ref"].rsplit("/", 1)[1])
    if (given := schema.get("example")) is not None and not isinstance(given, list | dict):
        return given
    if "enum" in schema:
        return schema["enum"][-1]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = next(one for one in kinds if one != "null")
    if kind == "object":
        return {
            key: _value(known, inner) for key, inner in schema.get("properties", {"key": {"type": "string"}}).items()
        }
    if kind == "array":
        return [_value(known, schema["items"])]
    times = {"date-time": "2026-01-02T03:04:05.1234567Z"}
    texts = times | {"flake-id": "411486491630370816", "steam-id": "76561197960287930"}
    return {"boolean": True, "integer": 3}.get(kind, texts.get(schema.get("format", ""), "7"))


def lost(document: BaseModel, raw: dict[str, Any], where: str = "") -> Iterator[str]:
    """The places, at any depth, that no model names or that came to nothing in it."""
    yield from (f"{where}{key}: not named" for key in raw if key not in type(document).model_fields)
    for key in raw.keys() & type(document).model_fields.keys():
        found, came = getattr(document, key), raw[key]
        if found in (None, "", [], {}):
            yield f"{where}{key}: lost"
        pairs = zip(found, came, strict=True) if isinstance(found, list) else [(found, came)]
        for inner, its in pairs:
            if isinstance(inner, BaseModel):
                yield from lost(inner, its, f"{where}{key}.")


def places(raw: object, above: Place = ()) -> Iterator[Place]:
    entries = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    for key, inner in entries:
        if isinstance(raw, dict):
            yield (*above, key)
        yield from places(inner, (*above, key))


def changed(raw: Any, place: Place, *, null: bool) -> Any:
    """A copy with null at that place, or with nothing there."""
    copy: Any = json.loads(json.dumps(raw))
    inner = copy
    for key in place[:-1]:
        inner = inner[key]
    if null:
        inner[place[-1]] = None
    else:
        del inner[place[-1]]
    return copy


def read(kind: type[BaseModel], raw: object) -> BaseModel:
    return read_one(StoreAnswer(200, json.dumps(raw).encode(), None), kind, "/x")


@described
def test_every_field_of_the_stores_description_is_a_field_of_the_model_and_is_read(
    kind: type[BaseModel], schema: str, file: str
) -> None:
    raw = example(schemas(file), schema)
    assert list(lost(read(kind, raw), raw)) == []


@described
def test_null_and_absent_are_the_same_in_every_field_of_the_description(
    kind: type[BaseModel], schema: str, file: str
) -> None:
    raw = example(schemas(file), schema)
    needed = {"id", "attempt_id", "token"}
    optional = [place for place in places(raw) if place[-1] not in needed and place[-2:-1] != ("metadata",)]
    for place in optional:
        null, absent = (read(kind, changed(raw, place, null=null)) for null in (True, False))
        assert null == absent, place


def test_the_described_item_and_customer_are_read_by_a_customers_token_too() -> None:
    known = schemas(STOREFRONT)
    raw = example(known, "StorefrontDeliveryItemDto")
    [item] = read_items(json.dumps([raw]).encode(), raw["customer_id"])
    assert item.state != UNREADABLE
    assert (item.product_id, item.slug) == (raw["product"]["id"], raw["product"]["slug"])
    customer = example(known, "CustomerDto")
    assert read_customer(json.dumps(customer).encode()).customer_id == customer["id"]


def test_every_useful_field_of_the_described_error_is_in_the_message() -> None:
    known = schemas(MANAGEMENT)
    assert known["PayNowError"]["properties"].keys() == {"status", "code", "message", "trace_id", "errors"}
    assert known["ValidationError"]["properties"].keys() == {"code", "message", "path", "validation"}
    raw = {"status": 400, "code": "c", "message": "m", "trace_id": "t", "errors": [{"path": "p", "message": "n"}]}
    assert Refusal.read(json.dumps(raw).encode()).text == "m; p: n (trace t)"
