"""Turns what a person wrote into bodies for the store's API, and reports every rule that is broken. PURE.

`rows.py` checks CSV rows with it, and the verbs of `perkd store` their options.
"""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from ...core.mistakes import quoted
from ...paynow import BadInput, Sent, checked_id, expiry
from ..errors import Code, WrongUse

S = TypeVar("S", bound=Sent)

AN_ID = "an id of the store: 1 to 19 digits"
IDS = ("customer_id", "product_id", "product_version_id", "execute_on_gameserver_id")
RULES: Mapping[str, str] = {
    **dict.fromkeys(IDS, AN_ID),
    "steam_id": "a SteamID64: 17 digits",
    "minecraft_uuid": "a UUID: 32 hexadecimal digits, with or without dashes",
    "minecraft_platform": "java, bedrock or unknown",
    "xbox_xuid": "an XUID: 1 to 20 digits",
    "name": "1 to 50 characters",
    "metadata": "at most 50 keys of 1 to 40 characters, with values of at most 500",
    "quantity": "a whole number from 1 to 20",
    "override_expires_at": "a time in the future with its offset, for example 2027-01-31T00:00:00Z",
    "skip_commands": "true or false",
    "custom_variables": "texts",
}
OPTIONS: Mapping[str, str] = {  # options whose name differs from the field
    "product_id": "--product",
    "product_version_id": "--version",
    "execute_on_gameserver_id": "--gameserver",
    "override_expires_at": "--expires",
    "custom_variables": "--variable",
    "minecraft_java_name": "--java-name",
    "minecraft_bedrock_name": "--bedrock-name",
}
LONGEST_SHOWN = 40  # good values are shorter, except names; a token pasted here by mistake must not be shown
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field. `field` "": with several together. `str()` names the field."""

    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.field}: {self.text}" if self.field else self.text

    @property
    def option(self) -> str:
        """The option for the field on the command line."""
        return OPTIONS.get(self.field, "--" + self.field.replace("_", "-")) if self.field else ""

    def as_option(self) -> str:
        """The text with the option's name instead of the field's."""
        return f"{self.option}: {self.text}" if self.field else self.text


class Faulty(Exception):
    """A value does not fit its field; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def wrong(field: str, value: object) -> Fault:
    """The fault for a value that does not fit its field."""
    if field in (*IDS, "steam_id", "xbox_xuid"):
        return Fault(field, _wrong(value, RULES[field]))
    return Fault(field, f"{shown(value)}, expected {RULES[field]}")


def _wrong(number: object, rule: str) -> str:
    if _ROUNDED.fullmatch(str(number)):
        return f"{quoted(str(number))} was rounded by a spreadsheet: format the column as text and paste the ids again"
    return f"{shown(number)}, expected {rule}"


def shown(value: object) -> str:
    """A value for a message. A long one could be a secret, so only its length is shown."""
    text = str(value)
    if not text:
        return "nothing"
    return quoted(text) if len(text) <= LONGEST_SHOWN else f"a text of {len(text)} characters"


def an_id(what: str, value: str) -> str:
    """Checks an id from the command line. Raises WrongUse."""
    if not _is_id(value):
        raise WrongUse(Code.BAD_VALUE, f"{what}: {_wrong(value, AN_ID)}", options=[what])
    return value


def faults(kind: type[Sent], fields: Mapping[str, object]) -> list[Fault]:
    """What is wrong with the fields of a body, each field once. Empty when it can be sent."""
    found = [field for field in IDS if field in fields and not _is_id(str(fields[field]))]
    together = []
    try:
        kind.model_validate(dict(fields))
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            if fault["loc"]:
                found.append(str(fault["loc"][0]))
            else:
                together.append(Fault("", str(fault.get("ctx", {}).get("error", fault["msg"]))))
    return together + [
        Fault(field, f"expected {RULES[field]}") if field == "metadata" else wrong(field, fields.get(field, ""))
        for field in RULES
        if field in found
    ]


def body(kind: type[S], fields: Mapping[str, object]) -> S:
    """The body for the given options. Raises WrongUse with everything that is wrong."""
    if found := faults(kind, fields):
        raise _wrong_use(*found)
    return kind.model_validate(dict(fields))


def _wrong_use(*found: Fault) -> WrongUse:
    options = [fault.option for fault in found if fault.field]
    return WrongUse(Code.BAD_VALUE, "; ".join(fault.as_option() for fault in found), options=options or None)


def texts(fields: Mapping[str, str | None], *, clearable: Container[str] = ()) -> dict[str, str]:
    """The options that were given, by field. `clearable`: the fields that `--clear` can empty. Raises WrongUse for an
    empty text: it may come from an empty variable of a script."""
    given = {field: text for field, text in fields.items() if text is not None}
    for field, text in given.items():
        if not text.strip():
            instead = (
                f"use `--clear {field}` to empty the field" if field in clearable else "leave it out, or give a value"
            )
            raise _wrong_use(Fault(field, f"it is empty; {instead}"))
    return given


def end_time(text: str, now: datetime) -> datetime:
    """Reads an end time. Raises Faulty."""
    try:
        at = expiry(text)
    except BadInput:
        at = None
    if at is None or at <= now:
        raise Faulty(wrong("override_expires_at", text))
    return at


def end_option(text: str, now: datetime) -> datetime:
    """Reads an end time from an option. Raises WrongUse."""
    try:
        return end_time(text, now)
    except Faulty as error:
        raise _wrong_use(error.fault) from error


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """Reads texts such as `KEY=VALUE`, each key once. Raises WrongUse."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise WrongUse(Code.BAD_VALUE, f"{option}: {shown(text)}, expected KEY=VALUE", options=[option])
        if key in found:
            raise WrongUse(Code.BAD_VALUE, f"{option}: {shown(key)} is given twice", options=[option])
        found[key] = value
    return found


def _is_id(value: str) -> bool:
    try:
        checked_id("", value)
    except BadInput:
        return False
    return True
