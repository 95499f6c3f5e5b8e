"""What a Minecraft server's reply to a command means. PURE.

`adapter.py` calls it; the texts are in `replies.py`.

It looks for refusals in the reply as it came, and again with the values masked. Both must give the same result
(see `adapters/replies.py`).
"""

import re
from collections.abc import Mapping
from typing import Final

from ..base import Verdict
from ..replies import CONTROL, any_is, lines_of, masked, pattern, target
from .replies import ALIASES, LP_ALIASES, NOISE, REFUSALS, RULES, SYNTAX_ARROW, UNKNOWN_COMMAND, Rule
from .values import NAME, UUID

_IDENTITIES: Final = ("name", "uuid", "uuid_plain", "xuid")
_COLOUR: Final = re.compile("§.", re.DOTALL)
_DECORATION: Final = r"(?:\[[^\[\]\n]{1,24}\] ?)*"  # a scoreboard team's prefix or suffix
_SLOTS: Final = {"n": r"-?[0-9][0-9.,]*", "word": r"\S+", "any": r"[^\n]*"}
_EXECUTE_RUN: Final = re.compile(r"execute\s.*?\srun\s+(?P<inner>.+)", re.DOTALL)


def judge(command: str, reply: str, values: Mapping[str, str]) -> Verdict:
    """Success or refusal if a whole line says so, NOT_LOADED for an unknown command, else UNRECOGNISED."""
    words, wrapped = _words(command)
    text = CONTROL.sub("", _COLOUR.sub("", reply.replace("\r\n", "\n"))).strip()
    found = [(rule, who) for rule in RULES if (who := target(rule.command, words)) is not None]
    if not text:
        # With `execute`, no reply can also mean that no entity matched, or that a condition was false.
        silent = not wrapped and any(rule.silent for rule, _ in found)
        return Verdict.SUCCESS if silent else Verdict.UNRECOGNISED
    refused = _refusal(text, found)
    if refused is not _refusal(masked(text, command, values, always=_IDENTITIES, letters="[A-Za-z0-9_]"), found):
        return Verdict.UNRECOGNISED
    if refused is not None:
        return refused
    lines = [line for line in lines_of(text) if line not in NOISE]
    done = [[_pattern(line, who) for line in rule.done + rule.already] for rule, who in found]
    if lines and any(all(any_is(line, patterns) for line in lines) for patterns in done):
        return Verdict.SUCCESS
    return Verdict.UNRECOGNISED


def _words(command: str) -> tuple[list[str], bool]:
    """The command's words without slash, namespace, aliases and `execute … run`; and whether it had `execute … run`."""
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


def _who(named: str) -> str:
    """How a reply names the target: a name as it was given; for an id, any name."""
    if re.fullmatch(NAME, named) is not None:
        who = f"(?i:{re.escape(named)})"
    elif named.startswith("@"):
        who = NAME
    else:
        who = f"(?:{NAME}|{UUID}|{re.escape(named)})"
    return f"{_DECORATION}{who}(?: ?{_DECORATION})?"


def _pattern(line: str, who: str) -> re.Pattern[str]:
    return pattern(line, {"who": _who(who), **_SLOTS})


_REFUSALS: Final = [(verdict, [_pattern(line, "") for line in lines]) for verdict, lines in REFUSALS.items()]


def _refusal(text: str, found: list[tuple[Rule, str]]) -> Verdict | None:
    """The refusal in a reply, or None. One line that refuses is enough."""
    if text.endswith(SYNTAX_ARROW):
        told = next((start for start in UNKNOWN_COMMAND if text.startswith(start)), None)
        if told is None:
            return Verdict.REFUSED
        # The server shows an unknown first word from the start of the command; a later mistake comes after three dots.
        return Verdict.REFUSED if text.removeprefix(told).lstrip().startswith("...") else Verdict.NOT_LOADED
    for line in lines_of(text):
        for rule, _ in found:
            if any_is(line, [_pattern(refused.replace("{who}", "{any}"), "") for refused in rule.refused]):
                return Verdict.REFUSED
        for verdict, patterns in _REFUSALS:
            if any_is(line, patterns):
                return verdict
    return None
