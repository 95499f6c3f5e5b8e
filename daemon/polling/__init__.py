"""Loop 1: decides when to poll which customer, and takes each inventory into the ledger (`reconcile.py`).

`app` starts it; `enrolment` and `servers` ask it to poll customers soon.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
