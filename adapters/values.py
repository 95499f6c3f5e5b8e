"""How a refused value is named to its owner, the same in every game. PURE.

The adapters' `quote` functions raise Unsafe with these words.
"""

import unicodedata


def named(character: str) -> str:
    """A character as an owner can look it up, without printing what cannot be seen or would disturb the line."""
    name = unicodedata.name(character, "a control or unassigned character")
    seen = f"{character} " if character.isascii() and character.isprintable() and character != " " else ""
    return f"the character {seen}(U+{ord(character):04X}, {name}) is not allowed"


def shown(value: str) -> str:
    """A value as it may stand in a message: whole where it is short and plain."""
    if not (value.isascii() and value.isprintable()):
        return f"a value of {len(value)} characters"
    return f'"{value}"' if len(value) <= 40 else f'"{value[:40]}…"'
