"""CSV files for the bulk verbs of `perkd store`, and a store that acts when a certain request has arrived.

The flow tests of the bulk verbs use it.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

from perkd.daemon.cli.store.remainder import lines_text, numbers
from perkd.daemon.sandbox.store.goods import STORE_ID
from tests.world import Said, World

ITEMS = f"/v1/stores/{STORE_ID}/delivery/items"
CUSTOMERS = f"/v1/stores/{STORE_ID}/customers"
HEAD = "customer_id,product_version_id,quantity,execute_on_gameserver_id,override_expires_at,skip_commands\n"
ASSIGN = ("store", "inventory", "assign-bulk")
CREATE = ("store", "customers", "create-bulk")


def write(path: Path, text: str | bytes) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def names(folder: Path) -> list[str]:
    """The CSV files and what perkd wrote beside them."""
    return sorted(path.name for path in folder.glob("*.csv*"))


def states(said: Said) -> dict[str, str]:
    """What a verb with --json says of the lines: each state with its lines, as `2-13`."""
    found: dict[str, list[int]] = {}
    for row in json.loads(said.out)["results"]:
        found.setdefault(row["state"], []).append(row["line"])
    return {state: lines_text(lines).split(" ", 1)[1] for state, lines in found.items()}


def shown_lines(out: str) -> list[tuple[int, ...]]:
    """What it says for people: the lines of each state, in the order of the states."""
    return [numbers(line.partition("lines ")[2].partition(" (")[0]) for line in out.splitlines()]


def replace_line(file: str, number: int, text: str) -> None:
    lines = Path(file).read_text("utf-8").splitlines()
    lines[number - 1] = text
    write(Path(file), "\n".join(lines))


def big(world: World, path: Path, rows: int = 40) -> str:
    """Rows of 20 items, so 12 of them fill a request; each for a customer of its own."""
    version = world.store.product("vip-30-days").version_id
    for number in range(rows):
        world.store.add_customer(f"P{number}")
    lines = (f"{world.store.customer(f'P{number}').id},{version},20,,,\n" for number in range(rows))
    return write(path, HEAD + "".join(lines))


def owned(world: World, rows: int = 40) -> list[int]:
    return [len(world.store.owned(f"P{number}")) for number in range(rows)]


def at_request(world: World, number: int, act: Callable[[], None], *, path: str = ITEMS) -> None:
    """Calls `act` before the store answers the request of this number, counted from 1, to the path."""
    count = 0

    def before(asked: str) -> None:
        nonlocal count
        count += asked == path
        if asked == path and count == number:
            act()

    world.store.before_answer = before
