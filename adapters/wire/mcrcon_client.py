"""The library mcrcon made safe: its framing and its login check stay, how it connects, waits and reads is replaced.

`adapters/wire/mcrcon.py` runs one in each server's thread. It blocks: nothing here knows asyncio.

mcrcon 0.7.0 as shipped times out by SIGALRM (main thread only), numbers every request 0, takes the first piece of a
long answer for the whole, spins at the end of file, and sleeps 3 ms after each command.
"""

import os
import socket
import threading

from mcrcon import MCRcon, MCRconException

from ..base import AuthRefused, Endpoint, LoginClosed, NotSent
from .codec import AUTH, EXECUTE, RequestError, encode
from .dialects import Dialect
from .mcrcon_gate import Broken, Gate
from .sockets import reason


class SafeMCRcon(MCRcon):
    """mcrcon for one thread. `stop` and `ring` may be called from another one."""

    def __init__(self, endpoint: Endpoint, dialect: Dialect) -> None:
        # Not mcrcon's own: it would take over SIGALRM.
        self._endpoint = endpoint
        self._dialect = dialect
        self._gate: Gate | None = None
        self._bell: int | None = None
        self._guard = threading.Lock()  # a closed descriptor's number is soon somebody else's
        self._stopped = False

    def connect(self) -> None:
        """Connects and logs in. Raises NotSent (LoginClosed among them) or AuthRefused; nothing stays open then."""
        address, password = self._endpoint.address, self._endpoint.password.reveal()
        try:
            encode(1, AUTH, password, self._dialect.request_most)  # mcrcon itself would send anything
        except RequestError as error:
            raise NotSent(f"{address}: the RCON password cannot be sent: {error}; set another one") from None
        gate = Gate(self._connection(), self._dialect, self._endpoint.connect_timeout_s)
        with self._guard:
            self.socket = self._gate = gate
            if self._stopped:
                gate.shut()
        try:
            self._send(AUTH, password)
        except MCRconException:
            raise AuthRefused(
                f"{address} refused the RCON password: compare perkd's password for this server with "
                f"{self._dialect.advice}, then reload perkd"
            ) from None
        except Broken as fault:
            if fault.by_server:
                raise LoginClosed(
                    f"{address}: {fault} during the login: it is still starting, or it bans this machine"
                ) from None
            raise NotSent(f"{address}: {fault}") from None
        gate.timeout_s = self._endpoint.timeout_s

    def disconnect(self) -> None:
        """Closes everything. Called by the thread itself, when it ends."""
        with self._guard:
            if self._gate is not None:
                self._gate.close()
            if self._bell is not None:
                os.close(self._bell)
            self.socket = self._gate = self._bell = None

    def command(self, command: str) -> str:
        """The whole answer to one command. Raises Broken."""
        return self._send(EXECUTE, command)

    def wait(self) -> None:
        """Waits until somebody rings. Raises Broken when the connection ends before."""
        if self._gate is not None and self._bell is not None:
            self._gate.watch(self._bell)

    def ring(self) -> None:
        """Wakes the thread in `wait`, now or when it next comes there. From any thread."""
        with self._guard:
            if self._bell is not None:
                os.eventfd_write(self._bell, 1)

    def stop(self) -> None:
        """Ends the connection, whatever the thread is waiting for; it then raises Broken. From any thread."""
        with self._guard:
            self._stopped = True
            if self._gate is not None:
                self._gate.shut()

    def _read(self, length: int) -> bytes:
        if self._gate is None:
            raise Broken("the connection is closed")
        return self._gate.recv(length)

    def _connection(self) -> socket.socket:
        address, timeout_s = self._endpoint.address, self._endpoint.connect_timeout_s
        try:
            self._bell = os.eventfd(0, os.EFD_CLOEXEC)
            return socket.create_connection((self._endpoint.host, self._endpoint.port), timeout_s)
        except TimeoutError:
            raise NotSent(
                f"{address} did not answer within {timeout_s:g} s: is the address right, the machine up, and the port "
                f"open in its firewall?"
            ) from None
        except (OSError, UnicodeError) as error:
            raise NotSent(
                f"cannot connect to {address} ({reason(error)}): is the game server running, and is this its RCON "
                f"address? Compare with {self._dialect.advice}"
            ) from None
