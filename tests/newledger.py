"""New ledgers for tests. Only the first of a run is made by SQL, whose many syncs take most of the time of a test."""

import tempfile
from pathlib import Path

from perkd.daemon.ledger import LEDGERS
from perkd.daemon.ledger.base import Ledger
from tests.ledgers import NOW

_FILES: dict[str, dict[str, bytes]] = {}  # kind of ledger → the files of an empty one


async def new_ledger(kind: str, folder: Path) -> Ledger:
    """An empty ledger in that folder, a copy of the first one of its kind: all have one id."""
    if kind not in _FILES:
        with tempfile.TemporaryDirectory() as first:
            await (await LEDGERS[kind].open(Path(first) / "ledger.db", NOW)).close()
            _FILES[kind] = _read(Path(first))
    for name, content in _FILES[kind].items():
        (folder / name).write_bytes(content)
    return await LEDGERS[kind].open(folder / "ledger.db", NOW)


def _read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
