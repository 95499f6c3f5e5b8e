"""The games of the Source engine: one adapter, and a table of how the games differ. `adapters` lists each game."""

from .adapter import GAMES, Source

__all__ = ["GAMES", "Source"]
