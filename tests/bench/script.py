"""What perkd is measured beside, each in a process of its own: bare GETs, and the script that an owner would write.

`python -m tests.bench.script PORT CUSTOMERS RATE [FOLDER]` reads the customers at that port for ever, as many at a time
as perkd does: so many a second, or as fast as it can where the rate is 0. With a folder it is the script: it validates
what it reads, remembers in SQLite what it saw of each item and when it read each customer, and writes down what to give
or take. aiohttp, pydantic and sqlite3 are as they come. It has no schedule, no rate, no retries, no log and no brake.
"""

import asyncio
import itertools
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp
from pydantic import BaseModel, TypeAdapter

from perkd.daemon.paynow.storefront import ITEMS_PATH
from tests.bench.shop import token

IN_FLIGHT: Final = 16  # as the config has it


class Product(BaseModel):
    id: str
    slug: str | None = None
    name: str | None = None


class Item(BaseModel):
    """The fields perkd reads of an item, as one would write them."""

    id: str
    customer_id: str | None = None
    product: Product | None = None
    state: str | None = None
    expirable: bool | None = None
    gift: bool | None = None
    added_at: datetime | None = None
    expires_at: datetime | None = None
    override_expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoke_reason: str | None = None
    order_id: str | None = None
    subscription_id: str | None = None
    execute_on_gameserver_id: str | None = None
    quantity_index: int | None = None


_ITEMS: Final = TypeAdapter(list[Item])


class Given:
    """What was seen of each item, and what follows from a change."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(
            "CREATE TABLE seen (item TEXT PRIMARY KEY, state TEXT, ends TEXT);"
            "CREATE TABLE read (customer INTEGER PRIMARY KEY, at TEXT);"
            "CREATE TABLE todo (id INTEGER PRIMARY KEY, command TEXT)"
        )

    def take(self, number: int, body: bytes) -> None:
        with self._db:
            for item in _ITEMS.validate_json(body):
                ends = str(item.override_expires_at or item.expires_at)
                row = self._db.execute("SELECT state, ends FROM seen WHERE item = ?", (item.id,)).fetchone()
                if row != (item.state, ends):
                    self._db.execute("REPLACE INTO seen VALUES (?, ?, ?)", (item.id, item.state, ends))
                    self._db.execute("INSERT INTO todo (command) VALUES (?)", (f"{item.state} {item.customer_id}",))
            self._db.execute("REPLACE INTO read VALUES (?, ?)", (number, str(datetime.now(UTC))))


async def read_for_ever(port: int, customers: int, rate: int, take: Callable[[int, bytes], object]) -> None:
    url = f"http://127.0.0.1:{port}{ITEMS_PATH}?asc=true&limit=100"
    numbers = itertools.cycle(range(customers))

    async def work(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            async with session.get(url, headers={"Authorization": f"Customer {token(number)}"}) as response:
                take(number, await response.read())
            if rate:
                await asyncio.sleep(IN_FLIGHT / rate)

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as workers:
        for _ in range(IN_FLIGHT):
            workers.create_task(work(session))


def main(port: int, customers: int, rate: int, folder: str = "") -> None:
    if not folder:
        asyncio.run(read_for_ever(port, customers, rate, lambda _number, body: len(body)))
        return
    with closing(sqlite3.connect(Path(folder) / "script.db")) as db:
        asyncio.run(read_for_ever(port, customers, rate, Given(db).take))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
