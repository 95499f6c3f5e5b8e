"""Checks the store's products against this config: which perk is never given, which would be given twice. PURE.

`key.py` asks the store, and `doctor.py` shows what this module finds.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ...core.mistakes import close_matches, listed, quoted
from ...core.model import Perk, PerkKind, Server
from ...core.queue_lines import WORD, is_for_perkd
from ...paynow import Product, ProductCommand

ACTIVATES = "on_purchase"  # an item becomes active when the commands of this stage are acknowledged
_STARTS = (ACTIVATES, "on_trial_start")  # stages whose commands the store queues when a customer gets the item


class Severity(StrEnum):
    """How important a finding is."""

    ERROR = "error"  # the perk can never be given
    WARNING = "warning"
    INFO = "info"


class FindingCode(StrEnum):
    """What was found about a product; a stable word for programs. docs/api-key.md explains each."""

    NO_PRODUCT = "no_product"
    NO_COMMAND = "no_command"
    REAL_COMMAND = "real_command"
    OTHER_SERVERS = "other_servers"
    NOT_ACTIVATED = "not_activated"
    NOT_MAPPED = "not_mapped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about one product. `perks` are the perks that name it."""

    severity: Severity
    code: FindingCode
    product: str  # its slug, or what the config calls it
    perks: tuple[str, ...]
    text: str
    fix: str


Warn = Callable[[FindingCode, str, str], Finding]  # makes a warning about one product from code, text and fix


@dataclass(frozen=True, slots=True)
class Owned:
    """An item that a customer owns, from an inventory that was read or from the store's list."""

    product_id: str
    slug: str
    customer_id: str


def look_at(products: Sequence[Product], perks: Sequence[Perk], servers: Sequence[Server]) -> list[Finding]:
    """All findings about the products that perks name: errors first, the rest in the order of the config."""
    by_word = {word: product for product in reversed(products) for word in (product.slug, product.id) if word}
    named: dict[str, list[Perk]] = {}
    found: list[Finding] = []
    for perk in perks:
        for word in perk.products:
            if word not in by_word:
                found.append(_missing(word, perk, products))
            elif perk not in named.setdefault(by_word[word].id, []):
                named[by_word[word].id].append(perk)
    by_id = {product.id: product for product in products}
    for product_id, its_perks in named.items():
        found += _of_product(by_id[product_id], its_perks, servers)
    return sorted(found, key=lambda one: one.severity is not Severity.ERROR)


def not_mapped(owned: Iterable[Owned], perks: Iterable[Perk], names: Mapping[str, str], where: str) -> list[Finding]:
    """Findings for products that customers own and no perk names, the most owned first. `names`: product id → name,
    where known. `where` says which items were looked at."""
    mapped = {word for perk in perks for word in perk.products}
    items: Counter[str] = Counter()
    owners: defaultdict[str, set[str]] = defaultdict(set)
    slugs: dict[str, str] = {}
    for one in owned:
        if mapped.isdisjoint({one.slug, one.product_id}):
            items[one.product_id] += 1
            owners[one.product_id].add(one.customer_id)
            slugs[one.product_id] = one.slug
    return [
        Finding(
            Severity.INFO,
            FindingCode.NOT_MAPPED,
            slugs[product_id] or product_id,
            (),
            f"{count} {'item' if count == 1 else 'items'} of {len(owners[product_id])} "
            f"{'customer' if len(owners[product_id]) == 1 else 'customers'} ({where}), and no perk names this product"
            + (f" ({quoted(names[product_id])})" if names.get(product_id) else ""),
            f"if it should give something, add {quoted(slugs[product_id] or product_id)} to the products of a [[perk]]",
        )
        for product_id, count in sorted(items.items(), key=lambda pair: (-pair[1], int(pair[0])))
    ]


def _missing(word: str, perk: Perk, products: Sequence[Product]) -> Finding:
    slugs = [product.slug for product in products if product.slug]
    near = close_matches(word, slugs)
    known = f"the store has these slugs: {_some(slugs)}" if slugs else "the store's products have no slugs"
    fix = f"did you mean {quoted(near[0])}?" if near else known
    text = "the store has no product with this slug or id, so nobody ever gets the perk for it"
    return Finding(Severity.ERROR, FindingCode.NO_PRODUCT, word, (perk.name,), text, fix)


def _of_product(product: Product, perks: Sequence[Perk], servers: Sequence[Server]) -> Iterator[Finding]:
    names = tuple(perk.name for perk in perks)

    def warning(code: FindingCode, text: str, fix: str) -> Finding:
        return Finding(Severity.WARNING, code, product.slug or product.id, names, text, fix)

    if not any(command.stage in _STARTS for command in product.commands):
        stages = listed(dict.fromkeys(command.stage for command in product.commands))
        had = f"has commands only at {stages}" if product.commands else "has no command in the store's dashboard"
        yield warning(
            FindingCode.NO_COMMAND,
            f"it {had}, so its items are invisible to customers' tokens, and to perkd",
            f"add the command {quoted(WORD)} at {ACTIVATES} in the store's dashboard, for one of your game servers",
        )
    for command in product.commands:
        if not is_for_perkd(command.content):
            yield warning(FindingCode.REAL_COMMAND, _real(product, command, servers), _instead(command))
    yield from _elsewhere(product, servers, warning)
    waiting = [perk.name for perk in perks if perk.kind is PerkKind.LASTING and perk.lasts is None]
    if not (waiting and _expires(product) and product.commands):
        return
    if not _activated(product, servers):
        yield warning(
            FindingCode.NOT_ACTIVATED,
            f"it expires, and perkd knows nothing that activates it for {listed(waiting)}: its items stay usable, and "
            f"their time does not start, {_plugin(product)}",
            f'set paynow_token in the [[server]] that gets its command {quoted(WORD)}, or write lasts = "30d" in the '
            "perk. If PayNow's plugin runs there, do nothing",
        )
    elif unanswered := _unanswered(product, servers):
        where = _some(unanswered)
        yield warning(
            FindingCode.NOT_ACTIVATED,
            f"it expires, and its command also goes to {where}, where perkd knows nothing that acknowledges it. The "
            f"store may wait for that before it starts the time of an item for {listed(waiting)}, unless PayNow's "
            "plugin runs there",
            f"take {where} off the product in the store's dashboard, or set paynow_token in its [[server]]. If "
            "PayNow's plugin runs there, do nothing",
        )


def _real(product: Product, command: ProductCommand, servers: Sequence[Server]) -> str:
    sends = [one.name for one in servers if one.run_store_commands and _may_get(one, product, command)]
    if sends:
        who = f"perkd would send it beside the perk's commands, because {listed(sends)} has run_store_commands = true"
    else:
        who = "a plugin would run it beside the perk's commands; perkd does not send it"
    return f"the store still runs {quoted(command.content)} at {command.stage}, so it may be delivered twice: {who}"


def _instead(command: ProductCommand) -> str:
    if command.stage in _STARTS:
        return f"replace it by {quoted(WORD)} in the store's dashboard, or take the product out of the perk"
    return "delete it in the store's dashboard, or delete the same command in the perk's `revoke` and `revoke_on`"


def _elsewhere(product: Product, servers: Sequence[Server], warning: Warn) -> Iterator[Finding]:
    known = {server.paynow_id for server in servers if server.paynow_id}
    bound = {place for command in product.commands for place in _bound(product, command)}
    if not known or not bound or not known.isdisjoint(bound):
        return
    names = {one.id: one.name or one.id for one in product.gameservers}
    places = _some(names.get(one, one) for one in bound)
    yield warning(
        FindingCode.OTHER_SERVERS,
        f"its commands go only to game servers that no [[server]] names: {places}",
        "bind them to a game server that a [[server]] names with its paynow_id, or correct that paynow_id",
    )


def _expires(product: Product) -> bool:
    return product.remove_after_enabled or product.allow_subscription


def _activated(product: Product, servers: Sequence[Server]) -> bool:
    """Whether a server with a token acknowledges a command of this product."""
    return any(
        _acknowledges(server, command) and _may_get(server, product, command)
        for command in product.commands
        if command.stage == ACTIVATES
        for server in servers
    )


def _unanswered(product: Product, servers: Sequence[Server]) -> list[str]:
    """The names of the game servers that get an activating command which no [[server]] acknowledges."""
    names = {one.id: one.name or one.id for one in product.gameservers}
    return [
        names.get(place, place)
        for place in dict.fromkeys(
            place
            for command in product.commands
            if command.stage == ACTIVATES
            for place in _bound(product, command)
            if not any(_acknowledges(one, command) and one.paynow_id in ("", place) for one in servers)
        )
    ]


def _acknowledges(server: Server, command: ProductCommand) -> bool:
    return server.paynow_token is not None and (is_for_perkd(command.content) or server.run_store_commands)


def _plugin(product: Product) -> str:
    names = [one.name or one.id for one in product.gameservers]
    return f"unless PayNow's plugin runs on {_some(names)}" if names else "unless PayNow's plugin runs there"


def _may_get(server: Server, product: Product, command: ProductCommand) -> bool:
    """Whether the command can be in this server's queue. A server without a paynow_id may be any game server."""
    bound = _bound(product, command)
    return not server.paynow_id or not bound or server.paynow_id in bound


def _bound(product: Product, command: ProductCommand) -> set[str]:
    """The ids of the game servers that get a command. Empty: the store names none, so all of them."""
    return set(command.override_execute_on_gameserver_ids or [one.id for one in product.gameservers])


def _some(words: Iterable[str]) -> str:
    every = sorted(words)
    return listed(every[:10]) + (f" and {len(every) - 10} more" if len(every) > 10 else "")
