"""API-key routes of the emulated store for inventories: list, assign and revoke items, and their commands.

All forms of the paths are served: the current ones, and those of 2025 and before.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ..calls import NO_CONTENT, Call, Refused, Reply, Route, as_flake, as_moment, as_texts, page, told_by_place
from ..goods import Actor, Assignment, Customer, Goods, GoodsState, Product
from .customers import customer_in_path

QUANTITY_MOST = 20
BULK_MOST = 250
API_KEY = Actor("api_key", "411486491630370816")
_STORE = "/v1/stores/{storeId}"
_SPELLINGS = ("delivery/items", "command-delivery", "command_delivery", "inventory")
_MANAGE = ("customer_inventory_manage",)


def _keeps(call: Call) -> Callable[[Goods], bool]:
    """Which items a list contains. PayNow does not document `activeOnly`; here it keeps what the customer still has."""
    active_only = call.says("activeOnly")
    active = {GoodsState.USABLE, GoodsState.ACTIVE}
    return lambda goods: not goods.forgotten and (not active_only or goods.state in active)


def of_customer(call: Call) -> Reply:
    owned = call.shop.owned(customer_in_path(call).id)
    return Reply([call.write.item(goods) for goods in page(call, owned, _keeps(call))])


def of_customer_whole(call: Call) -> Reply:
    """The whole inventory in one answer, as before PayNow had pages."""
    return Reply([call.write.item(goods) for goods in call.shop.owned(customer_in_path(call).id)])


def of_store(call: Call) -> Reply:
    listed = page(call, list(call.shop.items.values()), _keeps(call))
    return Reply([call.write.item(goods) for goods in listed])


def of_order(call: Call) -> Reply:
    order, keep = call.flake("orderId"), _keeps(call)
    found = [goods for goods in call.shop.items.values() if goods.order_id == order]
    if not found:
        raise Refused(404, f"There is no order {order}")
    return Reply([call.write.item(goods) for goods in found if keep(goods)])


def assign(call: Call) -> Reply:
    wanted = _assignment(call, customer_in_path(call), call.table())
    return Reply([call.write.item(goods) for goods in wanted()])


def assign_many(call: Call) -> Reply:
    """Assigns all items or none; the error names the place of a wrong entry."""
    wanted: list[Callable[[], list[Goods]]] = []
    for place, entry in enumerate(call.tables(BULK_MOST)):
        with told_by_place(place):
            wanted.append(_bulk_entry(call, entry))
    return Reply([call.write.item(goods) for make in wanted for goods in make()])


def assign_many_silently(call: Call) -> Reply:
    """Assigns as `assign_many`, and answers as the path with the underscore does."""
    assign_many(call)
    return Reply(None, 201)


def revoke(call: Call) -> Reply:
    """Revokes an item. A second time changes nothing; PayNow does not document its answer to that."""
    customer, item = customer_in_path(call), call.flake("deliveryItemId")
    goods = call.shop.items.get(item)
    if goods is None or goods.customer_id != customer.id or goods.forgotten:
        raise Refused(404, f"Customer {customer.id} has no item {item}")
    if goods.state != GoodsState.REVOKED:
        call.shop.revoke(goods.id, "admin", by=API_KEY)
    return NO_CONTENT


def commands_of_customer(call: Call) -> Reply:
    owned = call.shop.owned(customer_in_path(call).id)
    attempts = sorted((one for goods in owned for one in goods.attempts), key=lambda one: int(one.id))
    return Reply([call.write.attempt(one) for one in page(call, attempts)])


def unqueue(call: Call) -> Reply:
    ids = call.table().get("attempt_ids")
    if not isinstance(ids, list):
        raise Refused(400, "attempt_ids must be an array", {"attempt_ids": "is no array"})
    flakes = [as_flake(one, "attempt_ids") for one in ids]
    return Reply({"unqueued_count": sum(call.shop.attempts.unqueue(one, call.now) for one in flakes)})


def _bulk_entry(call: Call, entry: dict[str, Any]) -> Callable[[], list[Goods]]:
    customer = call.shop.customers.get(as_flake(entry.get("customer_id"), "customer_id"))
    if customer is None:
        raise Refused(400, f"There is no customer {entry['customer_id']}", {"customer_id": "is not there"})
    if entry.get("product_version_id") is None:  # here a product can only be named by its version
        raise Refused(400, "product_version_id is needed", {"product_version_id": "is needed"})
    return _assignment(call, customer, entry)


def _assignment(call: Call, customer: Customer, body: dict[str, Any]) -> Callable[[], list[Goods]]:
    """Checks one entry and returns a function that adds its items. Raises Refused."""
    product, version_id = _product(call, body)
    quantity = body.get("quantity")
    quantity = 1 if quantity is None else quantity
    if isinstance(quantity, bool) or not isinstance(quantity, int) or not 1 <= quantity <= QUANTITY_MOST:
        text = f"must be 1 to {QUANTITY_MOST}"
        raise Refused(400, f"quantity {text}", {"quantity": text})
    gameserver_id = body.get("execute_on_gameserver_id")
    if gameserver_id is not None:
        gameserver_id = as_flake(gameserver_id, "execute_on_gameserver_id")
        if gameserver_id not in call.shop.gameservers:
            text = f"There is no game server {gameserver_id}"
            raise Refused(400, text, {"execute_on_gameserver_id": "is not there"})
    elif product.single_game_server:
        text = f"{product.slug} is for a single game server: execute_on_gameserver_id is needed"
        raise Refused(400, text, {"execute_on_gameserver_id": "is needed"})
    skip = body.get("skip_commands")
    if not isinstance(skip, bool | None):
        raise Refused(400, "skip_commands must be a boolean", {"skip_commands": "is no boolean"})
    ends_at = as_moment(body.get("override_expires_at"), "override_expires_at")
    variables = as_texts(body.get("custom_variables"), "custom_variables")
    how = Assignment(quantity, version_id, ends_at, gameserver_id, skip or False, variables)
    return lambda: call.shop.assign(customer.id, product.id, how, by=API_KEY)


def _product(call: Call, body: dict[str, Any]) -> tuple[Product, str]:
    """The product to assign and its version. Raises Refused."""
    shop = call.shop
    if body.get("product_version_id") is not None:
        version_id = as_flake(body["product_version_id"], "product_version_id")
        if version_id not in shop.versions:
            text = f"There is no product version {version_id}"
            raise Refused(400, text, {"product_version_id": "is not there"})
        return shop.versions[version_id], version_id
    if body.get("product_id") is None:
        raise Refused(400, "product_id or product_version_id is needed", {"product_id": "is needed"})
    product = shop.products.get(as_flake(body["product_id"], "product_id"))
    if product is None:
        raise Refused(400, f"There is no product {body['product_id']}", {"product_id": "is not there"})
    return product, product.version_id


def _routes() -> Iterator[Route]:
    for spelling in _SPELLINGS:
        of_one = f"{_STORE}/customers/{{customerId}}/{spelling}"
        paged = spelling in {"delivery/items", "command-delivery"}
        yield Route("GET", of_one, of_customer if paged else of_customer_whole, "key", _MANAGE)
        yield Route("POST", of_one, assign, "key", _MANAGE)
        yield Route("DELETE", f"{of_one}/{{deliveryItemId}}", revoke, "key", _MANAGE)
    for spelling in ("delivery/items", "command-delivery"):
        yield Route("POST", f"{_STORE}/{spelling}", assign_many, "key", _MANAGE)
        yield Route("GET", f"{_STORE}/orders/{{orderId}}/{spelling}", of_order, "key", _MANAGE)
    yield Route("POST", f"{_STORE}/customers/bulk/command_delivery", assign_many_silently, "key", _MANAGE)
    yield Route("GET", f"{_STORE}/delivery/items", of_store, "key", _MANAGE)
    yield Route("GET", f"{_STORE}/customers/{{customerId}}/delivery/commands", commands_of_customer, "key", _MANAGE)
    for path in ("delivery/commands/unqueue", "command-delivery/unqueue"):
        yield Route("POST", f"{_STORE}/{path}", unqueue, "key", _MANAGE)


ROUTES = tuple(_routes())
