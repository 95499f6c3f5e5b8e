"""What a Source server's reply to a command means. PURE.

`adapters/source.py` offers it; the texts are in `adapters/source_replies.py`.

Whose reply it is was decided by the packet's id. Silence is success only for the commands whose row says so: most
console variables and many plugins print nothing whether they worked or not, and an owner who accepts that sets
`success = "^$"` on the perk.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from .base import Verdict
from .source_replies import REFUSALS, RULES, UNANSWERED, Rule
from .source_values import account, steam_id, steam_id3

IDENTITIES: Final = ("name", "steam_id", "steam_id2", "steam_id3")
MASK: Final = "\x1a"  # cannot come from a server: control characters are dropped from the reply

_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
# A server with `log on` may echo its log into the reply; such a line says nothing about the outcome.
_LOG_LINE: Final = re.compile(r"L \d\d/\d\d/\d{4} - \d\d:\d\d:\d\d: .*")
_WORD: Final = re.compile(r'"(?P<quoted>[^"]*)"?|[^\s"]+')
_SLOTS: Final = {"n": r"-?[0-9][0-9.]*", "any": r"[^\n]*"}
_SLOT: Final = re.compile(r"\{(who|n|any)\}")


def judge(command: str, reply: str, values: Mapping[str, str]) -> Verdict:
    """Success or refusal when whole lines say so, NOT_LOADED for an unknown command, else UNRECOGNISED."""
    parts = [words for part in console_commands(command) if (words := _words(part))]
    text = _CONTROL.sub("", reply).strip()
    refused = _refusal(text)
    if refused is not _refusal(_masked(text, command, values)):
        return Verdict.UNRECOGNISED
    if refused is not None:
        # Of several commands in one line some ran: sending the line again would run those twice.
        return Verdict.REFUSED if refused is Verdict.NOT_LOADED and len(parts) > 1 else refused
    lines = [line for line in _lines(text) if _LOG_LINE.fullmatch(line) is None]
    return Verdict.SUCCESS if parts and _all_done(parts, lines) else Verdict.UNRECOGNISED


def may_be_silent(command: str) -> bool:
    """Whether the server may never answer this line: it changes the map or goes away first."""
    return any(words[0].lower() in UNANSWERED for part in console_commands(command) if (words := _words(part)))


def console_commands(line: str) -> Iterator[str]:
    """The commands the console sees in a line: cut at `;` outside quotes, up to a comment outside quotes."""
    start, quoted = 0, False
    for position, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif not quoted and line.startswith("//", position):
            yield line[start:position]
            return
        elif not quoted and character == ";":
            yield line[start:position]
            start = position + 1
    yield line[start:]


def _words(text: str) -> list[str]:
    return [match["quoted"] if match["quoted"] is not None else match[0] for match in _WORD.finditer(text)]


def _all_done(parts: list[list[str]], lines: list[str]) -> bool:
    """Whether every command of the line is done, and every line of the reply says so."""
    unread = set(range(len(lines)))
    for words in parts:
        found = [(rule, who) for rule in RULES if (who := _target(rule, words)) is not None]
        patterns = [_pattern(line, who) for rule, who in found for line in rule.done + rule.already]
        said = {number for number, line in enumerate(lines) if _any_is(line, patterns)}
        silent = words[0].lower() in UNANSWERED or any(rule.silent for rule, _ in found)
        if not said and not silent:
            return False
        unread -= said
    return not unread


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
    """How a reply names the target: a SteamID in any of its forms, anything else as it was given."""
    bare = target.removeprefix("#")
    number = account(bare)
    if number is None:
        return f"(?i:{re.escape(bare)})"
    forms = (re.escape(steam_id(number)), rf"STEAM_[0-5]:{number % 2}:{number // 2}", re.escape(steam_id3(number)))
    return f"(?:{'|'.join(forms)})"


def _pattern(line: str, who: str) -> re.Pattern[str]:
    return re.compile(
        "".join(
            (_who(who) if part == "who" else _SLOTS[part]) if index % 2 else re.escape(part)
            for index, part in enumerate(_SLOT.split(line))
        )
    )


_REFUSALS: Final = [(verdict, [_pattern(line, "") for line in lines]) for verdict, lines in REFUSALS.items()]


def _refusal(text: str) -> Verdict | None:
    """The refusal in a reply, or None. One refusing line is enough, whatever the others say."""
    for line in _lines(text):
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
    return re.sub(rf"(?<!\w)(?i:{longest_first})(?!\w)", MASK, text)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _any_is(line: str, patterns: list[re.Pattern[str]]) -> bool:
    return any(pattern.fullmatch(line) is not None for pattern in patterns)
