"""What an API key adds: tokens for customers perkd does not know yet, and the feed of new items.

`app` starts its loops; without an API key there are none.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
