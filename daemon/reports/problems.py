"""Everything that asks for a person, each with what to do: from the ledger's summary and the health of the loops.

`app` calls `find` for every report; severities are error, warning and info.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from ..core.changes import Catalogue
from ..core.model import PerkKind, ServerState
from ..ledger import ItemTrouble, ItemTroubleKind, Summary, Unseen
from ..runtime import SEVERITIES, Problem, ProblemCode, Severity
from .command_problems import of_trouble

__all__ = ["SEVERITIES", "Problem", "find"]


ONE_BY_ONE = 5  # more of a kind become one line
NAMED = 3  # that many of them by name


def find(  # noqa: PLR0913 - one argument for each place a problem can come from
    summary: Summary,
    catalogue: Catalogue,
    *,
    late: Mapping[str, float],
    skew: timedelta | None,
    servers: Iterable[tuple[str, ServerState, str | None]],
    store_error: str | None,
    refused: Iterable[tuple[str, str]],
    failing: Iterable[tuple[str, str]] = (),
    backup_error: str | None = None,
    blind: Iterable[str] = (),
    more: Iterable[Problem] = (),
    enrols: bool = False,
) -> tuple[Problem, ...]:
    """All problems, errors first. `servers`: (name, state, last error); `refused` and `failing`: (customer, what the
    store said); `skew`: how far the local time is off, None when it can be trusted; `blind`: servers that are up and
    whose player list cannot be read; `more`: what other loops found themselves; `enrols`:
    perkd has tokens made."""
    found = [
        *_health(late, skew, store_error),
        *(problem for name, state, error in servers for problem in _server(name, state, error)),
        *map(_blind, blind),
        *_together(_refused(who, said, replaced=enrols) for who, said in refused),
        *_together(_failing(who, said) for who, said in failing),
        *_backup(backup_error),
        *_brake(summary),
        *more,
        *(problem for trouble in summary.troubles for problem in of_trouble(trouble)),
        *_together(map(_unseen, summary.unseen)),
        *(problem for item in summary.items for problem in _item(item, catalogue)),
        *(
            Problem(
                ProblemCode.ORPHANED,
                Severity.INFO,
                f"{orphan.perk} on {orphan.server}",
                f"{orphan.count} holdings of a perk or server that is not in the config any more",
                "nothing is sent; they end by the perk's last definition. Put it back, or rename with `was`",
            )
            for orphan in summary.orphans
        ),
        *(
            Problem(
                ProblemCode.DUPLICATE_TOKEN,
                Severity.INFO,
                f"customer {customer}",
                f"{count} tokens in use for one customer",
                "only the newest is read; take the others out of the customers' file",
            )
            for customer, count in summary.duplicate_tokens.items()
        ),
    ]
    return tuple(sorted(found, key=lambda problem: SEVERITIES.index(problem.severity)))


def _together(found: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems of one kind as they are, or as one line with the first names when they are many."""
    problems = tuple(found)
    if len(problems) <= ONE_BY_ONE:
        return problems
    first, named = problems[0], ", ".join(problem.subject for problem in problems[:NAMED])
    text = f"{named} and {len(problems) - NAMED} more; the first: {first.text}"
    return (Problem(first.code, first.severity, f"{len(problems)} customers", text, first.fix),)


def _refused(who: str, said: str, *, replaced: bool) -> Problem:
    fix = "make a new token in the store's dashboard and put it in place of the old one"
    if replaced:
        fix = "perkd has a new one made by itself, at most once an hour; if it stays, look at him in the dashboard"
    return Problem(ProblemCode.TOKEN_REFUSED, Severity.WARNING, f"customer {who}", said, fix)


def _failing(who: str, said: str) -> Problem:
    fix = "the others are read; what he has stays. perkd tries him again by itself"
    return Problem(ProblemCode.CUSTOMER_FAILING, Severity.WARNING, f"customer {who}", said, fix)


def _unseen(unseen: Unseen) -> Problem:
    who = f"{unseen.name} ({unseen.player})" if unseen.name not in ("", unseen.player) else unseen.player
    who = who or "a player the store does not name"
    many = "1 command waits" if unseen.count == 1 else f"{unseen.count} commands wait"
    return Problem(
        ProblemCode.PLAYER_NEVER_SEEN,
        Severity.WARNING,
        f"{who} on {unseen.server}",
        f"{many} for this player since {unseen.since:%Y-%m-%d %H:%M} UTC; the game said he is not there, and he was "
        "not seen since",
        "nothing, if he only stays away. If he plays: is the server in online mode, and does the store know his real "
        "id (offline-mode and Floodgate players have other ids)? Or a plugin replaced the list command: "
        "`perkd check --connect` shows who is seen. A line of the store (`store command`) nobody needs any more: "
        "`perkd commands skip ID`",
    )


def _blind(server: str) -> Problem:
    return Problem(
        ProblemCode.ROSTER_UNKNOWN,
        Severity.WARNING,
        server,
        "it is connected, but its player list cannot be read: nobody is known to be online, so what waits for a player "
        "waits",
        "`perkd check --connect` shows what is wrong with the answer; often a plugin replaced the list command",
    )


def _health(late: Mapping[str, float], skew: timedelta | None, store_error: str | None) -> Iterable[Problem]:
    for loop, age_s in late.items():
        fix = "`journalctl -u perkd` says why; `systemctl restart perkd` loses nothing"
        yield Problem(
            ProblemCode.LOOP_LATE, Severity.ERROR, loop, f"this loop completed no pass for {age_s:.0f} s", fix
        )
    if skew is not None:
        yield Problem(
            ProblemCode.CLOCK_SKEW,
            Severity.ERROR,
            "clock",
            f"the local time cannot be trusted (off by {abs(skew.total_seconds()):.0f} s from the store's): "
            "no foretold end is carried out",
            "set the time (`timedatectl set-ntp true`); perkd goes on when an answer of the store confirms it",
        )
    if store_error is not None:
        fix = "what is owned stays as last read; deliveries go on. Check the network and [store] api"
        yield Problem(ProblemCode.STORE_UNREACHABLE, Severity.ERROR, "store", store_error, fix)


def _server(name: str, state: ServerState, error: str | None) -> Iterable[Problem]:
    if state is ServerState.REFUSED:
        yield Problem(
            ProblemCode.SERVER_REFUSED,
            Severity.ERROR,
            name,
            error or "the password was refused",
            "correct `password` (or the server's own), then `perkd reload`; a changed credential needs "
            "`systemctl restart perkd`",
        )
    elif state is ServerState.DOWN:
        fix = "nothing is lost: what is due waits and is sent when it answers. Start the server, or correct `address`"
        yield Problem(ProblemCode.SERVER_DOWN, Severity.WARNING, name, error or "no connection", fix)
    elif state is ServerState.ABSENT:
        text = "commands wait for a server that is not in the config"
        yield Problem(
            ProblemCode.SERVER_ABSENT,
            Severity.WARNING,
            name,
            text,
            "put the [[server]] back, or `perkd commands skip` them",
        )


def _backup(error: str | None) -> Iterable[Problem]:
    if error is not None:
        fix = "nothing is lost and deliveries go on; make room or put the rights right. It is tried again every night"
        yield Problem(ProblemCode.BACKUP_FAILED, Severity.ERROR, "ledger", error, fix)


_RELEASE = "look at the store's dashboard: are these real? Then `perkd brake release`"


def _brake(summary: Summary) -> Iterable[Problem]:
    if summary.brake.on_at is not None:
        text = f"{summary.brake.reason}: {summary.brake.blocked} commands wait"
        yield Problem(ProblemCode.BRAKE_ON, Severity.ERROR, "brake", text, _RELEASE)
    elif summary.brake.blocked:
        text = f"{summary.brake.blocked} commands wait for a brake that is not on"
        yield Problem(ProblemCode.BRAKE_BLOCKED_WITHOUT_BRAKE, Severity.ERROR, "brake", text, f"{_RELEASE} plans them")


def _item(item: ItemTrouble, catalogue: Catalogue) -> Iterable[Problem]:
    subject = f"product {item.product or item.product_id}"
    if item.kind is ItemTroubleKind.USABLE and _waits_for_activation(item, catalogue):
        yield Problem(
            ProblemCode.ITEMS_STAY_USABLE,
            Severity.WARNING,
            subject,
            f"{item.count} items wait for activation for more than an hour, so the perk is not given",
            "give the product the command `perkd` in the store's dashboard, and each [[server]] it goes to its "
            "`paynow_token`: then perkd activates the items. A game server nobody answers for may hold them up. Or let "
            "an official plugin run a command of this product, or set `lasts` on the perk to count from perkd's own "
            "delivery",
        )
    elif item.kind is ItemTroubleKind.STATE:
        yield Problem(
            ProblemCode.ITEM_STATE_UNKNOWN,
            Severity.WARNING,
            subject,
            f"{item.count} items are {item.word!r}, a state perkd does not know: they change nothing",
            "look for a newer perkd; until then `perkd commands` and the store's dashboard",
        )
    elif item.kind is ItemTroubleKind.MISSING:
        yield Problem(
            ProblemCode.ITEM_MISSING,
            Severity.INFO,
            subject,
            f"{item.count} items vanished from complete inventories without being revoked",
            "absence takes nothing away by itself; look the customer up in the store's dashboard",
        )
    elif item.kind is ItemTroubleKind.MOVED and _lost_its_slug(item, catalogue):
        yield Problem(
            ProblemCode.SLUG_MOVED,
            Severity.WARNING,
            subject,
            f"slug {item.product} is bound to product {item.word}; {item.count} items of product {item.product_id} "
            f"come with it and no perk lists {item.product_id}",
            f'if it is the same product made anew, list "{item.product_id}" in `products` beside the slug; then reload',
        )
    elif item.kind is ItemTroubleKind.RETURNED:
        yield Problem(
            ProblemCode.ONCE_RETURNED,
            Severity.WARNING,
            subject,
            f"{item.count} once-items were given, revoked, and count again: none is given a second time by itself",
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
    """Whether a perk means these items by their slug and none gets them: another product had that slug first."""
    listed = {product for perk in catalogue.perks.values() for product in perk.products}
    sold = item.product_id in listed or any(catalogue.slugs.get(slug) == item.product_id for slug in listed)
    return item.product in listed and not sold
