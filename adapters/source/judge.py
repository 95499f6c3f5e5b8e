"""What a Source server's reply to a command means. PURE.

`adapter.py` calls it; the texts are in `replies.py`.

An empty reply is success only for the commands whose rule says so. Most console variables and many plugins print
nothing, whether they worked or not. An owner who accepts this sets `success = "^$"` on the perk.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ..base import Verdict
from ..replies import CONTROL, any_is, lines_of, masked, pattern, target
from .replies import REFUSALS, RULES, UNANSWERED
from .values import account, steam_id, steam_id3

_IDENTITIES: Final = ("name", "steam_id", "steam_id2", "steam_id3")
# A server with `log on` may print its log into the reply. Such a line says nothing about the result.
_LOG_LINE: Final = re.compile(r"L \d\d/\d\d/\d{4} - \d\d:\d\d:\d\d: .*")
_WORD: Final = re.compile(r'"(?P<quoted>[^"]*)"?|[^\s"]+')
_SLOTS: Final = {"n": r"-?[0-9][0-9.]*", "any": r"[^\n]*"}


def judge(command: str, reply: str, values: Mapping[str, str]) -> Verdict:
    """Success or refusal if whole lines say so, NOT_LOADED for an unknown command, else UNRECOGNISED."""
    parts = [words for part in console_commands(command) if (words := _words(part))]
    text = CONTROL.sub("", reply).strip()
    refused = _refusal(text)
    if refused is not _refusal(masked(text, command, values, always=_IDENTITIES, letters=r"\w")):
        return Verdict.UNRECOGNISED
    if refused is not None:
        # Other commands of the same line ran: to send the line again would run them twice.
        return Verdict.REFUSED if refused is Verdict.NOT_LOADED and len(parts) > 1 else refused
    lines = [line for line in lines_of(text) if _LOG_LINE.fullmatch(line) is None]
    return Verdict.SUCCESS if parts and _all_done(parts, lines) else Verdict.UNRECOGNISED


def may_be_silent(command: str) -> bool:
    """Whether the server may give no answer, because it changes the map or stops first."""
    return any(words[0].lower() in UNANSWERED for part in console_commands(command) if (words := _words(part)))


def console_commands(line: str) -> Iterator[str]:
    """The console's commands in a line: split at `;` outside quotes, up to a comment outside quotes."""
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
        found = [(rule, who) for rule in RULES if (who := target(rule.command, words)) is not None]
        patterns = [_pattern(line, who) for rule, who in found for line in rule.done + rule.already]
        said = {number for number, line in enumerate(lines) if any_is(line, patterns)}
        silent = words[0].lower() in UNANSWERED or any(rule.silent for rule, _ in found)
        if not said and not silent:
            return False
        unread -= said
    return not unread


def _who(named: str) -> str:
    """How a reply names the target: a SteamID in any of its forms, all else as it was given."""
    bare = named.removeprefix("#")
    number = account(bare)
    if number is None:
        return f"(?i:{re.escape(bare)})"
    forms = (re.escape(steam_id(number)), rf"STEAM_[0-5]:{number % 2}:{number // 2}", re.escape(steam_id3(number)))
    return f"(?:{'|'.join(forms)})"


def _pattern(line: str, who: str) -> re.Pattern[str]:
    return pattern(line, {"who": _who(who), **_SLOTS})


_REFUSALS: Final = [(verdict, [_pattern(line, "") for line in lines]) for verdict, lines in REFUSALS.items()]


def _refusal(text: str) -> Verdict | None:
    """The refusal in a reply, or None. One line that refuses is enough."""
    for line in lines_of(text):
        for verdict, patterns in _REFUSALS:
            if any_is(line, patterns):
                return verdict
    return None
