"""Every game perkd can speak to. The daemon's configuration and wiring look up a server's `game` in ADAPTERS.

The table is made when it is first asked for, so that `adapters.base`, which holds only words, loads no connection.
"""

from collections.abc import Mapping
from functools import cache

from .base import Adapter

ADAPTERS: Mapping[str, Adapter]


def __getattr__(name: str) -> Mapping[str, Adapter]:
    if name != "ADAPTERS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _table()


@cache
def _table() -> Mapping[str, Adapter]:
    from .minecraft import Minecraft  # noqa: PLC0415 - it brings the connection, which the words do not need
    from .source import GAMES, Source  # noqa: PLC0415 - as above

    return {
        "minecraft": Minecraft(),
        "source": Source(GAMES["source"]),
        "tf2": Source(GAMES["tf2"]),
        "gmod": Source(GAMES["gmod"]),
        "l4d2": Source(GAMES["l4d2"]),
        "cs2": Source(GAMES["cs2"]),
    }
