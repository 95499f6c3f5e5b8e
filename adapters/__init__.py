"""Every game perkd can speak to. The daemon's config and wiring look a server's `game` up here."""

from collections.abc import Mapping
from typing import Final

from .base import Adapter
from .minecraft import Minecraft

ADAPTERS: Final[Mapping[str, Adapter]] = {
    "minecraft": Minecraft(),
}
