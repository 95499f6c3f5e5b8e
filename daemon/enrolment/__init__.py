"""What perkd does with an API key: it makes tokens for new customers and reads the feed of new items.

`app` starts the loops; without an API key there are none.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
