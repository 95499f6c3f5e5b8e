"""The ground for every loop: clock, pulse, tasks, counters, systemd, and the Problem type.

Every wing may use it; it uses no other wing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
