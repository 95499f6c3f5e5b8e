"""A kill before any statement leaves a ledger that opens and holds exactly what was acknowledged."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from perkd.daemon.ledger.ledger import Ledger
from tests.ledgercrash import STEPS
from tests.ledgers import ANN, NOW, brake_since, known, picture, polled

ROOT = Path(__file__).resolve().parents[3]


async def everything(ledger: Ledger) -> list[Any]:
    """All a ledger can be asked for; two of them are never the same ledger, so its id is left out."""
    found = await ledger.reports.summary()
    counts = (found.commands, found.holdings, found.brake, found.queues)
    asked = [
        await picture(ledger),
        await known(ledger, ANN, "ann"),
        await polled(ledger),
        await ledger.reports.customers(),
    ]
    return [*asked, counts, await brake_since(ledger)]


async def test_a_kill_before_any_statement_leaves_exactly_what_was_acknowledged(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.ledgercrash", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: ASYNC221 - nobody else waits for the loop
    acknowledged = json.loads(run.stdout)
    assert set(acknowledged.values()) == set(range(len(STEPS)))

    whole = await Ledger.open(tmp_path / "whole.db", NOW)
    expected = [await everything(whole)]
    for step in STEPS:
        await step(whole)
        expected.append(await everything(whole))
    await whole.close()

    for statement, steps in acknowledged.items():
        ledger = await Ledger.open(tmp_path / statement / "ledger.db", NOW)
        assert await everything(ledger) == expected[steps], f"killed before statement {statement}, {steps} steps done"
        await ledger.close()
