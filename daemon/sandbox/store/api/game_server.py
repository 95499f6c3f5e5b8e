"""Routes of the emulated store for the plugin of a game server: link, command queue, events.

A command remains in the queue until it is acknowledged; until then each poll gets it again.
"""

from collections.abc import Iterable
from typing import Any

from ..attempts import Online
from ..calls import NO_CONTENT, Call, Refused, Reply, Route, as_flake, as_moment
from ..documents import Document, digits_for, stamp
from ..goods import CommandAttempt, GameServer

_QUEUE = "/v1/delivery/command-queue"
_LINK_FIELDS = ("ip", "hostname", "platform", "version")
_JOIN_NAME_MOST = 128


def _asking(call: Call) -> GameServer:
    assert call.gameserver is not None  # noqa: S101 - a route of login "gameserver"; this is for mypy
    return call.gameserver


def link(call: Call) -> Reply:
    """Links a server. Leaves out an empty `previously_linked` even with `nulls`: an official plugin fails on null."""
    server, body = _asking(call), call.table()
    missing = [name for name in _LINK_FIELDS if not isinstance(body.get(name), str)]
    if missing:
        raise Refused(400, f"{', '.join(missing)}: needed, as text", dict.fromkeys(missing, "is needed"))
    document: Document = {
        "update_available": False,
        "gameserver": {"id": server.id, "name": server.name, "enabled": server.enabled},
    }
    if call.write.nulls:
        document["latest_version"] = None
    if server.link is not None:
        document["previously_linked"] = {
            "ip": server.link["ip"],
            "host_name": server.link["hostname"],
            "last_linked_at": stamp(server.linked_at, digits_for(server.id, 4)),
        }
    server.link, server.linked_at = {name: body[name] for name in _LINK_FIELDS}, call.now
    return Reply(document)


def everything_queued(call: Call) -> Reply:
    return _handed_out(call, call.shop.attempts.waiting(_asking(call)))


def queued_for_players(call: Call) -> Reply:
    """Leaves out commands whose player must be online and is in none of the lists. With `queue_everybody` they come
    last instead. PayNow's documentation allows both readings."""
    body = call.table()
    online = Online.of(_listed(body, "steam_ids"), _listed(body, "minecraft_uuids"), _listed(body, "customer_names"))
    waiting = call.shop.attempts.waiting(_asking(call), online)
    if call.queue_everybody:
        waiting += [one for one in call.shop.attempts.waiting(_asking(call)) if one not in waiting]
    return _handed_out(call, waiting)


def acknowledge(call: Call) -> Reply:
    """Acknowledges attempts. Unknown ids change nothing; PayNow does not document its answer to them."""
    for attempt_id in [as_flake(entry.get("attempt_id"), "attempt_id") for entry in call.tables(1000)]:
        call.shop.acknowledge(_asking(call).id, attempt_id)
    return NO_CONTENT


def acknowledge_one(call: Call) -> Reply:
    call.shop.acknowledge(_asking(call).id, call.flake("attemptId"))
    return NO_CONTENT


def events(call: Call) -> Reply:
    entries = call.tables(1000)
    for place, entry in enumerate(entries):
        join = entry.get("player_join")
        if entry.get("event") != "player_join" or as_moment(entry.get("timestamp"), "timestamp") is None:
            raise Refused(400, f"[{place}]: event and timestamp are needed", {f"[{place}].event": "is needed"})
        if not isinstance(join, dict) or not isinstance(join.get("ip_address"), str):
            raise Refused(400, f"[{place}]: ip_address is needed", {f"[{place}].player_join.ip_address": "is needed"})
        if len(join.get("minecraft_name") or "") > _JOIN_NAME_MOST:
            path = f"[{place}].player_join.minecraft_name"
            raise Refused(400, f"[{place}]: minecraft_name is too long", {path: f"at most {_JOIN_NAME_MOST}"})
    _asking(call).events.extend(entries)
    return NO_CONTENT


def _handed_out(call: Call, waiting: Iterable[CommandAttempt]) -> Reply:
    _asking(call).last_fetched_at = call.now
    documents = [call.write.queued(attempt) for attempt in waiting]
    return Reply(documents + [dict(one) for one in documents] if call.queue_twice else documents)


def _listed(body: dict[str, Any], name: str) -> list[str]:
    """A list of texts. Numbers are accepted as texts, because one official plugin sends them."""
    values = body.get(name) or []
    if not isinstance(values, list) or not all(isinstance(one, str | int) for one in values):
        raise Refused(400, f"{name} must be an array of strings", {name: "is no array of strings"})
    return [str(one) for one in values]


ROUTES = (
    Route("POST", "/v1/delivery/gameserver/link", link, "gameserver"),
    Route("GET", _QUEUE, everything_queued, "gameserver"),
    Route("POST", _QUEUE, queued_for_players, "gameserver"),
    Route("DELETE", _QUEUE, acknowledge, "gameserver"),
    Route("DELETE", f"{_QUEUE}/{{attemptId}}", acknowledge_one, "gameserver"),
    Route("POST", f"{_QUEUE}/acknowledge", acknowledge, "gameserver"),
    Route("POST", "/v1/delivery/events", events, "gameserver"),
)
