"""A port on loopback that stays reserved while its server is down. The store and each game server have one.

If a server gave up its port while it is down, the system could use it for another program's outgoing connection. So
the port stays bound all the time: on Linux a listening socket that is shut down refuses connections and can listen
again.
"""

import socket


class Port:
    """One port. `number` 0 takes any free port on the first `open`; from then on `number` is that port."""

    def __init__(self, host: str = "127.0.0.1", number: int = 0) -> None:
        self.host = host
        self.number = number
        self._bound: socket.socket | None = None
        self._listens = False

    def open(self) -> socket.socket:
        """A non-blocking listening socket; the caller closes it. Raises OSError when another program has the port."""
        if self._bound is None:
            self._bound = self._bind()
        try:
            self._bound.listen(128)
        except OSError:
            self.let_go()
            raise
        self._listens = True
        listener = self._bound.dup()
        listener.settimeout(0)
        return listener

    def keep(self) -> None:
        """Keeps the port reserved and refuses connections. Call it after closing the listening socket."""
        if self._bound is not None and self._listens:
            self._bound.shutdown(socket.SHUT_RDWR)
            self._listens = False

    def let_go(self) -> None:
        """Gives up the port. Call it after closing the listening socket."""
        if self._bound is not None:
            self._bound.close()
        self._bound, self._listens = None, False

    def _bind(self) -> socket.socket:
        """Binds the port by its number: a port that the system chose itself is lost when the socket is shut down."""
        if self.number != 0:
            return _bound_to(self.host, self.number)
        with _bound_to(self.host, 0) as any_port:
            self.number = any_port.getsockname()[1]
            return _bound_to(self.host, self.number)


def _bound_to(host: str, number: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, number))
    except OSError:
        bound.close()
        raise
    return bound
