"""What every loop stands on: clock, pulse, tasks, counters, systemd, and the shape of a problem.

Every wing may use it; it knows nothing of perkd.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
