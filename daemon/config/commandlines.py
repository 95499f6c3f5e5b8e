"""The commands of a perk: templates compiled, and each variable held against the games it will be sent to.

`perks` calls it for `grant`, `revoke` and every reason of `revoke_on`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adapters.base import Adapter

from ..mistakes import Findings, listed
from ..model import CommandSpec, Template
from ..tables import Loc, Read, shown
from ..templates import VARIABLES, TemplateError
from ..templates import compile as compile_template
from .filetables import CommandTable, PerkTable

IDS = frozenset({"uuid", "steam_id"})  # a game that has one of these knows its players by an id


@dataclass(frozen=True, slots=True)
class Target:
    """One game a perk's commands are sent to, and the perk's servers of that game."""

    game: str
    adapter: Adapter
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PerkCommands:
    """Compiles the commands of one perk. `repeatable` is what the perk says of commands that say nothing themselves."""

    read: Read[PerkTable]
    targets: Sequence[Target]
    repeatable: bool
    findings: Findings

    def build(self, loc: Loc, tables: Sequence[CommandTable]) -> tuple[CommandSpec, ...]:
        """The commands of the list at `loc`; those with a mistake are left out."""
        specs = (self._spec((*loc, index), table) for index, table in enumerate(tables))
        return tuple(spec for spec in specs if spec is not None)

    def _spec(self, at: Loc, table: CommandTable) -> CommandSpec | None:
        if table.online is not False:
            self.findings.mistake(
                self.read.at(*at, "online"),
                found=shown(table.online),
                expected="false: waiting for the player is not yet part of this version",
                fix="remove it; a command for a player who is absent is sent again when he is seen",
            )
        if not table.run and any(loc[: len(at)] == at for loc in self.read.broken):
            return None  # what stands there was reported already
        try:
            template = compile_template(table.run)
        except TemplateError as error:
            self.findings.mistake(
                self.read.at(*at),
                found=f"{error.found}, at character {error.position}",
                expected="one line of text, with {variables} from the table",
                fix=error.fix,
            )
            return None
        self._check_variables(at, template)
        repeatable = self.repeatable if table.repeatable is None else table.repeatable
        return CommandSpec(run=template, after=table.after, repeatable=repeatable)

    def _check_variables(self, at: Loc, template: Template) -> None:
        if at[0] == "grant" and "reason" in template.variables:
            self.findings.mistake(
                self.read.at(*at),
                found="{reason} in a grant",
                expected="{reason} only where something is taken back",
                fix="leave it out here; `revoke` and `revoke_on` can have it",
            )
        for variable, target in self._lacking(template):
            self.findings.mistake(
                self.read.at(*at),
                found=f"{{{variable}}}, which {target.game} does not have (server {listed(target.servers)})",
                expected=f"for {target.game}: {_braced(target.adapter)}, or a variable that is no identity",
                fix="use one of those, or write a perk of its own for the servers of each game",
            )

        length = sum(len(literal.encode()) for literal in template.parts[::2])
        for target in self.targets:
            if length > target.adapter.max_command_bytes:
                self.findings.mistake(
                    self.read.at(*at),
                    found=f"{length} bytes of text",
                    expected=f"at most {target.adapter.max_command_bytes}, all {target.game} takes, values included",
                    fix="shorten it, or make two commands of it",
                )

    def _lacking(self, template: Template) -> Iterator[tuple[str, Target]]:
        """Every identity variable of the template with each game that cannot have it."""
        for variable in dict.fromkeys(template.variables):
            if VARIABLES[variable].identity:
                for target in self.targets:
                    if variable not in target.adapter.variables:
                        yield variable, target


def targets_of(servers: Sequence[str], games: Mapping[str, Adapter], game_of: Mapping[str, str | None]) -> list[Target]:
    """The games behind a perk's servers; a server whose game is not known was reported already."""
    by_game: dict[str, list[str]] = {}
    for server in game_of if "*" in servers else servers:
        game = game_of.get(server)
        if game is not None:
            by_game.setdefault(game, []).append(server)
    return [Target(game, games[game], tuple(names)) for game, names in by_game.items()]


def warn_of_names(where: str, specs: Sequence[CommandSpec], targets: Sequence[Target], findings: Findings) -> None:
    """Says once per perk that a name can change, where the game has an id that does not."""
    if not any("name" in spec.run.variables for spec in specs):
        return
    for target in targets:
        better = sorted(IDS & target.adapter.variables)
        if better:
            findings.warn(
                where,
                f"{{name}} can change in {target.game}, {{{better[0]}}} cannot. "
                "Where a command takes only names this is all right",
            )
            return


def _braced(adapter: Adapter) -> str:
    return " ".join(f"{{{name}}}" for name in VARIABLES if name in adapter.variables)
