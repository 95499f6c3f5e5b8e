"""The ledgers every contract test of the ledger runs over."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perkd.daemon.ledger import LEDGERS
from perkd.daemon.ledger.base import Ledger
from perkd.daemon.ledger.rows import TokenSource
from tests.ledgers import NOW, profile, token
from tests.newledger import new_ledger


@pytest.fixture(params=sorted(LEDGERS))
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    """A new ledger that knows one customer, ANN."""
    opened = await new_ledger(request.param, tmp_path)
    await opened.add_token(token(), TokenSource.OPERATOR, profile(), NOW)
    yield opened
    await opened.close()
