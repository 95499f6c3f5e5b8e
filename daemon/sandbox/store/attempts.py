"""The command queue of the emulated store: one attempt for each command that a game server should run.

`shop.py` adds attempts; `api/game_server.py` serves them. There are no leases: each poll gets an attempt again until
the game server acknowledges it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .goods import CommandAttempt, Customer, Flakes, GameServer, Goods, ProductCommand
from .people import Nonsense, dashed, made_up


@dataclass(frozen=True, slots=True)
class Online:
    """The players a game server reports as online: SteamID64s, Minecraft UUIDs with or without dashes, names."""

    steam_ids: frozenset[str] = frozenset()
    minecraft_uuids: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, steam_ids: Iterable[str], minecraft_uuids: Iterable[str], names: Iterable[str]) -> "Online":
        return cls(
            frozenset(steam_ids),
            frozenset(dashed(uuid) or uuid for uuid in minecraft_uuids),
            frozenset(name.casefold() for name in names),
        )

    def has(self, customer: Customer) -> bool:
        uuid = customer.minecraft_uuid
        return (
            customer.steam_id in self.steam_ids
            or (uuid is not None and (dashed(uuid) or uuid) in self.minecraft_uuids)
            or (customer.shown_name or "").casefold() in self.names
        )


class Attempts:
    """The game servers and their queues."""

    def __init__(self, flakes: Flakes) -> None:
        self.servers: dict[str, GameServer] = {}
        self.by_id: dict[str, CommandAttempt] = {}
        self._by_token: dict[str, GameServer] = {}
        self._flakes = flakes

    def add_server(self, name: str, now: datetime, *, enabled: bool) -> GameServer:
        server = GameServer(self._flakes.make(now), name, made_up(44), now, enabled)
        self.servers[server.id] = server
        self._by_token[server.token] = server
        return server

    def reset_token(self, server: GameServer, now: datetime) -> str:
        """Makes a new token and returns it; the old one is refused from now on."""
        del self._by_token[server.token]
        server.token, server.token_reset_at = made_up(44), now
        self._by_token[server.token] = server
        return server.token

    def with_token(self, token: str | None) -> GameServer | None:
        return self._by_token.get(token or "")

    def server(self, key: str) -> GameServer:
        """By id or name. Raises Nonsense."""
        found = self.servers.get(key) or next((one for one in self.servers.values() if one.name == key), None)
        if found is None:
            there = ", ".join(one.name for one in self.servers.values())
            raise Nonsense(f"unknown game server; existing: {there or 'none yet'}")
        return found

    def queue(self, stage: str, item: Goods, customer: Customer, now: datetime) -> None:
        """Adds an attempt for each command of that stage on each of its servers."""
        for command in item.product.commands if not item.skip_commands else ():
            for server_id in self._places(command, item) if command.stage == stage else ():
                self._add(
                    CommandAttempt(
                        id=self._flakes.make(now),
                        gameserver_id=server_id,
                        item=item,
                        customer=customer,
                        stage=stage,
                        command=_rendered(command.content, customer),
                        online_only=command.online_only,
                        queued_at=now,
                    )
                )

    def resend(self, attempt: CommandAttempt, now: datetime) -> None:
        """Queues the same text once more, for the same server."""
        self._add(
            CommandAttempt(
                id=self._flakes.make(now),
                gameserver_id=attempt.gameserver_id,
                item=attempt.item,
                customer=attempt.customer,
                stage=attempt.stage,
                command=attempt.command,
                online_only=attempt.online_only,
                queued_at=now,
                rerun=True,
            )
        )

    def waiting(self, server: GameServer, online: Online | None = None) -> list[CommandAttempt]:
        """The attempts a game server gets. With `online`, leaves out commands for players who are not in it."""
        return [
            attempt
            for attempt in server.queue.values()
            if online is None or not attempt.online_only or online.has(attempt.customer)
        ]

    def acknowledge(self, server: GameServer, attempt_id: str, now: datetime) -> CommandAttempt | None:
        """Removes an attempt that the server ran. Returns None when it was not in this server's queue."""
        attempt = server.queue.pop(attempt_id, None)
        if attempt is not None:
            attempt.executed_at, attempt.executed_by_ip = now, "127.0.0.1"
        return attempt

    def unqueue(self, attempt_id: str, now: datetime) -> bool:
        """Removes an attempt, so that no server gets it again. False: it was not in a queue."""
        attempt = self.by_id.get(attempt_id)
        if attempt is None or self.servers[attempt.gameserver_id].queue.pop(attempt_id, None) is None:
            return False
        attempt.unqueued_at = now
        return True

    def _places(self, command: ProductCommand, item: Goods) -> list[str]:
        if item.gameserver_id is not None:
            wanted: Iterable[str] = (item.gameserver_id,)
        else:
            wanted = command.gameserver_ids or item.product.gameserver_ids or self.servers
        return [server_id for server_id in wanted if server_id in self.servers]

    def _add(self, attempt: CommandAttempt) -> None:
        self.by_id[attempt.id] = attempt
        attempt.item.attempts.append(attempt)
        self.servers[attempt.gameserver_id].queue[attempt.id] = attempt


def _rendered(content: str, customer: Customer) -> str:
    words = {
        "{customer.id}": customer.id,
        "{customer.name}": customer.shown_name,
        "{customer.steam_id}": customer.steam_id,
        "{customer.minecraft_uuid}": customer.minecraft_uuid,
    }
    for word, value in words.items():
        content = content.replace(word, value or "")
    return content
