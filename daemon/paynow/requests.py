"""The bodies and queries that perkd sends to the Management API, checked by the store's rules before sending. PURE.

`customers_api.py`, `items_api.py` and `cli` make these. The limits are from PayNow's documentation of 2025.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from ..core.store_ids import flake
from .errors import BadInput

BULK_ITEMS = 250  # items in one bulk assignment
BULK_CUSTOMERS = 200  # customers in one bulk creation
QUANTITY_MOST = 20

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)


def _in_utc(at: datetime) -> datetime:
    """Times are sent with `Z`, as in all of PayNow's documents: it is not known if the store accepts other offsets."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the calendar") from None


Flake = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$"), AfterValidator(flake)]
SteamId = Annotated[str, StringConstraints(pattern=r"^[0-9]{17}$")]
Uuid = Annotated[str, StringConstraints(pattern=_UUID.pattern.join(("(?i)^", "$")))]
Xuid = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=50)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Value = Annotated[str, StringConstraints(max_length=500)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Metadata = Annotated[dict[Key, Value], Field(max_length=50)]


class Sent(BaseModel):
    """A body. Only given fields are sent: None is sent as null, a field that is not given stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def body(self) -> dict[str, object]:
        return self.model_dump(mode="json", exclude_unset=True)


class CustomerFields(Sent):
    """A new customer or a change of one. Every field may be left out: a blank customer is allowed."""

    steam_id: SteamId | None = None
    minecraft_uuid: Uuid | None = None
    minecraft_platform: Literal["unknown", "java", "bedrock"] | None = None
    xbox_xuid: Xuid | None = None
    name: Name | None = None
    metadata: Metadata | None = None


class _Assigned(Sent):
    product_version_id: Flake | None = None
    execute_on_gameserver_id: Flake | None = None
    quantity: Annotated[int, Field(ge=1, le=QUANTITY_MOST)] = 1
    override_expires_at: Moment | None = None
    skip_commands: bool | None = None
    custom_variables: dict[str, str] | None = None

    @property
    def hidden(self) -> bool:
        """Whether the customer's token may not see the items: its list shows only items with a command attempt."""
        return bool(self.skip_commands)


class Assignment(_Assigned):
    """A product, or one version of it, for one customer: `quantity` items."""

    product_id: Flake | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.product_id is None) == (self.product_version_id is None):
            raise ValueError("exactly one of product_id and product_version_id is needed")
        return self


class BulkAssignment(_Assigned):
    """One row of a bulk assignment. The store takes versions only: `product_version_id` is required."""

    customer_id: Flake
    product_version_id: Flake


S = TypeVar("S", bound=Sent)


def checked_id(what: str, value: str) -> str:
    """An id of the store that is safe in a path. Raises BadInput."""
    try:
        return flake(value)
    except ValueError:
        raise BadInput(
            f"{what} {value[:40]!r} is not an id of the store: an id is a number of 1 to 19 digits"
        ) from None


_LOOKUPS: dict[str, TypeAdapter[str]] = {
    "id": TypeAdapter(Flake),
    "steam_id": TypeAdapter(SteamId),
    "minecraft_uuid": TypeAdapter(Uuid),
    "xbox_xuid": TypeAdapter(Xuid),
    "minecraft_java_name": TypeAdapter(Name),
    "minecraft_bedrock_name": TypeAdapter(Name),
    "name": TypeAdapter(Name),
}
LOOKUPS = tuple(_LOOKUPS)


def checked_lookup(by: Mapping[str, str]) -> list[tuple[str, str]]:
    """The query of a lookup, keys from LOOKUPS. Raises BadInput, which never contains a value."""
    if not by or not set(by) <= set(LOOKUPS):
        raise BadInput(f"a lookup needs a value for one of {', '.join(LOOKUPS)}")
    found = []
    for key, value in by.items():
        try:
            found.append((key, _LOOKUPS[key].validate_python(value)))
        except ValidationError as error:
            raise BadInput(f"{key}: {error.errors(include_input=False)[0]['msg']}") from None
    return found


def checked_text(what: str, value: str) -> str:
    """Text that is safe in a query. Raises BadInput for what is not text (half of a surrogate pair)."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{what} contains something that is not text") from None
    return value


def made(kind: type[S], fields: Mapping[str, object]) -> S:
    """The body from text or typed values. Raises BadInput, which names every field that breaks a rule, but no value."""
    try:
        return kind.model_validate(dict(fields))
    except ValidationError as error:
        faults = [
            ": ".join((*map(str, fault["loc"]), str(fault.get("ctx", {}).get("error", fault["msg"]))))
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise BadInput("; ".join(faults)) from None


def expiry(text: str) -> datetime:
    """An `override_expires_at` that a person wrote. Raises BadInput unless it is RFC 3339 with an offset."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min  # noqa: DTZ901 - refused below, because it has no offset
    if at.tzinfo is None:
        raise BadInput(f"{text[:40]!r} is not a time with an offset: write for example 2026-12-31T00:00:00Z")
    return at
