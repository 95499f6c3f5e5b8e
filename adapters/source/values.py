"""Who a customer is on a Source server, and which values may be put into a Source console command. PURE.

`adapter.py` calls `identify` and `quote`; `judge.py` and `players.py` use the SteamID functions.

What is safe depends on the engine's console: a quote cannot be escaped inside quotes; outside quotes `;` and a newline
end a command, and `//` begins a comment. Admin plugins have words that mean many players (SourceMod `@all` and
`#userid`, ULX `*`, `^`, `!`, `$`, `%`).
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from ..base import Kind, Unsafe, Who
from ..values import named, shown

ACCOUNT_ZERO: Final = 76561197960265728  # SteamID64 = this + the account's number, for people in the public universe
ACCOUNT_MOST: Final = 2**32 - 1
NAME_MOST: Final = 64  # characters; Steam allows 32
TEXT_MOST: Final = 120

_STEAM_ID: Final = re.compile(r"[0-9]{17}")
_STEAM_ID2: Final = re.compile(r"STEAM_[01]:([01]):([0-9]{1,10})")
_STEAM_ID3: Final = re.compile(r"\[U:1:([0-9]{1,10})\]")
_SHAPES: Final[Mapping[Kind, tuple[re.Pattern[str], str]]] = {
    Kind.FLAKE: (re.compile(r"[0-9]{1,19}"), "1 to 19 digits"),
    Kind.NUMBER: (re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?"), "a number"),
    Kind.TIME: (
        re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"),
        "a UTC time like 2026-01-31T00:00:00Z",
    ),
}
_IDS: Final[Mapping[Kind, tuple[re.Pattern[str], str]]] = {
    Kind.STEAM_ID: (_STEAM_ID, "a SteamID64, 17 digits"),
    Kind.STEAM_ID2: (_STEAM_ID2, "a SteamID like STEAM_0:1:2345"),
    Kind.STEAM_ID3: (_STEAM_ID3, "a SteamID like [U:1:4691]"),
}

_CATEGORIES: Final = frozenset("LMNPS")  # letters, marks, numbers, punctuation, signs; not control, format, unassigned
# Characters of those categories that are invisible.
_INVISIBLE: Final = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)}
    | set(range(0xE0100, 0xE01F0))
)
_TARGET_SIGNS: Final = "@#*^!$%"
_TARGET: Final = re.compile(rf"(?:^|,)\s*(?P<sign>[{re.escape(_TARGET_SIGNS)}])")


def account(text: str) -> int | None:
    """The account number in a SteamID of any of the three forms. None if it is not the SteamID of a person."""
    if _STEAM_ID.fullmatch(text) is not None:
        number = int(text) - ACCOUNT_ZERO
    elif (two := _STEAM_ID2.fullmatch(text)) is not None:
        number = 2 * int(two[2]) + int(two[1])
    elif (three := _STEAM_ID3.fullmatch(text)) is not None:
        number = int(three[1])
    else:
        return None
    return number if 0 < number <= ACCOUNT_MOST else None


def steam_id(number: int) -> str:
    """The SteamID64."""
    return str(ACCOUNT_ZERO + number)


def steam_id2(number: int, universe: int) -> str:
    """STEAM_X:Y:Z. `universe` is X: 0 on the older engines, 1 since Left 4 Dead. Both mean the same person."""
    return f"STEAM_{universe}:{number % 2}:{number // 2}"


def steam_id3(number: int) -> str:
    return f"[U:1:{number}]"


def identify(profile: Mapping[str, str], universe: int) -> Who:
    """The player that a customer is: their SteamID64. Without one, nothing shows that the customer plays on Steam."""
    generic = profile if profile.get("profile_platform") == "steam" else {}
    number = account(profile.get("steam_id") or generic.get("profile_id", ""))
    if number is None:
        return Who(None)
    name = profile.get("steam_name") or generic.get("profile_name") or profile.get("customer_name", "")
    values = {
        "steam_id": steam_id(number),
        "steam_id2": steam_id2(number, universe),
        "steam_id3": steam_id3(number),
        "name": name,
    }
    return Who(values["steam_id"], {key: value for key, value in values.items() if value})


def quote(kind: Kind, value: str) -> str:
    """The value unchanged, if it is safe in a command. Raises Unsafe: which character is wrong, or what is expected."""
    if kind is Kind.NAME:
        _check_name(value)
    elif kind is Kind.TEXT:
        _check_text(value, TEXT_MOST)
    elif kind in _IDS:
        pattern, words = _IDS[kind]
        if pattern.fullmatch(value) is None or account(value) is None:
            raise Unsafe(f"{shown(value)} is not a valid {kind.value}: expected {words}, of a person's account")
    elif kind in _SHAPES:
        pattern, words = _SHAPES[kind]
        if pattern.fullmatch(value) is None:
            raise Unsafe(f"{shown(value)} is not a valid {kind.value}: expected {words}")
    else:
        raise Unsafe(f"a Source game knows no {kind.value}: use {{steam_id}} in commands for this server")
    return value


def _check_name(value: str) -> None:
    _check_text(value, NAME_MOST)
    target = _TARGET.search(value)
    if target is not None:
        raise Unsafe(
            f"{shown(value)} is not safe in a Source command: {named(target['sign'])} in this place, because admin "
            f"plugins then select many players; use {{steam_id}}"
        )


def _check_text(value: str, most: int) -> None:
    wrong = next((character for character in value if not _harmless(character)), None)
    if wrong is not None:
        raise Unsafe(f"{shown(value)} is not safe in a Source command: {named(wrong)}")
    if "//" in value or value.startswith("/") or value.endswith("/"):
        raise Unsafe(
            f"{shown(value)} is not safe in a Source command: {named('/')} twice in a row, at the beginning or at the "
            f"end, because // begins a comment"
        )
    if value.endswith("\\"):
        raise Unsafe(f"{shown(value)} is not safe in a Source command: {named(chr(92))} at the end")
    if not value or value != value.strip():
        raise Unsafe(f"{shown(value)} is not safe in a Source command: it is empty, or begins or ends with a space")
    if len(value) > most:
        raise Unsafe(
            f"{shown(value)} is too long for a Source command: it has {len(value)} characters, at most {most} are "
            f"allowed"
        )


def _harmless(character: str) -> bool:
    if character in '";':
        return False
    if character == " ":
        return True
    return unicodedata.category(character)[0] in _CATEGORIES and ord(character) not in _INVISIBLE
