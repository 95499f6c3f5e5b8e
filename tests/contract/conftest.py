"""The ledgers every contract test of the ledger runs over."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.ledger.rows import TokenSource
from tests.ledgers import NOW, profile, token
from tests.newledger import new_ledger


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """A new ledger that knows one customer, ANN."""
    opened = await new_ledger(tmp_path)
    await opened.roll.add(token(), TokenSource.OPERATOR, profile(), NOW)
    yield opened
    await opened.close()
