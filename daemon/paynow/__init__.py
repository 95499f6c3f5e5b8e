"""The store's API: customers' inventories, the owner's API key, a game server's command queue. Nothing here decides.

The loops and `perkd store` call it. Each answer is complete and typed, or a StoreError.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
