"""The console of the emulated Source server: parses lines as the engine does; some commands change real state.

`source.py` runs it; tests check the state. The reply texts are the engine's, SourceMod's and ULX's.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

ZERO = 76561197960265728
TOKEN_MOST = 510
BREAKS = "{}()':"  # outside quotes, each of these is a separate word


class Style(StrEnum):
    """The game: it decides the form of `status` and of SteamIDs."""

    TF2 = "tf2"
    GMOD = "gmod"
    L4D2 = "l4d2"
    CS2 = "cs2"


def commands(line: str) -> Iterator[str]:
    """Splits a line as the engine's command buffer does: at any newline, and at `;` outside quotes and comments."""
    start, quoted, comment = 0, False, False
    for position, character in enumerate(line):
        if character == "\n" or (character == ";" and not quoted and not comment):
            yield line[start:position]
            start, quoted, comment = position + 1, False, False
        elif character == '"' and not comment:
            quoted = not quoted
        elif character == "/" and not quoted and line.startswith("//", position):
            comment = True
    yield line[start:]


def words(command: str) -> list[str]:
    """Splits one command into words: quoted text is one word, `//` ends the command, each of BREAKS is a word."""
    found: list[str] = []
    position = 0
    while position < len(command):
        rest = command[position:]
        if rest.startswith("//"):
            break
        if rest[0].isspace():
            position += 1
        elif rest[0] == '"':
            end = rest.find('"', 1)
            found.append(rest[1 : end if end > 0 else len(rest)])
            position += (end if end > 0 else len(rest)) + 1
        elif rest[0] in BREAKS:
            found.append(rest[0])
            position += 1
        else:
            match = re.match(rf'[^\s"{re.escape(BREAKS)}]+', rest)
            assert match is not None  # noqa: S101 - every other first character was handled above
            found.append(match[0])
            position += match.end()
    return found


@dataclass(slots=True)
class SourceConsole:
    """The state of one server, keyed by SteamID64; `run` changes it."""

    style: Style = Style.TF2
    names: dict[str, str] = field(default_factory=dict)  # SteamID64 → name, of everybody who ever joined
    online: list[str] = field(default_factory=list)  # SteamID64s in the order they joined
    connecting: list[str] = field(default_factory=list)  # those in `online` who are still connecting
    bots: list[str] = field(default_factory=list)  # names
    bans: set[str] = field(default_factory=set)  # SteamID64s
    groups: dict[str, str] = field(default_factory=dict)  # SteamID64 → ULX group
    items: list[str] = field(default_factory=list)  # given by `sm_give`, a command of the emulator's own plugin
    said: list[str] = field(default_factory=list)
    maps: set[str] = field(default_factory=lambda: {"cp_badlands", "gm_construct"})
    map: str = "cp_badlands"
    plugins: bool = True  # False: neither SourceMod nor ULX is loaded
    ids_in_status: bool = True  # CS2 only: whether this build shows SteamIDs
    leaving: bool = False  # the last command closes all connections without an answer

    def join(self, name: str, account: int) -> str:
        """A player joins. Returns the SteamID64."""
        identity = str(ZERO + account)
        self.names[identity] = name
        if identity not in self.online:
            self.online.append(identity)
        return identity

    def leave(self, identity: str) -> None:
        self.online = [one for one in self.online if one != identity]

    def shown(self, identity: str) -> str:
        """The SteamID in the form that this game writes."""
        number = int(identity) - ZERO
        if self.style in (Style.TF2, Style.CS2):
            return f"[U:1:{number}]"
        return f"STEAM_{int(self.style is Style.L4D2)}:{number % 2}:{number // 2}"

    def run(self, command: str) -> str:
        """Runs one command and returns the reply; "" when it prints nothing."""
        if len(command.encode()) > TOKEN_MOST:
            return ""  # the engine only logs that it skipped it
        given = words(command)
        if not given:
            return ""
        verb = given[0].lower()
        handler = self._commands().get(verb)
        if handler is None or (verb.startswith(("sm_", "ulx")) and not self.plugins):
            mark = "'{}'!" if self.style is Style.CS2 else '"{}"'
            return f"Unknown command {mark.format(given[0])}\n"
        return "".join(f"{line}\n" for line in handler(_joined(given[1:]), command.strip()[len(given[0]) :].strip()))

    def _commands(self) -> dict[str, Callable[[list[str], str], list[str]]]:
        return {
            "status": self._status,
            "say": self._say,
            "echo": lambda given, _text: [" ".join(given)],
            "kickid": self._kickid,
            "banid": self._banid,
            "removeid": self._removeid,
            "changelevel": self._changelevel,
            "map": self._changelevel,
            "quit": self._quit,
            "sm_kick": self._sm_kick,
            "sm_give": self._sm_give,
            "ulx": self._ulx,
        }

    def _identity(self, text: str) -> str | None:
        """Converts any form of a SteamID to the SteamID64."""
        bare = text.removeprefix("#")
        if (two := re.fullmatch(r"STEAM_[0-5]:([01]):(\d+)", bare, re.IGNORECASE)) is not None:
            return str(ZERO + 2 * int(two[2]) + int(two[1]))
        if (three := re.fullmatch(r"\[U:1:(\d+)\]", bare)) is not None:
            return str(ZERO + int(three[1]))
        return bare if re.fullmatch(r"7656\d{13}", bare) else None

    def _here(self, text: str) -> str | None:
        return one if (one := self._identity(text)) in self.online else None

    # The commands

    def _status(self, _given: list[str], _text: str) -> list[str]:
        humans = len(self.online)
        head = ["hostname: an emulated server", f"players : {humans} humans, {len(self.bots)} bots (24 max)"]
        if self.style is Style.CS2:
            return [*head, "---------players--------", *self._rows_2(), "#end"]
        slot = self.style is Style.L4D2
        rows = [f"# userid name uniqueid connected ping loss state{' rate' if slot else ''} adr"]
        rows += [f'#{900 + number} "{name}" BOT active' for number, name in enumerate(self.bots)]
        for number, identity in enumerate(self.online, 2):
            state = "spawning" if identity in self.connecting else "active"
            rows.append(
                f'# {number:5}{f" {number - 1}" if slot else ""} "{self.names[identity]}" {self.shown(identity):19} '
                f"{'1:02:03' if number % 2 else '01:23':9} {40 + number:4} {0:4} {state}"
                f"{' 30000' if slot else ''} 203.0.113.{number}:27005"
            )
        return [*head, *rows, *(["#end"] if slot else [])]

    def _rows_2(self) -> Iterator[str]:
        yield "  id     time ping loss      state   rate adr name"
        for number, name in enumerate(self.bots, 60):
            yield f"{number:4}      BOT    0    0     active      0 '{name}'"
        yield "65535 [NoChan]    0    0 challenging      0unknown ''"
        for number, identity in enumerate(self.online):
            state = "spawning" if identity in self.connecting else "active"
            address = self.shown(identity) if self.ids_in_status else f"203.0.113.{number}:27005"
            yield f"{number:4}    01:23   35    0 {state:>10} 786432 {address} '{self.names[identity]}'"

    def _say(self, _given: list[str], text: str) -> list[str]:
        said = text[1:-1] if text.startswith('"') and text.endswith('"') else text
        self.said.append(said)
        return [f"Console: {said}"]

    def _kickid(self, given: list[str], _text: str) -> list[str]:
        target = given[0] if given else ""
        identity = self._here(target)
        if identity is None or self.shown(identity).lower() != target.lower():
            return [f'uniqueid "{target}" not found']
        self.leave(identity)
        return [f"Dropped {self.names[identity]} from server ({' '.join(given[1:]) or 'Kicked by Console'})"]

    def _banid(self, given: list[str], _text: str) -> list[str]:
        identity = self._identity(given[1]) if len(given) > 1 else None
        if identity is None:
            return ["Usage:  banid < minutes > < userid | uniqueid > { kick }", "Use 0 minutes for permanent"]
        self.bans.add(identity)
        return []

    def _removeid(self, given: list[str], _text: str) -> list[str]:
        identity = self._identity(given[0]) if given else None
        if identity is None:
            return [f'removeid:  invalid ban ID "{given[0] if given else ""}"']
        told = "filter removed for" if identity in self.bans else "couldn't find"
        self.bans.discard(identity)
        return [f"removeid:  {told} {given[0]}"]

    def _changelevel(self, given: list[str], _text: str) -> list[str]:
        if not given or given[0] not in self.maps:
            return [f"changelevel failed: {given[0] if given else ''} not found"]
        self.map = given[0]
        self.leaving = True
        return []

    def _quit(self, _given: list[str], _text: str) -> list[str]:
        self.leaving = True
        return []

    def _sm_kick(self, given: list[str], _text: str) -> list[str]:
        if not given:
            return ["[SM] Usage: sm_kick <#userid|name> [reason]"]
        identity = self._here(given[0])
        if identity is None:
            return ["[SM] No matching client was found."]
        self.leave(identity)
        return [f"[SM] Kicked player '{self.names[identity]}'"]

    def _sm_give(self, given: list[str], _text: str) -> list[str]:
        self.items.append(" ".join(given))
        return []

    def _ulx(self, given: list[str], _text: str) -> list[str]:
        verb, target, group = (*given, "", "", "")[:3]
        identity = self._identity(target)
        if verb not in ("adduserid", "removeuserid"):
            return ["Invalid command entered. If you need help, please type ulx help in your console."]
        if identity is None:
            return ["Invalid steamid."]
        if verb == "adduserid":
            self.groups[identity] = group
            return [f"(Console) added userid {target.upper()} to group {group}"]
        if self.groups.pop(identity, None) is None:
            return [f'No player with id "{target.upper()}" exists in the ULib user list']
        return [f"(Console) removed all access rights from {target.upper()}"]


def _joined(given: list[str]) -> list[str]:
    """Joins the parts of unquoted SteamIDs again, as the engine's commands do."""
    text = "\x00".join(given)
    text = re.sub(r"(STEAM_\d)\x00:\x00(\d)\x00:\x00(\d+)", r"\1:\2:\3", text, flags=re.IGNORECASE)
    return text.split("\x00") if text else []
