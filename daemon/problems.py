"""Everything that asks for a person, each with what to do: from the ledger's summary and the health of the loops.

`app` calls `find` for every report; severities are error, warning and info.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from .changes import Catalogue
from .ledger.rows import ItemTrouble, Summary, Trouble


@dataclass(frozen=True, slots=True)
class Problem:
    """`code` is a stable word for machines, `subject` what it is about, `text` what is wrong, `fix` what to do."""

    code: str
    severity: str
    subject: str
    text: str
    fix: str


SEVERITIES = ("error", "warning", "info")


def find(  # noqa: PLR0913 - one argument for each place a problem can come from
    summary: Summary,
    catalogue: Catalogue,
    *,
    late: Mapping[str, float],
    skew: timedelta | None,
    servers: Iterable[tuple[str, str, str | None]],
    store_error: str | None,
    refused: Iterable[tuple[str, str]],
    failing: Iterable[tuple[str, str]] = (),
    backup_error: str | None = None,
) -> tuple[Problem, ...]:
    """All problems, errors first. `servers`: (name, state, last error); `refused` and `failing`: (customer, what the
    store said); `skew`: how far the local time is off, None when it can be trusted."""
    found = [
        *_health(late, skew, store_error),
        *(problem for name, state, error in servers for problem in _server(name, state, error)),
        *(
            Problem(
                "token_refused",
                "warning",
                f"customer {who}",
                said,
                "make a new token in the store's dashboard and put it in place of the old one",
            )
            for who, said in refused
        ),
        *(
            Problem(
                "customer_failing",
                "warning",
                f"customer {who}",
                said,
                "the others are read; what he has stays. perkd tries him again by itself",
            )
            for who, said in failing
        ),
        *_backup(backup_error),
        *_brake(summary),
        *(problem for trouble in summary.troubles for problem in _trouble(trouble)),
        *(problem for item in summary.items for problem in _item(item, catalogue)),
        *(
            Problem(
                "orphaned",
                "info",
                f"{orphan.perk} on {orphan.server}",
                f"{orphan.count} holdings of a perk or server that is not in the config any more",
                "nothing is sent; they end by the perk's last definition. Put it back, or rename with `was`",
            )
            for orphan in summary.orphans
        ),
        *(
            Problem(
                "duplicate_token",
                "info",
                f"customer {customer}",
                f"{count} tokens in use for one customer",
                "only the newest is read; take the others out of the customers' file",
            )
            for customer, count in summary.duplicate_tokens.items()
        ),
    ]
    return tuple(sorted(found, key=lambda problem: SEVERITIES.index(problem.severity)))


def _health(late: Mapping[str, float], skew: timedelta | None, store_error: str | None) -> Iterable[Problem]:
    for loop, age_s in late.items():
        yield Problem(
            "loop_late",
            "error",
            loop,
            f"this loop completed no pass for {age_s:.0f} s",
            "`journalctl -u perkd` says why; `systemctl restart perkd` loses nothing",
        )
    if skew is not None:
        yield Problem(
            "clock_skew",
            "error",
            "clock",
            f"the local time cannot be trusted (off by {abs(skew.total_seconds()):.0f} s from the store's): "
            "no foretold end is carried out",
            "set the time (`timedatectl set-ntp true`); perkd goes on when an answer of the store confirms it",
        )
    if store_error is not None:
        yield Problem(
            "store_unreachable",
            "error",
            "store",
            store_error,
            "what is owned stays as last read; deliveries go on. Check the network and [store] api",
        )


def _server(name: str, state: str, error: str | None) -> Iterable[Problem]:
    if state == "refused":
        yield Problem(
            "server_refused",
            "error",
            name,
            error or "the password was refused",
            "correct `password` (or the server's own), then `perkd reload`; a changed credential needs "
            "`systemctl restart perkd`",
        )
    elif state == "down":
        yield Problem(
            "server_down",
            "warning",
            name,
            error or "no connection",
            "nothing is lost: what is due waits and is sent when it answers. Start the server, or correct `address`",
        )
    elif state == "absent":
        yield Problem(
            "server_absent",
            "warning",
            name,
            "commands wait for a server that is not in the config",
            "put the [[server]] back, or `perkd commands skip` them",
        )


def _backup(error: str | None) -> Iterable[Problem]:
    if error is not None:
        yield Problem(
            "backup_failed",
            "error",
            "ledger",
            error,
            "nothing is lost and deliveries go on; make room or put the rights right. It is tried again every night",
        )


def _brake(summary: Summary) -> Iterable[Problem]:
    if summary.brake.on_at is not None:
        yield Problem(
            "brake_on",
            "error",
            "brake",
            f"{summary.brake.reason}: {summary.brake.blocked} commands wait",
            "look at the store's dashboard: are these real? Then `perkd brake release`",
        )


_BLOCKED = {
    "chosen": ("server_unknown", "set `paynow_id` in the [[server]] the buyers mean, then reload"),
    "value": ("command_blocked", "complete the customer in the store's dashboard; perkd reads it again by itself"),
    "gift": ("gift_blocked", "look at the case, then `perkd commands retry` or `skip` it"),
    "absent": (
        "absence_blocked",
        "look the item up in the store, then `perkd commands retry` takes away, `skip` keeps",
    ),
}


def _trouble(trouble: Trouble) -> Iterable[Problem]:
    subject = f"{trouble.perk} on {trouble.server}"
    many = f"{trouble.count} command{'s' if trouble.count > 1 else ''}"
    newest = f"newest: {trouble.newest_id} `{trouble.text}`"
    if trouble.state == "blocked" and trouble.hold in _BLOCKED:
        code, fix = _BLOCKED[trouble.hold]
        yield Problem(code, "warning", subject, f"{many} blocked ({newest}): {trouble.reason}", fix)
    elif trouble.state == "unknown":
        yield Problem(
            "command_unknown",
            "error",
            subject,
            f"{many} went out and no answer came ({newest}): {trouble.reason}",
            f"look in the game whether it ran, then `perkd commands done {trouble.newest_id}` or `retry`",
        )
    elif trouble.state == "refused":
        yield Problem(
            "command_refused",
            "error",
            subject,
            f"{many} refused by the game ({newest}): {trouble.reply}",
            f"correct the command in the config, then `perkd commands retry {trouble.newest_id}`, or `skip` it",
        )
    elif trouble.state == "answered":
        yield Problem(
            "reply_unrecognised",
            "warning",
            subject,
            f"{many} got a reply no rule recognises ({newest}): {trouble.reply or 'nothing at all'}",
            "set `success` (or `failure`) in the perk to what the reply looks like"
            if trouble.reply
            else 'if this command answers with silence (LuckPerms on Bukkit does), set `success = "^$"` in the perk',
        )


def _item(item: ItemTrouble, catalogue: Catalogue) -> Iterable[Problem]:
    subject = f"product {item.product or item.product_id}"
    if item.kind == "usable" and _waits_for_activation(item, catalogue):
        yield Problem(
            "items_stay_usable",
            "warning",
            subject,
            f"{item.count} items wait for activation for more than an hour, so the perk is not given",
            "let an official plugin run a command of this product, or set `lasts` on the perk to count from perkd's "
            "own delivery, or make the product one that does not expire",
        )
    elif item.kind == "state":
        yield Problem(
            "item_state_unknown",
            "warning",
            subject,
            f"{item.count} items are {item.word!r}, a state perkd does not know: they change nothing",
            "look for a newer perkd; until then `perkd commands` and the store's dashboard",
        )
    elif item.kind == "missing":
        yield Problem(
            "item_missing",
            "info",
            subject,
            f"{item.count} items vanished from complete inventories without being revoked",
            "absence takes nothing away by itself; look the customer up in the store's dashboard",
        )
    elif item.kind == "returned":
        yield Problem(
            "once_returned",
            "warning",
            subject,
            f"{item.count} once-items were given, revoked, and count again: none is given a second time by itself",
            "give it by hand if the customer should have it again",
        )


def _waits_for_activation(item: ItemTrouble, catalogue: Catalogue) -> bool:
    return any(
        perk.kind == "lasting"
        and perk.lasts is None
        and (item.product in perk.products or item.product_id in perk.products)
        for perk in catalogue.perks.values()
    )
