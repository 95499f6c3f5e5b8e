"""The options that verbs share, and the config file that they name.

Every module of `cli` declares its options with these types, so that `-c` works before and after the verb.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from perkd.adapters import ADAPTERS

from ..config import SecretSources, Settings, control_socket as socket_of, load
from ..core.mistakes import ConfigError
from .errors import Code, Misconfigured
from .output import as_json

DEFAULT = Path("/etc/perkd/config.toml")

Config = Annotated[
    Path | None,
    # readable=False: for a file that cannot be read, the message of `settings` says more than that of typer
    typer.Option("--config", "-c", metavar="PATH", readable=False, help=f"The configuration file. Default: {DEFAULT}"),
]


def _asked(value: bool) -> bool:  # noqa: FBT001 - typer calls it with the option's value
    as_json.asked = value
    return value


Json = Annotated[bool, typer.Option("--json", callback=_asked, help="Print JSON instead of text, for programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Log everything, and show where a fault in perkd happened.")
]


@dataclass(slots=True)
class Common:
    """The options given before the verb."""

    config: Path | None = None
    verbose: bool = False


common = Common()  # of this process: one command line, one run


def config_path(option: Path | None) -> Path:
    """The config file: from the option after the verb, else the option before it, else the default."""
    return (option or common.config or DEFAULT).absolute()


def settings(option: Path | None, *, need_secrets: bool) -> Settings:
    """The checked config. Raises Misconfigured with every mistake in it."""
    try:
        return read_settings(option, need_secrets=need_secrets)
    except ConfigError as error:
        raise Misconfigured(Code.CONFIG_INVALID, error.render(config_path(option))) from error


def read_settings(option: Path | None, *, need_secrets: bool) -> Settings:
    """Like `settings`, for a daemon that keeps its old config when the new one has mistakes. Raises ConfigError."""
    return load(config_path(option), ADAPTERS, SecretSources.of(os.environ), need_secrets=need_secrets)


def control_socket(option: Path | None) -> Path:
    """Where the daemon of this config listens. It reads only what it needs: `perkd status` works with a mistake
    elsewhere in the file, and with a secret that only the daemon may read. Raises Misconfigured."""
    path = config_path(option)
    try:
        return socket_of(path)
    except ConfigError as error:
        raise Misconfigured(Code.CONFIG_INVALID, error.render(path)) from error
