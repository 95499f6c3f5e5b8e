"""Long lists of the store, page by page: complete or an error, never a part taken for the whole, never for ever."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given, strategies as st

from perkd.daemon.paynow.errors import StoreError, Unreachable, Unreadable
from perkd.daemon.paynow.paging import PAGE_LIMIT, new_rows, pages

PATH = "/v1/stores/1/customers"


@dataclass(frozen=True)
class Row:
    id: str


def rows(*ids: int) -> list[Row]:
    return [Row(str(one)) for one in ids]


@dataclass
class List:
    """A list as a store keeps it, answering one page after the other; what comes in meanwhile has larger ids."""

    ids: list[int]
    added: dict[int, int] = field(default_factory=dict)  # request, from 1 → how many come in before its answer
    asked: list[int] = field(default_factory=list)

    async def fetch(self, after: int) -> list[Row]:
        self.asked.append(after)
        for _ in range(self.added.get(len(self.asked), 0)):
            self.ids.append(max(self.ids, default=0) + 1)
        return rows(*[one for one in self.ids if one > after][:PAGE_LIMIT])


def read(store: List, after: int = 0) -> list[int]:
    """All ids, in the order they were given."""

    async def collect() -> list[int]:
        return [int(row.id) async for page in pages(store.fetch, PATH, after=after) for row in page]

    return asyncio.run(collect())


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (99, 1), (100, 2), (101, 2), (200, 3), (350, 4)])
def test_pages_are_requested_until_one_is_not_full(count: int, requests: int) -> None:
    store = List(list(range(1, count + 1)))
    assert read(store) == store.ids
    assert len(store.asked) == requests


def test_an_empty_list_gives_no_page_at_all() -> None:
    async def collect() -> list[list[Row]]:
        return [page async for page in pages(List([]).fetch, PATH)]

    assert asyncio.run(collect()) == []


def test_rows_at_or_before_the_start_are_not_returned_again() -> None:
    store = List([5, 7, 9])
    assert read(store, after=7) == [9]
    assert store.asked == [7]


@given(
    ids=st.sets(st.integers(1, 2**62), max_size=420),
    added=st.dictionaries(st.integers(1, 6), st.integers(0, 130), max_size=4),
    start=st.integers(0, 2**61),
)
def test_whatever_is_added_meanwhile_everything_that_was_there_is_given_once_and_in_order(
    ids: set[int], added: dict[int, int], start: int
) -> None:
    store = List(sorted(ids), added)
    before = [one for one in store.ids if one > start]
    found = read(store, after=start)
    assert found == sorted(set(found))
    assert set(before) <= set(found) <= set(store.ids)
    assert found == [one for one in store.ids if one > start][: len(found)]
    assert store.asked == sorted(set(store.asked))


@given(
    size=st.integers(0, 400),
    doubled=st.lists(st.integers(0, 399), max_size=30),
)
def test_rows_that_come_twice_in_a_page_are_given_once(size: int, doubled: list[int]) -> None:
    """A store that shows a row twice shows fewer others: its page is as long as any."""
    everything = sorted([*range(1, size + 1), *(one % size + 1 for one in doubled if size)])

    async def fetch(after: int) -> list[Row]:
        return rows(*[one for one in everything if one > after][:PAGE_LIMIT])

    async def collect() -> list[int]:
        return [int(row.id) async for page in pages(fetch, PATH) for row in page]

    assert asyncio.run(collect()) == list(range(1, size + 1))


page = st.lists(st.integers(1, 300), max_size=150) | st.integers(0, 300).map(
    lambda start: list(range(start + 1, start + PAGE_LIMIT + 1))
)


@given(answers=st.lists(page, min_size=1, max_size=8), after=st.integers(0, 300))
def test_whatever_pages_come_it_ends_with_every_row_seen_or_with_an_error(answers: list[list[int]], after: int) -> None:
    """Pages of any kind: unordered, repeated, going backwards, above the limit; the last one is repeated for ever."""
    asked: list[int] = []
    given: list[int] = []

    async def fetch(follow: int) -> list[Row]:
        asked.append(follow)
        return rows(*answers[min(len(asked), len(answers)) - 1])

    async def collect() -> None:
        async for found in pages(fetch, PATH, after=after):
            assert found
            given.extend(int(row.id) for row in found)

    try:
        asyncio.run(collect())
    except Unreadable:
        pass
    else:
        shown = [(follow, answers[min(number, len(answers) - 1)]) for number, follow in enumerate(asked)]
        assert {one for follow, answer in shown for one in answer if one > follow} == set(given)
        assert len(answers[min(len(asked), len(answers)) - 1]) < PAGE_LIMIT
    assert given == sorted(set(given))
    assert all(one > after for one in given)
    assert asked == sorted(set(asked))  # always on, so it always ends


@given(after=st.integers(0, 500), ids=st.lists(st.integers(1, 500), min_size=PAGE_LIMIT, max_size=PAGE_LIMIT))
def test_a_full_page_out_of_order_or_without_new_rows_is_an_error(after: int, ids: list[int]) -> None:
    try:
        fresh, follow = new_rows(rows(*ids), after, PATH)
    except Unreadable:
        assert ids != sorted(ids) or max(ids) <= after
    else:
        assert ids == sorted(ids)
        assert follow == max(ids) > after
        assert [int(row.id) for row in fresh] == sorted({one for one in ids if one > after})


@pytest.mark.parametrize("after", [0, 500])
def test_the_error_names_the_path(after: int) -> None:
    with pytest.raises(Unreadable, match=PATH) as caught:
        new_rows(rows(*range(200, 100, -1)), after, PATH)
    assert caught.value.path == PATH


def test_what_goes_wrong_in_the_middle_is_raised_after_the_pages_before_it() -> None:
    store = List(list(range(1, 151)))
    found: list[int] = []

    async def fetch(after: int) -> list[Row]:
        if after:
            raise Unreachable("gone", path=PATH)
        return await store.fetch(after)

    async def collect() -> None:
        async for one in pages(fetch, PATH):
            found.extend(int(row.id) for row in one)

    with pytest.raises(StoreError, match="gone"):
        asyncio.run(collect())
    assert found == list(range(1, 101))
