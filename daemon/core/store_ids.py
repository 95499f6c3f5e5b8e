"""The store's ids: snowflakes, numbers that contain the time they were made. PURE.

The epoch and the bits are from PayNow's documentation and agree with all ids shown there.
"""

from datetime import UTC, datetime, timedelta

FLAKE_EPOCH = datetime(2022, 2, 22, 22, 22, 22, tzinfo=UTC)
AHEAD = timedelta(hours=1)  # an id further in the future than this is wrong: perkd does not list from it
_FLAKE_LIMIT = 1 << 63


def flake(value: str | int) -> str:
    """A store id as its plain decimal string. Raises ValueError: ids are 1 to 19 digits below 2**63."""
    text = value if isinstance(value, str) else str(value)
    if not (text.isdigit() and text.isascii() and len(text) <= 19):
        raise ValueError(f"not an id: {text[:40]!r}")
    if len(text) < 19 and text[0] != "0":  # below 10**18, as nearly all ids are
        return text
    if int(text) >= _FLAKE_LIMIT:
        raise ValueError(f"not an id: {text!r}")
    return str(int(text))


def flake_time(item_id: str) -> datetime:
    """When an id was made: 41 bits of milliseconds since 2022-02-22T22:22:22Z, above 22 bits of node and counter."""
    return FLAKE_EPOCH + timedelta(milliseconds=int(item_id) >> 22)
