"""`perkd check`: reads the config, says everything wrong with it at once, and what would run."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ..config import ConfigError, Settings
from ..model import Perk
from ..secretrefs import SCHEMES, read_text
from ..tables import duration_text
from .errors import Misconfigured, WrongUse
from .options import Config, config_path, settings
from .output import many, say, table

Connect = Annotated[bool, typer.Option("--connect", help="Also ask the store and each server (not in this version).")]


def check(config: Config = None, connect: Connect = False) -> None:
    """Reads the configuration and says everything that is wrong with it."""
    if connect:
        raise WrongUse("--connect is not in this version: `perkd check` reads the config only. Nothing was checked")
    path = config_path(config)
    try:
        found = settings(config, need_secrets=False)
    except Misconfigured as error:
        say(str(error))
        raise typer.Exit(error.code) from error
    say(f"{path}: no mistakes" + (f", {many(len(found.warnings), 'warning')}" if found.warnings else ""))
    for warning in found.warnings:
        say(f"warning: {warning}", style="yellow")
    say()
    _tell(found, tomllib.loads(read_text(path)))
