"""How the system's network errors read in a message for an owner."""

import os
import socket


def in_words(error: OSError) -> str:
    """The system's own words. asyncio and aiohttp wrap them into sentences that repeat addresses and numbers."""
    if isinstance(error, socket.gaierror):
        return "the name is not known"
    return os.strerror(error.errno).lower() if error.errno else str(error) or type(error).__name__
