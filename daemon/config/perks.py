"""Builds a Perk with compiled commands from each `[[perk]]` of config.toml, and notes every mistake.

`loading` calls `build_perks` once the servers are known.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from perkd.adapters.base import Adapter

from ..core.mistakes import Findings, MistakeCode, WarningCode, listed, meant, quoted
from ..core.model import CommandSpec, Perk, PerkKind, Reason
from .command_lines import PerkCommands, addressees_of, warn_of_names
from .file_tables import PerkTable
from .goals import check_goal, reached, read_goal
from .names import Names, check_name
from .servers import KnownServers
from .tables import Read

STORE_REASONS = (Reason.EXPIRED, Reason.ADMIN, Reason.REFUND, Reason.CHARGEBACK)


def build_perks(
    reads: Iterable[Read[PerkTable]], known: KnownServers, games: Mapping[str, Adapter], findings: Findings
) -> list[Perk]:
    names = Names("perk")
    all_reads, perks = [], []
    for read in reads:
        all_reads.append(read)
        name = names.check(read, findings)
        perk = _perk(read, name or "", known, games, findings)
        if perk is not None:
            perks.append((read, perk))
    _check_effects(perks, findings)
    _check_clocks(perks, findings)
    _check_old_names(all_reads, findings)
    return [perk for _, perk in perks]


def _perk(
    read: Read[PerkTable], name: str, known: KnownServers, games: Mapping[str, Adapter], findings: Findings
) -> Perk | None:
    """The perk; None if it has no kind. It is valid only if `findings` has no mistake afterwards."""
    table = read.table
    kind = _kind(read, findings)
    _check_products(read, findings)
    goal = read_goal(read, known, findings)
    addressees = addressees_of(reached(goal, known), games, known.games)
    repeatable = kind is PerkKind.LASTING if table.repeatable is None else table.repeatable
    commands = PerkCommands(read, addressees, repeatable, findings)
    grant = commands.build(("grant",), table.grant)
    revoke = commands.build(("revoke",), table.revoke)
    revoke_on = _revoke_on(commands, findings)
    _check_rest(read, kind, findings)
    check_goal(read, goal, known, addressees, commands.every, findings)
    with_ids = [one for one in addressees if not known.names_are_ids(one.servers)]
    warn_of_names(read.where, list(commands.every.values()), with_ids, findings)
    if kind is None:
        return None
    return Perk(
        name=name,
        kind=kind,
        products=tuple(table.products),
        target=goal.target,
        servers=goal.servers,
        grant=grant,
        revoke=revoke,
        revoke_on=revoke_on,
        effect=table.effect or name,
        lasts=table.lasts,
        grace=table.grace,
        repeatable=repeatable,
        irreversible=table.irreversible,
        success=table.success,
        failure=table.failure,
        strict=table.strict,
        was=table.was,
    )


def _kind(read: Read[PerkTable], findings: Findings) -> PerkKind | None:
    if read.table.kind is not None:
        return PerkKind(read.table.kind)
    if read.sound("kind"):
        findings.mistake(
            read.at("kind"),
            MistakeCode.MISSING,
            found="no kind",
            expected='"lasting" (kept while the customer owns it) or "once" (given one time per item)',
            fix='write kind = "lasting" for ranks, kind = "once" for kits and currency',
        )
    return None


def _check_products(read: Read[PerkTable], findings: Findings) -> None:
    fix = 'write products = ["…"] with the slug or the id from the store'
    if not read.table.products and read.sound("products"):
        findings.mistake(
            read.at("products"), MistakeCode.MISSING, found="no product", expected="at least one product", fix=fix
        )
    for index, product in enumerate(read.table.products):
        if read.sound("products", index) and not re.fullmatch(r"\S+", product):
            findings.mistake(
                read.at("products", index),
                MistakeCode.NOT_A_PRODUCT,
                found=quoted(product),
                expected="a slug or an id, without spaces",
                fix=fix,
            )


def _revoke_on(commands: PerkCommands, findings: Findings) -> dict[Reason, tuple[CommandSpec, ...]]:
    read = commands.read
    revoke_on = {}
    for word, tables in read.table.revoke_on.items():
        specs = commands.build(("revoke_on", word), tables)
        if word in STORE_REASONS:
            revoke_on[Reason(word)] = specs
        else:
            findings.mistake(
                read.at("revoke_on", word),
                MistakeCode.UNKNOWN_REASON,
                found=f"{quoted(word)}, which is not a reason",
                expected=f"one of {listed(STORE_REASONS)}",
                fix=meant(word, STORE_REASONS, "put commands for all reasons into `revoke`"),
            )
    return revoke_on


def _check_rest(read: Read[PerkTable], kind: PerkKind | None, findings: Findings) -> None:
    table = read.table
    if not table.grant and read.sound("grant"):
        findings.mistake(
            read.at("grant"),
            MistakeCode.MISSING,
            found="no command",
            expected="at least one command",
            fix='write grant = ["…"] as you would type it in the server\'s console',
        )
    if kind is PerkKind.LASTING and not table.revoke and not table.irreversible and read.sound("revoke"):
        findings.mistake(
            read.at("revoke"),
            MistakeCode.NO_REVOKE,
            found="no command",
            expected="the commands that take a lasting perk away",
            fix='write revoke = ["…"], or irreversible = true if no command can take it away',
        )
    if table.revoke and table.irreversible:
        findings.warn(
            read.at("irreversible"),
            WarningCode.IRREVERSIBLE_YET_REVOKE,
            "it is true, but `revoke` has commands: perkd sends them",
        )
    if kind is PerkKind.ONCE and table.lasts is not None:
        findings.mistake(
            read.at("lasts"),
            MistakeCode.ONLY_FOR_LASTING,
            found='a duration on a perk of kind "once"',
            expected='`lasts` only on kind "lasting"',
            fix='remove it, or write kind = "lasting"',
        )
    if table.lasts is not None and not table.lasts:
        findings.mistake(
            read.at("lasts"),
            MistakeCode.OUT_OF_RANGE,
            found="a duration of zero",
            expected="a duration longer than zero",
            fix='write for example "30d"',
        )
    if table.effect:
        check_name(table.effect, read.at("effect"), findings)
    for key, pattern in (("success", table.success), ("failure", table.failure)):
        _check_pattern(read.at(key), pattern, findings)


def _check_pattern(where: str, pattern: str, findings: Findings) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        findings.mistake(
            where,
            MistakeCode.NOT_A_PATTERN,
            found=f"{quoted(pattern)}: {error}",
            expected="a regular expression in Python's syntax",
            fix="correct it; write backslashes in single quotes, where TOML does not change them: '\\d+'",
        )


def _check_effects(perks: Sequence[tuple[Read[PerkTable], Perk]], findings: Findings) -> None:
    """Perks with the same effect count their items together, so only lasting perks can share an effect."""
    for read, perk in perks:
        others = [other for other, shares in perks if shares.effect == perk.effect and other is not read]
        if perk.kind is PerkKind.ONCE and others and perk.effect:
            findings.mistake(
                read.at("effect"),
                MistakeCode.EFFECT_SHARED,
                found=f"{quoted(perk.effect)}, which {others[0].where} has too",
                expected='an effect that no other perk has, because the kind is "once"',
                fix="write another effect or name; only lasting perks can share one",
            )


def _check_clocks(perks: Sequence[tuple[Read[PerkTable], Perk]], findings: Findings) -> None:
    """One item behind one effect cannot have two different `lasts`."""
    first: dict[tuple[str, str], tuple[str, Perk]] = {}
    for read, perk in perks:
        for product in perk.products:
            where, other = first.setdefault((perk.effect, product), (read.where, perk))
            if other.lasts != perk.lasts:
                findings.mistake(
                    read.at("lasts"),
                    MistakeCode.TWO_CLOCKS,
                    found=f"another `lasts` than in {where}, which also has this effect and {quoted(product)}",
                    expected="the same `lasts` in all perks with this product and effect",
                    fix="write the same `lasts` in both, or give one of the perks another effect",
                )


def _check_old_names(reads: Sequence[Read[PerkTable]], findings: Findings) -> None:
    names = {read.table.name: read.where for read in reads if read.table.name}
    first: dict[str, str] = {}
    for read in reads:
        was, where = read.table.was, read.at("was")
        if not was or not check_name(was, where, findings):
            continue
        if was in names:
            whose = "this perk's name now" if was == read.table.name else f"the name of {names[was]}"
            findings.mistake(
                where,
                MistakeCode.NAME_TAKEN,
                found=f"{quoted(was)}, which is {whose}",
                expected="a name that no perk has now",
                fix="write the name this perk had before, or remove the key",
            )
        elif first.setdefault(was, read.where) != read.where:
            findings.mistake(
                where,
                MistakeCode.DUPLICATE,
                found=f"{quoted(was)}, which {first[was]} has in `was` too",
                expected="one perk that takes over the old perk's holdings",
                fix="keep `was` in only one of the two",
            )
