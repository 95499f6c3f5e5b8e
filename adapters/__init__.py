"""Every game perkd can speak to. The daemon's config and wiring look a server's `game` up here."""

from collections.abc import Mapping
from typing import Final

from .base import Adapter
from .minecraft.adapter import Minecraft
from .source.adapter import GAMES, Source

ADAPTERS: Final[Mapping[str, Adapter]] = {
    "minecraft": Minecraft(),
    "source": Source(GAMES["source"]),
    "tf2": Source(GAMES["tf2"]),
    "gmod": Source(GAMES["gmod"]),
    "l4d2": Source(GAMES["l4d2"]),
    "cs2": Source(GAMES["cs2"]),
}
