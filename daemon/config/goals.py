"""Reads `servers` of a perk: each server of a list, the one the buyer chose, or one of several.

`perks` calls `read_goal` for every perk, and `check_goal` once its commands are compiled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..core.mistakes import Findings, MistakeCode, WarningCode, listed, meant, quoted
from ..core.model import CommandSpec, Target
from .command_lines import Addressee
from .file_tables import PerkTable
from .servers import KnownServers
from .tables import Loc, Read, shown

WORDS = {"any": Target.ANY, "where_online": Target.ONLINE}
EXPECTED_SERVERS = 'a list of server names, ["*"] for all, "chosen", { any = […] } or { where_online = […] }'


@dataclass(frozen=True, slots=True)
class Goal:
    """Which servers a perk goes to. `servers` as written, ("*",) included; those with a mistake are left out."""

    target: Target
    servers: tuple[str, ...] = ()


def read_goal(read: Read[PerkTable], known: KnownServers, findings: Findings) -> Goal:
    wanted, where = read.table.servers, read.at("servers")
    if wanted == Target.CHOSEN:
        if not known.by_paynow_id:
            findings.warn(
                where,
                WarningCode.CHOSEN_WITHOUT_ID,
                '"chosen", but no [[server]] has a paynow_id: every command of this perk will wait',
            )
        return Goal(Target.CHOSEN)
    if isinstance(wanted, dict):
        return _one_of(read, wanted, known, findings)
    if not isinstance(wanted, list) or not wanted:
        code = MistakeCode.MISSING if wanted is None or wanted == [] else MistakeCode.WRONG_TYPE
        fix = f"write servers = [{quoted(wanted)}]" if isinstance(wanted, str) else 'write servers = ["…"]'
        found = "no server" if wanted is None or wanted == [] else shown(wanted)
        findings.mistake(where, code, found=found, expected=EXPECTED_SERVERS, fix=fix)
        return Goal(Target.EACH)
    if "*" in wanted and len(wanted) > 1:
        findings.mistake(
            where,
            MistakeCode.STAR_NOT_ALONE,
            found='"*" and other names',
            expected='"*" alone',
            fix='write ["*"] for all servers, or only the names',
        )
        return Goal(Target.EACH, ("*",))
    if wanted == ["*"]:
        return Goal(Target.EACH, ("*",))
    return Goal(Target.EACH, _names(read, ("servers",), wanted, known, findings))


def _one_of(read: Read[PerkTable], wanted: Mapping[str, object], known: KnownServers, findings: Findings) -> Goal:
    """`{ any = […] }` or `{ where_online = […] }`."""
    word, names = next(iter(wanted.items()), ("", None))
    if len(wanted) != 1 or word not in WORDS:
        findings.mistake(
            read.at("servers"),
            MistakeCode.UNKNOWN_WORD,
            found="{ " + ", ".join(wanted) + " }",
            expected="{ any = […] } or { where_online = […] }",
            fix='write { any = ["…"] } to give it once, on the first server that accepts it, or '
            '{ where_online = ["…"] } to give it once, on the server where the player is',
        )
        return Goal(Target.EACH)
    if not isinstance(names, list) or not names or "*" in names:
        code = MistakeCode.MISSING if names == [] else MistakeCode.WRONG_TYPE
        findings.mistake(
            read.at("servers", word),
            code,
            found="no server" if names == [] else shown(names),
            expected="a list of server names",
            fix=f'write {{ {word} = ["…"] }} with the names',
        )
        return Goal(WORDS[word])
    return Goal(WORDS[word], _names(read, ("servers", word), names, known, findings))


def _names(
    read: Read[PerkTable], at: Loc, wanted: Sequence[object], known: KnownServers, findings: Findings
) -> tuple[str, ...]:
    servers: list[str] = []
    for index, server in enumerate(wanted):
        code, found, expected, fix = MistakeCode.WRONG_TYPE, "", "", ""
        if not isinstance(server, str):
            found, expected, fix = shown(server), "a server's name", 'put it in quotes: "…"'
        elif server not in known.games:
            code = MistakeCode.UNKNOWN_SERVER
            found = f"{quoted(server)}, which is not the name of a [[server]]"
            expected = f"one of {listed(known.games)}" if known.games else "a server, but no [[server]] is defined yet"
            fix = meant(server, known.games, "write a [[server]] with this name")
        elif server in servers:
            code = MistakeCode.DUPLICATE
            found, expected, fix = f"{quoted(server)} a second time", "each server once", "remove one of the two"
        else:
            servers.append(server)
            continue
        findings.mistake(read.at(*at, index), code, found=found, expected=expected, fix=fix)
    return tuple(servers)


def reached(goal: Goal, known: KnownServers) -> list[str]:
    """The servers a perk's commands may be sent to, by name."""
    if goal.target is Target.CHOSEN:
        return list(known.by_paynow_id.values())
    return list(known.games) if goal.servers == ("*",) else list(goal.servers)


def check_goal(
    read: Read[PerkTable],
    goal: Goal,
    known: KnownServers,
    addressees: Sequence[Addressee],
    commands: Mapping[Loc, CommandSpec],
    findings: Findings,
) -> None:
    """Notes what a perk for one of several servers cannot have, and commands that would wait for a player for ever.
    `commands`: every command by its place in the table."""
    if goal.target in (Target.ANY, Target.ONLINE):
        _check_one_of(read, addressees, known.identities, commands, findings)
    blind = [one for one in addressees if not one.adapter.lists_identities]
    waits = [loc for loc, spec in commands.items() if spec.online is not None]
    where: Loc | None = ("servers", "where_online") if goal.target is Target.ONLINE else None
    if where is None and waits:
        where = ("online",) if read.table.online is not False else (*waits[0], "online")
    if where is None:
        return
    for one in blind:
        findings.mistake(
            read.at(*where),
            MistakeCode.NEEDS_PLAYERS,
            found=f"waiting for a player on {one.game} (server {listed(one.servers)})",
            expected="a game whose player list identifies the players",
            fix="remove it for this game: perkd cannot see who joins there",
        )


def _check_one_of(
    read: Read[PerkTable],
    addressees: Sequence[Addressee],
    identities: Mapping[str, str],
    commands: Mapping[Loc, CommandSpec],
    findings: Findings,
) -> None:
    if len(addressees) > 1:
        findings.mistake(
            read.at("servers"),
            MistakeCode.MIXED_GAMES,
            found=f"servers of {listed(one.game for one in addressees)} in one list",
            expected="servers of one game, because perkd writes a command before it knows which server gets it",
            fix="write a separate perk for the servers of each game; perks with the same `effect` share their count",
        )
    for one in addressees:
        several = list(dict.fromkeys(identities[server] for server in one.servers))
        if len(several) > 1:
            findings.mistake(
                read.at("servers"),
                MistakeCode.MIXED_IDENTITIES,
                found=f"servers with {' and '.join(several)} in one list",
                expected="servers with the same identity, because perkd writes a command before it knows which server "
                "gets it",
                fix="write a separate perk for the servers of each identity; perks with the same `effect` share their "
                "count",
            )
    for loc, spec in commands.items():
        if "server" in spec.run.variables:
            findings.mistake(
                read.at(*loc),
                MistakeCode.SERVER_VARIABLE,
                found="{server}",
                expected="no {server}, because perkd writes a command before it knows which server gets it",
                fix="remove it, or write a separate perk for each server",
            )
