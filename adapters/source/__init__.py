"""The games of the Source engine, one adapter with a table of differences. `adapters` puts them into its table."""

from .adapter import GAMES, Source

__all__ = ["GAMES", "Source"]
