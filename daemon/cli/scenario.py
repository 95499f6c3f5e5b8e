"""The scenario of `perkd sandbox`: what its store sells, who its customers are, its introduction and its config."""

import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from ..config import duration_text
from ..sandbox import PASSWORD, STORE_ID, ProductCommand, Sandbox, Style
from .errors import Code, NotWell

SWEEPER_LAG = timedelta(minutes=1)  # like the real store, it notices an end up to a minute late
MARK = "# written by `perkd sandbox`, which replaces this file each time"
GAME = Style.GMOD  # of the Source server; `game` in the config has the same word
PRODUCTS = {
    "vip-30-days": timedelta(days=30),
    "vip-5-minutes": timedelta(minutes=5),
    "starter-kit": None,
    "builder-30-days": timedelta(days=30),
}
CUSTOMERS = {
    "Ann": "vip-30-days",
    "Bob": "starter-kit",
    "Cleo": None,
    "Dora": None,
    "Eve": "vip-30-days",
}  # name → the product they own from the start
FOUND = {"Eve"}  # not in the tokens file: perkd finds them with the API key
SOLD_FOR = {
    "vip-30-days": "survival",
    "vip-5-minutes": "survival",
    "starter-kit": "creative",
    "builder-30-days": "roleplay",
}  # product → the game server whose queue activates it
STEAM = {"Dora": 22202}  # name → Steam account number; the others play Minecraft

SHOP = """\
[store]
api = "{api}"
id = "{store_id}"
api_key = "{api_key}"               # perkd finds all customers, makes their tokens, and sees purchases at once

[poll]
offline = "10s"                     # for a real store the default is 15 minutes
"""
SERVER = """\
[[server]]
name = "{name}"
game = "{game}"
address = "{address}"
password = "{password}"
paynow_id = "{paynow_id}"
paynow_token = "{paynow_token}"
"""
PERKS = """\
[[perk]]
name = "vip"
kind = "lasting"
products = ["vip-30-days", "vip-5-minutes"]
servers = ["survival"]
grant = ["lp user {uuid} parent add vip"]
revoke = ["lp user {uuid} parent remove vip"]
revoke_on = { chargeback = ["ban {name} Chargeback"] }

[[perk]]
name = "starter-kit"
kind = "once"
products = ["starter-kit"]
servers = ["creative"]
grant = ["give {name} iron_sword 1"]

[[perk]]
name = "builder"
kind = "lasting"
products = ["builder-30-days"]
servers = ["roleplay"]
grant = ["ulx adduserid {steam_id2} builder"]
revoke = ["ulx removeuserid {steam_id2}"]
"""
PLACES = """\
[customers]
tokens = "file:{customers}"

[ledger]
url = "sqlite://{state}/ledger.db"

[control]
socket = "{state}/control.sock"
"""


def furnish(box: Sandbox) -> dict[str, str]:
    """Adds game servers, products, customers and a few purchases. Returns customer name → token."""
    for name, _, _ in _servers(box):
        box.store.add_gameserver(name)
    for slug, lasts in PRODUCTS.items():
        [gameserver] = [one for one in box.store.gameservers.values() if one.name == SOLD_FOR[slug]]
        box.store.add_product(
            slug, lasts=lasts, commands=[ProductCommand(content="perkd", gameserver_ids=(gameserver.id,))]
        )
    tokens = {}
    for name, owned in CUSTOMERS.items():
        if name in STEAM:
            ids = [server.console.join(name, STEAM[name]) for server in box.source.values()]
            tokens[name] = box.store.add_customer(name, steam_id=ids[0])
        else:
            uuids = [server.console.account(name) for server in box.servers.values()]
            tokens[name] = box.store.add_customer(name, uuids[0])
        for item in box.store.purchase(name, owned) if owned else ():
            for attempt in item.attempts:
                box.store.acknowledge(attempt.gameserver_id, attempt.id)
    return tokens


def introduction(box: Sandbox, tokens: Mapping[str, str]) -> Iterable[str]:
    """The lines that say where everything is and how to play with it."""
    yield "An emulated PayNow store, two emulated Minecraft servers and one Garry's Mod server, on this machine only."
    yield ""
    yield f"store      {box.store.url}"
    for name, _, address in _servers(box):
        yield f"{name:<10} {address} (RCON password: {PASSWORD})"
    yield f"control    {box.control.url}"
    yield f"API key    {box.store.api_key} (of store {STORE_ID})"
    yield ""
    yield "products (each has the command `perkd`, so perkd activates its items):"
    for product in box.store.products.values():
        lasts = duration_text(product.lasts).strip('"') if product.lasts else "forever"
        yield f"  {product.slug:<15} lasts {lasts}"
    yield "customers with their tokens, which work only here (they bought what they own before perkd started):"
    for name, token in tokens.items():
        owned = CUSTOMERS[name]
        remark = " (plays on Steam)" if name in STEAM else " (not in the tokens file)" if name in FOUND else ""
        yield f"  {name:<5} owns {owned or 'nothing yet':<12} {token}{remark}"
    yield ""
    yield "Try these (GET / lists everything; replace ITEM by the id of an item):"
    post = f"  curl -s -X POST {box.control.url}"
    yield f"""{post}/purchases -d '{{"customer": "Cleo", "product": "vip-5-minutes"}}'"""
    yield f"""{post}/purchases -d '{{"customer": "Bob", "product": "starter-kit"}}'"""
    yield f"""{post}/purchases -d '{{"customer": "Dora", "product": "builder-30-days"}}'"""
    yield f"""{post}/items/ITEM/revoke -d '{{"reason": "chargeback"}}'"""
    yield f"{post}/servers/survival/down"
    yield f"""{post}/faults -d '{{"fault": "server_error"}}'"""
    yield f"  curl -s {box.control.url}/"
    yield ""


def _servers(box: Sandbox) -> Iterable[tuple[str, str, str]]:
    """Name, `game` in the config, and address of each server."""
    for name, server in box.servers.items():
        yield name, "minecraft", server.address
    for name, source in box.source.items():
        yield name, source.console.style.value, source.address


def config(box: Sandbox) -> str:
    """The parts of a config that match this sandbox."""
    gameservers = {one.name: one for one in box.store.gameservers.values()}
    servers = [
        SERVER.format(
            name=name,
            game=game,
            address=address,
            password=PASSWORD,
            paynow_id=gameservers[name].id,
            paynow_token=gameservers[name].token,
        )
        for name, game, address in _servers(box)
    ]
    shop = SHOP.format(api=box.store.url, store_id=STORE_ID, api_key=box.store.api_key)
    return "\n".join([shop, *servers, PERKS])


def write(box: Sandbox, tokens: Mapping[str, str], path: Path) -> Iterable[str]:
    """Writes a complete config and a tokens file that only this user can read. Raises NotWell when one of the files
    exists and was not written by `perkd sandbox`."""
    customers, state = path.with_name(f"{path.stem}-customers.toml"), path.with_name(f"{path.stem}-state")
    for file in (path, customers):
        if file.exists() and not file.read_text("utf-8", "replace").startswith(MARK):
            text = f"{file} exists and was not written by `perkd sandbox`: choose another path for --write-config"
            raise NotWell(Code.FILE_EXISTS, text)
    entries = [
        f'[[customer]]\ntoken = "{token}"\nname = "{name}"\n' for name, token in tokens.items() if name not in FOUND
    ]
    places = PLACES.format(customers=customers, state=state)
    try:
        state.mkdir(mode=0o700, exist_ok=True)
        _put(customers, "\n".join([MARK, *entries]))
        _put(path, "\n".join([MARK, config(box), places]))
    except OSError as error:
        raise NotWell(Code.FILE_UNWRITABLE, f"{path} cannot be written: {error.strerror}") from error
    yield f"Written: {path}. In another terminal:"
    for verb in ("check --connect", "run", "status"):
        yield f"  perkd {verb} -c {path}"
    yield f"perkd remembers in {state} what it gave. Delete that folder for a fresh start."
    yield ""


def _put(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
