"""The options verbs share, and the config file they lead to.

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
    # readable=False: `settings` says more about a file that cannot be read than typer would
    typer.Option("--config", "-c", metavar="PATH", readable=False, help=f"The configuration. Default: {DEFAULT}"),
]


def _asked(value: bool) -> bool:  # noqa: FBT001 - typer calls it with the option's value
    as_json.asked = value
    return value


Json = Annotated[bool, typer.Option("--json", callback=_asked, help="JSON instead of text, for programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log everything; after a fault in perkd, say where.")]


@dataclass(slots=True)
class Common:
    """What stood before the verb."""

    config: Path | None = None
    verbose: bool = False


common = Common()  # of this process: one command line, one run


def config_path(option: Path | None) -> Path:
    """The file meant: the option after the verb, before it, or the usual place."""
    return (option or common.config or DEFAULT).absolute()


def settings(option: Path | None, *, need_secrets: bool) -> Settings:
    """The checked config. Raises Misconfigured with every mistake in it."""
    try:
        return read_settings(option, need_secrets=need_secrets)
    except ConfigError as error:
        raise Misconfigured(Code.CONFIG_INVALID, error.render(config_path(option))) from error


def read_settings(option: Path | None, *, need_secrets: bool) -> Settings:
    """As `settings`, for a daemon that goes on with the old config. Raises ConfigError."""
    return load(config_path(option), ADAPTERS, SecretSources.of(os.environ), need_secrets=need_secrets)


def control_socket(option: Path | None) -> Path:
    """Where the daemon of this config listens. A mistake elsewhere in the file, or a secret only the daemon may read,
    stops nobody from asking how the daemon is. Raises Misconfigured."""
    path = config_path(option)
    try:
        return socket_of(path)
    except ConfigError as error:
        raise Misconfigured(Code.CONFIG_INVALID, error.render(path)) from error
