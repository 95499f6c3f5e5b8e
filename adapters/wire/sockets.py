"""What the wire asks of a TCP socket beyond reading and writing, and how an OSError reads.

`adapters/wire/connection.py` uses it on Linux; nothing here waits.
"""

import fcntl
import os
import socket
import struct
import termios
from asyncio.trsock import TransportSocket
from typing import Final

KEEPALIVE_S: Final = 60


def prepare(connection: socket.socket | TransportSocket) -> None:
    """Small packets leave at once, and a machine that went away is noticed."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_S)


def unacknowledged(connection: TransportSocket) -> int:
    """How many written bytes the other machine has not acknowledged yet (tcp(7): SIOCOUTQ)."""
    answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(struct.calcsize("i")))
    return int(struct.unpack("i", answer)[0])


def reason(error: Exception) -> str:
    """An OSError's sentence without the machine's own numbers and addresses around it."""
    if isinstance(error, socket.gaierror):
        return "the name is not known"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return str(error) or type(error).__name__
