"""`perkd check`: lists every mistake in the config and shows what would run; `--connect` also asks the servers."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ..config import SCHEMES, Settings, duration_text, read_text
from ..core.mistakes import ConfigError
from ..core.model import Perk, Secret, Target
from .errors import Misconfigured
from .options import Config, Json, config_path, read_settings
from .output import Style, many, say, say_json, table

_BY_KEY = {"all": "everybody in the store", "online": "everybody who comes onto a server"}  # by enrol
Connect = Annotated[bool, typer.Option("--connect", help="Also ask the store, and ask each server who is online.")]


def check(*, config: Config = None, connect: Connect = False, json: Json = False) -> None:
    """Check the configuration and list every mistake.

    Also shows what would run, and where each secret comes from. Changes nothing. With --connect, it exits with 1 when
    the store or a server is not well, or when a perk names a product that the store does not have. It exits with 69
    when nothing can be reached.
    """
    path = config_path(config)
    try:
        found = read_settings(config, need_secrets=False)
    except ConfigError as error:
        if json:
            say_json({"config": str(path), "well": False, "mistakes": [asdict(one) for one in error.mistakes]})
        else:
            say(error.render(path))
        raise typer.Exit(Misconfigured.exit_code) from error
    if not json:
        _config(path, found)
    if not connect:
        if json:
            say_json(_json(path, found))
        return
    from .doctor import doctor  # noqa: PLC0415 - it imports the HTTP client, which only --connect needs

    made = doctor.connect(found, config)
    if json:
        say_json({**_json(path, found), **made.to_json()})
    else:
        doctor.show(made)
    raise typer.Exit(made.exit_code)


def _json(path: Path, found: Settings) -> dict[str, Any]:
    return {"config": str(path), "well": True, "mistakes": [], "warnings": [str(one) for one in found.warnings]}


def _config(path: Path, found: Settings) -> None:
    say(f"{path}: no mistakes" + (f", {many(len(found.warnings), 'warning')}" if found.warnings else ""))
    for warning in found.warnings:
        say(f"warning: {warning}", style=Style.DOUBTFUL)
    say()
    _tell(found, tomllib.loads(read_text(path)))


def _tell(found: Settings, document: Mapping[str, Any]) -> None:
    """Shows what `perkd run` would do with this config. It names the source of each secret, never the secret."""
    for name, text in _facts(found, document):
        say(f"{name:<10} {text}")
    say()
    passwords = [_source(str(raw.get("password", ""))) for raw in document.get("server", [])]
    table(
        ("server", "game", "address", "password from"),
        [
            (
                server.name,
                server.game,
                server.endpoint.address,
                password if server.endpoint.password.reveal() else f"{password} (not checked)",
            )
            for server, password in zip(found.servers, passwords, strict=True)
        ],
    )
    say()
    table(
        ("perk", "kind", "products", "servers", "commands"),
        [
            (perk.name, perk.kind.value, ", ".join(perk.products), _servers(perk), ", ".join(_commands(perk)))
            for perk in found.perks
        ],
        below=("products", "servers", "commands"),
    )


def _facts(found: Settings, document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    every, online = (duration_text(interval).strip('"') for interval in (found.poll.offline, found.poll.online))
    pace = f"at most {found.poll.rate:g} requests a second"
    yield "store", f"{found.store.api}, each customer every {every} (online: {online}), {pace}"
    if found.store.api_key is not None:
        yield (
            "API key",
            f"from {_read_from(found.store.api_key, document['store']['api_key'])}, enrol = {found.customers.enrol}",
        )
    yield "customers", whose(found)
    for server, raw in zip(found.servers, document.get("server", []), strict=True):
        if server.paynow_token is not None:
            runs = "all commands" if server.run_store_commands else "only `perkd` commands"
            yield "queue", f"{server.name}: {runs}, token from {_read_from(server.paynow_token, raw['paynow_token'])}"
    yield "ledger", str(found.ledger.path)
    yield "http", f"{found.listen.host}:{found.listen.port}" if found.listen else "off"
    yield "control", str(found.control)


def whose(found: Settings) -> str:
    """Which customers perkd reads, and where it knows them from."""
    source, tokens = found.customers.source, found.customers.tokens
    listed = f"{source} (not checked)" if tokens is None else f"{many(len(tokens), 'token')} from {source}"
    parts = [_BY_KEY.get(found.customers.enrol, ""), listed if source else ""]
    known = ", ".join(filter(None, parts))
    return f"{known}, and those added by `perkd customers add`" if known else "those added by `perkd customers add`"


def _read_from(secret: Secret, reference: str) -> str:
    return _source(reference) if secret.reveal() else f"{_source(reference)} (not checked)"


def _source(reference: str) -> str:
    """Where a secret comes from. A secret written into the config is not shown."""
    scheme, colon, _ = reference.partition(":")
    return reference if colon and scheme in SCHEMES else "the configuration itself"


def _servers(perk: Perk) -> str:
    names = "every server" if perk.servers == ("*",) else ", ".join(perk.servers)
    words = {
        Target.CHOSEN: "the server the buyer chose",
        Target.ANY: f"any of {names}",
        Target.ONLINE: f"where the player is online: {names}",
    }
    return words.get(perk.target, names)


def _commands(perk: Perk) -> Iterable[str]:
    yield f"grant {len(perk.grant)}"
    yield f"revoke {len(perk.revoke)}"
    for reason, specs in perk.revoke_on.items():
        yield f"{reason} {len(specs)}"
