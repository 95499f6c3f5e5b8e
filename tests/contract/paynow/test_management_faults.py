"""Every verb of an API key against every way the store can fail: the right error, once, and never a secret in it."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import pytest
from aiohttp import web

from perkd.adapters.base import Secret
from perkd.daemon.paynow.bulk import assign_bulk
from perkd.daemon.paynow.errors import (
    BadAddress,
    Limited,
    NotFound,
    NotPermitted,
    Rejected,
    ServerFault,
    StoreError,
    TokenRefused,
    Unreachable,
    Unreadable,
    WrongStore,
)
from perkd.daemon.paynow.management import Management
from perkd.daemon.paynow.requests import Assignment, BulkAssignment, CustomerFields, made
from perkd.daemon.paynow.storefront import Storefront
from perkd.daemon.paynow.transport.rate import Rate
from perkd.daemon.sandbox.store.faults import Fault
from perkd.daemon.sandbox.store.goods import STORE_ID
from perkd.daemon.sandbox.store.server import PERMISSIONS, Store
from tests import secretwatch
from tests.contract.stores import (
    UNLIMITED,
    everything_said,
    given_up,
    management_of,
    newcomer,
    one_handler,
    running_store,
)

BASE = f"/v1/stores/{STORE_ID}"


@dataclass(frozen=True)
class Verb:
    """`ask` is given the client and a customer with one item; `path` may name both. `document`: it answers with one."""

    method: str
    path: str
    permission: str
    ask: Callable[[Management, str, str], Awaitable[object]]
    document: bool = True

    def where(self, customer_id: str, item_id: str) -> str:
        return f"{BASE}/{self.path}".format(customer=customer_id, item=item_id)


async def first(pages: object) -> object:
    return await anext(pages)  # type: ignore[call-overload] # an asynchronous generator


async def bulk(store: Management, customer_id: str) -> None:
    rows = [made(BulkAssignment, {"customer_id": customer_id, "product_version_id": "5"})]
    async for piece in assign_bulk(store.items, rows):
        if piece.error is not None:
            raise piece.error


NAMED = made(CustomerFields, {"name": "Bob"})
GIFT = made(Assignment, {"product_id": "5"})
VERBS = {
    "list": Verb("GET", "customers", "customer_read", lambda store, _c, _i: first(store.customers.pages())),
    "show": Verb("GET", "customers/{customer}", "customer_read", lambda store, c, _i: store.customers.show(c)),
    "lookup": Verb("GET", "customers/lookup", "customer_read", lambda store, c, _i: store.customers.lookup({"id": c})),
    "create": Verb("POST", "customers", "customer_create", lambda store, _c, _i: store.customers.create(NAMED)),
    "create many": Verb(
        "POST", "customers/bulk", "customer_create", lambda store, _c, _i: first(store.customers.create_many([NAMED]))
    ),
    "update": Verb(
        "PATCH", "customers/{customer}", "customer_update", lambda store, c, _i: store.customers.update(c, NAMED)
    ),
    "mint": Verb(
        "POST", "customers/{customer}/tokens", "customer_update", lambda store, c, _i: store.customers.mint(c)
    ),
    "invalidate": Verb(
        "DELETE",
        "customers/{customer}/tokens",
        "customer_update",
        lambda store, c, _i: store.customers.invalidate(c),
        document=False,
    ),
    "invalidate all": Verb(
        "DELETE",
        "customers/tokens",
        "store_update and customer_update",
        lambda store, _c, _i: store.customers.invalidate_all(),
        document=False,
    ),
    "inventory": Verb(
        "GET",
        "customers/{customer}/delivery/items",
        "customer_inventory_manage",
        lambda store, c, _i: first(store.items.of_customer(c)),
    ),
    "items": Verb(
        "GET",
        "delivery/items",
        "customer_inventory_manage",
        lambda store, _c, _i: first(store.items.of_store(after="0")),
    ),
    "newest": Verb("GET", "delivery/items", "customer_inventory_manage", lambda store, _c, _i: store.items.newest()),
    "assign": Verb(
        "POST",
        "customers/{customer}/delivery/items",
        "customer_inventory_manage",
        lambda store, c, _i: store.items.assign(c, GIFT),
    ),
    "assign bulk": Verb("POST", "delivery/items", "customer_inventory_manage", lambda store, c, _i: bulk(store, c)),
    "revoke": Verb(
        "DELETE",
        "customers/{customer}/delivery/items/{item}",
        "customer_inventory_manage",
        lambda store, c, i: store.items.revoke(c, i),
        document=False,
    ),
    "products": Verb("GET", "products", "product_read", lambda store, _c, _i: store.products()),
}
verbs = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)

MEANT: dict[Fault, type[StoreError]] = {
    Fault.UNAUTHORIZED: TokenRefused,
    Fault.FORBIDDEN: NotPermitted,
    Fault.NOT_FOUND: NotFound,
    Fault.BAD_REQUEST: Rejected,
    Fault.LIMITED: Limited,
    Fault.LIMITED_SECONDS: Limited,
    Fault.LIMITED_DATE: Limited,
    Fault.SERVER_ERROR: ServerFault,
    Fault.BAD_GATEWAY: ServerFault,
    Fault.WEB_PAGE: Unreadable,
    Fault.EMPTY: Unreadable,
    Fault.REDIRECT: Unreadable,
    Fault.STRAY_304: Unreadable,
    Fault.RESET: Unreachable,
}
DOCUMENTS = (Fault.NO_CONTENT, Fault.TRUNCATED, Fault.WRONG_TYPE)  # wrong only where a document is promised


async def failing(store: Store, management: Management, verb: Verb, fault: Fault) -> StoreError:
    """What the verb raises under that fault, after its secrets were looked for in everything it says."""
    _, customer_id = newcomer(store, items=1)
    item_id = store.owned(customer_id)[0].id
    path = verb.where(customer_id, item_id)
    store.fault(fault, path=path, method=verb.method)
    with pytest.raises(StoreError) as caught:
        await verb.ask(management, customer_id, item_id)
    # aiohttp itself asks once more after a reset, where asking twice is harmless: never for POST and PATCH.
    again = fault is Fault.RESET and verb.method in {"GET", "DELETE"}
    assert store.requests(path, verb.method) in ({1, 2} if again else {1})
    assert [leak for said in everything_said(caught.value) for leak in secretwatch.found_in(said)] == []
    return caught.value


def cases(faults: Iterable[Fault]) -> list[object]:
    """Every verb that answers with a document, or any, with every fault, but those that mean something else there: a
    lookup that finds nothing is an answer, and work that was done is looked for."""
    done = {Fault.EMPTY, *DOCUMENTS}
    found: list[object] = []
    for name, verb in VERBS.items():
        for fault in faults:
            is_word = (name, fault) == ("lookup", Fault.NOT_FOUND) or (fault in done and not verb.document)
            if not is_word and not (name.startswith("assign") and fault in done):
                found.append(pytest.param(verb, fault, id=f"{name} {fault}"))
    return found


@pytest.mark.parametrize(("verb", "fault"), cases(MEANT))
async def test_each_failure_of_the_store_is_its_own_error(verb: Verb, fault: Fault) -> None:
    async with running_store() as store, management_of(store) as management:
        error = await failing(store, management, verb, fault)
        assert type(error) is MEANT[fault]
        assert error.path.startswith(BASE)
        if fault is not Fault.NOT_FOUND:  # there the message names the customer or the item
            assert error.path in str(error)
        if fault is Fault.FORBIDDEN:
            assert isinstance(error, NotPermitted)
            assert error.permission == verb.permission
            assert verb.permission in str(error)
            assert STORE_ID in str(error)
        if fault is Fault.BAD_REQUEST:
            assert "after: " in str(error)  # the field the store names


@pytest.mark.parametrize("verb", [one for one in VERBS.values() if not one.document])
@pytest.mark.parametrize("fault", [Fault.EMPTY, Fault.NO_CONTENT])
async def test_where_no_document_is_read_a_200_with_nothing_in_it_is_an_answer(verb: Verb, fault: Fault) -> None:
    async with running_store() as store, management_of(store) as management:
        store.invalidate_all_exists = True
        _, customer_id = newcomer(store, items=1)
        store.fault(fault, method="DELETE")
        await verb.ask(management, customer_id, store.owned(customer_id)[0].id)
        assert store.requests(method="DELETE") == 1


async def test_a_lookup_that_finds_nothing_is_none_and_no_error() -> None:
    async with running_store() as store, management_of(store) as management:
        for _ in range(3):
            assert await management.customers.lookup({"id": "5"}) is None
        assert store.requests(f"{BASE}/customers") == 1, "whether the store is there at all is asked once"


async def test_a_lookup_at_an_address_that_has_no_store_is_no_answer_about_a_customer() -> None:
    key = Secret(secretwatch.mint("an API key"))
    async with running_store() as store:
        nope = f"{store.url}/nope"
        async with Management.open(nope, STORE_ID, key, rate=Rate(UNLIMITED)) as management:
            with pytest.raises(NotFound, match=r"\[store\] api"):
                await management.customers.lookup({"id": "5"})


@pytest.mark.parametrize(("verb", "fault"), cases(DOCUMENTS))
async def test_an_answer_without_its_document_is_unreadable(verb: Verb, fault: Fault) -> None:
    async with running_store() as store, management_of(store) as management:
        assert type(await failing(store, management, verb, fault)) is Unreadable


@verbs
async def test_a_missing_permission_is_named(verb: Verb) -> None:
    """As the emulated store itself refuses it, by the role it emulates."""
    async with running_store() as store, management_of(store) as management:
        store.invalidate_all_exists = True
        _, customer_id = newcomer(store, items=1)
        store.permissions = set(PERMISSIONS) - set(verb.permission.split(" and "))
        with pytest.raises(NotPermitted) as caught:
            await verb.ask(management, customer_id, store.owned(customer_id)[0].id)
        assert caught.value.permission == verb.permission


@verbs
async def test_another_stores_key_is_refused_with_the_stores_id(verb: Verb) -> None:
    async with running_store() as store, management_of(store, store_id="777") as management:
        _, customer_id = newcomer(store, items=1)
        with pytest.raises(NotPermitted, match=r"store 777 \(\[store\] id\)") as caught:
            await verb.ask(management, customer_id, "5")
        assert STORE_ID in str(caught.value)  # the store says whose it is


@verbs
async def test_a_key_nobody_knows_is_refused_without_being_shown(verb: Verb) -> None:
    async with running_store() as store:
        key = secretwatch.mint("an API key")
        async with management_of(store, key=key) as management:
            _, customer_id = newcomer(store, items=1)
            with pytest.raises(TokenRefused) as caught:
                await verb.ask(management, customer_id, "5")
            assert caught.value.status == 401
            said = "".join(everything_said(caught.value)) + repr(management) + repr(vars(management))
            assert secretwatch.found_in(said) == []


@verbs
@pytest.mark.parametrize("key", ["two words", "new\nline", "ünicode", "tab\there"])
async def test_a_key_that_cannot_stand_in_a_header_is_not_sent(verb: Verb, key: str) -> None:
    async with running_store() as store:
        secretwatch.remember(key + "-longer", "an API key")
        async with management_of(store, key=key + "-longer") as management:
            with pytest.raises(TokenRefused) as caught:
                await verb.ask(management, "5", "6")
            assert caught.value.status is None
            assert store.requests() == 0
            assert secretwatch.found_in("".join(everything_said(caught.value))) == []


async def test_a_web_page_instead_of_a_refusal_is_no_word_about_the_key() -> None:
    """A firewall in between answers 403 with a page of its own."""

    async def firewall(_request: web.Request) -> web.Response:
        return web.Response(status=403, text="<html>blocked</html>", content_type="text/html")

    async with one_handler(firewall) as url:
        key = Secret(secretwatch.mint("an API key"))
        async with Management.open(url, STORE_ID, key, rate=Rate(UNLIMITED)) as management:
            with pytest.raises(ServerFault, match="403"):
                await management.products()


async def test_a_redirect_is_not_followed_so_the_key_goes_nowhere_else() -> None:
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return web.json_response([])

    async with one_handler(elsewhere) as other:

        async def redirecting(_request: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": f"{other}/v1"})

        async with one_handler(redirecting) as url:
            key = Secret(secretwatch.mint("an API key"))
            async with Management.open(url, STORE_ID, key, rate=Rate(UNLIMITED)) as management:
                for verb in VERBS.values():
                    with pytest.raises(Unreadable, match="307"):
                        await verb.ask(management, "5", "6")
    assert seen == []


async def test_a_store_that_is_down_or_silent_is_unreachable() -> None:
    async with running_store() as store, management_of(store) as management:
        store.fault(Fault.SLOW)
        with pytest.raises(Unreachable):
            await given_up(store, management.products())
        await store.down()
        with pytest.raises(Unreachable):
            await management.products()


async def test_the_key_leaves_only_by_its_header_and_only_to_the_stores_own_paths() -> None:
    async with running_store() as store, management_of(store) as management:
        _, customer_id = newcomer(store, items=1)
        for name, verb in VERBS.items():
            if name not in {"assign", "assign bulk", "invalidate all"}:  # these fail for want of a product or a route
                await verb.ask(management, customer_id, store.owned(customer_id)[0].id)
        assert all(asked.path.startswith(BASE) for asked in store.asked)
        assert [one for asked in store.asked for one in secretwatch.found_in(asked.path + asked.query)] == []


async def test_a_web_server_that_knows_no_path_of_paynows_is_not_taken_for_a_store_without_the_customer() -> None:
    async def plain(_request: web.Request) -> web.Response:
        return web.Response(status=404, text="File not found")

    key = Secret(secretwatch.mint("an API key"))
    async with one_handler(plain) as url, Management.open(url, STORE_ID, key, rate=Rate(UNLIMITED)) as management:
        for name, verb in VERBS.items():
            with pytest.raises(StoreError, match=r"\[store\] api") as caught:
                await verb.ask(management, "5", "6")
            assert type(caught.value) is (NotFound if name == "invalidate all" else BadAddress), name
            assert caught.value.status == 404


async def test_http_to_another_machine_is_refused_before_anything_is_sent() -> None:
    key = Secret(secretwatch.mint("an API key"))
    with pytest.raises(BadAddress):
        async with Management.open("http://store.example", STORE_ID, key, rate=Rate(1.0)):
            pass


async def test_a_customer_of_another_store_is_refused_with_both_ids() -> None:
    async with running_store() as store:
        token, _ = newcomer(store)
        async with Storefront.open(store.url, rate=Rate(UNLIMITED), store_id="777") as storefront:
            with pytest.raises(WrongStore) as caught:
                await storefront.customer(token)
        assert STORE_ID in str(caught.value)
        assert "777" in str(caught.value)
        async with Storefront.open(store.url, rate=Rate(UNLIMITED), store_id=STORE_ID) as storefront:
            await storefront.customer(token)
