"""The database: customers, items, holdings, commands and events. What survives a restart is here and only here.

`app` opens one; every loop reads and writes through the protocol `Ledger`. Nothing outside this wing speaks SQL.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
