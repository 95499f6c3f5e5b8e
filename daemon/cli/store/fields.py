"""What a person wrote, as the bodies of the store's API: every rule that is broken, in words. PURE.

`storerows` checks the rows of a CSV with it, the verbs of `perkd store` their options.
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
    "override_expires_at": "a time to come, with its offset, such as 2027-01-31T00:00:00Z",
    "skip_commands": "true or false",
    "custom_variables": "texts",
}
OPTIONS: Mapping[str, str] = {  # where an option is not called as its field
    "product_id": "--product",
    "product_version_id": "--version",
    "execute_on_gameserver_id": "--gameserver",
    "override_expires_at": "--expires",
    "custom_variables": "--variable",
    "minecraft_java_name": "--java-name",
    "minecraft_bedrock_name": "--bedrock-name",
}
LONGEST_SHOWN = 40  # longer than any good value but a name; a token that was pasted here must not be shown
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field; `field` "": with all of them together. As a text it names the field."""

    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.field}: {self.text}" if self.field else self.text

    @property
    def option(self) -> str:
        """How somebody gave the field on the command line."""
        return OPTIONS.get(self.field, "--" + self.field.replace("_", "-")) if self.field else ""

    def as_option(self) -> str:
        """The text for somebody who gave the field as an option."""
        return f"{self.option}: {self.text}" if self.field else self.text


class Faulty(Exception):
    """A value that is not what its field needs: `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def wrong(field: str, value: object) -> Fault:
    """What is wrong with a value that is not what its field needs."""
    if field in (*IDS, "steam_id", "xbox_xuid"):
        return Fault(field, _wrong(value, RULES[field]))
    return Fault(field, f"{shown(value)}, expected {RULES[field]}")


def _wrong(number: object, rule: str) -> str:
    if _ROUNDED.fullmatch(str(number)):
        return f"{quoted(str(number))} was rounded by a spreadsheet: make its column text and paste the ids anew"
    return f"{shown(number)}, expected {rule}"


def shown(value: object) -> str:
    """A value as it may stand in a message; what could be a secret is only counted."""
    text = str(value)
    if not text:
        return "nothing"
    return quoted(text) if len(text) <= LONGEST_SHOWN else f"a text of {len(text)} characters"


def an_id(what: str, value: str) -> str:
    """An id given on the command line. Raises WrongUse."""
    if not _is_id(value):
        raise WrongUse(Code.BAD_VALUE, f"{what}: {_wrong(value, AN_ID)}", options=[what])
    return value


def faults(kind: type[Sent], fields: Mapping[str, object]) -> list[Fault]:
    """What is wrong with the fields of such a body, each field once; none when it can be sent."""
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
    """The body for options of the command line. Raises WrongUse with everything that is wrong."""
    if found := faults(kind, fields):
        raise _wrong_use(*found)
    return kind.model_validate(dict(fields))


def _wrong_use(*found: Fault) -> WrongUse:
    options = [fault.option for fault in found if fault.field]
    return WrongUse(Code.BAD_VALUE, "; ".join(fault.as_option() for fault in found), options=options or None)


def texts(fields: Mapping[str, str | None], *, clearable: Container[str] = ()) -> dict[str, str]:
    """The options that were given, by their fields; a script's empty variable is not taken for an option nobody gave.
    `clearable`: what `--clear` empties. Raises WrongUse."""
    given = {field: text for field, text in fields.items() if text is not None}
    for field, text in given.items():
        if not text.strip():
            instead = f"`--clear {field}` empties it" if field in clearable else "leave it out, or say what is meant"
            raise _wrong_use(Fault(field, f"nothing; {instead}"))
    return given


def end_time(text: str, now: datetime) -> datetime:
    """An end as a person writes it. Raises Faulty."""
    try:
        at = expiry(text)
    except BadInput:
        at = None
    if at is None or at <= now:
        raise Faulty(wrong("override_expires_at", text))
    return at


def end_option(text: str, now: datetime) -> datetime:
    """The same for an option of the command line. Raises WrongUse."""
    try:
        return end_time(text, now)
    except Faulty as error:
        raise _wrong_use(error.fault) from error


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """`key=value`, each key once. Raises WrongUse."""
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
