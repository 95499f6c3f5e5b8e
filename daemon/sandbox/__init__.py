"""An emulated store and emulated game servers, for `perkd demo`, `perkd sandbox` and the tests.

It does not import the daemon. It behaves as PayNow and the games are known to behave.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
