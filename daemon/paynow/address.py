"""Checks `[store] api` and `items_path` before anything is sent there. The store clients call this when they open."""

import ipaddress
import re

from yarl import URL

from .errors import BadAddress

_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+/?")


def checked_base(api: str) -> URL:
    """The store's address. Raises BadAddress unless it is https, or http to this machine itself (the sandbox)."""
    try:
        base = URL(api)
        host, port = base.host, base.port
    except ValueError:
        host, port = None, None
    if not host or port is None or base.scheme not in {"http", "https"}:
        raise BadAddress('[store] api must be an address such as "https://api.paynow.gg"; what stands there is none')
    if base.user is not None or base.password is not None:
        raise BadAddress(f"[store] api holds a user name or password before {host}; the store uses neither, remove it")
    if base.raw_query_string or base.raw_fragment:
        raise BadAddress(f"[store] api goes on after the address of {host} with ? or #; keep only the part before it")
    if base.raw_path != "/":
        checked_path("[store] api", base.raw_path)
    if base.scheme == "http" and not is_loopback(host):
        raise BadAddress(
            f"[store] api is plain http to {host}: customer tokens would cross the network for anyone to read; "
            "write https:// (http is only for a sandbox on this machine)"
        )
    return base


def checked_path(key: str, path: str) -> str:
    """A plain absolute path. Raises BadAddress, naming the config key, for anything else."""
    if not _PATH.fullmatch(path) or any(part in {".", ".."} for part in path.split("/")):
        raise BadAddress(f'{key} must be a plain path such as "/v1/store/customer/delivery/items", found {path[:80]!r}')
    return path


def is_loopback(host: str) -> bool:
    """Whether a host, as it stands in an address, is this machine: localhost, 127.0.0.0/8 or ::1."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
