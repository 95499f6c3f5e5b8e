"""The owner's files: config.toml, the secrets it refers to, and the list of customers' tokens.

`app` and the command line call `load`. It checks everything and raises one ConfigError with all mistakes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
