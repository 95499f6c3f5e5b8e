"""Words for the system's network errors, for messages that an owner reads."""

import os
import socket


def in_words(error: OSError) -> str:
    """The system's words for the error, without the addresses and numbers that asyncio and aiohttp add."""
    if isinstance(error, socket.gaierror):
        return "the name is not known"
    return os.strerror(error.errno).lower() if error.errno else str(error) or type(error).__name__
