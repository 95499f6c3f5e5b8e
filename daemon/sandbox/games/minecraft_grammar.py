"""How a Minecraft console understands a line: its words, its selectors, its free text. PURE.

`minecraft_console.py` runs commands by it, and tests compare what was understood with what was meant.
It is as lax as any version: names are matched as Java's `equalsIgnoreCase` does, also beyond ASCII.
"""

import json
import re

SELECTOR = re.compile(r"@(?P<kind>[aenprs])(?:\[[^\]]*\])?")
TARGET_AT = {"whitelist": 1}  # the word behind the verb that names players; 0 where nothing stands here
FREE_TEXT_AT = {"say": 0, "me": 0, "kick": 1, "ban": 1, "msg": 1, "tell": 1, "w": 1}  # the text begins at this word
PLAIN = {"lp", "luckperms", "list"}  # these take no selectors


def words(text: str) -> list[str]:
    """Only the ASCII space parts words: no other space, however wide, does."""
    return [word for word in text.split(" ") if word]


def same_name(one: str, other: str) -> bool:
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    """Each character by itself to upper case and then to lower: "ſam" and "SAM" become one."""
    return "".join((upper if len(upper := letter.upper()) == 1 else letter).lower()[0] for letter in name)


def free_text(text: str, after: int) -> str:
    """What stands behind the first `after` words, as it is."""
    for _ in range(after):
        text = text.lstrip(" ").partition(" ")[2]
    return text.lstrip(" ")


def shown_text(component: str) -> str | None:
    """The text of a `tellraw` component, or None when it is no JSON or not of a shape the game takes."""
    try:
        found = json.loads(component)
    except ValueError:
        return None
    parts = found if isinstance(found, list) else [found]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    known = all(set(part) <= {"text", "color"} for part in parts if isinstance(part, dict))
    return "".join(map(str, texts)) if known and all(isinstance(text, str) for text in texts) else None


def understood(line: str) -> tuple[str, ...]:
    """What a line means, in parts: the verb and its words, what a selector is marked as one, free text by its lines.

    Two lines that mean the same command for two players differ in the parts that name the players and in nothing else.
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
    """Text as the players see it: parted at line breaks, colours marked."""
    return re.sub("§(.)", r"<colour \1>", text, flags=re.DOTALL).splitlines()
