"""The store's Game Server API with one game server's token: link, command queue, acknowledge. `activation` calls this.

A queued line stays queued until it is acknowledged and nothing leases it: whoever has the token is handed it again.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from perkd.adapters.base import Secret

from .documents import Linked, QueuedCommand
from .errors import NotFound, TokenRefused
from .reading import read_list, read_one
from .transport.exchange import Exchange, Reply
from .transport.failures import Words

LINK_PATH = "/v1/delivery/gameserver/link"
QUEUE_PATH = "/v1/delivery/command-queue"
ACKNOWLEDGE_PATH = "/v1/delivery/command-queue/acknowledge"

_LOGIN = "Gameserver"
_WORDS = Words(
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
                "the store does not let this game server in {where}: it is disabled in the store's dashboard, or the "
                "token is another one's"
            ),
        ),
        404: (NotFound, "the store has nothing there {where}: check [store] api"),
    },
)
_DONE = replace(_WORDS, bodiless=True)


@dataclass(frozen=True, slots=True)
class Online:
    """Who is on the game server, as the store asks for it."""

    steam_ids: tuple[str, ...] = ()
    minecraft_uuids: tuple[str, ...] = ()
    customer_names: tuple[str, ...] = ()


class GameServerApi:
    """One game server's half of the store. Every call raises a StoreError and nothing else."""

    def __init__(self, exchange: Exchange, token: Secret) -> None:
        self._exchange, self._token = exchange, token

    async def link(self, *, ip: str, hostname: str, platform: str, version: str) -> Linked:
        """Says who uses the token, and learns whose it is and who used it before."""
        body = {"ip": ip, "hostname": hostname, "platform": platform, "version": version}
        return read_one(await self._post(LINK_PATH, body), Linked, LINK_PATH)

    async def queue(self, online: Online) -> list[QueuedCommand]:
        """What waits for this server, and for these players if a line waits for its player. A line can come twice."""
        body = {
            "steam_ids": list(online.steam_ids),
            "minecraft_uuids": list(online.minecraft_uuids),
            "customer_names": list(online.customer_names),
        }
        return read_list(await self._post(QUEUE_PATH, body), QueuedCommand, QUEUE_PATH)

    async def acknowledge(self, attempt_ids: Iterable[str]) -> None:
        """These lines are done: the store hands them out no more and activates their items. Doing it twice is harmless
        as far as is known; what the store answers then is not documented."""
        await self._post(ACKNOWLEDGE_PATH, [{"attempt_id": attempt_id} for attempt_id in attempt_ids], _DONE)

    async def _post(self, path: str, body: object, words: Words = _WORDS) -> Reply:
        document = json.dumps(body, separators=(",", ":")).encode()
        url = self._exchange.url(path)
        return await self._exchange.call("POST", url, _LOGIN, self._token, words, document, first=True)
