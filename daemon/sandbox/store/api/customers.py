"""API-key routes of the emulated store for customers: list, create, look up, update, tokens."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from ..calls import NO_CONTENT, Call, Refused, Reply, Route, as_flake, as_texts, page, told_by_place
from ..goods import Customer
from ..people import People, dashed

BULK_MOST = 200
NAME_MOST = 50
METADATA_MOST, KEY_MOST, VALUE_MOST = 50, 40, 500
_LOOKUPS = ("id", "steam_id", "minecraft_uuid", "xbox_xuid", "minecraft_java_name", "minecraft_bedrock_name", "name")
_UNIQUE = ("steam_id", "minecraft_uuid")
_PLATFORMS = ("unknown", "java", "bedrock")
_STORE = "/v1/stores/{storeId}"


def customer_in_path(call: Call) -> Customer:
    """The customer that the path names. Raises Refused."""
    found = call.shop.customers.get(call.flake("customerId"))
    if found is None:
        raise Refused(404, f"There is no customer {call.parts['customerId']}")
    return found


def listing(call: Call) -> Reply:
    search = call.query.get("search", "").casefold()
    wanted = {as_flake(one, "customer_id") for one in call.query.getall("customer_id", [])}

    def keep(customer: Customer) -> bool:
        if wanted and customer.id not in wanted:
            return False
        texts = (customer.id, customer.name, customer.profile_name, *_identities(customer))
        return not search or any(search in text.casefold() for text in texts if text)

    return Reply([call.write.customer(one) for one in page(call, list(call.shop.customers.values()), keep)])


def create(call: Call) -> Reply:
    fields = _checked(call.table(), call.shop.people)
    return Reply(call.write.customer(_created(call, fields)))


def create_many(call: Call) -> Reply:
    """Creates all customers or none; the error names the place of a wrong entry."""
    checked: list[dict[str, Any]] = []
    for place, entry in enumerate(call.tables(BULK_MOST)):
        with told_by_place(place):
            fields = _checked(entry, call.shop.people)
            for kind in _UNIQUE:
                if fields.get(kind) and any(one.get(kind) == fields[kind] for one in checked):
                    raise _taken(kind)
            checked.append(fields)
    return Reply([call.write.customer(_created(call, fields)) for fields in checked])


def lookup(call: Call) -> Reply:
    asked = [(kind, call.query[kind]) for kind in _LOOKUPS if call.query.get(kind)]
    if not asked:
        raise Refused(400, f"One of {', '.join(_LOOKUPS)} is needed")
    kind, value = asked[0]
    if kind == "steam_id":
        _steam_id(value)
    found = call.shop.people.with_identity(kind, as_flake(value, "id") if kind == "id" else value)
    if found is None:
        raise Refused(404, f"No customer has that {kind}")
    return Reply(call.write.customer(found))


def show(call: Call) -> Reply:
    return Reply(call.write.customer(customer_in_path(call)))


def update(call: Call) -> Reply:
    """Changes only the given fields; null empties a field. Metadata is replaced as a whole."""
    customer = customer_in_path(call)
    fields = _checked(call.table(), call.shop.people, customer)
    was = People.keys(customer)
    for name, value in fields.items():
        setattr(customer, name, value)
    customer.updated_at = call.now
    call.shop.people.changed(customer, was)
    return Reply(call.write.customer(customer))


def create_token(call: Call) -> Reply:
    return Reply({"token": call.shop.people.add_token(customer_in_path(call))})


def invalidate_tokens(call: Call) -> Reply:
    customer_in_path(call).tokens.clear()
    return NO_CONTENT


def invalidate_all(call: Call) -> Reply:
    """Is in PayNow's older documents, but in no description since August 2025."""
    if not call.invalidate_all_exists:
        raise Refused(404, "No such route")
    call.shop.people.invalidate_all()
    return NO_CONTENT


def _created(call: Call, fields: dict[str, Any]) -> Customer:
    customer = Customer(call.shop.new_id(), None, call.now)
    for name, value in fields.items():
        setattr(customer, name, value)
    call.shop.people.add(customer)
    return customer


def _checked(body: dict[str, Any], people: People, himself: Customer | None = None) -> dict[str, Any]:
    """Checks the given fields and returns them by their names in `Customer`. Raises Refused."""
    fields = {name: read(body[given]) for given, (name, read) in _FIELDS.items() if given in body}
    for kind in _UNIQUE:
        other = people.with_identity(kind, fields[kind]) if fields.get(kind) else None
        if other is not None and other is not himself:
            raise _taken(kind)
    return fields


def _taken(kind: str) -> Refused:
    return Refused(400, f"A customer with this {kind} exists already", {kind: "must be unique in the store"})


def _name(value: object) -> str | None:
    name = _text(value, "name")
    if name is not None and not 1 <= len(name) <= NAME_MOST:
        raise Refused(400, f"name must have 1 to {NAME_MOST} characters", {"name": f"1 to {NAME_MOST} characters"})
    return name


def _steam_id(value: object) -> str | None:
    """Checks a SteamID64, which may be text or a number."""
    if value is None:
        return None
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch("7656119[0-9]{10}", text):
        raise Refused(400, f"cannot parse Steam ID from string: {text[:80]}", {"steam_id": "is no SteamID64"})
    return text


def _minecraft_uuid(value: object) -> str | None:
    text = _text(value, "minecraft_uuid")
    uuid = None if text is None else dashed(text)
    if text is not None and uuid is None:
        raise Refused(400, f"cannot parse UUID from string: {text[:80]}", {"minecraft_uuid": "is no UUID"})
    return uuid


def _xbox_xuid(value: object) -> str | None:
    xuid = _text(value, "xbox_xuid")
    if xuid is not None and not re.fullmatch("[0-9]{1,20}", xuid):
        raise Refused(400, f"cannot parse XUID from string: {xuid[:80]}", {"xbox_xuid": "is no XUID"})
    return xuid


def _platform(value: object) -> str | None:
    platform = _text(value, "minecraft_platform")
    if platform not in {*_PLATFORMS, None}:
        text = f"must be one of {', '.join(_PLATFORMS)}"
        raise Refused(400, f"minecraft_platform {text}", {"minecraft_platform": text})
    return platform


def _metadata(value: object) -> dict[str, str]:
    metadata = as_texts(value, "metadata")
    long = [key for key, text in metadata.items() if len(key) > KEY_MOST or len(text) > VALUE_MOST]
    if len(metadata) > METADATA_MOST or long:
        text = f"at most {METADATA_MOST} keys of {KEY_MOST} characters with values of {VALUE_MOST}"
        raise Refused(400, f"metadata has {text}", {"metadata": text})
    return dict(metadata)


def _text(value: object, name: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise Refused(400, f"{name} must be a string", {name: "is no string"})
    return value


def _identities(customer: Customer) -> Iterable[str | None]:
    return customer.steam_id, customer.minecraft_uuid, customer.xbox_xuid


# Field of the body → its name in `Customer` and the function that checks it.
_FIELDS: dict[str, tuple[str, Callable[[object], Any]]] = {
    "name": ("name", _name),
    "steam_id": ("steam_id", _steam_id),
    "minecraft_uuid": ("minecraft_uuid", _minecraft_uuid),
    "xbox_xuid": ("xbox_xuid", _xbox_xuid),
    "minecraft_platform": ("platform", _platform),
    "metadata": ("metadata", _metadata),
}

ROUTES = (
    Route("GET", f"{_STORE}/customers", listing, "key", ("customer_read",)),
    Route("POST", f"{_STORE}/customers", create, "key", ("customer_create",)),
    Route("POST", f"{_STORE}/customers/bulk", create_many, "key", ("customer_create",)),
    Route("GET", f"{_STORE}/customers/lookup", lookup, "key", ("customer_read",)),
    Route("DELETE", f"{_STORE}/customers/tokens", invalidate_all, "key", ("store_update", "customer_update")),
    Route("GET", f"{_STORE}/customers/{{customerId}}", show, "key", ("customer_read",)),
    Route("PATCH", f"{_STORE}/customers/{{customerId}}", update, "key", ("customer_update",)),
    Route("POST", f"{_STORE}/customers/{{customerId}}/tokens", create_token, "key", ("customer_update",)),
    Route("DELETE", f"{_STORE}/customers/{{customerId}}/tokens", invalidate_tokens, "key", ("customer_update",)),
)
