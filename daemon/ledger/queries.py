"""Reads queries.sql: every statement by its name. The ledger's modules run `SQL["name"]`."""

import re
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def parse(text: str) -> dict[str, str]:
    """Statements by name; text before the first name, and comments between statements, are for people."""
    found: dict[str, str] = {}
    parts = _NAME.split(text)[1:]
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if name in found:
            raise ValueError(f"queries.sql names {name} twice")
        lines = [line for line in body.splitlines() if not line.startswith("--")]
        found[name] = "\n".join(lines).strip()
    return found


SQL = MappingProxyType(parse((files(__package__) / "queries.sql").read_text("utf-8")))
