"""How long a loop that uses the API key waits after a failure, and when a person needs to know. PURE.

`loop.py` and `feed.py` keep one each.
"""

from enum import StrEnum

from ..paynow import BadAddress, BadInput, Limited, NotFound, Rejected, StoreError, TokenRefused
from ..runtime import Backoff

AGAIN = Backoff(first_s=5.0, longest_s=60.0)
RARELY_S = 600.0  # a person must change something at the store first, so more tries are useless
LIMITED_S = 1.0  # the rate limit makes all requests wait already


class FailureKind(StrEnum):
    """What a failure is about."""

    KEY = "key"  # the store does not know the API key
    PERMISSION = "permission"  # the key's role lacks a permission, named in the message
    ABSENT = "absent"  # the store has nothing at this path
    ADDRESS = "address"  # the answer does not come from the store
    REQUEST = "request"  # the store rejects this request, but may accept others
    STORE = "store"  # no answer, or an unusable one
    EACH = "each"  # many customers failed in a row, each for a different reason
    LIMITED = "limited"  # the store answered 429


class NobodyEnrolled(StoreError):
    """Many customers in a row got no token, each for a reason that concerns only this customer. The loop pauses, then
    continues with the next ones."""

    code = "nobody_enrolled"


def kind_of(error: StoreError) -> FailureKind:
    """The kind of a failed request."""
    if isinstance(error, NobodyEnrolled):
        return FailureKind.EACH
    if isinstance(error, TokenRefused):
        return FailureKind.PERMISSION if error.status == 403 else FailureKind.KEY
    if isinstance(error, NotFound):
        return FailureKind.ABSENT
    if isinstance(error, BadAddress):
        return FailureKind.ADDRESS
    if isinstance(error, Limited):
        return FailureKind.LIMITED
    return FailureKind.REQUEST if isinstance(error, Rejected | BadInput) else FailureKind.STORE


class KeyBackoff:
    """Counts failures in a row. `kind` and `error` are of the latest one; None and "" after a success."""

    def __init__(self) -> None:
        self.kind: FailureKind | None = None
        self.error = ""
        self._in_a_row = 0

    def succeeded(self) -> None:
        self.kind, self.error, self._in_a_row = None, "", 0

    def failed(self, error: StoreError) -> float:
        """Returns for how many seconds the loop waits."""
        kind = kind_of(error)
        if kind is FailureKind.LIMITED:
            return LIMITED_S
        self._in_a_row += 1
        self.kind, self.error = kind, str(error)
        if kind in (FailureKind.KEY, FailureKind.PERMISSION, FailureKind.ABSENT):
            return RARELY_S
        return AGAIN.wait_s(self._in_a_row)

    @property
    def lasting(self) -> bool:
        """Whether a person needs to know: not after a single failure that may pass."""
        return self._in_a_row > 1 or self.kind in (FailureKind.KEY, FailureKind.PERMISSION, FailureKind.ABSENT)
