"""What every ledger remembers of enrolment and the feed: whose token was made, whose could not be, how far it came."""

import pytest

from perkd.daemon.ledger.base import Ledger
from perkd.daemon.ledger.rows import Enrolled, TokenSource, Unenrolled
from tests.ledgers import ANN, BEN, NOW, known, known_item, later, opens, profile, record, token


async def labels(ledger: Ledger) -> list[str]:
    return [row.label for row in await ledger.polled() if row.token is not None]


async def state(ledger: Ledger, customer_id: str = BEN) -> Enrolled:
    return (await ledger.enrolled([customer_id]))[customer_id]


async def test_a_token_perkd_had_made_is_polled_from_then_on(ledger: Ledger) -> None:
    assert await state(ledger) == Enrolled()
    made = token().token
    row = await ledger.enrol(profile(BEN, "Ben"), made, NOW)
    assert row is not None
    assert row in await ledger.polled()
    assert (row.token, row.customer_id, row.label, row.profile_at) == (made, BEN, "Ben", NOW)
    assert row.profile == profile(BEN, "Ben")
    assert await state(ledger) == Enrolled(polled=True, minted_at=NOW)
    assert [row.source for row in await ledger.customers()] == ["operator", "enrolled"]


async def test_who_is_polled_already_keeps_his_token(ledger: Ledger) -> None:
    before = await ledger.polled()
    assert await ledger.enrol(profile(ANN), token().token, NOW) is None
    assert await ledger.polled() == before


async def test_a_token_replaces_the_one_that_stopped_working(ledger: Ledger) -> None:
    [old] = await ledger.polled()
    row = await ledger.enrol(profile(ANN), token().token, later(hours=1), instead_of=old.token_id)
    assert row is not None
    assert [one.token_id for one in await ledger.polled()] == [row.token_id]
    assert (await ledger.summary(NOW)).duplicate_tokens == {}
    assert (await state(ledger, ANN)).minted_at == later(hours=1)


async def test_whom_the_operator_removed_gets_no_token_until_somebody_adds_him_again(ledger: Ledger) -> None:
    [old] = await ledger.polled()
    await ledger.remove_customer(ANN, NOW)
    assert await state(ledger, ANN) == Enrolled(kept_out=True)
    assert await ledger.kept_out() == [profile(ANN)]
    assert await ledger.enrol(profile(ANN), token().token, NOW) is None
    assert await ledger.enrol(profile(ANN), token().token, NOW, instead_of=old.token_id) is None
    assert (await labels(ledger), await ledger.want_back(NOW)) == ([], 0)
    entry = token()
    await ledger.add_token(entry, TokenSource.OPERATOR, profile(ANN), later(days=1))
    assert await state(ledger, ANN) == Enrolled(polled=True)
    assert await ledger.kept_out() == []


async def test_a_customer_whose_line_left_the_list_is_due_for_a_token_of_perkds_own(ledger: Ledger) -> None:
    entry = token("ben")
    await ledger.sync_tokens([entry], NOW)
    [row] = [one for one in await ledger.polled() if one.customer_id is None]
    await ledger.identify(row.token_id, profile(BEN, "Ben"), NOW)
    assert await ledger.want_back(NOW) == 0
    await ledger.sync_tokens([], later(days=1))
    assert not (await state(ledger)).kept_out
    assert (await ledger.want_back(later(days=1)), await ledger.want_back(later(days=1))) == (1, 0)
    assert await ledger.unenrolled_due(later(days=1), 10) == [BEN]
    assert (await ledger.unenrolled()).count == 0, "nothing went wrong with him"
    assert await ledger.enrol(profile(BEN, "Ben"), token().token, later(days=1)) is not None
    assert await ledger.unenrolled_due(later(days=2), 10) == []


async def test_the_operators_last_word_counts_though_the_file_removed_him_before(ledger: Ledger) -> None:
    first = token("ben")
    await ledger.sync_tokens([first], NOW)
    row = (await ledger.polled())[-1]
    await ledger.identify(row.token_id, profile(BEN, "Ben"), NOW)
    await ledger.sync_tokens([], later(hours=1))
    await ledger.enrol(profile(BEN, "Ben"), token().token, later(hours=2))
    await ledger.remove_customer(BEN, later(hours=3))
    assert (await state(ledger)).kept_out
    assert [one.customer_id for one in await ledger.kept_out()] == [BEN]
    await ledger.sync_tokens([first], later(hours=4))
    assert not (await state(ledger)).kept_out
    await ledger.sync_tokens([], later(hours=5))
    assert not (await state(ledger)).kept_out
    assert await ledger.kept_out() == []


async def test_whom_no_token_could_be_made_for_is_due_again_and_counted(ledger: Ledger) -> None:
    assert await ledger.unenrolled() == Unenrolled()
    await ledger.not_enrolled(BEN, "no", later(hours=1))
    await ledger.not_enrolled("7", "no", later(minutes=30))
    assert await ledger.unenrolled_due(later(minutes=59), 10) == ["7"]
    assert await ledger.unenrolled_due(later(hours=1), 10) == ["7", BEN]
    assert await ledger.unenrolled_due(later(hours=1), 1) == ["7"]
    assert await ledger.unenrolled() == Unenrolled(count=2, reason="no", again_at=later(minutes=30))
    await ledger.not_enrolled("7", "no again", later(days=1))
    assert (await state(ledger, "7")).tries == 2
    await ledger.need_not_enrol("7")
    await ledger.enrol(profile(BEN, "Ben"), token().token, later(hours=1))
    assert await ledger.unenrolled() == Unenrolled()


async def test_a_bookmark_stays_where_it_was_put_last(ledger: Ledger) -> None:
    assert await ledger.bookmark("feed:1") is None
    for value in ("5", "9"):
        await ledger.put_bookmark("feed:1", value)
    assert (await ledger.bookmark("feed:1"), await ledger.bookmark("feed:2")) == ("9", None)


async def test_which_items_an_inventory_had_is_known(ledger: Ledger) -> None:
    await record(ledger, opens("give"), items=(known_item("1"), known_item("3")))
    assert await ledger.listed(["1", "2", "3"]) == {"1", "3"}
    assert await ledger.listed([]) == set()
    assert (await known(ledger)).items.keys() == {"1", "3"}


async def test_naive_times_are_refused(ledger: Ledger) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(TypeError):
        await ledger.enrol(profile(BEN), token().token, naive)
    with pytest.raises(TypeError):
        await ledger.not_enrolled(BEN, "no", naive)
