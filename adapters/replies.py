"""What reading a reply takes in every game of RCON: its lines, its patterns, and whose words may count. PURE.

The adapters' `judge` functions stand on it. Whose reply it is was decided by the packet's id. The text only has to say
how it went, and a player's name must not be able to say it: what a refusal is matched on, as it came and with the
values masked, must come to the same.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

MASK: Final = "\x1a"  # cannot come from a server: control characters are dropped from the reply
CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")  # all but the line break


def lines_of(text: str) -> list[str]:
    """The lines that say anything."""
    return [line.strip() for line in text.split("\n") if line.strip()]


def any_is(line: str, patterns: Iterable[re.Pattern[str]]) -> bool:
    """Whether the whole line is one of them."""
    return any(pattern.fullmatch(line) is not None for pattern in patterns)


def pattern(line: str, slots: Mapping[str, str]) -> re.Pattern[str]:
    """A rule's line with its `{slot}`s as the regular expressions in `slots`; all else as it stands."""
    parts = re.split(rf"\{{({'|'.join(slots)})\}}", line)
    return re.compile("".join(slots[part] if index % 2 else re.escape(part) for index, part in enumerate(parts)))


def target(rule: str, words: Sequence[str]) -> str | None:
    """The word at a rule's `{who}` ("" where it has none), or None when the rule is for another command. `*` is any
    word, `**` any words to the end."""
    found = ""
    expected_words = rule.split()
    for position, expected in enumerate(expected_words):
        if expected == "**":
            return found
        if position >= len(words):
            return None
        if expected == "{who}":
            found = words[position]
        elif expected not in ("*", words[position].lower()):
            return None
    return found if len(words) == len(expected_words) else None


def masked(text: str, command: str, values: Mapping[str, str], *, always: Collection[str], letters: str) -> str:
    """The reply with some values taken out, in any case: those of the variables in `always`, who the player is, and any
    other that the command carries. `letters`: the regular expression of what a word goes on with."""
    hidden = {value for key, value in values.items() if value and (key in always or value in command)}
    if not hidden:
        return text
    longest_first = "|".join(re.escape(value) for value in sorted(hidden, key=len, reverse=True))
    return re.sub(rf"(?<!{letters})(?i:{longest_first})(?!{letters})", MASK, text)
