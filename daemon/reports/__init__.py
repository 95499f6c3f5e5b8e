"""Reports about the daemon: health, status, problems, metrics, the page. They change nothing.

`app` serves them over HTTP, `control` over the socket.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
