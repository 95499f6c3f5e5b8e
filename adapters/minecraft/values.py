"""Which values may stand in a Minecraft command. PURE.

`adapters/minecraft.py` offers it; the shapes are shared with `minecraft_identity` and `minecraft_judge`.
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
SELECTORS: Final = "aenprs"  # @a, @e, …: `say` and `msg` look for them in free text

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

# ASCII beside letters and digits that means nothing to the command parser, to JSON, to SNBT or to MiniMessage.
_TEXT_SIGNS: Final = frozenset(" !#$%&()*+,-./:;=?@^_|~")
_TEXT_CATEGORIES: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd", "Nl", "No"}) | frozenset(
    {"Pd", "Po", "Pi", "Pf", "Sc", "So"}
)
# Letters, marks and signs in those categories that nobody can see.
_INVISIBLE: Final = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)}
    | set(range(0xE0100, 0xE01F0))
)


def quote(kind: Kind, value: str) -> str:
    """The value unchanged, when it may stand in a command. Raises Unsafe with the character, or the shape it lacks."""
    if kind is Kind.TEXT:
        return _text(value)
    shape = _SHAPES.get(kind)
    if shape is None:
        raise Unsafe(f"Minecraft has no {kind.value}: use {{name}} or {{uuid}} in commands for this server")
    pattern, alphabet, words = shape
    if pattern.fullmatch(value) is None:
        wrong = next((character for character in value if re.fullmatch(alphabet, character) is None), "")
        raise Unsafe(f"{shown(value)} is no {kind.value}: {named(wrong) if wrong else f'expected {words}'}")
    return value


def _text(value: str) -> str:
    for position, character in enumerate(value):
        if not _harmless(character):
            raise Unsafe(f"{shown(value)} must not stand in a Minecraft command: {named(character)}")
        if character != "@":
            continue
        following = value[position + 1 : position + 2]
        if not following:
            raise Unsafe(
                f"{shown(value)} must not stand in a Minecraft command: @ at the end selects players together with a "
                f"letter behind it"
            )
        if following.lower() in SELECTORS:
            raise Unsafe(f"{shown(value)} must not stand in a Minecraft command: @{following} selects players")
    if not value or value != value.strip() or value.startswith("/"):
        raise Unsafe(
            f"{shown(value)} must not stand in a Minecraft command: it is empty, or begins or ends with a space or /"
        )
    if len(value) > TEXT_MOST:
        raise Unsafe(
            f"{shown(value)} must not stand in a Minecraft command: {len(value)} characters, at most {TEXT_MOST}"
        )
    return value


def _harmless(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in _TEXT_SIGNS
    return character != "§" and unicodedata.category(character) in _TEXT_CATEGORIES and ord(character) not in _INVISIBLE
