"""The owner's config.toml: read, checked whole, and turned into the daemon's own types.

`app` and the command line call `load` and print `ConfigError.render` when it raises.
"""

from ..core.mistakes import ConfigError, Mistake
from .loading import load
from .secret_references import SecretSources
from .settings import Customers, Ledger, Listen, Poll, Settings, Store

__all__ = [
    "ConfigError",
    "Customers",
    "Ledger",
    "Listen",
    "Mistake",
    "Poll",
    "SecretSources",
    "Settings",
    "Store",
    "load",
]
