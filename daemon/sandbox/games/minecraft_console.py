"""The console of the emulated Minecraft server: its commands change real state and reply as vanilla and LuckPerms do.

`minecraft.py` runs the commands; the demo and tests check the state.
"""

import hashlib
import re
import uuid as uuids
from collections.abc import Callable
from dataclasses import dataclass, field

from .minecraft_grammar import SELECTOR, TARGET_AT, free_text, same_name, shown_text, words

UNKNOWN = "Unknown or incomplete command, see below for error"


@dataclass(frozen=True, slots=True)
class Given:
    """One `give`: player, item and count."""

    uuid: str
    item: str
    count: int


def made_up_uuid(name: str) -> str:
    """A stable UUID for a name; Mojang's UUID would be another."""
    return str(uuids.uuid5(uuids.NAMESPACE_DNS, f"{name.lower()}.players.sandbox.invalid"))


def offline_uuid(name: str) -> str:
    """The UUID of this exact name on an offline-mode server, as Java's `UUID.nameUUIDFromBytes` makes it."""
    digest = bytearray(hashlib.md5(f"OfflinePlayer:{name}".encode(), usedforsecurity=False).digest())
    digest[6] = digest[6] & 0x0F | 0x30
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuids.UUID(bytes=bytes(digest)))


@dataclass(slots=True)
class Console:
    """The state of one server, keyed by UUID; `run` changes it. `names` has everybody with an account."""

    names: dict[str, str] = field(default_factory=dict)  # uuid → name, of everybody who has an account
    online: list[str] = field(default_factory=list)  # uuids in the order they joined
    whitelist: set[str] = field(default_factory=set)
    ops: set[str] = field(default_factory=set)
    bans: dict[str, str] = field(default_factory=dict)  # uuid → reason
    groups: dict[str, set[str]] = field(default_factory=dict)  # uuid → LuckPerms groups
    items: list[Given] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)  # uuid and text of each `tellraw`
    known_groups: set[str] | None = None  # None: every group exists
    luckperms: bool = True  # False: the plugin is not loaded, `lp` is an unknown command
    luckperms_silent: bool = False  # Bukkit: LuckPerms works, but its RCON answer is empty
    bukkit: bool = False  # accepts `minecraft:` before commands, ends every line with a newline
    most_players: int = 20
    offline_mode: bool = False  # online-mode=false: the exact name is the identity
    bedrock_prefix: str = "."  # Floodgate's username-prefix

    def account(self, name: str, uuid: str | None = None) -> str:
        """Adds an account; the player does not join. Returns the UUID."""
        identity = uuid or (offline_uuid(name) if self.offline_mode else made_up_uuid(name))
        self.names[identity] = name
        return identity

    def join(self, name: str, uuid: str | None = None) -> str:
        """A player joins. Returns the UUID."""
        identity = self.account(name, uuid)
        if identity not in self.online:
            self.online.append(identity)
        return identity

    def join_bedrock(self, gamertag: str, xuid: str) -> str:
        """A Bedrock player joins through Geyser and Floodgate. Returns the UUID."""
        digits = f"{int(xuid):032x}"
        uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        room = 16 - len(self.bedrock_prefix)
        return self.join(self.bedrock_prefix + gamertag[:room].replace(" ", "_"), uuid)

    def leave(self, name: str) -> None:
        gone = {
            one
            for one in self.online
            if self.names[one] == name or (not self.offline_mode and same_name(self.names[one], name))
        }
        self.online = [one for one in self.online if one not in gone]

    def run(self, command: str) -> str:
        """Runs one command and returns the reply."""
        text = command.removeprefix("/")
        given = words(text.removeprefix("minecraft:") if self.bukkit else text)
        handler = self._commands().get(given[0]) if given else None
        if handler is None or (given[0] in ("lp", "luckperms") and not self.luckperms):
            lines = [UNKNOWN, f"{text}<--[HERE]"]
        else:
            meant = self._selected(given)
            lines = [line for one in meant for line in handler(one[1:], text)] if meant else ["No player was found"]
        # Vanilla joins the lines without a separator.
        return "".join(f"{line}\n" for line in lines) if self.bukkit else "".join(lines)

    def _commands(self) -> dict[str, Callable[[list[str], str], list[str]]]:
        return {
            "list": self._list,
            "give": self._give,
            "whitelist": self._whitelist,
            "op": self._op,
            "deop": self._deop,
            "ban": self._ban,
            "pardon": self._pardon,
            "kick": self._kick,
            "say": self._say,
            "tellraw": self._tellraw,
            "execute": self._execute,
            "lp": self._lp,
            "luckperms": self._lp,
        }

    # Players a command names

    def _here(self, target: str) -> str | None:
        """The UUID of an online player, by name or UUID."""
        return next((one for one in self.online if target.lower() == one or same_name(target, self.names[one])), None)

    def _account(self, name: str) -> str | None:
        return next((one for one, known in self.names.items() if same_name(known, name)), None)

    def _behind(self, kind: str) -> list[str]:
        """The names a selector matches. The console is not a player, so @s matches nobody."""
        everybody = [self.names[one] for one in self.online]
        return everybody if kind in "ae" else everybody[:1] if kind in "pnr" else []

    def _selected(self, given: list[str]) -> list[list[str]]:
        """The words once for each player that a selector matches; without a selector, the words unchanged."""
        at = 1 + TARGET_AT.get(given[0], 0)
        found = SELECTOR.fullmatch(given[at]) if len(given) > at else None
        if found is None or given[0] in ("say", "execute", "lp", "luckperms"):
            return [given]
        return [[*given[:at], name, *given[at + 1 :]] for name in self._behind(found["kind"])]

    # The commands

    def _list(self, words: list[str], _text: str) -> list[str]:
        shown = [f"{self.names[one]} ({one})" if words == ["uuids"] else self.names[one] for one in self.online]
        return [f"There are {len(shown)} of a max of {self.most_players} players online: {', '.join(shown)}"]

    def _give(self, words: list[str], text: str) -> list[str]:
        if len(words) not in (2, 3) or (len(words) == 3 and not re.fullmatch(r"[0-9]{1,4}", words[2])):
            return _mistake("Incorrect argument for command" if len(words) > 2 else UNKNOWN, text)
        who = self._here(words[0])
        if who is None:
            return ["No player was found"]
        item, count = words[1].removeprefix("minecraft:"), int(words[2]) if len(words) == 3 else 1
        self.items.append(Given(who, item, count))
        return [f"Gave {count} [{item.replace('_', ' ').title()}] to {self.names[who]}"]

    def _whitelist(self, words: list[str], text: str) -> list[str]:
        if len(words) != 2 or words[0] not in ("add", "remove"):
            return _mistake(UNKNOWN, text)
        who = self._account(words[1])
        if who is None:
            return ["That player does not exist"]
        if words[0] == "add":
            done, line = who not in self.whitelist, "Added {} to the whitelist"
            self.whitelist.add(who)
        else:
            done, line = who in self.whitelist, "Removed {} from the whitelist"
            self.whitelist.discard(who)
        already = "Player is already whitelisted" if words[0] == "add" else "Player is not whitelisted"
        return [line.format(self.names[who]) if done else already]

    def _op(self, words: list[str], text: str) -> list[str]:
        who = self._account(words[0]) if len(words) == 1 else None
        if who is None:
            return ["That player does not exist"] if len(words) == 1 else _mistake(UNKNOWN, text)
        if who in self.ops:
            return ["Nothing changed. The player already is an operator"]
        self.ops.add(who)
        return [f"Made {self.names[who]} a server operator"]

    def _deop(self, words: list[str], text: str) -> list[str]:
        who = self._account(words[0]) if len(words) == 1 else None
        if who is None:
            return ["That player does not exist"] if len(words) == 1 else _mistake(UNKNOWN, text)
        if who not in self.ops:
            return ["Nothing changed. The player is not an operator"]
        self.ops.discard(who)
        return [f"Made {self.names[who]} no longer a server operator"]

    def _ban(self, words: list[str], text: str) -> list[str]:
        who = self._account(words[0]) if words else None
        if who is None:
            return ["That player does not exist"] if words else _mistake(UNKNOWN, text)
        if who in self.bans:
            return ["Nothing changed. The player is already banned"]
        self.bans[who] = " ".join(words[1:]) or "Banned by an operator."
        self.leave(self.names[who])
        return [f"Banned {self.names[who]}: {self.bans[who]}"]

    def _pardon(self, words: list[str], text: str) -> list[str]:
        who = self._account(words[0]) if len(words) == 1 else None
        if who is None:
            return ["That player does not exist"] if len(words) == 1 else _mistake(UNKNOWN, text)
        if self.bans.pop(who, None) is None:
            return ["Nothing changed. The player isn't banned"]
        return [f"Unbanned {self.names[who]}"]

    def _kick(self, words: list[str], text: str) -> list[str]:
        who = self._here(words[0]) if words else None
        if who is None:
            return ["No player was found"] if words else _mistake(UNKNOWN, text)
        self.leave(self.names[who])
        return [f"Kicked {self.names[who]}: {' '.join(words[1:]) or 'Kicked by an operator'}"]

    def _say(self, words: list[str], text: str) -> list[str]:
        if not words:
            return _mistake(UNKNOWN, text)
        self.said.append(SELECTOR.sub(lambda found: ", ".join(self._behind(found["kind"])), free_text(text, 1)))
        return []

    def _tellraw(self, words: list[str], text: str) -> list[str]:
        shown = shown_text(free_text(text, 2))
        if shown is None:
            return _mistake("Incorrect argument for command", text)
        who = self._here(words[0])
        if who is None:
            return ["No player was found"]
        self.told.append((who, shown))
        return []

    def _execute(self, words: list[str], text: str) -> list[str]:
        """Runs `execute as TARGET run COMMAND`; other forms are a mistake."""
        if len(words) < 4 or words[0] != "as" or words[2] != "run":
            return _mistake(UNKNOWN, text)
        found = SELECTOR.fullmatch(words[1])
        times = len(self._behind(found["kind"])) if found is not None else int(self._here(words[1]) is not None)
        return [self.run(free_text(text, 4)) for _ in range(times)] or ["No player was found"]

    def _lp(self, words: list[str], _text: str) -> list[str]:
        lines = self._lp_lines(words)
        return [] if self.luckperms_silent else [f"[LP] {line}" for line in lines]

    def _lp_lines(self, words: list[str]) -> list[str]:
        if len(words) != 5 or words[0] != "user" or words[2] != "parent" or words[3] not in ("add", "remove"):
            return ["Command not recognised."]
        _, target, _, verb, group = words
        who = target.lower() if re.fullmatch(r"[0-9a-f-]{36}", target.lower()) else self._account(target)
        if who is None:
            return [f"A user for {target} could not be found."]
        if self.known_groups is not None and group not in self.known_groups:
            return [f"A group named {group} could not be found."]
        name, held = self.names.get(who, who), self.groups.setdefault(who, set())
        if verb == "add":
            told = "already inherits from" if group in held else "now inherits permissions from"
            held.add(group)
        else:
            told = "no longer inherits permissions from" if group in held else "does not inherit from"
            held.discard(group)
        return [f"{name} {told} {group} in context global."]


def _mistake(what: str, text: str) -> list[str]:
    """Vanilla's two lines for a mistake at the end of a command: the mistake, and the last ten characters."""
    return [what, f"{'...' if len(text) > 10 else ''}{text[-10:]}<--[HERE]"]
