"""New ledgers for tests. Only the first of a run is made by SQL, whose many syncs take most of the time of a test."""

import tempfile
from pathlib import Path

from perkd.daemon.ledger import Ledger
from tests.ledgers import NOW

_FILES: dict[str, bytes] = {}  # the files of an empty ledger


async def new_ledger(folder: Path) -> Ledger:
    """An empty ledger in that folder, a copy of the first one: all have one id."""
    if not _FILES:
        with tempfile.TemporaryDirectory() as first:
            await (await Ledger.open(Path(first) / "ledger.db", NOW)).close()
            _FILES.update(_read(Path(first)))
    for name, content in _FILES.items():
        (folder / name).write_bytes(content)
    return await Ledger.open(folder / "ledger.db", NOW)


def _read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
