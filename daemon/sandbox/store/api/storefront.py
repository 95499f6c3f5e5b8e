"""Routes of the emulated store for a customer's token."""

from ..calls import Call, Reply, Route, page
from ..faults import Fault
from ..goods import Goods

# The current path, the deprecated one, and two of earlier years; those two have no pages.
PAGED_PATHS = frozenset({"/v1/store/customer/delivery/items", "/v1/store/customer/command-delivery"})
WHOLE_PATHS = frozenset({"/v1/store/customer/inventory", "/v1/store/customer/command_delivery"})
CUSTOMER_PATH = "/v1/store/customer"


def current_customer(call: Call) -> Reply:
    assert call.customer is not None  # noqa: S101 - a route of login "customer"; this is for mypy
    document = call.write.customer(call.customer)
    if Fault.EXTRA_FIELDS in call.faults:
        document["store"] = {"id": "1"}
    return Reply(document)


def paged_items(call: Call) -> Reply:
    listed = page(call, _listed(call))
    return Reply([call.write.storefront_item(goods) for goods in listed])


def whole_items(call: Call) -> Reply:
    return Reply([call.write.storefront_item(goods) for goods in _listed(call)])


def _listed(call: Call) -> list[Goods]:
    assert call.customer is not None  # noqa: S101 - a route of login "customer"; this is for mypy
    owned = call.shop.owned(call.customer.id)
    return [goods for goods in owned if goods.is_delivered or call.show_commandless]


ROUTES = (
    Route("GET", CUSTOMER_PATH, current_customer, "customer"),
    *(Route("GET", path, paged_items, "customer") for path in sorted(PAGED_PATHS)),
    *(Route("GET", path, whole_items, "customer") for path in sorted(WHOLE_PATHS)),
)
