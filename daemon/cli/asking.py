"""Asks the running daemon over its unix socket, and says what is wrong when it cannot.

`status`, `commands`, `customers` and `brake` speak through here.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import CliError, NotWell, OutOfReach, WrongUse
from .options import control_socket

PATIENCE_S = 60.0  # the daemon may have to wait for the store

# What the daemon's answers mean here; `control` says 409 for what is not possible, 502 for the store's trouble.
ENDS: Mapping[int, type[CliError]] = {400: WrongUse, 409: NotWell, 502: OutOfReach}


class Daemon:
    """The daemon of one config. Every call raises OutOfReach when it does not answer, or what its answer means."""

    def __init__(self, config: Path | None) -> None:
        self._socket = control_socket(config)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        return asyncio.run(self._ask("GET", path, query or {}, None))

    def post(self, path: str, body: Mapping[str, str] | None = None) -> dict[str, Any]:
        return asyncio.run(self._ask("POST", path, {}, body))

    def delete(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        return asyncio.run(self._ask("DELETE", path, query, None))

    async def _ask(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, str] | None
    ) -> dict[str, Any]:
        import aiohttp  # noqa: PLC0415 - it takes as long as everything else a short verb does

        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.UnixConnector(str(self._socket)), timeout=aiohttp.ClientTimeout(total=PATIENCE_S)
                ) as session,
                session.request(method, f"http://perkd{path}", params=query, json=body) as answer,
            ):
                status, said = answer.status, await answer.json()
        except TimeoutError as error:
            raise OutOfReach(
                f"the daemon has not answered on {self._socket} within {PATIENCE_S:.0f} s: `journalctl -u perkd` says "
                "what it does"
            ) from error
        except PermissionError as error:
            raise self._not_allowed() from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(getattr(error, "os_error", None), PermissionError):
                raise self._not_allowed() from error
            raise OutOfReach(
                f"the daemon does not answer on {self._socket} ({_why(error)}): `systemctl status perkd` says whether "
                "it runs, and -c names the config of another one"
            ) from error
        if status != 200:
            raise ENDS.get(status, NotWell)(str(said.get("error", f"the daemon answered {status}")))
        found: dict[str, Any] = said
        return found

    def _not_allowed(self) -> OutOfReach:
        return OutOfReach(
            f"this user may not open {self._socket}: run the command as root or as a member of the socket's group"
        )


def _why(error: Exception) -> str:
    inner = getattr(error, "os_error", error)
    if isinstance(inner, FileNotFoundError):
        return "no such socket"
    if isinstance(inner, ConnectionRefusedError):
        return "nobody listens"
    return str(inner) or type(inner).__name__
