from .base import (
    LedgerCode as LedgerCode,
    LedgerCorrupt as LedgerCorrupt,
    LedgerError as LedgerError,
    LedgerForeign as LedgerForeign,
    LedgerMissing as LedgerMissing,
    NotPossible as NotPossible,
    Recorded as Recorded,
)
from .commands import CommandsFacet as CommandsFacet
from .config import PERK as PERK
from .convert import (
    MICROSECOND as MICROSECOND,
    micros as micros,
    moment as moment,
)
from .copy import LedgerCopy as LedgerCopy
from .ledger import Ledger as Ledger
from .night import Night as Night
from .observations import ObservationsFacet as ObservationsFacet
from .queue import QueueFacet as QueueFacet
from .reports import ReportsFacet as ReportsFacet
from .roll import RollFacet as RollFacet
from .rows import (
    BeingSent as BeingSent,
    Brakes as Brakes,
    CommandDetail as CommandDetail,
    CommandRow as CommandRow,
    CustomerRow as CustomerRow,
    Enrolled as Enrolled,
    ItemTrouble as ItemTrouble,
    ItemTroubleKind as ItemTroubleKind,
    Orphan as Orphan,
    Polled as Polled,
    Rarities as Rarities,
    ServerQueue as ServerQueue,
    Summary as Summary,
    TokenSource as TokenSource,
    Trouble as Trouble,
    Unenrolled as Unenrolled,
    Unseen as Unseen,
)
