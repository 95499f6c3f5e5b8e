"""`perkd check --connect`: the store and each server asked once, and what the answers mean for the owner."""

import asyncio
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..config import Settings
from .asking import Daemon
from .connectservers import Held, ServerSaid, ask_servers, held_by
from .connectstore import SAMPLE, StoreSaid, ask_store, sample
from .errors import OutOfReach
from .output import STYLES, many, printable, say, warn
from .progress import progress

INVISIBLE = (
    "A product without any command in the store's dashboard is invisible to its customer's token, and so to perkd. "
    "Give each product one harmless command there, bound to a game server; it need not do anything."
)


@dataclass(slots=True)
class Connected:
    """What was asked and answered."""

    store: StoreSaid
    servers: list[ServerSaid]
    daemon: Held
    warnings: list[str] = field(default_factory=list)

    @property
    def code(self) -> int:
        if not self.store.reached and not any(server.reached for server in self.servers):
            return OutOfReach.code
        return 0 if self.store.well and all(server.well for server in self.servers) else 1

    def to_json(self) -> dict[str, Any]:
        return {
            "well": self.code == 0,
            "daemon": self.daemon.names is not None,
            "store": asdict(self.store),
            "servers": [asdict(server) for server in self.servers],
            "not_checked": self.warnings,
            "note": INVISIBLE,
        }


def connect(found: Settings, config: Path | None) -> Connected:
    """Asks everybody; progress goes to stderr."""
    return asyncio.run(_connect(found, config))


async def _connect(found: Settings, config: Path | None) -> Connected:
    daemon = Daemon(config)
    held = await held_by(daemon)
    tokens = found.customers.tokens or ()
    asked = sample(tokens) if tokens else []
    counted = f"asked the store for {{done}} of {many(len(asked), 'token')}"
    with progress(len(asked), "asking the store", counted) as step:
        store = await ask_store(found, asked, step)
    names = ", ".join(f"{server.name} ({server.endpoint.address})" for server in found.servers)
    if names:
        warn(f"asking {names}", style="")
    servers = await ask_servers(found.servers, daemon, held)
    made = Connected(store, servers, held)
    if found.customers.source and found.customers.tokens is None:
        made.warnings.append(f"the tokens of {found.customers.source}: they could not be read here")
    made.warnings += [f"server {one.name}: {one.note}" for one in servers if one.state == "not_checked" and one.note]
    return made


def show(made: Connected) -> None:
    """The answers for a person: what is not well with its fix, warnings after it, one line at the end."""
    say()
    _store(made.store)
    say()
    for server in made.servers:
        _server(server)
    say()
    for warning in made.store.warnings:
        say(f"warning: {printable(warning)}", style=STYLES["warning"])
    for warning in made.warnings:
        say(f"warning: not checked: {printable(warning)}", style=STYLES["warning"])
    say(f"note: {INVISIBLE}")
    say()
    if made.code == OutOfReach.code:
        say("Nothing could be reached: is this machine's network up?", style=STYLES["error"])
    elif made.code:
        say("Not all is well: see above.", style=STYLES["error"])
    else:
        say("All is well." if not made.warnings else "All that could be checked is well.")


def _store(store: StoreSaid) -> None:
    good = sum(token.items is not None for token in store.tokens)
    if store.state != "ok":
        say(f"store {store.api}: {store.state}: {printable(store.error)}", style=STYLES["error"])
        if store.not_asked:
            say(f"  {many(store.not_asked, 'more token')} not asked for: it would be no different")
    elif not store.tokens:
        say(f"store {store.api}: answers; there is no token to ask with")
    else:
        of = f", a sample of {store.listed}" if store.listed > SAMPLE else ""
        say(f"store {store.api}: answers, {good} of {many(len(store.tokens), 'token')} good{of}")
    for token in store.tokens:
        who = f"{printable(token.name)} (customer {token.customer_id})" if token.customer_id else ""
        if token.items is not None:
            say(f"  {printable(token.where)}: {who}, {many(token.items, 'item')} visible")
        elif store.error != token.error:
            what = "REFUSED" if token.refused else "failed"
            say(f"  {printable(token.where)}: {who}{' ' if who else ''}{what}: {printable(token.error)}", style="red")


def _server(server: ServerSaid) -> None:
    head = f"server {server.name} ({server.game} at {server.address}): "
    through = "asked through the running daemon" if server.through == "daemon" else ""
    if server.state == "not_checked" and server.error is None:
        say(f"{head}not checked", style=STYLES["warning"])
    elif server.error is None:
        words = [
            f"{many(server.players or 0, 'player')} online",
            f"answered in {1000 * (server.latency_s or 0):.0f} ms",
        ]
        if len(server.transports) > 1:
            words.append(f"{' and '.join(server.transports)} agree")
        say(head + ", ".join(filter(None, (*words, through))), style=STYLES["up"])
        if server.note:
            say(f"  {printable(server.note)}")
    else:
        say(f"{head}{server.state.upper()}: {printable(server.error)}", style=STYLES["error"])
        if through:
            say(f"  {through}")
        if server.fix:
            say(f"  fix: {printable(server.fix)}")
