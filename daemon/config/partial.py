"""Loads parts of the configuration for verbs that need only these: other mistakes in the file do not stop them.

The command line calls these; `load` reads the whole file.
"""

from dataclasses import dataclass
from pathlib import Path

from ..core.mistakes import ConfigError, Findings, Mistake
from . import sections
from .file_tables import ControlTable, PollTable, StoreTable
from .secret_keys import SecretRules
from .secret_references import SecretError, SecretSources, others_can_read, read_text
from .settings import Poll, Store
from .tables import parse_toml, read_table


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """The store's address and secrets, and how fast perkd may ask it."""

    store: Store
    poll: Poll


def control_socket(path: Path) -> Path:
    """The control socket of this configuration. It reads no secret, so users who may not read the secrets can still
    ask for the daemon's status. Raises ConfigError."""
    findings = Findings()
    document = _document(path, findings)
    socket = sections.control(read_table(ControlTable, document.get("control", {}), "control", findings), findings)
    findings.raise_mistakes()
    return socket


def store_access(path: Path, sources: SecretSources) -> StoreAccess:
    """[store] with its API key, and [poll]. Raises ConfigError."""
    findings = Findings()
    document = _document(path, findings)
    rules = SecretRules(sources=sources, literal_allowed=not others_can_read(path), need_secrets=True)
    store = sections.store(read_table(StoreTable, document.get("store", {}), "store", findings), rules, findings)
    poll = sections.poll(read_table(PollTable, document.get("poll", {}), "poll", findings), findings)
    findings.raise_mistakes()
    return StoreAccess(store, poll)


def _document(path: Path, findings: Findings) -> dict[str, object]:
    try:
        document = parse_toml(read_text(path), "", findings)
    except SecretError as problem:
        fix = f"{problem.fix}; -c names another file"
        mistake = Mistake(
            code=problem.code, where="the file", found=problem.found, expected="the configuration", fix=fix
        )
        raise ConfigError([mistake]) from problem
    findings.raise_mistakes()
    return document
