"""Asks the running daemon over its unix socket. When that fails, the error says what is wrong.

`status`, `commands`, `customers`, `brake`, `reload`, `check --connect` and `store tokens create` use it.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import CliError, Code, Misconfigured, NotWell, OutOfReach, WrongUse
from .options import control_socket

PATIENCE_S = 60.0  # the daemon may have to wait for the store

# What the daemon's status codes mean here. `control` answers 409 for a request that is not possible, 422 for a config
# with mistakes, 502 when the store failed.
ENDS: Mapping[int, tuple[type[CliError], Code]] = {
    400: (WrongUse, Code.DAEMON_BAD_REQUEST),
    409: (NotWell, Code.DAEMON_NOT_POSSIBLE),
    422: (Misconfigured, Code.DAEMON_CONFIG_REFUSED),
    502: (OutOfReach, Code.DAEMON_STORE_TROUBLE),
}


class NobodyThere(OutOfReach):
    """No daemon listens on the socket. Not for a daemon that is slow, or that this user may not ask."""


class Daemon:
    """The daemon of one config. A call raises OutOfReach when it does not answer, and the CliError its answer means."""

    def __init__(self, config: Path | None) -> None:
        self._socket = control_socket(config)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        return asyncio.run(self.ask("GET", path, query))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return asyncio.run(self.ask("POST", path, body=body))

    def delete(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        return asyncio.run(self.ask("DELETE", path, query))

    async def ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Like `get`, `post` and `delete`, for callers that run an event loop already."""
        import aiohttp  # noqa: PLC0415 - this import takes as long as all the rest of a short verb

        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.UnixConnector(str(self._socket)), timeout=aiohttp.ClientTimeout(total=PATIENCE_S)
                ) as session,
                session.request(method, f"http://perkd{path}", params=query or {}, json=body) as answer,
            ):
                status, said = answer.status, await answer.json()
        except TimeoutError as error:
            raise OutOfReach(
                Code.DAEMON_SILENT,
                f"the daemon has not answered on {self._socket} within {PATIENCE_S:.0f} s: `journalctl -u perkd` shows "
                "what it is doing",
            ) from error
        except PermissionError as error:
            raise self._not_allowed() from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(getattr(error, "os_error", None), PermissionError):
                raise self._not_allowed() from error
            raise _kind(error)(
                Code.DAEMON_UNREACHABLE,
                f"the daemon does not answer on {self._socket} ({_why(error)}): `systemctl status perkd` shows whether "
                "it runs. If another configuration is meant, name it with -c",
            ) from error
        if status != 200:
            kind, code = ENDS.get(status, (NotWell, Code.DAEMON_FAILED))
            raise kind(str(said.get("code", code)), str(said.get("error", f"the daemon answered {status}")))
        found: dict[str, Any] = said
        return found

    def _not_allowed(self) -> OutOfReach:
        return OutOfReach(
            Code.DAEMON_NOT_ALLOWED,
            f"this user may not open {self._socket}: run the command as root or as a member of the socket's group",
        )


def _kind(error: Exception) -> type[OutOfReach]:
    nobody = isinstance(getattr(error, "os_error", error), FileNotFoundError | ConnectionRefusedError)
    return NobodyThere if nobody else OutOfReach


def _why(error: Exception) -> str:
    inner = getattr(error, "os_error", error)
    if isinstance(inner, FileNotFoundError):
        return "no such socket"
    if isinstance(inner, ConnectionRefusedError):
        return "nobody listens"
    return str(inner) or type(inner).__name__
