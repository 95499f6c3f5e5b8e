"""The verbs of `perkd store` and their groups; `products` is here, the others are in the modules beside."""

from typing import TYPE_CHECKING

import typer

from ..options import Config, Json
from ..output import say
from . import (
    assign_bulk,
    change,
    create_bulk,
    customers,
    items,
    tokens,
)
from .session import access_of, ask
from .text import list_json, products_table

if TYPE_CHECKING:
    from ...paynow import Product


def _group(text: str) -> typer.Typer:
    return typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None, add_completion=False)


app = _group("Look up and change customers and items in your store (needs an API key).")
customers_verbs = _group("Find, list, create and change customers of the store.")
tokens_verbs = _group("Make a token for a customer, or make tokens stop working.")
inventory_verbs = _group("Show, assign and revoke items of customers.")
app.add_typer(customers_verbs, name="customers")
app.add_typer(tokens_verbs, name="tokens")
app.add_typer(inventory_verbs, name="inventory")

customers_verbs.command(name="list")(customers.list_)
customers_verbs.command()(customers.export)
customers_verbs.command()(customers.lookup)
customers_verbs.command()(customers.show)
customers_verbs.command()(change.create)
customers_verbs.command()(change.update)
customers_verbs.command(name="create-bulk")(create_bulk.create_bulk)
tokens_verbs.command()(tokens.create)
tokens_verbs.command()(tokens.invalidate)
tokens_verbs.command(name="invalidate-all")(tokens.invalidate_all)
inventory_verbs.command()(items.show)
inventory_verbs.command()(items.assign)
inventory_verbs.command()(items.revoke)
inventory_verbs.command(name="assign-bulk")(assign_bulk.assign_bulk)


@app.command()
def products(*, config: Config = None, json: Json = False) -> None:
    """List products with ids, versions and commands.

    A product without commands is hidden from customers' tokens, and so from perkd.
    """
    found: list[Product] = ask(access_of(config), lambda management: management.products())
    if json:
        list_json("products", found)
    elif found:
        products_table(found)
    else:
        say("the store has no products")
