"""Builds config.toml texts for tests, by default a valid one, and loads them with the games of tests/tinygame.py.

Values are in TOML syntax: `server(game='"rust"')`; None leaves a key out.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from perkd.daemon.config import SecretSources, Settings, load
from perkd.daemon.core.mistakes import ConfigError, Mistake
from tests.tinygame import GAMES

PASSWORD = "correct-horse-rcon"  # a test that may print it registers it first
ENV = {"RCON": PASSWORD}

SERVER = {
    "name": '"survival"',
    "game": '"minecraft"',
    "address": '"127.0.0.1:25575"',
    "password": '"env:RCON"',
}
PERK = {
    "name": '"vip"',
    "kind": '"lasting"',
    "products": '["vip-30-days"]',
    "servers": '["survival"]',
    "grant": '["lp user {uuid} parent add vip"]',
    "revoke": '["lp user {uuid} parent remove vip"]',
}


def section(header: str, /, **keys: str | None) -> str:
    """One table: `section("poll", rate="2.0")`."""
    return "\n".join([f"[{header}]", *(f"{key} = {value}" for key, value in keys.items() if value is not None)]) + "\n"


def server(**changes: str | None) -> str:
    return section("[server]", **{**SERVER, **changes})


def perk(**changes: str | None) -> str:
    return section("[perk]", **{**PERK, **changes})


def toml_text(document: Mapping[str, object]) -> str:
    """A document as TOML: strings, numbers and lists have the same form as in JSON."""

    def inline(value: object) -> str:
        if isinstance(value, Mapping):
            return "{ " + ", ".join(f"{json.dumps(key)} = {inline(item)}" for key, item in value.items()) + " }"
        if isinstance(value, list):
            return "[" + ", ".join(inline(item) for item in value) + "]"
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

    return "\n".join(f"{json.dumps(key)} = {inline(value)}" for key, value in document.items())


def load_text(
    folder: Path,
    *parts: str,
    mode: int = 0o644,
    env: Mapping[str, str] = ENV,
    need_secrets: bool = True,
) -> Settings:
    """The settings of a config.toml in `folder` with these parts. Credentials come from `folder`/credentials."""
    path = folder / "config.toml"
    path.write_text("\n".join(parts), "utf-8")
    path.chmod(mode)
    sources = SecretSources.of(env, outside=folder / "credentials")
    return load(path, GAMES, sources, need_secrets=need_secrets)


def mistakes(folder: Path, *parts: str, mode: int = 0o644, env: Mapping[str, str] = ENV) -> tuple[Mistake, ...]:
    """The mistakes in this config; empty when it loads."""
    try:
        load_text(folder, *parts, mode=mode, env=env)
    except ConfigError as error:
        return error.mistakes
    return ()
