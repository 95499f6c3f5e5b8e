"""Places: where a holding is. A place is a server's name or a label for "one of these servers". PURE.

`changes` and the ledger name places with it, `fleet` finds the servers of a place. A label contains its meaning, so
that commands recorded under it can still be sent after the config changed: `any:lobby,survival`.
"""

from collections.abc import Iterable

from .model import Perk, Target


def label(target: Target, servers: Iterable[str]) -> str:
    """The place of a perk that goes to one of several servers. Sorted, because their order does not matter."""
    return f"{target}:{','.join(sorted(servers))}"


def chosen(gameserver_id: str | None) -> str:
    """The place of an item bought for a game server that is not in the config, or for none."""
    return f"{Target.CHOSEN}:{gameserver_id or ''}"


def target_of(place: str) -> Target:
    """The kind of place. A server's name has no colon."""
    word, colon, _ = place.partition(":")
    return Target(word) if colon else Target.EACH


def members(place: str) -> tuple[str, ...]:
    """The names of the servers that a place may be; none for a game server that is not in the config."""
    target = target_of(place)
    if target is Target.EACH:
        return (place,)
    return () if target is Target.CHOSEN else tuple(place.partition(":")[2].split(","))


def meet(one: str, other: str) -> bool:
    """Whether two places are the same, or two lists of the same kind with a server in common."""
    if one == other:
        return True
    same = target_of(one) is target_of(other) is not Target.CHOSEN
    return same and not set(members(one)).isdisjoint(members(other))


def pair(perk: Perk, place: str) -> str:
    """The name of the place in the cut-offs of law 10: the server, or one name for all lists of a perk that goes to one
    of several servers, so that changing such a list changes no cut-off."""
    return place if perk.target is Target.EACH else f"{perk.target}:"


def places_of(perk: Perk, servers: tuple[str, ...]) -> tuple[str, ...]:
    """The places of a perk that are known without an item. `servers`: all servers in the config."""
    if perk.target is Target.EACH:
        return servers if perk.servers == ("*",) else perk.servers
    return () if perk.target is Target.CHOSEN else (label(perk.target, perk.servers),)


def pairs_of(perk: Perk, servers: tuple[str, ...]) -> tuple[str, ...]:
    """The names under which the perk has a cut-off."""
    return places_of(perk, servers) if perk.target is Target.EACH else (pair(perk, ""),)


def spoken(place: str) -> str:
    """The place as words in a sentence: `lobby or survival`."""
    return " or ".join(members(place)) or "the chosen server"
