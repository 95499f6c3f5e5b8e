"""Loop 1: whom to read and when, and the five steps from an inventory into the ledger (`reconcile.py`).

`app` starts it; `enrolment` and `servers` tell it whom to read soon.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
