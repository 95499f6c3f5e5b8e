"""What every ledger remembers of enrolment and the feed: whose token was made, whose could not be, how far it came."""

import pytest

from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.ledger.rows import Enrolled, TokenSource, Unenrolled
from tests.ledgers import ANN, BEN, NOW, known, known_item, later, opens, polled, profile, record, sync_tokens, token


async def labels(ledger: Ledger) -> list[str]:
    return [row.label for row in await polled(ledger) if row.token is not None]


async def state(ledger: Ledger, customer_id: str = BEN) -> Enrolled:
    return (await ledger.roll.enrolled([customer_id]))[customer_id]


async def test_a_token_perkd_had_made_is_polled_from_then_on(ledger: Ledger) -> None:
    assert await state(ledger) == Enrolled()
    made = token().token
    row = await ledger.roll.enrol(profile(BEN, "Ben"), made, NOW)
    assert row is not None
    assert row in await polled(ledger)
    assert (row.token, row.customer_id, row.label, row.profile_at) == (made, BEN, "Ben", NOW)
    assert row.profile == profile(BEN, "Ben")
    assert await state(ledger) == Enrolled(polled=True, minted_at=NOW)
    assert [row.source for row in await ledger.reports.customers()] == ["enrolled", "operator"]


async def test_who_is_polled_already_keeps_his_token(ledger: Ledger) -> None:
    before = await polled(ledger)
    assert await ledger.roll.enrol(profile(ANN), token().token, NOW) is None
    assert await polled(ledger) == before


async def test_a_token_replaces_the_one_that_stopped_working(ledger: Ledger) -> None:
    [old] = await polled(ledger)
    row = await ledger.roll.enrol(profile(ANN), token().token, later(hours=1), instead_of=old.token_id)
    assert row is not None
    assert [one.token_id for one in await polled(ledger)] == [row.token_id]
    assert (await ledger.reports.rarities(NOW)).duplicate_tokens == {}
    assert (await state(ledger, ANN)).minted_at == later(hours=1)


async def test_whom_the_operator_removed_gets_no_token_until_somebody_adds_him_again(ledger: Ledger) -> None:
    [old] = await polled(ledger)
    await ledger.roll.remove(ANN, NOW)
    assert await state(ledger, ANN) == Enrolled(kept_out=True)
    assert await ledger.roll.kept_out() == [profile(ANN)]
    assert await ledger.roll.enrol(profile(ANN), token().token, NOW) is None
    assert await ledger.roll.enrol(profile(ANN), token().token, NOW, instead_of=old.token_id) is None
    assert (await labels(ledger), await ledger.roll.want_back(NOW)) == ([], 0)
    entry = token()
    await ledger.roll.add(entry, TokenSource.OPERATOR, profile(ANN), later(days=1))
    assert await state(ledger, ANN) == Enrolled(polled=True)
    assert await ledger.roll.kept_out() == []


async def test_a_customer_whose_line_left_the_list_is_due_for_a_token_of_perkds_own(ledger: Ledger) -> None:
    entry = token("ben")
    await sync_tokens(ledger, [entry], NOW)
    [row] = [one for one in await polled(ledger) if one.customer_id is None]
    await ledger.roll.identify(row.token_id, profile(BEN, "Ben"), NOW)
    assert await ledger.roll.want_back(NOW) == 0
    await sync_tokens(ledger, [], later(days=1))
    assert not (await state(ledger)).kept_out
    assert (await ledger.roll.want_back(later(days=1)), await ledger.roll.want_back(later(days=1))) == (1, 0)
    assert await ledger.roll.unenrolled_due(later(days=1), 10) == [BEN]
    assert (await ledger.roll.unenrolled()).count == 0, "nothing went wrong with him"
    assert await ledger.roll.enrol(profile(BEN, "Ben"), token().token, later(days=1)) is not None
    assert await ledger.roll.unenrolled_due(later(days=2), 10) == []


async def test_the_operators_last_word_counts_though_the_file_removed_him_before(ledger: Ledger) -> None:
    first = token("ben")
    await sync_tokens(ledger, [first], NOW)
    row = (await polled(ledger))[-1]
    await ledger.roll.identify(row.token_id, profile(BEN, "Ben"), NOW)
    await sync_tokens(ledger, [], later(hours=1))
    await ledger.roll.enrol(profile(BEN, "Ben"), token().token, later(hours=2))
    await ledger.roll.remove(BEN, later(hours=3))
    assert (await state(ledger)).kept_out
    assert [one.customer_id for one in await ledger.roll.kept_out()] == [BEN]
    await sync_tokens(ledger, [first], later(hours=4))
    assert not (await state(ledger)).kept_out
    await sync_tokens(ledger, [], later(hours=5))
    assert not (await state(ledger)).kept_out
    assert await ledger.roll.kept_out() == []


async def test_whom_no_token_could_be_made_for_is_due_again_and_counted(ledger: Ledger) -> None:
    assert await ledger.roll.unenrolled() == Unenrolled()
    await ledger.roll.not_enrolled(BEN, "no", later(hours=1))
    await ledger.roll.not_enrolled("7", "no", later(minutes=30))
    assert await ledger.roll.unenrolled_due(later(minutes=59), 10) == ["7"]
    assert await ledger.roll.unenrolled_due(later(hours=1), 10) == ["7", BEN]
    assert await ledger.roll.unenrolled_due(later(hours=1), 1) == ["7"]
    assert await ledger.roll.unenrolled() == Unenrolled(count=2, reason="no", again_at=later(minutes=30))
    await ledger.roll.not_enrolled("7", "no again", later(days=1))
    assert (await state(ledger, "7")).tries == 2
    await ledger.roll.need_not_enrol("7")
    await ledger.roll.enrol(profile(BEN, "Ben"), token().token, later(hours=1))
    assert await ledger.roll.unenrolled() == Unenrolled()


async def test_a_bookmark_stays_where_it_was_put_last(ledger: Ledger) -> None:
    assert await ledger.bookmark("feed:1") is None
    for value in ("5", "9"):
        await ledger.put_bookmark("feed:1", value)
    assert (await ledger.bookmark("feed:1"), await ledger.bookmark("feed:2")) == ("9", None)


async def test_which_items_an_inventory_had_is_known(ledger: Ledger) -> None:
    await record(ledger, opens("give"), items=(known_item("1"), known_item("3")))
    assert await ledger.observations.listed(["1", "2", "3"]) == {"1", "3"}
    assert await ledger.observations.listed([]) == set()
    assert (await known(ledger)).items.keys() == {"1", "3"}


async def test_naive_times_are_refused(ledger: Ledger) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(TypeError):
        await ledger.roll.enrol(profile(BEN), token().token, naive)
    with pytest.raises(TypeError):
        await ledger.roll.not_enrolled(BEN, "no", naive)
