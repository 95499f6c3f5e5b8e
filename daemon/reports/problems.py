"""Collects the problems of all wings and adds those that the ledger knows, each with what to do.

`health` calls `find` for every report.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core.changes import Catalogue
from ..core.model import PerkKind
from ..ledger import Brakes, ItemTrouble, ItemTroubleKind, Orphan, Unseen
from ..runtime import SEVERITIES, Problem, ProblemCode, Severity, together
from .command_problems import of_trouble

if TYPE_CHECKING:
    from .status import Report

__all__ = ["SEVERITIES", "FromWings", "Problem", "find"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FromWings:
    """The problems that the wings report themselves."""

    store: Iterable[Problem] = ()
    servers: Iterable[Problem] = ()
    customers: Iterable[Problem] = ()
    newcomers: Iterable[Problem] = ()
    queues: Iterable[Problem] = ()


def find(report: "Report", catalogue: Catalogue, wings: FromWings) -> tuple[Problem, ...]:
    """All problems, errors first. `report`: complete but for its problems."""
    rare = report.rarities
    found = [
        *_late(report.late),
        *wings.store,
        *wings.servers,
        *wings.customers,
        *_backup(report.backup_error),
        *_brake(report.brake),
        *wings.newcomers,
        *wings.queues,
        *(problem for trouble in report.summary.troubles for problem in of_trouble(trouble)),
        *together(map(_unseen, rare.unseen), len(rare.unseen)),
        *(problem for item in rare.items for problem in _item(item, catalogue)),
        *map(_orphaned, rare.orphans),
        *(_duplicate_token(customer, count) for customer, count in rare.duplicate_tokens.items()),
    ]
    return tuple(sorted(found, key=lambda problem: SEVERITIES.index(problem.severity)))


def _late(late: Mapping[str, float]) -> Iterable[Problem]:
    for loop, age_s in late.items():
        text = f"this loop of perkd has not finished a pass for {age_s:.0f} s"
        fix = "read the reason in the log (`journalctl -u perkd`); `systemctl restart perkd` loses nothing"
        yield Problem(ProblemCode.LOOP_LATE, Severity.ERROR, loop, text, fix)


def _orphaned(orphan: Orphan) -> Problem:
    return Problem(
        ProblemCode.ORPHANED,
        Severity.INFO,
        f"{orphan.perk} on {orphan.server}",
        f"{orphan.count} holdings of a perk or server that is not in the config any more",
        "perkd sends nothing now; they end as the perk's last definition says. Put it back; or if the perk has a "
        "new name, write its old name in `was`",
    )


def _duplicate_token(customer: str, count: int) -> Problem:
    return Problem(
        ProblemCode.DUPLICATE_TOKEN,
        Severity.INFO,
        f"customer {customer}",
        f"perkd has {count} tokens of one customer",
        "perkd uses only the newest one; remove the others from the customers' file",
    )


def _unseen(unseen: Unseen) -> Problem:
    who = f"{unseen.name} ({unseen.player})" if unseen.name not in ("", unseen.player) else unseen.player
    who = who or "a player the store does not name"
    many = "1 command waits" if unseen.count == 1 else f"{unseen.count} commands wait"
    return Problem(
        ProblemCode.PLAYER_NEVER_SEEN,
        Severity.WARNING,
        f"{who} on {unseen.server}",
        f"{many} for this player since {unseen.since:%Y-%m-%d %H:%M} UTC; the game said that the player is not online, "
        "and perkd has not seen them since",
        "if the player only stays away: nothing. If they play: is the server in online mode, and does the store have "
        "their real id (offline-mode and Floodgate players have other ids)? A plugin may have replaced the list "
        "command: `perkd check --connect` shows whom perkd sees. To drop a line of the store (`store command`) that "
        "nobody needs any more: `perkd commands skip ID`",
    )


def _backup(error: str | None) -> Iterable[Problem]:
    if error is not None:
        fix = (
            "nothing is lost and deliveries go on. Free some disk space or fix the folder's permissions; perkd tries "
            "again every night"
        )
        yield Problem(ProblemCode.BACKUP_FAILED, Severity.ERROR, "ledger", error, fix)


_RELEASE = "check the store's dashboard: did these refunds really happen? If they did, `perkd brake release`"


def _brake(brake: Brakes) -> Iterable[Problem]:
    if brake.on_at is not None:
        text = f"{brake.reason}: {brake.blocked} commands wait"
        yield Problem(ProblemCode.BRAKE_ON, Severity.ERROR, "brake", text, _RELEASE)
    elif brake.blocked:
        text = f"{brake.blocked} commands wait for the brake, but the brake is not on"
        fix = f"{_RELEASE} sends them"
        yield Problem(ProblemCode.BRAKE_BLOCKED_WITHOUT_BRAKE, Severity.ERROR, "brake", text, fix)


def _item(item: ItemTrouble, catalogue: Catalogue) -> Iterable[Problem]:
    subject = f"product {item.product or item.product_id}"
    if item.kind is ItemTroubleKind.USABLE and _waits_for_activation(item, catalogue):
        yield Problem(
            ProblemCode.ITEMS_STAY_USABLE,
            Severity.WARNING,
            subject,
            f"{item.count} items have waited for activation for more than an hour, so their perk is not given",
            "give the product the command `perkd` in the store's dashboard, and give each [[server]] it goes to its "
            "`paynow_token`: then perkd activates the items. A game server at the store that no program reads can stop "
            "this. Or let an official plugin run a command of this product. Or set `lasts` on the perk: its time then "
            "starts with perkd's delivery",
        )
    elif item.kind is ItemTroubleKind.STATE:
        yield Problem(
            ProblemCode.ITEM_STATE_UNKNOWN,
            Severity.WARNING,
            subject,
            f"{item.count} items are {item.word!r}, a state that perkd does not know: perkd changes nothing for them",
            "look for a newer perkd; until then, check these customers in the store's dashboard by hand",
        )
    elif item.kind is ItemTroubleKind.MISSING:
        yield Problem(
            ProblemCode.ITEM_MISSING,
            Severity.INFO,
            subject,
            f"{item.count} items disappeared from complete inventories without being revoked",
            'perkd takes nothing away only for this, unless [brake] has absent = "revoke"; look up the customer in the '
            "store's dashboard",
        )
    elif item.kind is ItemTroubleKind.MOVED and _lost_its_slug(item, catalogue):
        yield Problem(
            ProblemCode.SLUG_MOVED,
            Severity.WARNING,
            subject,
            f"for perkd, the slug {item.product} belongs to product {item.word}; {item.count} items of product "
            f"{item.product_id} have this slug too, and no perk lists {item.product_id}",
            f'if you made the same product again, add "{item.product_id}" to `products` beside the slug, then '
            "`perkd reload`",
        )
    elif item.kind is ItemTroubleKind.RETURNED:
        yield Problem(
            ProblemCode.ONCE_RETURNED,
            Severity.WARNING,
            subject,
            f"{item.count} items that are given once were given, revoked, and are valid again: perkd does not give "
            "them a second time by itself",
            "give it by hand if the customer should have it again",
        )


def _waits_for_activation(item: ItemTrouble, catalogue: Catalogue) -> bool:
    return any(
        perk.kind is PerkKind.LASTING
        and perk.lasts is None
        and (item.product in perk.products or item.product_id in perk.products)
        for perk in catalogue.perks.values()
    )


def _lost_its_slug(item: ItemTrouble, catalogue: Catalogue) -> bool:
    """Whether a perk lists their slug, but no perk gets these items, because another product had that slug first."""
    listed = {product for perk in catalogue.perks.values() for product in perk.products}
    sold = item.product_id in listed or any(catalogue.slugs.get(slug) == item.product_id for slug in listed)
    return item.product in listed and not sold
