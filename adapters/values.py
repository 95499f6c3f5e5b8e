"""How a message shows a value or a character that is not allowed, the same for every game. PURE.

The adapters' `quote` functions use it in the messages of Unsafe.
"""

import unicodedata


def named(character: str) -> str:
    """Says that a character is not allowed, with its number and its name. Prints only visible characters."""
    name = unicodedata.name(character, "a control or unassigned character")
    seen = f"{character} " if character.isascii() and character.isprintable() and character != " " else ""
    return f"the character {seen}(U+{ord(character):04X}, {name}) is not allowed"


def shown(value: str) -> str:
    """A value for a message: in full if it is short and plain ASCII."""
    if not (value.isascii() and value.isprintable()):
        return f"a value of {len(value)} characters"
    return f'"{value}"' if len(value) <= 40 else f'"{value[:40]}…"'
