"""What a person wrote, as the bodies of the store's API: every rule that is broken, in words. PURE.

`storerows` checks the rows of a CSV with it, the verbs of `perkd store` their options.
"""

import re
from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from ...core.mistakes import quoted
from ...paynow import BadInput, Sent, checked_id, expiry
from ..errors import WrongUse

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


def wrong(field: str, value: object) -> str:
    """The sentence about a value that is not what its field needs."""
    if field in (*IDS, "steam_id", "xbox_xuid"):
        return _wrong(field, value, RULES[field])
    return f"{field}: {shown(value)}, expected {RULES[field]}"


def _wrong(field: str, number: object, rule: str) -> str:
    if _ROUNDED.fullmatch(str(number)):
        return (
            f"{field}: {quoted(str(number))} was rounded by a spreadsheet: make its column text and paste the ids anew"
        )
    return f"{field}: {shown(number)}, expected {rule}"


def shown(value: object) -> str:
    """A value as it may stand in a message; what could be a secret is only counted."""
    text = str(value)
    if not text:
        return "nothing"
    return quoted(text) if len(text) <= LONGEST_SHOWN else f"a text of {len(text)} characters"


def an_id(what: str, value: str) -> str:
    """An id given on the command line. Raises WrongUse."""
    if not _is_id(value):
        raise WrongUse(_wrong(what, value, AN_ID))
    return value


def faults(kind: type[Sent], fields: Mapping[str, object]) -> list[str]:
    """What is wrong with the fields of such a body, a sentence for each field; none when it can be sent."""
    found = [field for field in IDS if field in fields and not _is_id(str(fields[field]))]
    sentences = []
    try:
        kind.model_validate(dict(fields))
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False, include_context=False):
            if fault["loc"]:
                found.append(str(fault["loc"][0]))
            else:
                sentences.append(fault["msg"].removeprefix("Value error, "))
    sentences += [
        f"metadata: expected {RULES[field]}" if field == "metadata" else wrong(field, fields.get(field, ""))
        for field in RULES
        if field in found
    ]
    return sentences


def body(kind: type[S], fields: Mapping[str, object]) -> S:
    """The body for options of the command line. Raises WrongUse with everything that is wrong."""
    if found := faults(kind, fields):
        raise WrongUse("; ".join(as_options(sentence) for sentence in found))
    return kind.model_validate(dict(fields))


def as_options(sentence: str) -> str:
    """The sentence about a field, for somebody who gave it as an option."""
    field, colon, rest = sentence.partition(":")
    return f"{OPTIONS.get(field, '--' + field.replace('_', '-'))}:{rest}" if colon else sentence


def texts(fields: Mapping[str, str | None], *, clearable: Container[str] = ()) -> dict[str, str]:
    """The options that were given, by their fields; a script's empty variable is not taken for an option nobody gave.
    `clearable`: what `--clear` empties. Raises WrongUse."""
    given = {field: text for field, text in fields.items() if text is not None}
    for field, text in given.items():
        if not text.strip():
            instead = f"`--clear {field}` empties it" if field in clearable else "leave it out, or say what is meant"
            raise WrongUse(as_options(f"{field}: nothing; {instead}"))
    return given


def end_time(text: str, now: datetime) -> datetime:
    """An end as a person writes it. Raises BadInput with the sentence."""
    try:
        at = expiry(text)
    except BadInput:
        at = None
    if at is None or at <= now:
        raise BadInput(wrong("override_expires_at", text))
    return at


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """`key=value`, each key once. Raises WrongUse."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise WrongUse(f"{option}: {shown(text)}, expected KEY=VALUE")
        if key in found:
            raise WrongUse(f"{option}: {shown(key)} is given twice")
        found[key] = value
    return found


def _is_id(value: str) -> bool:
    try:
        checked_id("", value)
    except BadInput:
        return False
    return True
