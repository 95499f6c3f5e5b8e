"""What Minecraft servers answer, as a table: vanilla 1.7 to 26.1, Paper, LuckPerms and EssentialsX. PURE data.

`judge.py` reads it. The texts are English: a vanilla server always answers in English. LuckPerms can be set to another
language; perkd does not recognise its replies then.

A pattern is a whole line with slots: {who} the command's target, {n} a number, {word} one word, {any} some text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..base import Verdict


@dataclass(frozen=True, slots=True)
class Rule:
    """One command: its words ({who}: the target, *: one word, **: the rest) and the lines that mean it is done."""

    command: str
    done: tuple[str, ...]  # it was done now
    already: tuple[str, ...] = ()  # it was done before: also success
    refused: tuple[str, ...] = ()  # for this command only
    silent: bool = False  # an empty reply means success


VANILLA: Final = (
    Rule(
        "give {who} **",
        (
            "Gave {n} {any} to {who}",
            "Given {any} * {n} to {who}",  # to 1.12
            "Giving {n} of {any} to {who}.",  # EssentialsX
        ),
    ),
    Rule(
        "whitelist add {who}",
        ("Added {who} to the whitelist",),
        ("Player is already whitelisted",),
        ("Could not add {any} to the whitelist",),  # to 1.12: the name has no account
    ),
    Rule(
        "whitelist remove {who}",
        ("Removed {who} from the whitelist",),
        ("Player is not whitelisted", "Could not remove {who} from the whitelist"),  # to 1.12: was not on it
    ),
    Rule(
        "op {who}",
        ("Made {who} a server operator", "Opped {who}"),
        ("Nothing changed. The player already is an operator",),
        ("Could not op {any}",),
    ),
    Rule(
        "deop {who}",
        ("Made {who} no longer a server operator", "De-opped {who}"),
        ("Nothing changed. The player is not an operator", "Could not de-op {who}"),
    ),
    Rule("kick {who} **", ("Kicked {who}: {any}", "Kicked {who} from the game", "Kicked {who} from the game: '{any}'")),
    Rule(
        "ban {who} **",
        ("Banned {who}: {any}", "Banned player {who}"),
        ("Nothing changed. The player is already banned",),
        ("Could not ban player {any}",),
    ),
    Rule(
        "pardon {who}",
        ("Unbanned {who}", "Unbanned player {who}"),
        ("Nothing changed. The player isn't banned", "Could not unban player {who}"),
    ),
    Rule("say **", ("[Server] {any}", "[Rcon] {any}"), silent=True),
    Rule("me **", (), silent=True),
    Rule("tellraw {who} **", (), silent=True),
    *(Rule(f"{label} {{who}} **", ("You whisper to {who}: {any}",)) for label in ("tell", "msg", "w")),
    Rule(
        "title {who} **",
        (
            "Showing new title for {who}",
            "Showing new subtitle for {who}",
            "Showing new actionbar title for {who}",
            "Changed title display times for {who}",
            "Cleared titles for {who}",
            "Reset title options for {who}",
            "Title command successfully executed",  # to 1.12
        ),
    ),
    Rule(
        "effect give {who} **",
        ("Applied effect {any} to {who}",),
        refused=("Unable to apply this effect (target is either immune to effects, or has something stronger)",),
    ),
    Rule(
        "effect clear {who} **",
        ("Removed every effect from {who}", "Removed effect {any} from {who}"),
        ("Target has no effects to remove", "Target doesn't have the requested effect"),
    ),
    Rule(  # to 1.12
        "effect {who} **",
        ("Given {any} (ID {n}) * {n} to {who} for {n} seconds", "Took {any} from {who}", "Took all effects from {who}"),
        ("Couldn't take {any} from {who} as they do not have the effect",),
    ),
    *(
        Rule(
            f"{label} {verb} {{who}} **",
            (f"{done} {{n}} experience points {to} {{who}}", f"{done} {{n}} experience levels {to} {{who}}"),
        )
        for label in ("xp", "experience")
        for verb, done, to in (("add", "Gave", "to"), ("set", "Set", "on"))
    ),
    Rule("xp * {who}", ("Given {n} experience to {who}", "Given {n} levels to {who}", "Taken {n} levels from {who}")),
    *(Rule(f"{label} {{who}} **", ("Teleported {who} to {any}",)) for label in ("tp", "teleport")),
    Rule("gamemode * {who}", ("Set {who}'s game mode to {any}",)),
    Rule("clear {who} **", ("Removed {n} items from player {who}", "Removed {n} item(s) from player {who}")),
    Rule("advancement grant {who} **", ("Granted the advancement {any} to {who}",)),
    Rule("tag {who} add *", ("Added tag '{any}' to {who}",)),
    Rule("tag {who} remove *", ("Removed tag '{any}' from {who}",), ("Target does not have this tag",)),
    Rule("team join * {who}", ("Added {who} to team {any}",)),
    Rule("team leave {who}", ("Removed {who} from any team",)),
    Rule("eco give {who} *", ("{any} added to {who} account. New balance: {any}",)),  # EssentialsX
    Rule("eco take {who} *", ("{any} taken from {who} account. New balance: {any}",)),
)

# LuckPerms names the user as it last saw them, not as the command did. On Bukkit servers it may answer RCON with
# nothing at all (reported as LuckPerms/LuckPerms#1365): it works in a thread of its own, which RCON does not wait for.
# An empty answer says nothing about the outcome, so it is not success here; an owner who accepts it sets `success` on
# the perk.
LUCKPERMS: Final = tuple(
    Rule(
        f"lp user {{who}} {command}",
        tuple(f"[LP] {line}" for line in done),
        tuple(f"[LP] {line}" for line in already),
        tuple(f"[LP] {line}" for line in refused),
    )
    for command, done, already, refused in (
        (
            "parent add **",
            ("{who} now inherits permissions from {any} in context {any}.",),
            ("{who} already inherits from {any} in context {any}.",),
            (),
        ),
        (
            "parent addtemp **",
            ("{who} now inherits permissions from {any} for a duration of {any} in context {any}.",),
            (),
            ("{who} already temporarily inherits from {any} in context {any}.",),  # and was not prolonged
        ),
        (
            "parent remove **",
            ("{who} no longer inherits permissions from {any} in context {any}.",),
            ("{who} does not inherit from {any} in context {any}.",),
            ("You cannot remove a user from their primary group.",),
        ),
        (
            "parent removetemp **",
            ("{who} no longer temporarily inherits permissions from {any} in context {any}.",),
            ("{who} does not temporarily inherit from {any} in context {any}.",),
            (),
        ),
        (
            "parent set **",
            ("{who} had their existing parent groups cleared, and now only inherits {any} in context {any}.",),
            (),
            (),
        ),
        (
            "parent settrack **",
            ("{who} had their existing parent groups on track {any} cleared, and now only inherits {any}{any}.",),
            (),
            (),
        ),
        (
            "permission set **",
            ("Set {any} to {any} for {who} in context {any}.",),
            ("{who} already has {any} set in context {any}.",),
            (),
        ),
        (
            "permission unset **",
            ("Unset {any} for {who} in context {any}.",),
            ("{who} does not have {any} set in context {any}.",),
            (),
        ),
        (
            "permission settemp **",
            ("Set {any} to {any} for {who} for a duration of {any} in context {any}.",),
            (),
            ("{who} already has {any} set temporarily in context {any}.",),
        ),
        (
            "permission unsettemp **",
            ("Unset temporary permission {any} for {who} in context {any}.",),
            ("{who} does not have {any} set temporarily in context {any}.",),
            (),
        ),
    )
)

RULES: Final = VANILLA + LUCKPERMS

# The first word of a command when it has other names; the second row: LuckPerms' own short forms.
ALIASES: Final[Mapping[str, str]] = {"luckperms": "lp", "perm": "lp", "perms": "lp", "unban": "pardon"}
LP_ALIASES: Final[Mapping[str, str]] = {"u": "user"}

# Lines that say nothing about the outcome.
NOISE: Final = ("[LP] Another command is being executed, waiting for it to finish...",)

# No, whatever the command was. {who} does not occur here: these say no to any player.
REFUSALS: Final[Mapping[Verdict, tuple[str, ...]]] = {
    Verdict.ABSENT: (  # not on the server now, so the next sighting may help
        "No player was found",
        "No entity was found",
        "That player cannot be found",  # to 1.10
        "Player '{any}' cannot be found",  # 1.11, 1.12
        "That entity cannot be found",
        "Entity '{any}' cannot be found",
        "Selector '{any}' found nothing",
        "Error: Player not found.",  # EssentialsX
        "[LP] A user for {any} could not be found.",  # LuckPerms has never seen that name join
        "[LP] User {any} is not online.",
    ),
    Verdict.NOT_LOADED: (
        "Unknown command. Try /help for a list of commands",  # to 1.12
        'Unknown command. Type "/help" for help.',  # Spigot, Paper
        "Unknown command. Type /help for help.",
    ),
    Verdict.REFUSED: (
        "That player does not exist",  # no such account: seeing the player cannot help
        "You must specify which player you wish to perform this action on.",
        "Only one player is allowed, but the provided selector allows more than one",
        "Only one entity is allowed, but the provided selector allows more than one",
        "Only players may be affected by this command, but the provided selector includes entities",
        "Could not parse command: {any}",
        "An unexpected error occurred trying to execute that command",
        "An unknown error occurred while attempting to perform this command",
        "An internal error occurred while attempting to perform this command",
        "Error executing: {any}",
        "Error: {any}",  # EssentialsX
        "You do not have permission to use this command",
        "I'm sorry, but you do not have permission to perform this command.{any}",
        "Invalid command syntax",
        "Usage: {any}",
        "Unknown item '{any}'",
        "There is no such item with name {any}",
        "'{any}' is not a valid number",
        "The number you have entered ({any}) is too big, it must be at most {any}",
        "The number you have entered ({any}) is too small, it must be at least {any}",
        "Can't give more than {any} of {any}",
        "Invalid position for teleport",
        "The entity UUID {any} is in an invalid format",
        "Test failed",
        "Test failed{any}",
        "[LP] A group named {any} could not be found.",
        "[LP] A track named {any} could not be found.",
        "[LP] {any} is not a valid username/uuid.",
        "[LP] {any} is not a valid group name.",
        "[LP] Unable to load target user {any}.",
        "[LP] There was an error whilst saving user data for {any}.",
        "[LP] Command not recognised.",
        "[LP] Command Usage{any}",
        "[LP] Could not parse date {any}.",
        "[LP] You cannot set a date in the past!",
    ),
}

# A syntax error is this, then the part of the command before the mistake, then the arrow; vanilla puts nothing between.
SYNTAX_ARROW: Final = "<--[HERE]"
UNKNOWN_COMMAND: Final = (
    "Unknown or incomplete command, see below for error",  # 1.16 to 1.21.8
    "Unknown or incomplete command. See below for error",  # since 1.21.9
    "Unknown command",  # 1.13 to 1.15
)
