"""`perkd check --connect`: asks the store and each server once, and shows what the answers mean for the owner."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...config import Settings
from ...core.model import Item
from ..asking import Daemon
from ..errors import OutOfReach
from ..output import STYLES, Style, many, printable, say, warn
from ..progress import progress
from .key import KeyResult, KeyState, ask_with_key, judge, judge_sample
from .products import Severity
from .servers import Held, ServerResult, ServerState, Through, ask_servers, held_by
from .tokens import SAMPLE, StoreResult, StoreState, ask_store, never_seen, sample

INVISIBLE = (
    "A product without any command in the store's dashboard is invisible to the customer's token, and so to perkd. "
    "Give each product the command `perkd` there, for one of your game servers."
)
WITH_A_KEY = (
    "The products themselves were not checked. With [store] api_key, check --connect shows which products are missing, "
    "invisible, or delivered twice."
)
TRIED_BY_RUN = (
    "The tokens of game servers (paynow_token) were not tried, because that would link them at the store. "
    "`perkd run` tries them."
)
# States of the key that mean that the store itself is not well.
STORE_TROUBLE = {
    KeyState.LIMITED: StoreState.LIMITED,
    KeyState.FAILING: StoreState.FAILING,
    KeyState.UNREACHABLE: StoreState.UNREACHABLE,
}


@dataclass(slots=True)
class Connected:
    """What was asked, and the answers."""

    store: StoreResult
    key: KeyResult
    servers: list[ServerResult]
    daemon: Held
    notes: list[str]
    warnings: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        if not self.store.reached and not any(server.reached for server in self.servers):
            return OutOfReach.exit_code
        return 0 if self.store.well and self.key.well and all(server.well for server in self.servers) else 1

    def to_json(self) -> dict[str, Any]:
        return {
            "well": self.exit_code == 0,
            "daemon": self.daemon.names is not None,
            "store": asdict(self.store),
            "api_key": {name: getattr(self.key, name) for name in ("state", "error", "items", "warnings")},
            "products": [asdict(one) for one in self.key.found],
            "servers": [asdict(server) for server in self.servers],
            "not_checked": self.warnings,
            "note": INVISIBLE,
            "notes": self.notes,
        }


def connect(found: Settings, config: Path | None) -> Connected:
    """Asks the store and all servers; progress goes to stderr."""
    return asyncio.run(_connect(found, config))


async def _connect(found: Settings, config: Path | None) -> Connected:
    daemon = Daemon(config)
    held = await held_by(daemon)
    tokens = found.customers.tokens or ()
    asked = sample(tokens) if tokens else []
    counted = f"asked the store about {{done}} of {many(len(asked), 'token')}"
    with progress(len(asked), "asking the store", counted) as step:
        store, seen = await ask_store(found, asked, step, knock=not _has_key(found))
    key = await _ask_key(found, store, seen)
    names = ", ".join(f"{server.name} ({server.endpoint.address})" for server in found.servers)
    if names:
        warn(f"asking {names}", style=Style.PLAIN)
    servers = await ask_servers(found.servers, daemon, held)
    made = Connected(store, key, servers, held, list(_notes(found, key)))
    if key.state is KeyState.NOT_CHECKED:
        made.warnings.append("the API key ([store] api_key): it could not be read here")
    if found.customers.source and found.customers.tokens is None:
        made.warnings.append(f"the tokens of {found.customers.source}: they could not be read here")
    made.warnings += [
        f"server {one.name}: {one.note}" for one in servers if one.state is ServerState.NOT_CHECKED and one.note
    ]
    return made


def _has_key(found: Settings) -> bool:
    return found.store.api_key is not None and bool(found.store.api_key.reveal())


async def _ask_key(found: Settings, store: StoreResult, seen: list[Item]) -> KeyResult:
    """Asks with the API key, unless the store did not answer before."""
    if store.state is not StoreState.OK:
        key = KeyResult(KeyState.NOT_ASKED if _has_key(found) else KeyState.NO_KEY)
    else:
        key, products, newest = await ask_with_key(found)
        judge(key, found, products, newest)
        if key.state in STORE_TROUBLE:
            store.state, store.error = STORE_TROUBLE[key.state], key.error
    if key.state is not KeyState.OK:
        store.warnings += never_seen(store, found.perks, seen)
    judge_sample(key, found, seen, store.read)
    return key


def _notes(found: Settings, key: KeyResult) -> Iterator[str]:
    if key.state is not KeyState.OK:
        yield INVISIBLE
    if key.state is KeyState.NO_KEY:
        yield WITH_A_KEY
    if any(server.paynow_token is not None for server in found.servers):
        yield TRIED_BY_RUN


def show(made: Connected) -> None:
    """Prints the answers: each fault with its fix, then warnings and notes, then one line with the result."""
    say()
    _store(made.store)
    _key(made.key)
    say()
    for server in made.servers:
        _server(server)
    say()
    for warning in (*made.store.warnings, *made.key.warnings):
        say(f"warning: {printable(warning)}", style=Style.DOUBTFUL)
    for warning in made.warnings:
        say(f"warning: not checked: {printable(warning)}", style=Style.DOUBTFUL)
    for note in made.notes:
        say(f"note: {note}")
    say()
    if made.exit_code == OutOfReach.exit_code:
        say("Nothing could be reached: is this machine's network up?", style=Style.BAD)
    elif made.exit_code:
        say("Not everything is well: see above.", style=Style.BAD)
    elif any(one.severity is Severity.WARNING for one in made.key.found):
        say("Nothing is broken, but look at the warnings above.", style=Style.DOUBTFUL)
    else:
        say("Everything is well." if not made.warnings else "Everything that could be checked is well.")


def _store(store: StoreResult) -> None:
    good = sum(token.items is not None for token in store.tokens)
    if store.state is not StoreState.OK:
        say(f"store {store.api}: {store.state}: {printable(store.error)}", style=Style.BAD)
        if store.not_asked:
            say(f"  {many(store.not_asked, 'more token')} not tried: the result would be the same")
    elif not store.tokens:
        say(f"store {store.api}: answers; there is no token to try")
    else:
        of = f" (a sample of {store.listed})" if store.listed > SAMPLE else ""
        say(f"store {store.api}: answers, {good} of {many(len(store.tokens), 'token')} good{of}")
    for token in store.tokens:
        who = f"{printable(token.name)} (customer {token.customer_id})" if token.customer_id else ""
        if token.items is not None:
            say(f"  {printable(token.where)}: {who}, {many(token.items, 'item')} visible")
        elif store.error != token.error:
            what = "REFUSED" if token.refused else "failed"
            say(
                f"  {printable(token.where)}: {who}{' ' if who else ''}{what}: {printable(token.error)}",
                style=Style.REFUSED,
            )


def _key(key: KeyResult) -> None:
    if key.state is KeyState.OK:
        items = "" if key.items is None else f" and the newest {many(key.items, 'item')}"
        say(f"API key: good; perkd read {many(key.products, 'product')}{items}")
    elif key.state is KeyState.NOT_PERMITTED:
        say(f"API key: the products were not checked: {printable(key.error)}", style=Style.DOUBTFUL)
    elif key.state is KeyState.REFUSED:
        say(f"API key: REFUSED: {printable(key.error)}", style=Style.BAD)
    for one in key.found:
        perks = f" (perk{'' if len(one.perks) == 1 else 's'} {', '.join(one.perks)})" if one.perks else ""
        text = f"  {one.severity}: product {printable(one.product)}{perks}: {printable(one.text)}"
        say(text, style=STYLES[one.severity], code=one.code)
        say(f"    fix: {printable(one.fix)}")


def _server(server: ServerResult) -> None:
    head = f"server {server.name} ({server.game} at {server.address}): "
    through = "asked through the running daemon" if server.through is Through.DAEMON else ""
    if server.state is ServerState.NOT_CHECKED and server.error is None:
        say(f"{head}not checked", style=Style.DOUBTFUL)
    elif server.error is None:
        words = [
            f"{many(server.players or 0, 'player')} online",
            f"answered in {1000 * (server.latency_s or 0):.0f} ms",
        ]
        if len(server.transports) > 1:
            words.append(f"{' and '.join(server.transports)} agree")
        say(head + ", ".join(filter(None, (*words, through))), style=Style.GOOD)
        if server.note:
            say(f"  {printable(server.note)}")
    else:
        say(f"{head}{server.state.upper()}: {printable(server.error)}", style=Style.BAD)
        if through:
            say(f"  {through}")
        if server.fix:
            say(f"  fix: {printable(server.fix)}")
