"""Splits addresses as owners write them: `host:port`, `[v6]:port`.

`sections` reads the HTTP listener with it, `servers` the game servers.
"""

import ipaddress
import re

PLAIN_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+/?")  # what the store's clients send as it is
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
_NUMERIC = re.compile(r"[0-9.]+")


def split_address(address: str, *, lowest_port: int = 0) -> tuple[str, int]:
    """The host, without brackets, and the port. Raises ValueError that says what is missing or wrong."""
    if "://" in address:
        raise ValueError("which is a URL: write only the host and the port")
    host, colon, port = address.rpartition(":")
    if not colon or not host:
        raise ValueError("which lacks a host or a port")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not (":" in host and _is_ip(host)):
            raise ValueError("which has no IPv6 address in its brackets")
    elif ":" in host:
        raise ValueError("which has an IPv6 address without brackets: write [::1]:25575")
    elif not _HOST.fullmatch(host) or (_NUMERIC.fullmatch(host) and not _is_ip(host)):
        raise ValueError("which has no host name or IP address before the port")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and lowest_port <= int(port) <= 65535):
        raise ValueError(f"which has no port from {lowest_port} to 65535 after the colon")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether a host, without brackets, is this machine itself."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
