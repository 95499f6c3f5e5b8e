"""Which values may be put into a Minecraft command. PURE.

`adapter.py` calls `quote`; `identity.py` and `judge.py` use the same patterns.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from ..base import Kind, Unsafe
from ..values import named, shown

NAME: Final = r"[.*+]?[A-Za-z0-9_]{1,16}"  # Floodgate puts ".", or what its owner chose, before a Bedrock player's name
UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

TEXT_MOST: Final = 120  # characters
SELECTORS: Final = "aenprs"  # @a, @e, …: `say` and `msg` replace them in free text

_SHAPES: Final[Mapping[Kind, tuple[re.Pattern[str], str, str]]] = {
    Kind.NAME: (
        re.compile(NAME),
        "[A-Za-z0-9_.*+]",
        "1 to 16 letters, digits or _ (Bedrock names with one . * or + before them)",
    ),
    Kind.UUID: (re.compile(UUID), "[0-9a-f-]", "a UUID with dashes, in small letters"),
    Kind.UUID_PLAIN: (re.compile(r"[0-9a-f]{32}"), "[0-9a-f]", "32 hex digits in small letters"),
    Kind.XUID: (re.compile(r"[0-9]{1,20}"), "[0-9]", "1 to 20 digits"),
    Kind.FLAKE: (re.compile(r"[0-9]{1,19}"), "[0-9]", "1 to 19 digits"),
    Kind.NUMBER: (re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?"), "[0-9.-]", "a number"),
    Kind.TIME: (
        re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"),
        "[0-9TZ:-]",
        "a UTC time like 2026-01-31T00:00:00Z",
    ),
}

# ASCII signs that have no meaning in the command parser, in JSON, in SNBT or in MiniMessage.
_TEXT_SIGNS: Final = frozenset(" !#$%&()*+,-./:;=?@^_|~")
_TEXT_CATEGORIES: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd", "Nl", "No"}) | frozenset(
    {"Pd", "Po", "Pi", "Pf", "Sc", "So"}
)
# Characters of those categories that are invisible.
_INVISIBLE: Final = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)}
    | set(range(0xE0100, 0xE01F0))
)


def quote(kind: Kind, value: str) -> str:
    """The value unchanged, if it is safe in a command. Raises Unsafe: which character is wrong, or what is expected."""
    if kind is Kind.TEXT:
        return _text(value)
    shape = _SHAPES.get(kind)
    if shape is None:
        raise Unsafe(f"Minecraft knows no {kind.value}: use {{name}} or {{uuid}} in commands for this server")
    pattern, alphabet, words = shape
    if pattern.fullmatch(value) is None:
        wrong = next((character for character in value if re.fullmatch(alphabet, character) is None), "")
        raise Unsafe(f"{shown(value)} is not a valid {kind.value}: {named(wrong) if wrong else f'expected {words}'}")
    return value


def _text(value: str) -> str:
    for position, character in enumerate(value):
        if not _harmless(character):
            raise Unsafe(f"{shown(value)} is not safe in a Minecraft command: {named(character)}")
        if character != "@":
            continue
        following = value[position + 1 : position + 2]
        if not following:
            raise Unsafe(
                f"{shown(value)} is not safe in a Minecraft command: it ends with @, which selects players if a letter "
                f"follows it"
            )
        if following.lower() in SELECTORS:
            raise Unsafe(f"{shown(value)} is not safe in a Minecraft command: @{following} selects players")
    if not value or value != value.strip() or value.startswith("/"):
        raise Unsafe(
            f"{shown(value)} is not safe in a Minecraft command: it is empty, begins with / or a space, or ends with a "
            f"space"
        )
    if len(value) > TEXT_MOST:
        raise Unsafe(
            f"{shown(value)} is too long for a Minecraft command: it has {len(value)} characters, at most {TEXT_MOST} "
            f"are allowed"
        )
    return value


def _harmless(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in _TEXT_SIGNS
    return character != "§" and unicodedata.category(character) in _TEXT_CATEGORIES and ord(character) not in _INVISIBLE
