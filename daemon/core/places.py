"""Places: where a holding is. A server's name, or a label for "one of these servers". PURE.

`changes` and the ledger name places by it, `fleet` finds the servers behind one. A label says itself what it means, so
that what was recorded under it can still be sent when the config has changed: `any:lobby,survival`.
"""

from collections.abc import Iterable

from .model import Perk, Target


def label(target: Target, servers: Iterable[str]) -> str:
    """The place of a perk that goes to one of several servers. Sorted: their order in the config means nothing."""
    return f"{target}:{','.join(sorted(servers))}"


def chosen(gameserver_id: str | None) -> str:
    """The place of what was bought for a game server that no [[server]] is, or for none."""
    return f"{Target.CHOSEN}:{gameserver_id or ''}"


def target_of(place: str) -> Target:
    """What the place is. A server's name has no colon."""
    word, colon, _ = place.partition(":")
    return Target(word) if colon else Target.EACH


def members(place: str) -> tuple[str, ...]:
    """The servers a place may mean, by name; none for a game server nobody configured."""
    target = target_of(place)
    if target is Target.EACH:
        return (place,)
    return () if target is Target.CHOSEN else tuple(place.partition(":")[2].split(","))


def meet(one: str, other: str) -> bool:
    """Whether two places are the same, or two lists of one sort with a server in common."""
    if one == other:
        return True
    same = target_of(one) is target_of(other) is not Target.CHOSEN
    return same and not set(members(one)).isdisjoint(members(other))


def pair(perk: Perk, place: str) -> str:
    """What stands for the place in the cut-offs of law 10: one for each server, and one in all for a perk that goes to
    one of several, so that a server more or less makes nothing old."""
    return place if perk.target is Target.EACH else f"{perk.target}:"


def places_of(perk: Perk, servers: tuple[str, ...]) -> tuple[str, ...]:
    """The places of a perk that are known without an item. `servers`: all that are configured."""
    if perk.target is Target.EACH:
        return servers if perk.servers == ("*",) else perk.servers
    return () if perk.target is Target.CHOSEN else (label(perk.target, perk.servers),)


def pairs_of(perk: Perk, servers: tuple[str, ...]) -> tuple[str, ...]:
    """Everything of the perk that has a cut-off."""
    return places_of(perk, servers) if perk.target is Target.EACH else (pair(perk, ""),)


def spoken(place: str) -> str:
    """The place in a sentence: `lobby or survival`."""
    return " or ".join(members(place)) or "the chosen server"
