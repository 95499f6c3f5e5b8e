"""An emulated store and emulated game servers, for `perkd demo`, `perkd sandbox` and the tests.

It knows nothing of the daemon: what it does is what PayNow and the games are known to do.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
