"""Compiles the commands of a perk and checks each variable against the games that get the command.

`perks` calls it for `grant`, `revoke` and every reason of `revoke_on`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from perkd.adapters.base import Adapter

from ..core.mistakes import Findings, MistakeCode, WarningCode, listed
from ..core.model import CommandSpec, Template
from ..core.templates import VARIABLES, TemplateError, compile as compile_template
from .file_tables import CommandTable, PerkTable
from .tables import Loc, Read

IDS = frozenset({"uuid", "steam_id"})  # a game that has one of these knows its players by an id


@dataclass(frozen=True, slots=True)
class Addressee:
    """One game a perk's commands are sent to, and the perk's servers of that game."""

    game: str
    adapter: Adapter
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PerkCommands:
    """Compiles the commands of one perk. `repeatable` is the perk's value, for commands that do not set their own."""

    read: Read[PerkTable]
    addressees: Sequence[Addressee]
    repeatable: bool
    findings: Findings
    every: dict[Loc, CommandSpec] = field(default_factory=dict)  # the compiled commands, by their place in the table

    def build(self, loc: Loc, tables: Sequence[CommandTable]) -> tuple[CommandSpec, ...]:
        """The commands of the list at `loc`; those with a mistake are left out."""
        specs = {(*loc, index): self._spec((*loc, index), table) for index, table in enumerate(tables)}
        built = {at: spec for at, spec in specs.items() if spec is not None}
        self.every.update(built)
        return tuple(built.values())

    def _spec(self, at: Loc, table: CommandTable) -> CommandSpec | None:
        if not table.run and any(loc[: len(at)] == at for loc in self.read.broken):
            return None  # it was reported already
        try:
            template = compile_template(table.run)
        except TemplateError as error:
            self.findings.mistake(
                self.read.at(*at),
                error.code,
                found=f"{error.found}, at character {error.position}",
                expected="one line of text, with {variables} from the table",
                fix=error.fix,
            )
            return None
        self._check_variables(at, template)
        self._warn_of_selectors(at, template)
        repeatable = self.repeatable if table.repeatable is None else table.repeatable
        online = table.online
        if online is None:
            online = self.read.table.online if at[0] == "grant" else False
        waits = online if isinstance(online, timedelta) else timedelta(0) if online else None
        return CommandSpec(run=template, after=table.after, online=waits, repeatable=repeatable)

    def _check_variables(self, at: Loc, template: Template) -> None:
        if at[0] == "grant" and "reason" in template.variables:
            self.findings.mistake(
                self.read.at(*at),
                MistakeCode.REASON_IN_GRANT,
                found="{reason} in a command of `grant`",
                expected="{reason} only in commands that take something away",
                fix="remove it here; the commands of `revoke` and `revoke_on` can use it",
            )
        for variable, one in self._lacking(template):
            self.findings.mistake(
                self.read.at(*at),
                MistakeCode.VARIABLE_NOT_IN_GAME,
                found=f"{{{variable}}}, which {one.game} does not have (server {listed(one.servers)})",
                expected=f"for {one.game}: {_braced(one.adapter)}, or a variable that does not identify the player",
                fix="use one of those, or write a separate perk for the servers of each game",
            )

        length = sum(len(literal.encode()) for literal in template.parts[::2])
        for one in self.addressees:
            if length > one.adapter.max_command_bytes:
                self.findings.mistake(
                    self.read.at(*at),
                    MistakeCode.COMMAND_TOO_LONG,
                    found=f"{length} bytes of text",
                    expected=f"at most {one.adapter.max_command_bytes} bytes with all values, as {one.game} allows",
                    fix="shorten it, or split it into two commands",
                )

    def _warn_of_selectors(self, at: Loc, template: Template) -> None:
        """Warns of an @ before a variable: an adapter quotes the value alone and never sees the two together."""
        for literal, variable in zip(template.parts[::2], template.variables, strict=False):
            if literal.endswith("@"):
                self.findings.warn(
                    self.read.at(*at),
                    WarningCode.SELECTOR_FROM_VALUE,
                    f"@ directly before {{{variable}}} can turn a value into a selector (if a name begins with a: @a "
                    "means everybody): remove the @, or put a word between the two",
                )

    def _lacking(self, template: Template) -> Iterator[tuple[str, Addressee]]:
        """Every identity variable of the template with each game that cannot have it."""
        for variable in dict.fromkeys(template.variables):
            if VARIABLES[variable].identity:
                for one in self.addressees:
                    if variable not in one.adapter.variables:
                        yield variable, one


def addressees_of(
    servers: Sequence[str], games: Mapping[str, Adapter], game_of: Mapping[str, str | None]
) -> list[Addressee]:
    """The games behind a perk's servers; a server whose game is not known was reported already."""
    by_game: dict[str, list[str]] = {}
    for server in servers:
        game = game_of.get(server)
        if game is not None:
            by_game.setdefault(game, []).append(server)
    return [Addressee(game, games[game], tuple(names)) for game, names in by_game.items()]


def warn_of_names(
    where: str, specs: Sequence[CommandSpec], addressees: Sequence[Addressee], findings: Findings
) -> None:
    """Warns once per perk that a player's name can change, if the game has an id that does not."""
    if not any("name" in spec.run.variables for spec in specs):
        return
    for one in addressees:
        better = sorted(IDS & one.adapter.variables)
        if better:
            findings.warn(
                where,
                WarningCode.NAME_CAN_CHANGE,
                f"in {one.game}, {{name}} can change and {{{better[0]}}} cannot. "
                "If the command accepts only names, this is all right",
            )
            return


def _braced(adapter: Adapter) -> str:
    return " ".join(f"{{{name}}}" for name in VARIABLES if name in adapter.variables)
