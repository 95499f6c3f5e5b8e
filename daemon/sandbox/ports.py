"""A port on loopback that its owner keeps while nobody listens on it. The store and the game servers each have one.

Going down and coming back on a port that was let go is not safe: any program's outgoing connection may be given it
meanwhile. So the port stays bound all the time, and on Linux a listening socket that is shut down refuses connections
and may listen again.
"""

import socket


class Port:
    """`number` 0 is any free port, and the one it was given from then on."""

    def __init__(self, host: str = "127.0.0.1", number: int = 0) -> None:
        self.host = host
        self.number = number
        self._bound: socket.socket | None = None
        self._listens = False

    def open(self) -> socket.socket:
        """A listening socket that does not block; the caller closes it. Raises OSError when another has the port."""
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
        """After the caller closed the listening socket: the port stays taken, and connections to it are refused."""
        if self._bound is not None and self._listens:
            self._bound.shutdown(socket.SHUT_RDWR)
            self._listens = False

    def let_go(self) -> None:
        """After the caller closed the listening socket: the port is anybody's."""
        if self._bound is not None:
            self._bound.close()
        self._bound, self._listens = None, False

    def _bind(self) -> socket.socket:
        """A port the system chose by itself is lost at a shutdown, so it is asked for once more by its number."""
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
