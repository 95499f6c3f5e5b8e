"""What each fault sends on the wire, read without perkd's client, whose tests depend on it."""

import json
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDictProxy

from perkd.daemon.sandbox.store.faults import Fault
from tests.contract.stores import newcomer, running_store

ITEMS = "/v1/store/customer/delivery/items"


async def answer(fault: Fault | None, after: int = 0) -> tuple[int, CIMultiDictProxy[str], bytes, list[str]]:
    """Status, headers and body of a page with two of five items, after the first, and the ids of all five."""
    async with running_store() as store, aiohttp.ClientSession() as session:
        token, customer_id = newcomer(store, items=5)
        if fault is not None:
            store.fault(fault)
        ids = [item.id for item in store.owned(customer_id)]
        headers = {"Authorization": f"Customer {token.reveal()}"}
        url = f"{store.url}{ITEMS}?asc=true&limit=2" + (f"&after={ids[after - 1]}" if after else "")
        async with session.get(url, headers=headers, allow_redirects=False) as response:
            return response.status, response.headers, await response.read(), ids


@pytest.mark.parametrize(
    ("fault", "status", "code", "retry_after"),
    [
        (Fault.BAD_REQUEST, 400, "bad-request", None),
        (Fault.UNAUTHORIZED, 401, "unauthorized", None),
        (Fault.FORBIDDEN, 403, "forbidden", None),
        (Fault.NOT_FOUND, 404, "not-found", None),
        (Fault.LIMITED, 429, "too-many-requests", None),
        (Fault.LIMITED_SECONDS, 429, "too-many-requests", "7"),
        (Fault.LIMITED_DATE, 429, "too-many-requests", "Sun, 01 Mar 2026 12:00:07 GMT"),
        (Fault.SERVER_ERROR, 500, "internal-error", None),
        (Fault.ERROR_AFTER, 500, "internal-error", None),
    ],
)
async def test_a_refusal_is_an_error_document(fault: Fault, status: int, code: str, retry_after: str | None) -> None:
    found, headers, body, _ = await answer(fault)
    document = json.loads(body)
    assert (found, document["status"], document["code"]) == (status, status, code)
    assert headers.get("Retry-After") == retry_after


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        (Fault.BAD_GATEWAY, 502, "text/html"),
        (Fault.WEB_PAGE, 200, "text/html"),
        (Fault.EMPTY, 200, "application/json"),
        (Fault.NO_CONTENT, 204, "application/json"),
        (Fault.TRUNCATED, 200, "application/json"),
    ],
)
async def test_an_answer_that_is_not_json_cannot_be_parsed(fault: Fault, status: int, kind: str) -> None:
    found, headers, body, _ = await answer(fault)
    assert (found, headers["Content-Type"].partition(";")[0]) == (status, kind)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|Invalid"):
        json.loads(body)


async def page(fault: Fault | None) -> list[dict[str, Any]]:
    _, _, body, _ = await answer(fault)
    documents: list[dict[str, Any]] = json.loads(body)
    return documents


async def test_documents_are_changed_as_the_fault_says() -> None:
    fields = set((await page(None))[0])
    assert (await page(Fault.UNKNOWN_STATE))[0]["state"] not in {"usable", "active", "used", "revoked", "renewed"}
    assert all(set(one) > fields for one in await page(Fault.EXTRA_FIELDS))
    assert all(set(one) == {"id", "product", "state"} for one in await page(Fault.FEW_FIELDS))
    assert "id" not in (await page(Fault.NO_ID))[0]
    assert (await page(Fault.STRANGER))[0]["customer_id"] == "1"
    assert (await page(Fault.BROKEN_ITEM))[0]["product"] == 7


@pytest.mark.parametrize(
    ("fault", "places"),
    [
        (None, [2, 3]),
        (Fault.REPEATING, [0, 1]),
        (Fault.IGNORES_PAGING, [0, 1, 2, 3, 4]),
        (Fault.IGNORES_LIMIT, [2, 3, 4]),
        (Fault.DESCENDING, [4, 3]),
    ],
)
async def test_pages_go_wrong_as_the_fault_says(fault: Fault | None, places: list[int]) -> None:
    _, _, body, ids = await answer(fault, after=2)
    assert [one["id"] for one in json.loads(body)] == [ids[place] for place in places]
