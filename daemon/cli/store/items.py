"""`perkd store inventory`: shows what a customer owns, assigns a product to them, and revokes an item."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ...paynow import Assignment
from ..errors import Code, NotWell, WrongUse
from ..options import Config, Json, Yes
from ..output import confirm, many, say, warn
from ..progress import counting
from .customers import CustomerId
from .fields import an_id, body, end_option, pairs
from .session import access_of, ask
from .text import items_table, list_json

if TYPE_CHECKING:
    from ...paynow import Management, StoreItem

HIDDEN = (
    "an item without commands is probably invisible to the customer's token. Then perkd never sees it and gives "
    "nothing for it"
)

ItemId = Annotated[str, typer.Argument(metavar="ITEM", help="The item's id, as `perkd store inventory show` lists it.")]
Active = Annotated[bool, typer.Option("--active", help="Only items that the store counts as active.")]
Product = Annotated[str, typer.Option("--product", metavar="ID", help="The product, in its current version.")]
Version = Annotated[str, typer.Option("--version", metavar="ID", help="Instead, one version of a product.")]
Quantity = Annotated[int, typer.Option("--quantity", metavar="N", help="How many items, 1 to 20.")]
Expires = Annotated[str, typer.Option("--expires", metavar="TIME", help="When it ends, such as 2027-01-31T00:00:00Z.")]
GameServer = Annotated[
    str, typer.Option("--gameserver", metavar="ID", help="Run its commands only on this game server.")
]
SkipCommands = Annotated[
    bool, typer.Option("--skip-commands", help="Run no command for it. It is then probably hidden from perkd.")
]
Variable = Annotated[
    list[str] | None, typer.Option("--variable", metavar="KEY=VALUE", help="A custom variable. Can be repeated.")
]


def show(customer_id: CustomerId, *, active: Active = False, config: Config = None, json: Json = False) -> None:
    """List what a customer owns, oldest first."""
    an_id("customer", customer_id)
    found: list[StoreItem] = []

    async def work(management: "Management") -> None:
        async for page in management.items.of_customer(customer_id, active_only=active):
            found.extend(page)
            step(len(page))

    with counting("reading items", "read {done} items") as step:
        ask(access_of(config), work)
    if json:
        list_json("items", found)
    elif found:
        items_table(found)
    else:
        say(f"customer {customer_id} owns nothing{' that is active' if active else ''}")


def assign(  # noqa: PLR0913 - one argument for each option
    customer_id: CustomerId,
    *,
    product: Product = "",
    version: Version = "",
    quantity: Quantity = 1,
    expires: Expires = "",
    gameserver: GameServer = "",
    skip_commands: SkipCommands = False,
    variable: Variable = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Give a customer a product, as if they had bought it.

    If the store's answer is lost, perkd does not send the request again. It reads the inventory to see the result.
    """
    an_id("customer", customer_id)
    if bool(product) == bool(version):
        raise WrongUse(
            Code.WRONG_CHOICE,
            "give either --product or --version: `perkd store products` lists both ids",
        )
    given: dict[str, object] = {"quantity": quantity}
    given |= {"product_id": product} if product else {"product_version_id": version}
    given |= {"execute_on_gameserver_id": gameserver} if gameserver else {}
    given |= {"skip_commands": True} if skip_commands else {}
    given |= {"custom_variables": pairs(variable, "--variable")} if variable else {}
    if expires:
        given["override_expires_at"] = end_option(expires, datetime.now(UTC))
    what = body(Assignment, given)
    where = access_of(config)
    if what.hidden:
        warn(f"--skip-commands: {HIDDEN}")
    made: list[StoreItem] = ask(
        where,
        lambda management: management.items.assign(customer_id, what),
        unsure="interrupted: perkd does not know whether the store assigned the product. Look at "
        f"`perkd store inventory show {customer_id}` before you try again",
    )
    if json:
        list_json("items", made)
        return
    say(f"customer {customer_id} has {many(len(made), 'new item')}")
    if made:
        say()
        items_table(made)


def revoke(customer_id: CustomerId, item_id: ItemId, *, yes: Yes = False, config: Config = None) -> None:
    """Take an item back from a customer.

    perkd then takes away what it gave for the item.
    """
    an_id("customer", customer_id)
    an_id("item", item_id)
    where = access_of(config)
    if not confirm(
        f"Revoke item {item_id} of customer {customer_id}? perkd then takes away what it gave for the item.",
        yes=yes,
        instead="a revoked item cannot be brought back, and there is no terminal to ask on: add --yes to confirm",
    ):
        raise NotWell(Code.DECLINED, "nothing was changed")
    ask(
        where,
        lambda management: management.items.revoke(customer_id, item_id),
        unsure=f"interrupted: perkd does not know whether item {item_id} was revoked. Look at `perkd store inventory "
        f"show {customer_id}`. It is safe to revoke it again",
    )
    say(f"item {item_id} of customer {customer_id} is revoked")
