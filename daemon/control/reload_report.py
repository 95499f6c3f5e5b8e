"""Describes what a new config changes, and which of these changes need a restart. PURE.

`reload.py` applies the new config and reports these lines to the owner.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from ..config import Settings

# Values that perkd uses only at its start: a reload keeps the old value and reports it.
OPENED_ONCE: Mapping[str, Callable[[Settings], object]] = {
    "store.api": lambda settings: settings.store.api,
    "store.items_path": lambda settings: settings.store.items_path,
    "store.id": lambda settings: settings.store.id,
    "store.api_key": lambda settings: settings.store.api_key,
    "store.management_items": lambda settings: settings.store.management_items,
    "customers.enrol": lambda settings: settings.customers.enrol,
    "ledger.url": lambda settings: settings.ledger.path,
    "http.listen": lambda settings: settings.listen,
    "control.socket": lambda settings: settings.control,
    "poll.concurrency": lambda settings: settings.poll.concurrency,
}
TAKEN_OVER: Mapping[str, Callable[[Settings], object]] = {
    "poll.online": lambda settings: settings.poll.online,
    "poll.offline": lambda settings: settings.poll.offline,
    "poll.rate": lambda settings: settings.poll.rate,
    "ledger.keep": lambda settings: settings.ledger.keep,
    "brake": lambda settings: settings.brake,
    "customers.first_seen": lambda settings: settings.customers.first_seen,
}


def told(old: Settings, new: Settings, customers: tuple[int, int]) -> list[str]:
    """One line for each change; a single line when there is none. `customers`: tokens added and removed."""
    lines = [
        *_named("server", _by_name(old.servers), _by_name(new.servers)),
        *_named("perk", _by_name(old.perks), _by_name(new.perks)),
        *(f"{key} changed" for key, read in TAKEN_OVER.items() if read(old) != read(new)),
        *(
            f"{key} changed, but perkd reads it only at its start: restart perkd to use it"
            for key, read in OPENED_ONCE.items()
            if read(old) != read(new)
        ),
    ]
    added, removed = customers
    if added or removed:
        lines.append(f"customers: {added} added, {removed} removed")
    return lines or ["nothing changed"]


def _named(sort: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[str]:
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            yield f"{sort} {name}: removed; perkd sends nothing for it, and what players have ends by itself"
        elif name not in old:
            yield f"{sort} {name}: new"
        elif old[name] != new[name]:
            parts = [field.name for field in fields(new[name]) if _differ(old[name], new[name], field.name)]
            yield f"{sort} {name}: {', '.join(parts)} changed"
            if "run_store_commands" in parts and new[name].run_store_commands:
                yield f"{sort} {name}: lines that already wait in its queue are blocked until you decide"


def _differ(old: object, new: object, field: str) -> bool:
    return bool(getattr(old, field) != getattr(new, field))


def _by_name(entries: Sequence[Any]) -> dict[str, Any]:
    return {entry.name: entry for entry in entries}
