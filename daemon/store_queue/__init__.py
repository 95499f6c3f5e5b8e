"""perkd acts as a game server of the store: it reads the store's command queue and acknowledges lines.

`servers` starts one for each server with a `paynow_token`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
