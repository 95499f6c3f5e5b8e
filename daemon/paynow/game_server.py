"""The store's Game Server API with one game server's token: link, command queue, acknowledge. `store_queue` calls this.

A line stays in the queue until it is acknowledged. There is no lease: every program with the token gets it again.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from perkd.adapters.base import Secret

from .documents import Linked, QueuedCommand
from .errors import NotFound, TokenRefused
from .reading import read_list, read_one
from .transport.exchange import Exchange, StoreAnswer
from .transport.failures import Meanings
from .transport.rate import Lane

LINK_PATH = "/v1/delivery/gameserver/link"
QUEUE_PATH = "/v1/delivery/command-queue"
ACKNOWLEDGE_PATH = "/v1/delivery/command-queue/acknowledge"

_MEANINGS = Meanings(
    "Gameserver",
    "game server token",
    {
        401: (
            TokenRefused,
            (
                "the store does not know this game server token {where}: it was reset or copied wrongly; copy it again "
                "from the store's dashboard into the place paynow_token names"
            ),
        ),
        403: (
            TokenRefused,
            (
                "the store does not accept this game server {where}: it is disabled in the store's dashboard, or the "
                "token belongs to another game server"
            ),
        ),
        404: (NotFound, "the store has nothing at this path {where}: check [store] api"),
    },
)
_DONE = replace(_MEANINGS, body_optional=True)


@dataclass(frozen=True, slots=True)
class Online:
    """Who is on the game server, in the fields that the store expects."""

    steam_ids: tuple[str, ...] = ()
    minecraft_uuids: tuple[str, ...] = ()
    customer_names: tuple[str, ...] = ()


class GameServerApi:
    """The requests of one game server. Every call raises a StoreError and nothing else."""

    def __init__(self, exchange: Exchange, token: Secret) -> None:
        self._exchange, self._token = exchange, token

    async def link(self, *, ip: str, hostname: str, platform: str, version: str) -> Linked:
        """Tells the store who uses the token; the answer says whose token it is and who used it before."""
        body = {"ip": ip, "hostname": hostname, "platform": platform, "version": version}
        return read_one(await self._post(LINK_PATH, body), Linked, LINK_PATH)

    async def queue(self, online: Online) -> list[QueuedCommand]:
        """The lines that wait for this server; lines that wait for their player only for these players. The same line
        can come twice."""
        body = {
            "steam_ids": list(online.steam_ids),
            "minecraft_uuids": list(online.minecraft_uuids),
            "customer_names": list(online.customer_names),
        }
        return read_list(await self._post(QUEUE_PATH, body), QueuedCommand, QUEUE_PATH)

    async def acknowledge(self, attempt_ids: Iterable[str]) -> None:
        """Tells the store that these lines are done: it removes them from the queue and activates their items. A second
        call should be harmless; the documentation does not say what the store answers then."""
        await self._post(ACKNOWLEDGE_PATH, [{"attempt_id": attempt_id} for attempt_id in attempt_ids], _DONE)

    async def _post(self, path: str, body: object, meanings: Meanings = _MEANINGS) -> StoreAnswer:
        document = json.dumps(body, separators=(",", ":")).encode()
        url = self._exchange.url(path)
        return await self._exchange.call("POST", url, self._token, meanings, document, lane=Lane.FIRST)
