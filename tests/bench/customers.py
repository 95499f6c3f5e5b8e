"""The customers of the benchmarks: their ledger, the store's process (`shop.py`), and the config that joins both.

`polls.py`, `owner.py` and `state.py` measure with these.
"""

import atexit
import functools
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from perkd.daemon.paynow.seen import Seen
from tests import bigledger
from tests.bench.common import ROOT
from tests.bench.running import daemon
from tests.bench.shop import inventory

ITEMS: Final = 3


class Shopkeeper:
    """The store's process: its ports, and how many requests each got."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        self.ports = tuple(int(port) for port in self._out.readline().split())

    def asked(self) -> tuple[int, ...]:
        self._in.write("\n")
        self._in.flush()
        return tuple(int(count) for count in self._out.readline().split())


@contextmanager
def shop(cpu: int) -> Iterator[Shopkeeper]:
    command = [sys.executable, "-m", "tests.bench.shop", str(ITEMS), str(cpu)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Shopkeeper(process)
        finally:
            process.communicate()  # it ends with its standard input


@contextmanager
def client(*arguments: object) -> Iterator[int]:
    """The id of the process of `script.py` with these arguments."""
    command = [sys.executable, "-m", "tests.bench.script", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            yield process.pid
        finally:
            process.kill()


@functools.cache
def home(customers: int, whose: int = 0) -> Path:
    """A folder with the ledger of so many customers, made once in each run of the benchmark."""
    folder = Path(tempfile.mkdtemp(prefix=f"perkd-bench-{whose}-"))
    atexit.register(shutil.rmtree, folder)
    bigledger.write(folder / "ledger.db", customers, items=ITEMS, digest=_digest)
    return folder


def _digest(number: int) -> bytes:
    """As perkd keeps it of the body that the shop sends."""
    return Seen().with_page(0, inventory(number, ITEMS, changed=False), None).digest


def config(folder: Path, port: int, poll: str, *more: str) -> Path:
    """perkd in that folder, with the shop behind that port. Nothing but its own limits holds a mass removal back."""
    return bigledger.config(
        folder / "config.toml",
        f'[store]\napi = "http://127.0.0.1:{port}"\n[poll]\n{poll}',
        f'[ledger]\nurl = "sqlite://{folder / "ledger.db"}"\n[http]\nlisten = "127.0.0.1:0"',
        f'[control]\nsocket = "{folder / "control.sock"}"\n[brake]\nshare = 1.0\nleast = 1000000',
        *more,
    )


def settled(path: Path) -> None:
    """Compares everybody with that config, so far as a start sees it: one customer is, and all get the same mark."""
    folder = path.parent
    with daemon(path), closing(sqlite3.connect(folder / "ledger.db", timeout=60)) as db:
        while not (found := db.execute("SELECT catalogue FROM customers WHERE catalogue <> '' LIMIT 1").fetchone()):
            time.sleep(0.1)  # noqa: TID251 - another process writes it
    with closing(sqlite3.connect(folder / "ledger.db")) as db:
        db.execute("UPDATE customers SET catalogue = ?", found)
        db.commit()
