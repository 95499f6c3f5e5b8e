"""Reads config.toml: every table, every check, all mistakes at once.

`daemon.config` exports `load`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from perkd.adapters.base import Adapter

from ..core.mistakes import ConfigError, Findings, Mistake, WarningCode
from . import file_tables, sections
from .perks import build_perks
from .secret_keys import SecretRules
from .secret_references import SecretError, SecretSources, others_can_read, read_text
from .servers import build_servers
from .settings import Settings
from .tables import Read, Table, parse_toml, read_list, read_table, unknown_sections

T = TypeVar("T", bound=Table)


def load(path: Path, games: Mapping[str, Adapter], sources: SecretSources, *, need_secrets: bool) -> Settings:
    """The settings in the file at `path`, for the games whose adapters are given.

    With `need_secrets` (`perkd run`) every secret must be readable; without (`perkd check`) a systemd credential that
    only the service can read is a warning. Raises ConfigError with every mistake in the file.
    """
    try:
        text = read_text(path)
        private = not others_can_read(path)
    except SecretError as problem:
        fix = f"{problem.fix}; -c names another file"
        mistake = Mistake(
            code=problem.code, where="the file", found=problem.found, expected="the configuration", fix=fix
        )
        raise ConfigError([mistake]) from problem
    findings = Findings()
    document = parse_toml(text, "", findings)
    findings.raise_mistakes()
    rules = SecretRules(sources=sources, literal_allowed=private, need_secrets=need_secrets)
    settings = _settings(document, games, rules, findings)
    findings.raise_mistakes()
    return settings


def _settings(
    document: Mapping[str, Any], games: Mapping[str, Adapter], rules: SecretRules, findings: Findings
) -> Settings:
    """The settings. They are valid only if `findings` has no mistake afterwards."""

    def section(model: type[T], key: str) -> Read[T]:
        return read_table(model, document.get(key, {}), key, findings)

    unknown_sections(document, file_tables.SECTIONS | file_tables.LISTS, "", findings)
    store = sections.store(section(file_tables.StoreTable, "store"), rules, findings)
    customers = sections.customers(section(file_tables.CustomersTable, "customers"), store, rules, findings)
    poll = sections.poll(section(file_tables.PollTable, "poll"), findings)
    ledger = sections.ledger(section(file_tables.LedgerTable, "ledger"), findings)
    listen = sections.http(section(file_tables.HttpTable, "http"), findings)
    control = sections.control(section(file_tables.ControlTable, "control"), findings)
    brake = sections.brake(section(file_tables.BrakeTable, "brake"))
    known = build_servers(read_list(file_tables.ServerTable, document, "server", findings), games, rules, findings)
    perks = build_perks(read_list(file_tables.PerkTable, document, "perk", findings), known, games, findings)
    sections.warn_of_pace(poll, customers, store, known.servers, findings)
    if not document.get("server"):
        findings.warn("server", WarningCode.NO_SERVER, "no [[server]] is defined: perkd cannot send any command")
    if not document.get("perk"):
        findings.warn("perk", WarningCode.NO_PERK, "no [[perk]] is defined: perkd gives nothing for what customers own")
    return Settings(
        store=store,
        customers=customers,
        poll=poll,
        ledger=ledger,
        listen=listen,
        control=control,
        brake=brake,
        servers=tuple(known.servers),
        perks=tuple(perks),
        warnings=tuple(findings.warnings),
    )
