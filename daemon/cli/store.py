"""`perkd store`: the customers, tokens, inventories and products of the store, with the API key of the config."""

from typing import TYPE_CHECKING

import typer

from . import storeassign, storechange, storecustomers, storeitems, storenewcustomers, storetokens
from .options import Config, Json
from .output import say
from .storedesk import ask, desk
from .storetext import list_json, products_table

if TYPE_CHECKING:
    from ..paynow.documents import Product


def _group(text: str) -> typer.Typer:
    return typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None, add_completion=False)


app = _group("What support does at the store, with [store] api_key.")
customers = _group("The customers of the store.")
tokens = _group("The tokens customers and perkd log in with.")
inventory = _group("What a customer owns: show, assign, revoke.")
app.add_typer(customers, name="customers")
app.add_typer(tokens, name="tokens")
app.add_typer(inventory, name="inventory")

customers.command(name="list")(storecustomers.list_)
customers.command()(storecustomers.export)
customers.command()(storecustomers.lookup)
customers.command()(storecustomers.show)
customers.command()(storechange.create)
customers.command()(storechange.update)
customers.command(name="create-bulk")(storenewcustomers.create_bulk)
tokens.command()(storetokens.create)
tokens.command()(storetokens.invalidate)
tokens.command(name="invalidate-all")(storetokens.invalidate_all)
inventory.command()(storeitems.show)
inventory.command()(storeitems.assign)
inventory.command()(storeitems.revoke)
inventory.command(name="assign-bulk")(storeassign.assign_bulk)


@app.command()
def products(*, config: Config = None, json: Json = False) -> None:
    """Everything on sale: ids, versions, and the commands the store runs.

    A product without commands is hidden from its customers' tokens, and so from perkd.
    """
    found: list[Product] = ask(desk(config), lambda management: management.products())
    if json:
        list_json("products", found)
    elif found:
        products_table(found)
    else:
        say("the store has no products")
