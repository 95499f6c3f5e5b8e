"""The ledgers perkd can keep, by the scheme of `ledger.url`: the only list. `app` opens one."""

from .sqlite import SqliteLedger

LEDGERS = {"sqlite": SqliteLedger}
