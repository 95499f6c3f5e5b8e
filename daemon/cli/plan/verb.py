"""`perkd plan`: what this config would give and take, worked out on a copy of the ledger. Sends and writes nothing."""

from typing import Annotated

import typer

from ..options import Config, Json, config_path, settings
from ..output import say_json

AskStore = Annotated[bool, typer.Option("--fresh", help="Ask the store for every customer first, at the set pace.")]


def plan(*, fresh: AskStore = False, config: Config = None, json: Json = False) -> None:
    """What would be given and taken.

    Compares the last inventories in the ledger with this config, as the daemon would. Sends nothing, writes nothing.
    Exits 1 when it would trip the brake, or when the store could not be asked for some customers.
    """
    from . import text, work  # noqa: PLC0415 - they bring the daemon's deciding half and SQLite

    found = settings(config, need_secrets=False)
    made = work.make(found, fresh=fresh)
    if json:
        say_json(work.as_json(made, found))
    elif made.first_start and not fresh:
        text.show_first_start(found)
    else:
        text.show(made, config_path(config), found)
    raise typer.Exit(1 if made.brake_trips or made.failed else 0)
