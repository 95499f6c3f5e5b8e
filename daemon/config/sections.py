"""Checks the sections that occur once in config.toml; each becomes its part of the settings.

`loading` calls one function for each section.
"""

import math
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from ..core.mistakes import ConfigError, Findings, MistakeCode, WarningCode, quoted
from ..core.model import BrakeLimits, Enrol, FirstSeen, Secret, Server, WhenAbsent
from .addresses import PLAIN_PATH, is_loopback, split_address
from .file_tables import BrakeTable, ControlTable, CustomersTable, HttpTable, LedgerTable, PollTable, StoreTable
from .secret_keys import SecretRules
from .settings import Customers, Ledger, Listen, Poll, Store
from .tables import Read, duration_text
from .tokens_file import TokenEntry, read_tokens

FLAKE = re.compile(r"[0-9]{1,19}")  # an id of the store
LONGEST_SOCKET_PATH = 107  # sun_path of unix(7) holds 108 bytes with its closing NUL
GENTLE_POLL_S = 10
QUEUE_RATE = 1 / 10  # requests a second of each server with a paynow_token
FEED_RATE = 1 / 15  # and of the feed


def store(read: Read[StoreTable], rules: SecretRules, findings: Findings) -> Store:
    table = read.table
    if read.sound("api"):
        _check_api(table.api, read.at("api"), findings)
    if table.id and (FLAKE.fullmatch(table.id) is None or int(table.id) >= 1 << 63):
        findings.mistake(
            read.at("id"),
            MistakeCode.NOT_AN_ID,
            found=quoted(table.id),
            expected="the store's id, 1 to 19 digits only",
            fix="copy it from the store's dashboard, or leave it empty",
        )
    api_key = None
    if table.api_key:
        api_key = rules.secret(table.api_key, read.at("api_key"), findings) or Secret("")
        if not table.id and read.sound("id"):
            findings.mistake(
                read.at("id"),
                MistakeCode.NEEDS_STORE_ID,
                found="no id",
                expected="the store's id, because api_key is set",
                fix="copy it from the store's dashboard",
            )
    if not PLAIN_PATH.fullmatch(table.items_path):
        findings.mistake(
            read.at("items_path"),
            MistakeCode.NOT_A_PATH,
            found=quoted(table.items_path),
            expected='a plain path that starts with "/" and has no "?", "#", "//" or space',
            fix=f'write "{StoreTable().items_path}", or remove this key',
        )
    return Store(
        api=table.api.rstrip("/"),
        id=table.id,
        api_key=api_key,
        items_path=table.items_path,
        management_items=table.management_items,
    )


def _check_api(api: str, where: str, findings: Findings) -> None:
    fix = f'write "{StoreTable().api}", or remove this key'
    try:
        parts = urlsplit(api)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.username is not None or parts.password is not None:
        findings.mistake(
            where,
            MistakeCode.LOGIN_IN_URL,
            found="a URL with a user name or password",
            expected="a URL without them",
            fix=fix,
        )
    elif (
        parts.scheme not in {"http", "https"}
        or not host
        or parts.query
        or parts.fragment
        or (parts.path.rstrip("/") and not PLAIN_PATH.fullmatch(parts.path))
    ):
        findings.mistake(where, MistakeCode.NOT_A_URL, found=quoted(api), expected="https:// and a host name", fix=fix)
    elif parts.scheme == "http" and not is_loopback(host):
        findings.mistake(
            where,
            MistakeCode.NOT_HTTPS,
            found=quoted(api),
            expected="https, because perkd sends customers' tokens there (http is allowed only to this machine itself)",
            fix='write "https://" instead of "http://"',
        )


def customers(read: Read[CustomersTable], store: Store, rules: SecretRules, findings: Findings) -> Customers:
    table = read.table
    keyed = store.api_key is not None
    enrol = Enrol(table.enrol) if table.enrol is not None else Enrol.ALL if keyed else Enrol.OFF
    if enrol is not Enrol.OFF and not keyed:
        findings.mistake(
            read.at("enrol"),
            MistakeCode.NEEDS_API_KEY,
            found=f"{quoted(enrol)} without an API key",
            expected="[store] api_key and id: perkd needs both to find customers and to get tokens for them",
            fix='set both in [store], or write "off" and list the tokens in `tokens`',
        )
    if enrol is Enrol.OFF and keyed:
        findings.warn(
            read.at("enrol"),
            WarningCode.KEY_ENROLS_NOBODY,
            'there is an API key, but with "off" perkd enrols nobody: a customer who has no token in `tokens` and was '
            "not added by hand gets nothing. Remove this line if all customers of the store should get what they own",
        )
    tokens = _tokens(table.tokens, read.at("tokens"), rules, findings) if table.tokens else None
    return Customers(source=table.tokens, tokens=tokens, enrol=enrol, first_seen=FirstSeen(table.first_seen))


def _tokens(reference: str, where: str, rules: SecretRules, findings: Findings) -> tuple[TokenEntry, ...] | None:
    text = rules.document(reference, where, findings)
    if text is None:
        return None
    try:
        tokens = read_tokens(text, where)
    except ConfigError as error:
        findings.mistakes += error.mistakes
        return None
    findings.warnings += tokens.warnings
    return tokens.entries


def poll(read: Read[PollTable], findings: Findings) -> Poll:
    table = read.table
    for key, value in (("online", table.online), ("offline", table.offline)):
        if read.sound(key) and value.total_seconds() < GENTLE_POLL_S:
            findings.warn(
                read.at(key),
                WarningCode.POLLS_OFTEN,
                f"{duration_text(value)} is very often; below {GENTLE_POLL_S} seconds the store may refuse requests",
            )
    return Poll(online=table.online, offline=table.offline, rate=table.rate, concurrency=table.concurrency)


def warn_of_pace(poll: Poll, customers: Customers, store: Store, servers: Sequence[Server], findings: Findings) -> None:
    """Warns if `poll.rate` is too low to read all customers within `poll.offline`, or if the command queues and the
    feed need most of it. Customers who are online need more on top of that."""
    queues = sum(server.paynow_token is not None for server in servers)
    asked = queues * QUEUE_RATE + (FEED_RATE if store.api_key is not None else 0.0)
    # Queues and feed go first, but while customers wait, every second request is for a customer.
    count, left = len(customers.tokens or ()), max(poll.rate - asked, poll.rate / 2)
    if asked > poll.rate / 2:
        findings.warn(
            "poll.rate",
            WarningCode.QUEUES_TAKE_THE_RATE,
            f"the command queues ({queues}) and the feed alone need {asked:.2g} requests a second, more than half of "
            f"{poll.rate:g}: perkd reads them and the customers too late. Raise the rate",
        )
    takes = timedelta(seconds=math.ceil(count / left))
    if takes > poll.offline:
        beside = f" beside the command queues and the feed ({asked:.2g} a second)" if asked else ""
        findings.warn(
            "poll.rate",
            WarningCode.RATE_TOO_LOW,
            f"{count} customers at {poll.rate:g} requests a second{beside}: reading all of them takes {takes} or more, "
            f"longer than {duration_text(poll.offline)} (poll.offline). Raise the rate or the interval",
        )


def ledger(read: Read[LedgerTable], findings: Findings) -> Ledger:
    scheme, separator, path = read.table.url.partition("://")
    if scheme != "sqlite" or not separator:
        later = "; PostgreSQL is not yet part of this version" if scheme in {"postgres", "postgresql"} else ""
        findings.mistake(
            read.at("url"),
            MistakeCode.UNKNOWN_LEDGER,
            found="a URL that does not start with sqlite://" + later,
            expected="sqlite:/// and the path of the database file",
            fix=f'write "{LedgerTable().url}", or remove this key',
        )
    elif not path.startswith("/") or path.endswith(("/", ":memory:")) or set(path) & set("?#"):
        findings.mistake(
            read.at("url"),
            MistakeCode.NOT_A_PATH,
            found=quoted(read.table.url),
            expected="sqlite:/// and the full path of a file that survives a restart",
            fix=f'write "{LedgerTable().url}", or remove this key',
        )
    return Ledger(path=Path("/" + path.lstrip("/")), keep=read.table.keep)


def http(read: Read[HttpTable], findings: Findings) -> Listen | None:
    listen = read.table.listen
    if not listen:
        return None
    try:
        host, port = split_address(listen)
    except ValueError as error:
        findings.mistake(
            read.at("listen"),
            MistakeCode.NOT_AN_ADDRESS,
            found=f"{quoted(listen)}, {error}",
            expected='an address and a port, or "" for no HTTP',
            fix=f'write "{HttpTable().listen}"',
        )
        return None
    if not is_loopback(host):
        findings.warn(
            read.at("listen"),
            WarningCode.OPEN_TO_OTHERS,
            f"other machines can reach {quoted(listen)}, and everybody who reaches it can read customers and commands. "
            "Put a proxy with a login in front of it, or write 127.0.0.1",
        )
    return Listen(host, port)


def control(read: Read[ControlTable], findings: Findings) -> Path:
    socket = read.table.socket
    if not socket.startswith("/") or socket.endswith("/") or len(socket.encode()) > LONGEST_SOCKET_PATH:
        findings.mistake(
            read.at("socket"),
            MistakeCode.NOT_A_PATH,
            found=quoted(socket),
            expected=f"the full path of a socket, at most {LONGEST_SOCKET_PATH} bytes",
            fix=f'write "{ControlTable().socket}", or remove this key',
        )
    return Path(socket)


def brake(read: Read[BrakeTable]) -> BrakeLimits:
    table = read.table
    absent = WhenAbsent(table.absent)
    return BrakeLimits(share=table.share, least=table.least, window=table.window, absent=absent)
