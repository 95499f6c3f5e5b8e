from .base import (
    Ledger as Ledger,
    LedgerCode as LedgerCode,
    LedgerCorrupt as LedgerCorrupt,
    LedgerError as LedgerError,
    LedgerForeign as LedgerForeign,
    LedgerMissing as LedgerMissing,
    NotPossible as NotPossible,
    Recorded as Recorded,
)
from .convert import (
    MICROSECOND as MICROSECOND,
    micros as micros,
    moment as moment,
)
from .copy import LedgerCopy as LedgerCopy
from .ledgers import LEDGERS as LEDGERS
from .night import Night as Night
from .operate import PERK as PERK
from .rows import (
    Brakes as Brakes,
    CommandRow as CommandRow,
    CustomerRow as CustomerRow,
    Enrolled as Enrolled,
    ItemTrouble as ItemTrouble,
    ItemTroubleKind as ItemTroubleKind,
    Polled as Polled,
    ServerQueue as ServerQueue,
    Summary as Summary,
    TokenSource as TokenSource,
    Trouble as Trouble,
    Unenrolled as Unenrolled,
    Unseen as Unseen,
)
