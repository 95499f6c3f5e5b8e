"""What the operator may ask of the running daemon: the control socket, its verbs, a reload, an import of customers.

`app` opens it; the command line talks to it over the socket.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
