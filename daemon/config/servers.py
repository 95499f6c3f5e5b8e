"""Builds a Server from each `[[server]]` of config.toml, and notes every mistake.

`loading` calls `build_servers` before it builds the perks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from perkd.adapters.base import Adapter, Identity, Transport

from ..core.mistakes import Findings, MistakeCode, WarningCode, listed, meant, quoted
from ..core.model import Endpoint, Secret, Server
from .addresses import split_address
from .file_tables import ServerTable
from .identities import NAMES_ARE_IDS, check_identity, identity_of
from .names import Names
from .secret_keys import SecretRules
from .tables import Read


@dataclass(slots=True)
class KnownServers:
    """The servers that perks may name. It includes servers with mistakes, so that their perks are not reported too."""

    servers: list[Server] = field(default_factory=list)
    games: dict[str, str | None] = field(default_factory=dict)  # server name → its game, None when that is unknown
    by_paynow_id: dict[str, str] = field(default_factory=dict)  # the store's id → server name
    identities: dict[str, str] = field(default_factory=dict)  # server name → how it identifies its players, in words

    def names_are_ids(self, servers: Iterable[str]) -> bool:
        """Whether these servers know players by name only, so that no id survives a change of the name."""
        return all(self.identities[server] == NAMES_ARE_IDS for server in servers)


def build_servers(
    reads: Iterable[Read[ServerTable]], games: Mapping[str, Adapter], rules: SecretRules, findings: Findings
) -> KnownServers:
    known = KnownServers()
    names = Names("server")
    addresses: dict[tuple[str, int], str] = {}
    tokens: dict[str, str] = {}  # game server token → the [[server]] that has it
    for read in reads:
        name = names.check(read, findings)
        game = _game(read, games, findings)
        address = _address(read, findings)
        password = _password(read, rules, findings)
        paynow_id = _paynow_id(read, findings)
        paynow_token = _paynow_token(read, tokens, rules, findings)
        if game:
            _check_transport(read, game, games[game].transports, findings)
            check_identity(read, game, games[game], findings)
        if name:
            known.games[name] = game
            known.identities[name] = identity_of(read.table)
            if paynow_id and known.by_paynow_id.setdefault(paynow_id, name) != name:
                findings.mistake(
                    read.at("paynow_id"),
                    MistakeCode.DUPLICATE,
                    found=f"{quoted(paynow_id)}, which server {quoted(known.by_paynow_id[paynow_id])} has already",
                    expected="an id that no other [[server]] has",
                    fix="copy each server's own id from the store's dashboard",
                )
        if address is not None and addresses.setdefault(address, read.where) != read.where:
            findings.warn(
                read.at("address"),
                WarningCode.SAME_ADDRESS,
                f"the same address as {addresses[address]}: both would send to one game server",
            )
        if name and game and address:
            known.servers.append(_server(read.table, name, game, address, password, paynow_id, paynow_token))
    return known


def _server(
    table: ServerTable,
    name: str,
    game: str,
    address: tuple[str, int],
    password: Secret,
    paynow_id: str,
    paynow_token: Secret | None,
) -> Server:
    host, port = address
    endpoint = Endpoint(
        host=host,
        port=port,
        password=password,
        timeout_s=table.timeout.total_seconds(),
        transport=Transport(table.transport),
    )
    return Server(
        name=name,
        game=game,
        endpoint=endpoint,
        paynow_id=paynow_id,
        paynow_token=paynow_token,
        run_store_commands=table.run_store_commands,
        identity=Identity(table.identity),
        bedrock_prefix=table.bedrock_prefix,
        min_gap=table.min_gap,
        warmup=table.warmup,
        presence=table.presence,
    )


def _game(read: Read[ServerTable], games: Mapping[str, Adapter], findings: Findings) -> str | None:
    game = read.table.game
    if game in games:
        return game
    if read.sound("game"):
        one_of = f"one of {listed(games)}"
        fix = meant(game, games, f"write {one_of}")
        code = MistakeCode.UNKNOWN_GAME if game else MistakeCode.MISSING
        findings.mistake(read.at("game"), code, found=quoted(game) if game else "no game", expected=one_of, fix=fix)
    return None


def _address(read: Read[ServerTable], findings: Findings) -> tuple[str, int] | None:
    address = read.table.address
    try:
        return split_address(address, lowest_port=1)
    except ValueError as error:
        if read.sound("address"):
            code = MistakeCode.NOT_AN_ADDRESS if address else MistakeCode.MISSING
            findings.mistake(
                read.at("address"),
                code,
                found=f"{quoted(address)}, {error}" if address else "no address",
                expected="the host and the RCON port of the game server",
                fix='write for example "127.0.0.1:25575" or "[::1]:25575"',
            )
        return None


def _password(read: Read[ServerTable], rules: SecretRules, findings: Findings) -> Secret:
    """The password; the empty secret if it was reported as a mistake, or not checked."""
    reference = read.table.password
    if not read.sound("password"):
        return Secret("")
    if not reference:
        findings.mistake(
            read.at("password"),
            MistakeCode.MISSING,
            found="no password",
            expected="env:NAME, file:/path or credential:NAME",
            fix=f'write "credential:rcon-{read.table.name or "NAME"}" and put the RCON password there',
        )
        return Secret("")
    return rules.secret(reference, read.at("password"), findings) or Secret("")


def _paynow_id(read: Read[ServerTable], findings: Findings) -> str:
    """The id as the store writes it, without zeros in front; "" for none."""
    paynow_id = read.table.paynow_id
    if paynow_id and not (paynow_id.isascii() and paynow_id.isdigit()):
        findings.mistake(
            read.at("paynow_id"),
            MistakeCode.NOT_AN_ID,
            found=quoted(paynow_id),
            expected="the store's id of this game server, digits only",
            fix="copy it from the store's dashboard, or leave it empty",
        )
        return ""
    return paynow_id.lstrip("0")


def _paynow_token(
    read: Read[ServerTable], tokens: dict[str, str], rules: SecretRules, findings: Findings
) -> Secret | None:
    """The store's token of this game server; None without one, the empty secret if it was reported or not checked."""
    reference = read.table.paynow_token
    if not reference:
        if read.table.run_store_commands:
            findings.mistake(
                read.at("run_store_commands"),
                MistakeCode.NEEDS_TOKEN,
                found="true without a paynow_token",
                expected="a paynow_token too: without it perkd never sees the store's commands",
                fix="copy the token from the store's dashboard (game servers), or remove this key",
            )
        return None
    token = rules.secret(reference, read.at("paynow_token"), findings) or Secret("")
    if token.reveal() and tokens.setdefault(token.reveal(), read.where) != read.where:
        findings.mistake(
            read.at("paynow_token"),
            MistakeCode.DUPLICATE,
            found=f"the same token as {tokens[token.reveal()]}",
            expected="a token that no other [[server]] has: with one token, both would get the same commands",
            fix="make a separate game server in the store's dashboard and use its token",
        )
    return token


def _check_transport(read: Read[ServerTable], game: str, offered: tuple[Transport, ...], findings: Findings) -> None:
    if read.table.transport not in offered and read.sound("transport"):
        findings.mistake(
            read.at("transport"),
            MistakeCode.NOT_IN_THIS_GAME,
            found=f"{quoted(read.table.transport)}, which {game} does not have",
            expected=listed(offered),
            fix=f"write {quoted(offered[0])}, or remove this key",
        )
