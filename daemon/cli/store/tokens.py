"""`perkd store tokens`: makes a token for a customer, or makes tokens stop working. It never prints a token."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.model import Secret
from ..asking import Daemon
from ..errors import CliError, Code, NotWell, OutOfReach, WrongUse
from ..options import Config, Yes
from ..output import confirm, printable, say, warn
from .customers import CustomerId
from .fields import an_id, shown
from .remainder import write_new
from .session import StoreAccess, access_of, ask

if TYPE_CHECKING:
    from ...paynow import Management

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Instead, write the token to a new file that only you can read."),
]
StoreId = Annotated[str, typer.Option("--store-id", metavar="ID", help="The store's id, as confirmation.")]

PERKD_TOO = (
    "also the tokens that perkd uses. If [customers] enrol is on, perkd makes itself new ones, at most one an hour for "
    "each customer. If not, `perkd store tokens create {customer}` gives it a new one"
)
GO_ON = "Type the store's id to continue"
AGAIN = "interrupted: perkd does not know whether {whose} still work. It is safe to run this again"


def create(customer_id: CustomerId, *, out: Out = None, config: Config = None) -> None:
    """Make a token and hand it to the running daemon.

    The daemon then reads the customer's inventory with it. With --out, the token goes to a file instead. The customer's
    other tokens stay valid. perkd never shows the token.
    """
    an_id("customer", customer_id)
    where = access_of(config)
    if out is not None:
        _to_file(where, customer_id, out)
        return
    daemon = Daemon(config)
    try:
        daemon.get("/brake")  # first, because nobody could keep the token if the daemon does not answer
    except OutOfReach as error:
        raise OutOfReach(
            error.code, f"no token was made: {error}. --out FILE writes a token to a file instead"
        ) from error
    token = _mint(where, customer_id)
    try:
        added = daemon.post("/customers", {"token": token.reveal(), "name": "", "note": ""})
    except CliError as error:
        raise type(error)(
            Code.TOKEN_LOST,
            f"a token was made, but the daemon did not take it, so it is lost: {error}. Run this again when the daemon "
            "is well; the lost token does no harm",
        ) from error
    say(f"{printable(added['name'])} (customer {added['customer_id']}) is added, with a new token")


def invalidate(customer_id: CustomerId, *, yes: Yes = False, config: Config = None) -> None:
    """Make every token of one customer stop working.

    This includes the token with which perkd reads the customer's inventory.
    """
    an_id("customer", customer_id)
    where = access_of(config)
    too = PERKD_TOO.format(customer=customer_id)
    if not yes:
        warn(f"this makes every token of the customer stop working, {too}")
    if not confirm(
        f"Make every token of customer {customer_id} stop working?",
        yes=yes,
        instead="this cannot be undone, and there is no terminal to ask on: add --yes to confirm",
    ):
        raise NotWell(Code.DECLINED, "nothing was changed")
    unsure = AGAIN.format(whose=f"the tokens of customer {customer_id}")
    ask(where, lambda management: management.customers.invalidate(customer_id), unsure=unsure)
    say(f"no token of customer {customer_id} works any more, {too}")


def invalidate_all(*, store_id: StoreId = "", yes: Yes = False, config: Config = None) -> None:
    """Make every token of every customer stop working.

    To confirm, type the store's id, or give --store-id ID --yes. All customers are logged out of the store, and perkd
    reads nobody until it has new tokens. PayNow offered this in 2025. If your store does not offer it, perkd says so.
    """
    where = access_of(config)
    if yes and not store_id:
        raise WrongUse(Code.WRONG_CHOICE, "also name the store: --store-id ID --yes")
    if store_id and store_id != where.store.id:
        text = f"--store-id {shown(store_id)} is not the store in the configuration, which is {where.store.id}"
        raise WrongUse(Code.OTHER_STORE, text)
    warn(
        f"this makes every token of every customer of store {where.store.id} stop working, "
        f"{PERKD_TOO.format(customer='ID')}"
    )
    if not yes:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            text = "this cannot be undone, and there is no terminal to ask on: add --store-id ID --yes to confirm"
            raise WrongUse(Code.NEEDS_YES, text)
        if typer.prompt(GO_ON).strip() != where.store.id:
            raise NotWell(Code.OTHER_STORE, "that is not the id of the store in the configuration: nothing was changed")
    unsure = AGAIN.format(whose=f"the tokens of store {where.store.id}")
    ask(where, lambda management: management.customers.invalidate_all(), unsure=unsure)
    say(f"no token of any customer of store {where.store.id} works any more")


def _mint(where: StoreAccess, customer_id: str) -> Secret:
    async def work(management: "Management") -> Secret:
        return await management.customers.mint(customer_id)

    return ask(where, work)


def _to_file(where: StoreAccess, customer_id: str, out: Path) -> None:
    """Makes a token and writes it to a new file. The file is made first, so that the token has a place to go."""
    try:
        write_new(out, "")
    except FileExistsError:
        text = f"{out} exists already, and perkd does not overwrite it: name another file. No token was made"
        raise WrongUse(Code.FILE_EXISTS, text) from None
    try:
        token = _mint(where, customer_id)
        out.write_text(token.reveal() + "\n", "utf-8")
    except OSError as error:
        text = f"{out} cannot be written ({error.strerror}), so the new token is lost: make another one"
        raise NotWell(Code.TOKEN_LOST, text) from error
    finally:
        if not out.stat().st_size:
            out.unlink()
    say(f"the token of customer {customer_id} is in {out}, which only you can read")
    say(f"`perkd customers add --token-file {out}` gives it to perkd; delete the file afterwards")
