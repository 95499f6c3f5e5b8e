"""`perkd plan`: what this config would give and take away, on a copy of the ledger. Sends and writes nothing."""

from typing import Annotated

import typer

from ..options import Config, Json, config_path, settings
from ..output import say_json

AskStore = Annotated[
    bool, typer.Option("--fresh", help="First ask the store for every customer, at the configured pace.")
]


def plan(*, fresh: AskStore = False, config: Config = None, json: Json = False) -> None:
    """Show what perkd would give and take away.

    Compares this configuration with the last inventories in the ledger, as the daemon would. Sends nothing, writes
    nothing. Exits with 1 when the plan would trip the brake, or when the store could not be asked for some customers.
    """
    from . import text, work  # noqa: PLC0415 - they import the polling code and SQLite

    found = settings(config, need_secrets=False)
    made = work.make(found, fresh=fresh)
    if json:
        say_json(work.as_json(made, found))
    elif made.first_start and not fresh:
        text.show_first_start(found)
    else:
        text.show(made, config_path(config), found)
    raise typer.Exit(1 if made.brake_trips or made.failed else 0)
