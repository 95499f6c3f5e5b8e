"""`perkd demo`: runs the real daemon with SQLite against the sandbox and prints each step on the terminal."""

from .story import play

__all__ = ["play"]
