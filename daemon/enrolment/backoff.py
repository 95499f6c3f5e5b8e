"""How long a loop that asks the store with the API key waits after a failure, and when a person hears of it. PURE.

`enrolment` and `feed` keep one each.
"""

from enum import StrEnum

from ..paynow import BadAddress, BadInput, Limited, NotFound, Rejected, StoreError, TokenRefused

FIRST_S, LONGEST_S = 5.0, 60.0  # doubled for each failure in a row
RARELY_S = 600.0  # until a person changed something at the store, asking more often is of no use
LIMITED_S = 1.0  # everybody waits already, in the one rate


class Kind(StrEnum):
    """Whom a failure is about."""

    KEY = "key"  # the store does not know it
    PERMISSION = "permission"  # the key's role lacks one, named in the message
    ABSENT = "absent"  # the store has nothing at this path
    ADDRESS = "address"  # who answers is not the store
    REQUEST = "request"  # this one is not accepted, others may be
    STORE = "store"  # no answer, or none that can be used
    EACH = "each"  # many customers in a row, each for a reason of his own
    LIMITED = "limited"


class NobodyEnrolled(StoreError):
    """Many customers in a row got no token, each for a reason that is about him alone: a pause, and on with the next
    ones."""

    code = "nobody_enrolled"


def kind_of(error: StoreError) -> Kind:
    """What a failed request says."""
    if isinstance(error, NobodyEnrolled):
        return Kind.EACH
    if isinstance(error, TokenRefused):
        return Kind.PERMISSION if error.status == 403 else Kind.KEY
    if isinstance(error, NotFound):
        return Kind.ABSENT
    if isinstance(error, BadAddress):
        return Kind.ADDRESS
    if isinstance(error, Limited):
        return Kind.LIMITED
    return Kind.REQUEST if isinstance(error, Rejected | BadInput) else Kind.STORE


class Patience:
    """Failures in a row: `kind` and `error` are the latest one's, None while all is well."""

    def __init__(self) -> None:
        self.kind: Kind | None = None
        self.error = ""
        self._in_a_row = 0

    def succeeded(self) -> None:
        self.kind, self.error, self._in_a_row = None, "", 0

    def failed(self, error: StoreError) -> float:
        """Returns for how many seconds nothing is asked."""
        kind = kind_of(error)
        if kind is Kind.LIMITED:
            return LIMITED_S
        self._in_a_row += 1
        self.kind, self.error = kind, str(error)
        if kind in (Kind.KEY, Kind.PERMISSION, Kind.ABSENT):
            return RARELY_S
        return min(LONGEST_S, FIRST_S * 2.0 ** min(self._in_a_row - 1, 16))

    @property
    def lasting(self) -> bool:
        """Whether a person should hear of it: one hiccup asks for nobody."""
        return self._in_a_row > 1 or self.kind in (Kind.KEY, Kind.PERMISSION, Kind.ABSENT)
