"""Reads the SQL files beside it: every statement by its name. The facets run `SQL["name"]`."""

import re
from collections.abc import Iterable
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
FOLDER = files(__package__)


def parse(texts: Iterable[str]) -> dict[str, str]:
    """Statements by name; text before the first name, and comments between statements, are for people."""
    found: dict[str, str] = {}
    for text in texts:
        parts = _NAME.split(text)[1:]
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"the statement {name} has two texts")
            found[name] = "\n".join(line for line in body.splitlines() if not line.startswith("--")).strip()
    return found


def texts() -> list[str]:
    """The text of each file."""
    return [file.read_text("utf-8") for file in FOLDER.iterdir() if file.name.endswith(".sql")]


SQL = MappingProxyType(parse(texts()))
