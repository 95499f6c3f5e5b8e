"""Checks `[store] api` and `items_path` before anything is sent there. The store clients call this when they open."""

from yarl import URL

from ...config import PLAIN_PATH, is_loopback
from ..errors import BadAddress


def checked_base(api: str) -> URL:
    """The store's address. Raises BadAddress unless it is https, or http to this machine itself (the sandbox)."""
    try:
        base = URL(api)
        host, port = base.host, base.port
    except ValueError:
        host, port = None, None
    if not host or port is None or base.scheme not in {"http", "https"}:
        raise BadAddress('[store] api must be an address such as "https://api.paynow.gg"; this value is not one')
    if base.user is not None or base.password is not None:
        raise BadAddress(
            f"[store] api contains a user name or password before {host}; remove it, the store uses neither"
        )
    if base.raw_query_string or base.raw_fragment:
        raise BadAddress(f"[store] api contains ? or # after the address of {host}; keep only the part before it")
    if base.raw_path != "/":
        checked_path("[store] api", base.raw_path)
    if base.scheme == "http" and not is_loopback(host):
        raise BadAddress(
            f"[store] api is plain http to {host}: anyone on the network could read the customers' tokens; "
            "write https:// (http is only for a sandbox on this machine)"
        )
    return base


def checked_path(key: str, path: str) -> str:
    """A plain absolute path. Raises BadAddress, naming the config key, for anything else."""
    if not PLAIN_PATH.fullmatch(path):
        raise BadAddress(f'{key} must be a plain path such as "/v1/store/customer/delivery/items", found {path[:80]!r}')
    return path
