"""The pages of one inventory put together, for any ids: as a plain dictionary of numbers would have it."""

import json

import pytest
from hypothesis import given, strategies as st

from perkd.daemon.paynow import storefront
from perkd.daemon.paynow.storefront import _Reading
from perkd.daemon.paynow.wire import NotAnAnswer

FULL = 3  # items on a page, so that hypothesis fills some
IDS = st.one_of(st.integers(0, 12), st.sampled_from([99, 100, 10**17, 10**18 - 1, 10**18, 2**63 - 1]))
PAGES = st.lists(
    st.lists(IDS, max_size=2 * FULL).flatmap(lambda ids: st.sampled_from([ids, sorted(ids)])), min_size=1, max_size=5
)


def page_of(ids: list[int], number: int) -> bytes:
    """A page whose items have the page's number in their state."""
    return json.dumps([{"id": str(one), "state": f"page {number}", "product": {"id": "1"}} for one in ids]).encode()


@given(PAGES)
def test_pages_become_one_inventory_in_order_or_an_error(pages: list[list[int]]) -> None:
    known: dict[int, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storefront, "PAGE_LIMIT", FULL)
        reading = _Reading("1")
        for number, ids in enumerate(pages):
            body = page_of(ids, number)
            if ids and known and set(ids) <= known.keys():
                with pytest.raises(NotAnAnswer, match="repeats items"):
                    reading.add(body)
                return
            if len(ids) >= FULL and ids != sorted(ids):
                with pytest.raises(NotAnAnswer, match="ascending"):
                    reading.add(body)
                return
            known |= dict.fromkeys(ids, f"page {number}")
            after = reading.add(body)
            assert after == (max(known) if len(ids) >= FULL else None)
            if after is None:
                break
        found = [(int(item.id), item.state) for item in reading.inventory()]
    assert found == sorted(known.items())


@given(PAGES)
def test_on_a_path_without_pages_more_than_the_limit_or_the_same_again_is_everything(pages: list[list[int]]) -> None:
    known: set[int] = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storefront, "PAGE_LIMIT", FULL)
        reading = _Reading("1", unpaged=True)
        try:
            for number, ids in enumerate(pages):
                again = bool(known) and set(ids) == known
                after = reading.add(page_of(ids, number))
                known |= set(ids)
                assert (after is None) == (again or len(ids) != FULL)
                if after is None:
                    break
        except NotAnAnswer:
            assert len(ids) == FULL or set(ids) < known
        else:
            assert [int(item.id) for item in reading.inventory()] == sorted(known)
