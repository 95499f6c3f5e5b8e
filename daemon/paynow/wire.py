"""Reads the customer document and times of the store. `storefront.py` and `documents.py` call this.

Unknown fields are ignored. Null and absent are the same. Ids are strings or numbers. Times have 0 to 9 fraction digits.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from ..core.model import Profile
from ..core.store_ids import flake


class NotAnAnswer(ValueError):
    """The bytes are not what this path promises; the message says why."""


class NotADocument(NotAnAnswer):
    """They are JSON, but a document in it is not as the API describes it."""


def moment(text: str | None) -> datetime | None:
    """An RFC 3339 time as aware UTC, cut to microseconds. Raises ValueError when it is not one, has no offset, or is
    outside the calendar in UTC.

    Go and .NET write year 1 for "no time": it means null.
    """
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"a time without offset: {text[:40]!r}")
    if at.year == 1:
        return None
    try:
        return at if at.tzinfo is UTC else at.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"a time outside the calendar: {text[:40]!r}") from None


class Wire(BaseModel):
    """Strict: a number in place of a text is an error, so that perkd never guesses a meaning."""

    model_config = ConfigDict(strict=True, extra="ignore")


Id = str | int


def _no_empty(value: object) -> object:
    return None if value == "" else value


Text = Annotated[str | None, BeforeValidator(_no_empty)]
TextId = Annotated[str | int | None, BeforeValidator(_no_empty)]


class WireProfile(Wire):
    id: TextId = None
    name: Text = None
    platform: Text = None


class WireCustomer(Wire):
    id: Id
    store_id: Id | None = None
    name: Text = None
    profile: WireProfile | None = None
    steam_id: TextId = None
    steam: WireProfile | None = None
    minecraft_uuid: Text = None
    minecraft: WireProfile | None = None
    minecraft_platform: Text = None
    xbox_xuid: TextId = None


_CUSTOMER: TypeAdapter[WireCustomer] = TypeAdapter(WireCustomer)


def read_customer(body: bytes) -> Profile:
    """Who the customer is. Raises NotAnAnswer, also when only a part of the identity can be read."""
    try:
        return profile_of(_CUSTOMER.validate_json(body))
    except ValidationError as error:
        raise NotAnAnswer(first_fault(error)) from None


def profile_of(wire: WireCustomer) -> Profile:
    """Who the customer is, from the store's document. Raises NotAnAnswer when an id in it is not an id."""
    try:
        customer_id = flake(wire.id)
        store_id = flake(wire.store_id) if wire.store_id is not None else ""
    except ValueError as error:
        raise NotAnAnswer(str(error)) from None
    profile, steam, minecraft = (part or WireProfile() for part in (wire.profile, wire.steam, wire.minecraft))
    values = {
        "customer_name": wire.name,
        "profile_id": profile.id,
        "profile_name": profile.name,
        "profile_platform": profile.platform,
        "steam_id": wire.steam_id if wire.steam_id is not None else steam.id,
        "steam_name": steam.name,
        "minecraft_uuid": wire.minecraft_uuid,
        "minecraft_id": minecraft.id,
        "minecraft_name": minecraft.name,
        "minecraft_platform": None if wire.minecraft_platform == "unknown" else wire.minecraft_platform,
        "xbox_xuid": wire.xbox_xuid,
    }
    return Profile(customer_id, store_id, {key: str(value) for key, value in values.items() if value is not None})


def first_fault(error: ValidationError) -> str:
    """The place and the reason, without the value, which may be anything."""
    fault = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg'][:120]}" if where else str(fault["msg"])[:120]
