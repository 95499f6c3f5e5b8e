"""What a Minecraft server's reply to a command means. PURE.

`adapters/minecraft.py` offers it; the texts are in `adapters/minecraft_replies.py`.

Whose reply it is was decided by the packet's id. The text only has to say how it went, and a player's name must not be
able to say it: refusals are matched on the reply as it came and with the values masked, and must be the same.
"""

import re
from collections.abc import Mapping
from typing import Final

from .base import Verdict
from .minecraft_replies import (
    ALIASES,
    LP_ALIASES,
    NOISE,
    REFUSALS,
    RULES,
    SYNTAX_ARROW,
    UNKNOWN_COMMAND,
    Rule,
)
from .minecraft_values import NAME, UUID

IDENTITIES: Final = ("name", "uuid", "uuid_plain", "xuid")
MASK: Final = "\x1a"  # cannot come from a server: control characters are dropped from the reply

_COLOUR: Final = re.compile("§.", re.DOTALL)
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_DECORATION: Final = r"(?:\[[^\[\]\n]{1,24}\] ?)*"  # a scoreboard team's prefix or suffix
_SLOTS: Final = {"n": r"-?[0-9][0-9.,]*", "word": r"\S+", "any": r"[^\n]*"}
_SLOT: Final = re.compile(r"\{(who|n|word|any)\}")
_EXECUTE_RUN: Final = re.compile(r"execute\s.*?\srun\s+(?P<inner>.+)", re.DOTALL)


def judge(command: str, reply: str, values: Mapping[str, str]) -> Verdict:
    """Success or refusal when a whole line says so, NOT_LOADED for an unknown command, else UNRECOGNISED."""
    words, wrapped = _words(command)
    text = _CONTROL.sub("", _COLOUR.sub("", reply.replace("\r\n", "\n"))).strip()
    found = [(rule, who) for rule in RULES if (who := _target(rule, words)) is not None]
    if not text:
        # Behind `execute` silence also means that no entity matched, or a condition did not hold.
        silent = not wrapped and any(rule.silent for rule, _ in found)
        return Verdict.SUCCESS if silent else Verdict.UNRECOGNISED
    refused = _refusal(text, found)
    if refused is not _refusal(_masked(text, command, values), found):
        return Verdict.UNRECOGNISED
    if refused is not None:
        return refused
    lines = [line for line in _lines(text) if line not in NOISE]
    done = [[_pattern(line, who) for line in rule.done + rule.already] for rule, who in found]
    if lines and any(all(_any_is(line, patterns) for line in lines) for patterns in done):
        return Verdict.SUCCESS
    return Verdict.UNRECOGNISED


def _words(command: str) -> tuple[list[str], bool]:
    """The command's words without slash, namespace, aliases and `execute … run`; and whether there was one of those."""
    text, wrapped = command.strip().removeprefix("/"), False
    while (inner := _EXECUTE_RUN.fullmatch(text.removeprefix("minecraft:"))) is not None:
        text, wrapped = inner["inner"].removeprefix("/"), True
    words = text.split()
    if words:
        label = words[0].rpartition(":")[2].lower()
        words[0] = ALIASES.get(label, label)
    if len(words) > 1 and words[0] == "lp":
        words[1] = LP_ALIASES.get(words[1], words[1])
    return words, wrapped


def _target(rule: Rule, words: list[str]) -> str | None:
    """The target's word ("" for a rule without one), or None when the rule is for another command."""
    target = ""
    pattern = rule.command.split()
    for position, expected in enumerate(pattern):
        if expected == "**":
            return target
        if position >= len(words):
            return None
        if expected == "{who}":
            target = words[position]
        elif expected not in ("*", words[position].lower()):
            return None
    return target if len(words) == len(pattern) else None


def _who(target: str) -> str:
    """How a reply names the target: a name as it was given; for an id, whatever name the game knows for it."""
    if re.fullmatch(NAME, target) is not None:
        named = f"(?i:{re.escape(target)})"
    elif target.startswith("@"):
        named = NAME
    else:
        named = f"(?:{NAME}|{UUID}|{re.escape(target)})"
    return f"{_DECORATION}{named}(?: ?{_DECORATION})?"


def _pattern(line: str, who: str) -> re.Pattern[str]:
    literals = _SLOT.split(line)
    return re.compile(
        "".join(
            (_who(who) if part == "who" else _SLOTS[part]) if index % 2 else re.escape(part)
            for index, part in enumerate(literals)
        )
    )


_REFUSALS: Final = [(verdict, [_pattern(line, "") for line in lines]) for verdict, lines in REFUSALS.items()]


def _refusal(text: str, found: list[tuple[Rule, str]]) -> Verdict | None:
    """The refusal in a reply, or None. One refusing line is enough, whatever the others say."""
    if text.endswith(SYNTAX_ARROW):
        told = next((start for start in UNKNOWN_COMMAND if text.startswith(start)), None)
        if told is None:
            return Verdict.REFUSED
        # An unknown first word is shown from the start of the command; a mistake further on behind three dots.
        return Verdict.REFUSED if text.removeprefix(told).lstrip().startswith("...") else Verdict.NOT_LOADED
    for line in _lines(text):
        for rule, _ in found:
            if _any_is(line, [_pattern(refused.replace("{who}", "{any}"), "") for refused in rule.refused]):
                return Verdict.REFUSED
        for verdict, patterns in _REFUSALS:
            if _any_is(line, patterns):
                return verdict
    return None


def _masked(text: str, command: str, values: Mapping[str, str]) -> str:
    """The reply with the player's identities, and every other value the command carries, taken out."""
    hidden = {value for key, value in values.items() if value and (key in IDENTITIES or value in command)}
    if not hidden:
        return text
    longest_first = "|".join(re.escape(value) for value in sorted(hidden, key=len, reverse=True))
    return re.sub(rf"(?<![A-Za-z0-9_])(?i:{longest_first})(?![A-Za-z0-9_])", MASK, text)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _any_is(line: str, patterns: list[re.Pattern[str]]) -> bool:
    return any(pattern.fullmatch(line) is not None for pattern in patterns)
