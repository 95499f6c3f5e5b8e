"""`perkd demo`: the real daemon on real SQLite against the sandbox, telling its main story on the terminal."""

from .story import play

__all__ = ["play"]
