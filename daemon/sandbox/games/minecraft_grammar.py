"""Parses a line of a Minecraft console: its words, selectors and free text. PURE.

`minecraft_console.py` uses it to run commands; tests use it to check that a line means what it should.
It is as tolerant as the most tolerant version: names are matched as Java's `equalsIgnoreCase` does, also beyond ASCII.
"""

import json
import re

SELECTOR = re.compile(r"@(?P<kind>[aenprs])(?:\[[^\]]*\])?")
TARGET_AT = {"whitelist": 1}  # the index of the word after the verb that names players; others: 0
FREE_TEXT_AT = {
    "say": 0,
    "me": 0,
    "kick": 1,
    "ban": 1,
    "msg": 1,
    "tell": 1,
    "w": 1,
}  # index where free text begins
PLAIN = {"lp", "luckperms", "list"}  # these take no selectors


def words(text: str) -> list[str]:
    """Splits a line at ASCII spaces; other Unicode spaces do not separate words."""
    return [word for word in text.split(" ") if word]


def same_name(one: str, other: str) -> bool:
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    """Converts each character to upper and then lower case, so that "ſam" equals "SAM"."""
    return "".join((upper if len(upper := letter.upper()) == 1 else letter).lower()[0] for letter in name)


def free_text(text: str, after: int) -> str:
    """The text after the first `after` words, unchanged."""
    for _ in range(after):
        text = text.lstrip(" ").partition(" ")[2]
    return text.lstrip(" ")


def shown_text(component: str) -> str | None:
    """The text of a `tellraw` component, or None when it is not JSON that the game accepts."""
    try:
        found = json.loads(component)
    except ValueError:
        return None
    parts = found if isinstance(found, list) else [found]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    known = all(set(part) <= {"text", "color"} for part in parts if isinstance(part, dict))
    return "".join(map(str, texts)) if known and all(isinstance(text, str) for text in texts) else None


def understood(line: str) -> tuple[str, ...]:
    """The meaning of a line, in parts: verb, words, marked selectors, and free text split into lines.

    Two lines that are the same command for two players differ only in the parts that name the players.
    """
    text = line.partition("\0")[0].removeprefix("/")
    given = words(text)
    if not given:
        return ()
    verb = given[0].removeprefix("minecraft:")
    if verb == "execute" and given[1:2] == ["as"] and given[3:4] == ["run"]:
        return ("execute", "as", _target(given[2]), "run", *understood(free_text(text, 4)))
    if verb == "tellraw":
        component = shown_text(free_text(text, 2))
        return ("tellraw", *map(_target, given[1:2]), *(["<no text>"] if component is None else _lines(component)))
    if verb in FREE_TEXT_AT:
        start = 1 + FREE_TEXT_AT[verb]
        pieces = SELECTOR.sub(lambda found: f"<selector {found['kind']}>", free_text(text, start))
        return (verb, *map(_target, given[1:start]), *_lines(pieces))
    if verb in PLAIN:
        return (verb, *re.findall(r'"[^"]*"|[^ ]+', free_text(text, 1)))
    return (verb, *map(_target, given[1:]))


def _target(word: str) -> str:
    return f"<selector {found['kind']}>" if (found := SELECTOR.match(word)) is not None else word


def _lines(text: str) -> list[str]:
    """Text as players see it: split at line breaks, with colours marked."""
    return re.sub("§(.)", r"<colour \1>", text, flags=re.DOTALL).splitlines()
