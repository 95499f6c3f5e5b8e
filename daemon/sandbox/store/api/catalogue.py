"""API-key routes of the emulated store for products and game servers. `routes.py` lists the routes."""

from ..calls import Call, Refused, Reply, Route, as_flake, as_moment, page
from ..goods import CommandAttempt, GameServer, Goods, GoodsState
from ..product_document import product_document

_STORE = "/v1/stores/{storeId}"
_SERVER = f"{_STORE}/gameservers/{{gameServerId}}"


def products(call: Call) -> Reply:
    wanted = {as_flake(one, "product_id") for one in call.query.getall("product_id", [])}
    slugs = set(call.query.getall("slug", []))
    return Reply(
        [
            product_document(one, call.shop.gameservers, nulls=call.write.nulls)
            for one in call.shop.products.values()
            if (not wanted or one.id in wanted) and (not slugs or one.slug in slugs)
        ]
    )


def product(call: Call) -> Reply:
    found = call.shop.products.get(call.flake("productId"))
    if found is None:
        raise Refused(404, f"There is no product {call.parts['productId']}")
    return Reply(product_document(found, call.shop.gameservers, nulls=call.write.nulls))


def gameservers(call: Call) -> Reply:
    return Reply([call.write.gameserver(one) for one in call.shop.gameservers.values()])


def gameserver(call: Call) -> Reply:
    """Answers with one document; PayNow's description says a list, which is a mistake in it."""
    return Reply(call.write.gameserver(_server(call)))


def items_of_gameserver(call: Call) -> Reply:
    """The items that have an attempt for this server."""
    server, active_only = _server(call), call.says("activeOnly")

    def keep(goods: Goods) -> bool:
        if goods.forgotten or (active_only and goods.state not in {GoodsState.USABLE, GoodsState.ACTIVE}):
            return False
        return any(attempt.gameserver_id == server.id for attempt in goods.attempts)

    return Reply([call.write.item(one) for one in page(call, list(call.shop.items.values()), keep)])


def resend(call: Call) -> Reply:
    """Queues the purchase commands of active items again, with the same text; the body selects which."""
    server, body = _server(call), call.table()
    starts_at = as_moment(body.get("starts_at"), "starts_at")
    ends_at = as_moment(body.get("ends_at"), "ends_at")
    names = ("inventory_item_id", "customer_id", "order_id", "product_id", "subscription_id")
    wanted = {name: as_flake(body[name], name) for name in names if body.get(name) is not None}

    def matches(attempt: CommandAttempt) -> bool:
        goods = attempt.item
        is_of = {
            "inventory_item_id": goods.id,
            "customer_id": goods.customer_id,
            "order_id": goods.order_id,
            "product_id": goods.product.id,
            "subscription_id": goods.subscription_id,
        }
        return (
            attempt.gameserver_id == server.id
            and attempt.stage == "on_purchase"
            and not attempt.rerun
            and goods.state == GoodsState.ACTIVE
            and (starts_at is None or attempt.queued_at >= starts_at)
            and (ends_at is None or attempt.queued_at <= ends_at)
            and all(is_of[name] == value for name, value in wanted.items())
        )

    again = [attempt for attempt in call.shop.attempts.by_id.values() if matches(attempt)]
    for attempt in again:
        call.shop.attempts.resend(attempt, call.now)
    return Reply({"enqueued_commands_count": len(again)})


def _server(call: Call) -> GameServer:
    found = call.shop.gameservers.get(call.flake("gameServerId"))
    if found is None:
        raise Refused(404, f"There is no game server {call.parts['gameServerId']}")
    return found


ROUTES = (
    Route("GET", f"{_STORE}/products", products, "key", ("product_read",)),
    Route("GET", f"{_STORE}/products/{{productId}}", product, "key", ("product_read",)),
    Route("GET", f"{_STORE}/gameservers", gameservers, "key", ("gameserver_read",)),
    Route("GET", _SERVER, gameserver, "key", ("gameserver_read",)),
    Route("GET", f"{_SERVER}/delivery/items", items_of_gameserver, "key", ("customer_inventory_manage",)),
    Route("POST", f"{_SERVER}/delivery/commands/resend", resend, "key", ("customer_inventory_manage",)),
)
