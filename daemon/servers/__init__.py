"""Loops 2 and 3, one pair for each game server: delivery of commands and presence of players, over one link.

`app` starts the fleet; `control` and `reports` read the state of the links.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
