"""What Source servers answer, as a table: the engine's console, SourceMod's base plugins, ULX. PURE data.

`judge.py` reads it. Where the texts come from:

- the engine (`kickid`, `banid`, `removeid`, `writeid`, `changelevel`, `map`, "Dropped … from server"): its console
  strings as public copies of the code show them; `Unknown command "x"` from logs of running servers;
- SourceMod: `translations/common.phrases.txt`, `basebans.phrases.txt` and `plugins/basebans.sp` of its repository;
  every reply of a base plugin begins with `[SM] `. SourceMod can be set to another language; perkd does not recognise
  its replies then;
- ULX: `lua/ulx/modules/sh/user.lua` and ULib's player search; the console's name in its log lines is `(Console)`;
- Garry's Mod: `lua/includes/modules/concommand.lua` ("Unknown command: x");
- Counter-Strike 2: `Unknown command 'x'!`, as in reports to CounterStrikeSharp;
- from memory only: that `say` echoes `Console: …`.

A pattern is a whole line with slots: {who} the command's target, {n} a number, {any} some text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..base import Verdict


@dataclass(frozen=True, slots=True)
class Rule:
    """One command: its words ({who}: the target, *: one word, **: the rest) and the lines that mean it is done."""

    command: str
    done: tuple[str, ...] = ()  # it was done now
    already: tuple[str, ...] = ()  # it was done before: also success
    silent: bool = False  # an empty reply means success


# `banid` prints only when it fails; `kickid` and `kick` print who was dropped, or that nobody was found.
ENGINE: Final = (
    Rule("banid * {who} **", silent=True),
    Rule("removeid {who}", ("removeid:  filter removed for {who}",), ("removeid:  couldn't find {who}",)),
    Rule("writeid", ("Writing {any}banned_user.cfg.",)),
    Rule("writeip", ("Writing {any}banned_ip.cfg.",)),
    Rule("addip * *", silent=True),
    Rule("removeip *", ("removeip:  filter removed for {any}",), ("removeip:  couldn't find {any}",)),
    Rule("kickid {who} **", ("Dropped {any} from server{any}",), silent=True),
    Rule("kick **", ("Dropped {any} from server{any}",), silent=True),
    Rule("say **", ("Console: {any}", "Console : {any}"), silent=True),
)

# These may get no answer: the server changes the map, stops, or drops every connection first.
UNANSWERED: Final = ("map", "changelevel", "changelevel2", "quit", "exit", "restart", "_restart", "rcon_password")

SOURCEMOD: Final = (
    Rule("sm_kick {who} **", ("[SM] Kicked player '{any}'", "[SM] Kicked {any}")),
    Rule(
        "sm_ban {who} **",
        (
            '[SM] Permanently banned player "{any}".',
            '[SM] Permanently banned player "{any}" (reason: {any}).',
            '[SM] Banned player "{any}" for {n} minutes.',
            '[SM] Banned player "{any}" for {n} minutes (reason: {any}).',
        ),
    ),
    Rule("sm_addban * {who} **", ("[SM] Ban has been added.",)),
    Rule("sm_banip * * **", ("[SM] Ban has been added.",)),
    Rule("sm_unban {who}", ("[SM] Removed bans matching filter: {who}",)),
    Rule("sm_reloadadmins", ("[SM] Admin cache has been refreshed.",)),
    Rule("sm_cvar * **", ('[SM] Changed cvar "{any}" to "{any}".',)),
    Rule("sm_execcfg *", ('[SM] Executed config "{any}".',)),
)

ULX: Final = (
    Rule(
        "ulx adduserid {who} *", ("(Console) added userid {who} to group {any}", "(Console) added {any} to group {any}")
    ),
    Rule("ulx adduser **", ("(Console) added {any} to group {any}",)),
    Rule(
        "ulx removeuserid {who}",
        ("(Console) removed all access rights from {any}",),
        ('No player with id "{who}" exists in the ULib user list',),
    ),
    Rule("ulx removeuser **", ("(Console) removed all access rights from {any}",)),
)

RULES: Final = ENGINE + SOURCEMOD + ULX

# These lines refuse any command.
REFUSALS: Final[Mapping[Verdict, tuple[str, ...]]] = {
    Verdict.ABSENT: (  # the player is not on the server now; later it may work
        'userid "{any}" not found',
        'uniqueid "{any}" not found',
        'name "{any}" not found',
        "banid:  couldn't find userid {any}",
        "[SM] No matching client was found.",
        "[SM] No matching clients were found.",
        "[SM] The player you selected is no longer available.",
        "[SM] The given player is not fully in-game yet.",
        "No target found or target has immunity!",  # the console ignores immunity, so it means that nobody was found
    ),
    Verdict.NOT_LOADED: (
        'Unknown command "{any}"',
        "Unknown command '{any}'!",
        "Unknown command: {any}",
        "Unknown Command: {any}",
    ),
    Verdict.REFUSED: (
        "Usage: {any}",
        "Usage:  {any}",
        "[SM] Usage: {any}",
        "t[SM] Usage: {any}",  # SourceMod's source has this "t"
        "[SM] More than one client matched the given pattern.",
        '[SM] More than one client matches the pattern "{any}"',
        "[SM] You cannot target this player.",
        "[SM] Unable to perform this command on a bot.",
        "[SM] This command can only be used in-game.",
        "[SM] This command can only be used on dead players.",
        "[SM] This command can only be used on alive players.",
        '[SM] This action cannot be performed on dead client "{any}"',
        "[SM] You have specified an invalid Steam ID {any}",
        "[SM] Invalid amount specified",
        "[SM] You cannot ban that IP address.",
        "[SM] You do not have access to this command.",
        "[SM] Could not connect to the database.",
        "[SM] Failed to query database.",
        "[SM] Unable to find cvar: {any}",
        '[SM] Config file "{any}" not found.',
        "[SM] Map {any} was not found.",
        "Can't ban users on a LAN",
        "Can't ban users with ID {any}",
        "Can't changelevel, not running server",
        "banid:  {any}",
        "removeid:  invalid {any}",
        "removeip:  invalid {any}",
        "addip:  IP filter list is full",
        "Bad filter address: {any}",
        "Couldn't open {any}",
        "changelevel failed: {any}",
        "map load failed: {any}",
        "No map specified",
        "Found multiple targets{any}",
        "No target specified!",
        "Invalid steamid.",
        "Invalid Unique ID",
        'invalid group "{any}" specified',
        'Command "{any}", argument #{n}: {any}',
        "{any} Exception reported: {any}",
    ),
}
