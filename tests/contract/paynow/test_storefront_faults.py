"""Everything the store can answer instead of an inventory: each is a typed error, and no token is in any of them."""

import asyncio
import datetime as dt
import logging

import pytest

from perkd.adapters.base import Secret
from perkd.daemon.paynow.errors import (
    Limited,
    NotFound,
    Rejected,
    ServerFault,
    StoreError,
    TokenRefused,
    TooLarge,
    Unreachable,
    Unreadable,
)
from perkd.daemon.paynow.own_items import UNREADABLE
from perkd.daemon.paynow.storefront import CUSTOMER_PATH, ITEMS_PATH
from perkd.daemon.sandbox.store.faults import DOCUMENT, Fault
from tests.clock import Hands
from tests.contract.stores import NOW, client_of, everything_said, given_up, newcomer, read, running_store

SILENT = {Fault.SLOW, Fault.STALLED}

ANSWERS: list[tuple[Fault, type[StoreError], int | None, str]] = [
    (Fault.UNAUTHORIZED, TokenRefused, 401, ""),
    (Fault.FORBIDDEN, TokenRefused, 403, "You may not do that"),
    (Fault.NOT_FOUND, NotFound, 404, "items_path"),
    (Fault.BAD_REQUEST, Rejected, 400, "Validation failed"),
    (Fault.LIMITED, Limited, 429, "429"),
    (Fault.LIMITED_SECONDS, Limited, 429, " 7 s"),
    (Fault.LIMITED_DATE, Limited, 429, " 7 s"),
    (Fault.SERVER_ERROR, ServerFault, 500, "Something went [31mwrong"),
    (Fault.BAD_GATEWAY, ServerFault, 502, "502"),
    (Fault.WEB_PAGE, Unreadable, 200, ""),
    (Fault.EMPTY, Unreadable, 200, ""),
    (Fault.NO_CONTENT, Unreadable, 204, "204"),
    (Fault.TRUNCATED, Unreadable, 200, ""),
    (Fault.WRONG_TYPE, Unreadable, 200, ""),
    (Fault.TOO_BIG, TooLarge, 200, "8 MiB"),
    (Fault.TOO_BIG_PACKED, TooLarge, 200, "8 MiB"),
    (Fault.TOO_BIG_STATED, TooLarge, 200, "8 MiB"),
    (Fault.SHORT_LENGTH, Unreadable, None, ""),
    (Fault.RESET, Unreachable, None, ""),
    (Fault.RESET_MIDWAY, Unreachable, None, ""),
    (Fault.REDIRECT, Unreadable, 302, "https://elsewhere.example"),
    (Fault.STRAY_304, Unreadable, 304, "304"),
    (Fault.SLOW, Unreachable, None, ""),
    (Fault.STALLED, Unreachable, None, ""),
    (Fault.ANSWER_LOST, Unreachable, None, ""),
    (Fault.ERROR_AFTER, ServerFault, 500, "Something went wrong afterwards"),
]


def test_every_fault_of_the_emulated_store_is_tried() -> None:
    assert {fault for fault, *_ in ANSWERS} | DOCUMENT == set(Fault)


@pytest.mark.parametrize("path", [CUSTOMER_PATH, ITEMS_PATH])
@pytest.mark.parametrize(("fault", "kind", "status", "says"), ANSWERS, ids=[str(answer[0]) for answer in ANSWERS])
async def test_each_fault_is_an_error_of_its_type_that_says_what_to_do_and_holds_no_token(
    fault: Fault, kind: type[StoreError], status: int | None, says: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=3)
        store.fault(fault)
        asking = client.customer(token) if path == CUSTOMER_PATH else read(client, token, customer_id)
        with pytest.raises(StoreError) as caught:
            await (given_up(store, asking) if fault in SILENT else asking)
        store.release()
    error = caught.value
    assert type(error) is kind
    if fault != Fault.SHORT_LENGTH:  # half a document, or rubbish after it: whichever is read first
        assert error.status == status
    assert error.path == path
    assert path in str(error)
    assert says in str(error)
    assert error.retry_after_s == (7.0 if fault in {Fault.LIMITED_SECONDS, Fault.LIMITED_DATE} else None)
    assert str(error).isprintable()
    texts = [*everything_said(error), caplog.text, *(repr(vars(record)) for record in caplog.records)]
    assert not [text for text in texts if token.reveal() in text]


@pytest.mark.parametrize("fault", [answer[0] for answer in ANSWERS if not answer[0].startswith("limited")])
async def test_after_a_fault_the_same_client_reads_on(fault: Fault) -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=3)
        store.fault(fault, times=1)
        if fault in {
            Fault.RESET,
            Fault.ANSWER_LOST,
        }:  # aiohttp asks once more by itself when a connection ends without any answer
            store.fault(fault, times=2)
        asking = client.inventory(token, customer_id, None, NOW)
        with pytest.raises(StoreError):
            await (given_up(store, asking) if fault in SILENT else asking)
        store.release()
        assert len((await read(client, token, customer_id)).inventory.items) == 3


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.ANSWER_LOST])
async def test_a_poll_is_sent_once_more_when_its_connection_ends_without_an_answer(fault: Fault) -> None:
    """The store closes a kept connection just as the request leaves."""
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=3)
        await client.customer(token)
        store.fault(fault, times=1)
        assert len((await read(client, token, customer_id)).inventory.items) == 3
        assert store.requests() == 3


async def test_a_fault_of_one_customer_is_not_the_others() -> None:
    async with running_store() as store, client_of(store) as client:
        ann, ann_id = newcomer(store, "Ann", items=1)
        bob, bob_id = newcomer(store, "Bob", items=2)
        store.fault(Fault.UNAUTHORIZED, customer="Ann")
        with pytest.raises(TokenRefused):
            await read(client, ann, ann_id)
        assert len((await read(client, bob, bob_id)).inventory.items) == 2


async def test_an_invalidated_token_is_refused_and_a_new_one_works() -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store)
        store.invalidate_tokens(customer_id)
        with pytest.raises(TokenRefused) as caught:
            await client.customer(token)
        assert caught.value.status == 401
        assert (await client.customer(Secret(store.add_token(customer_id)))).customer_id == customer_id


@pytest.mark.parametrize("text", ["", "two words", "line\r\nX-Injected: yes", "tök", "\x00"])
async def test_a_token_no_header_can_hold_is_never_sent(text: str) -> None:
    async with running_store() as store, client_of(store) as client:
        with pytest.raises(TokenRefused) as caught:
            await client.customer(Secret(text))
        assert caught.value.status is None
        assert store.requests() == 0
        assert not text or text not in str(caught.value)


# Items with something wrong in them


async def test_a_state_nobody_knows_and_a_broken_item_do_not_hide_the_others() -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=3)
        store.fault(Fault.UNKNOWN_STATE)
        states = [item.state for item in (await read(client, token, customer_id)).inventory.items]
        assert states == ["pending_review", "usable", "usable"]
        store.heal()
        store.fault(Fault.BROKEN_ITEM)
        states = [item.state for item in (await read(client, token, customer_id)).inventory.items]
        assert states == [UNREADABLE, "usable", "usable"]


@pytest.mark.parametrize("fault", [Fault.EXTRA_FIELDS, Fault.FEW_FIELDS])
async def test_more_and_fewer_fields_leave_the_meaning(fault: Fault) -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=2)
        before = (await read(client, token, customer_id)).inventory
        who = await client.customer(token)
        store.fault(fault)
        after = (await read(client, token, customer_id)).inventory
        assert [(one.id, one.state, one.slug, one.expirable, one.ends_at) for one in after.items] == [
            (one.id, one.state, one.slug, one.expirable, one.ends_at) for one in before.items
        ]
        assert await client.customer(token) == who


@pytest.mark.parametrize(("fault", "says"), [(Fault.NO_ID, " id"), (Fault.STRANGER, " 1,")])
async def test_an_item_without_id_or_of_another_customer_makes_the_whole_answer_unreadable(
    fault: Fault, says: str
) -> None:
    async with running_store() as store, client_of(store) as client:
        token, customer_id = newcomer(store, items=3)
        store.fault(fault)
        with pytest.raises(Unreadable, match=says):
            await read(client, token, customer_id)


# The rate


@pytest.mark.parametrize(
    ("fault", "wait_s"), [(Fault.LIMITED, 1.0), (Fault.LIMITED_SECONDS, 7.0), (Fault.LIMITED_DATE, 7.0)]
)
async def test_one_customers_429_holds_back_everybody_for_as_long_as_the_store_says(
    fault: Fault, wait_s: float
) -> None:
    clock = Hands()
    async with running_store() as store, client_of(store, rate=clock.rate(5.0)) as client:
        store.now = lambda: NOW + dt.timedelta(days=3)  # a date in Retry-After counts from the store's own Date
        ann, ann_id = newcomer(store, "Ann")
        bob, bob_id = newcomer(store, "Bob")
        store.fault(fault, customer="Ann", times=1)
        with pytest.raises(Limited):
            await read(client, ann, ann_id)
        assert client.limited_until(NOW) == NOW + dt.timedelta(seconds=wait_s)
        await read(client, bob, bob_id)
        assert clock.ahead_s == pytest.approx(wait_s)
        assert client.limited_until(NOW) is None


async def test_a_wave_of_429s_is_one_warning_a_person_understands(caplog: pytest.LogCaptureFixture) -> None:
    rate = Hands().rate(5.0)
    async with running_store() as store, client_of(store, rate=rate) as client:
        token, _ = newcomer(store)
        store.fault(Fault.LIMITED_SECONDS)
        answers = await asyncio.gather(*(client.customer(token) for _ in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Limited] * 5
    assert rate.pace.rate == 2.5  # halved once
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert vars(record)["action"] == "store_limited"
    assert vars(record)["wait_s"] == 7.0
    assert " 7 s" in record.getMessage()


async def test_every_page_waits_for_its_turn() -> None:
    clock = Hands()
    async with running_store() as store, client_of(store, rate=clock.rate(5.0)) as client:
        token, customer_id = newcomer(store, items=990)
        await read(client, token, customer_id)
        assert store.requests() == 10
    assert clock.ahead_s == pytest.approx(1.0)  # five at once, five more at five a second
