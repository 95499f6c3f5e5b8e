"""What every ledger remembers of the config and of who is polled: cut-offs, names, servers, tokens, customers."""

from datetime import timedelta
from pathlib import Path

from perkd.daemon.config.tokens_file import TokenEntry
from perkd.daemon.core.changes import Hold, HoldingKey
from perkd.daemon.core.model import CommandSpec, PerkKind, Reason, State, Template
from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.ledger.rows import TokenSource
from tests.ledgers import (
    ANN,
    BEN,
    NOW,
    VIP,
    claim,
    claimed,
    configure,
    ends,
    known,
    known_item,
    later,
    opens,
    perk,
    polled,
    profile,
    record,
    rows,
    run,
    seen,
    server,
    spec,
    states,
    support,
    sync_tokens,
    token,
    told,
)

# --- perks and servers ------------------------------------------------------------------------------------------------


async def test_a_pairs_cut_off_is_when_it_was_first_configured(ledger: Ledger) -> None:
    first = await configure(ledger, [server()], [perk()], later(days=1), adopt=True)
    assert (first.cutoffs, first.servers, first.adopt) == ({("vip", "survival"): later(days=1)}, ("survival",), True)
    two = [perk(servers=("survival", "creative"))]
    second = await configure(ledger, [server(), server("creative")], two, later(days=2), adopt=False)
    assert second.cutoffs == {("vip", "survival"): later(days=1), ("vip", "creative"): later(days=2)}
    assert (second.perks["vip"], second.adopt) == (two[0], False)
    await configure(ledger, [server()], [], later(days=3), adopt=True)
    back = await configure(ledger, [server()], [perk()], later(days=4), adopt=True)
    assert back.cutoffs["vip", "survival"] == later(days=1)


async def test_no_cut_off_is_before_the_ledger_began(ledger: Ledger) -> None:
    catalogue = await configure(ledger, [server()], [perk()], later(days=-1), adopt=True)
    assert catalogue.cutoffs == {("vip", "survival"): NOW}


async def test_a_star_stands_for_every_server_there_is(ledger: Ledger) -> None:
    everywhere = perk(servers=("*",))
    await configure(ledger, [server("a")], [everywhere], later(days=1), adopt=True)
    catalogue = await configure(ledger, [server("a"), server("b")], [everywhere], later(days=2), adopt=True)
    assert catalogue.cutoffs == {("vip", "a"): later(days=1), ("vip", "b"): later(days=2)}


async def test_another_kind_is_another_perk_whose_cut_offs_start_now(ledger: Ledger) -> None:
    await configure(ledger, [server()], [perk()], later(days=1), adopt=True)
    catalogue = await configure(ledger, [server()], [perk(kind=PerkKind.ONCE)], later(days=2), adopt=True)
    assert catalogue.cutoffs == {("vip", "survival"): later(days=2)}


async def test_another_kind_under_another_name_starts_now_too(ledger: Ledger) -> None:
    await configure(ledger, [server()], [perk()], later(days=1), adopt=True)
    kit = perk("kit", PerkKind.ONCE, was="vip")
    catalogue = await configure(ledger, [server()], [kit], later(days=2), adopt=True)
    assert catalogue.cutoffs == {("kit", "survival"): later(days=2)}


async def test_a_renamed_perk_keeps_its_holdings_keys_and_cut_offs(ledger: Ledger) -> None:
    await configure(ledger, [server()], [perk()], later(days=1), adopt=True)
    await record(ledger, opens("give", supports=[support()]))
    await run(ledger, State.DELIVERED)
    [old] = await rows(ledger)
    renamed = perk("premium", was="vip")
    for _ in range(2):  # the config may keep saying so
        catalogue = await configure(ledger, [server()], [renamed], later(days=2), adopt=True)
        assert catalogue.cutoffs == {("premium", "survival"): later(days=1)}
        assert (set(catalogue.perks), catalogue.retired) == ({"premium"}, {})
        [holding] = (await known(ledger, ANN, "ann")).holdings
        assert (holding.key, holding.perk) == (HoldingKey("ann", "premium", "survival"), "premium")
        assert [one.perk for one in holding.supports] == ["premium"]
        [row] = await rows(ledger)
        assert (row.perk, row.id, row.generation) == ("premium", old.id, old.generation)
    assert (await record(ledger, opens("give", key=holding.key))).planned == 0
    await record(ledger, ends("take", key=holding.key))
    assert (await claimed(ledger)).perk == "premium"


async def test_a_renamed_once_perk_gives_nothing_twice(ledger: Ledger) -> None:
    kit = HoldingKey("ann", "kit", "survival", "9")
    await configure(ledger, [server()], [perk("kit", PerkKind.ONCE)], NOW, adopt=True)
    await record(ledger, opens("give", key=kit), items=(known_item("9"),))
    renamed = perk("chest", PerkKind.ONCE, was="kit", effect="anything")
    await configure(ledger, [server()], [renamed], NOW, adopt=True)
    assert [holding.key for holding in (await known(ledger)).holdings] == [kit._replace(effect="chest")]


async def test_a_name_taken_over_next_to_a_shared_effect_stops_nobody(ledger: Ledger) -> None:
    shared = HoldingKey("ann", "rank", "survival")
    old = [perk(), perk("mvp", effect="rank")]
    await configure(ledger, [server()], old, NOW, adopt=True)
    await record(ledger, opens("give vip"), opens("give mvp", key=shared, perk="mvp"))
    await configure(ledger, [server()], [perk("premium", effect="rank", was="vip"), old[1]], NOW, adopt=True)
    holdings = (await known(ledger, ANN, "ann")).holdings
    assert [(holding.key, holding.perk) for holding in holdings] == [(VIP, "premium"), (shared, "mvp")]


async def test_a_retired_perk_comes_back_from_the_ledger_as_it_was_configured(ledger: Ledger) -> None:
    rich = perk(
        "rich",
        products=("a", "124249183568797696"),
        servers=("*",),
        grant=(
            CommandSpec(
                run=Template("lp {name} ünï", ("lp ", "name", " ünï")),
                after=timedelta(seconds=1.5),
                online=timedelta(seconds=20),
                repeatable=False,
            ),
        ),
        revoke=(spec("take", repeatable=True),),
        revoke_on={Reason.CHARGEBACK: (spec("ban"),), Reason.EXPIRED: ()},
        effect="rank",
        lasts=timedelta(days=30, microseconds=1),
        grace=timedelta(0),
        repeatable=False,
        irreversible=True,
        success="^ok (\\d+)$",
        failure='"no"',
        strict=True,
        was="poor",
    )
    await configure(ledger, [server()], [rich, perk()], NOW, adopt=True)
    catalogue = await configure(ledger, [server()], [perk()], NOW, adopt=True)
    assert (catalogue.retired, catalogue.perk("rich")) == ({"rich": rich}, rich)
    assert (await configure(ledger, [server()], [rich], NOW, adopt=True)).retired == {"vip": perk()}


async def test_a_server_that_leaves_blocks_its_commands_and_its_return_frees_them(ledger: Ledger) -> None:
    creative = VIP._replace(server="creative")
    await configure(ledger, [server(), server("creative")], [perk()], NOW, adopt=True)
    await record(ledger, opens("here"), opens("there", key=creative))
    await configure(ledger, [server()], [perk()], NOW, adopt=True)
    assert await states(ledger) == {"here": "planned", "there": "blocked"}
    there = (await rows(ledger))[1]
    assert there.hold == Hold.SERVER
    assert "creative" in (there.reason or "")
    assert (await ledger.reports.summary()).absent_servers == ("creative",)
    await configure(ledger, [server(), server("creative")], [perk()], later(days=1), adopt=True)
    assert await told(ledger, there.id) == [(None, "planned"), ("planned", "blocked"), ("blocked", "planned")]
    assert await claim(ledger, later(days=1), server="creative") is not None


async def test_nothing_is_planned_for_a_server_that_is_not_there_by_releasing_the_brake(ledger: Ledger) -> None:
    await configure(ledger, [server()], [perk()], NOW, adopt=True)
    await record(ledger, opens("give"))
    await run(ledger, State.DELIVERED)
    await record(ledger, ends("take"), braked="many")
    await configure(ledger, [], [perk()], NOW, adopt=True)
    await ledger.commands.release_brake(NOW)
    take = (await rows(ledger))[1]
    assert (take.state, take.hold) == (State.BLOCKED, Hold.SERVER)
    await configure(ledger, [server()], [perk()], NOW, adopt=True)
    assert (await claimed(ledger)).text == "take"


async def test_a_slug_stays_with_the_product_it_was_first_seen_with(ledger: Ledger) -> None:
    await record(ledger, items=(known_item("1", slug="vip", product_id="500"), known_item("2", slug="")))
    await record(ledger, items=(known_item("3", slug="vip", product_id="501"),))
    assert (await configure(ledger, [], [], NOW, adopt=True)).slugs == {"vip": "500"}


# --- tokens and customers ---------------------------------------------------------------------------------------------


async def labels(ledger: Ledger) -> list[str]:
    """The labels of everybody polled by a token in use."""
    return [row.label for row in await polled(ledger) if row.token is not None]


async def test_the_file_is_the_list_of_its_own_tokens_and_leaves_the_operators_alone(ledger: Ledger) -> None:
    one, two, three = token("one"), token("two"), token("three", note="a friend")
    assert await sync_tokens(ledger, [one, two], NOW) == (2, 0)
    assert await sync_tokens(ledger, [one, two], NOW) == (0, 0)
    assert await labels(ledger) == ["Ann", "one", "two"]
    assert await sync_tokens(ledger, [two, three], later(days=1)) == (1, 1)
    assert await labels(ledger) == ["Ann", "two", "three"]
    assert await sync_tokens(ledger, [one], later(days=2)) == (1, 2)
    assert await labels(ledger) == ["Ann", "one"]
    assert await sync_tokens(ledger, [], later(days=3)) == (0, 1)
    listed = {row.label: (row.source, row.removed_at, row.note) for row in await ledger.reports.customers()}
    assert listed["three"] == ("file", later(days=2), "a friend")
    assert (await labels(ledger), listed[None][:2]) == (["Ann"], ("operator", None))


async def test_a_token_the_operator_added_stays_his_though_the_file_names_it_too(ledger: Ledger) -> None:
    entry = token("ben")
    await ledger.roll.add(entry, TokenSource.OPERATOR, profile(BEN, "Ben"), NOW)
    assert await sync_tokens(ledger, [entry], NOW) == (0, 0)
    assert await sync_tokens(ledger, [], NOW) == (0, 0)
    assert await labels(ledger) == ["Ann", "Ben"]


async def test_a_token_is_whoevers_the_store_says(ledger: Ledger) -> None:
    entry = token("a friend")
    await sync_tokens(ledger, [entry], NOW)
    new = (await polled(ledger))[-1]
    assert (new.customer_id, new.label, new.profile_at) == (None, "a friend", None)
    assert new.token == entry.token
    await ledger.roll.identify(new.token_id, profile(BEN, "Ben"), later(minutes=1))
    then = (await polled(ledger))[-1]
    assert (then.customer_id, then.label, then.profile_at) == (BEN, "Ben", later(minutes=1))
    assert (await known(ledger, BEN)).profile == profile(BEN, "Ben")


async def test_adding_a_token_twice_says_so_and_adding_a_removed_one_brings_it_back(ledger: Ledger) -> None:
    entry = token()
    said = [await ledger.roll.add(entry, TokenSource.OPERATOR, profile(BEN, "Ben"), NOW) for _ in range(2)]
    assert [new for new, _ in said] == [True, False]
    assert [row for _, row in said] == [(await polled(ledger))[-1]] * 2
    assert [await ledger.roll.remove(BEN, NOW) for _ in range(2)] == [(True, None), (False, None)]
    assert await labels(ledger) == ["Ann"]
    assert await ledger.roll.add(entry, TokenSource.OPERATOR, profile(BEN, "Benny"), NOW)
    assert await labels(ledger) == ["Ann", "Benny"]


async def test_a_customer_with_two_tokens_is_polled_by_the_newest(ledger: Ledger) -> None:
    await sync_tokens(ledger, [token(), second := token()], NOW)
    for row in await polled(ledger):
        await ledger.roll.identify(row.token_id, profile(), NOW)
    [row] = await polled(ledger)
    assert (row.token, row.customer_id) == (second.token, ANN)
    assert (await ledger.reports.rarities(NOW)).duplicate_tokens == {ANN: 3}
    await ledger.roll.remove(ANN, NOW)
    assert await polled(ledger) == []


async def test_a_token_that_is_added_takes_the_place_of_the_older_ones_but_for_those_of_the_file(
    ledger: Ledger,
) -> None:
    second = token()
    await ledger.roll.add(second, TokenSource.OPERATOR, profile(), NOW)
    assert [(row.token, row.customer_id) for row in await polled(ledger)] == [(second.token, ANN)]
    assert (await ledger.reports.rarities(NOW)).duplicate_tokens == {}
    await sync_tokens(ledger, [token()], NOW)
    [of_file] = [row for row in await polled(ledger) if row.customer_id is None]
    await ledger.roll.identify(of_file.token_id, profile(), NOW)
    made = token().token
    await ledger.roll.enrol(profile(), made, NOW, instead_of=of_file.token_id)
    await ledger.roll.add(third := token(), TokenSource.OPERATOR, profile(), NOW)
    assert [row.token for row in await polled(ledger)] == [third.token]
    assert (await ledger.reports.rarities(NOW)).duplicate_tokens == {}


async def test_a_token_that_had_its_place_taken_is_the_one_that_is_read_when_it_is_added_again(ledger: Ledger) -> None:
    first, second = token(), token()
    for entry in (first, second, first):
        assert await ledger.roll.add(entry, TokenSource.OPERATOR, profile(BEN, "Ben"), NOW)
    assert [row.token for row in await polled(ledger) if row.customer_id == BEN] == [first.token]
    assert (await ledger.reports.rarities(NOW)).duplicate_tokens == {}


async def test_a_token_of_the_file_stays_beside_one_that_is_added(ledger: Ledger) -> None:
    await sync_tokens(ledger, [token()], NOW)
    [of_file] = [row for row in await polled(ledger) if row.customer_id is None]
    await ledger.roll.identify(of_file.token_id, profile(BEN, "Ben"), NOW)
    await ledger.roll.add(token(), TokenSource.OPERATOR, profile(BEN, "Ben"), NOW)
    assert (await ledger.reports.rarities(NOW)).duplicate_tokens == {BEN: 2}


async def test_a_removed_customer_is_looked_at_only_while_a_known_end_still_comes(ledger: Ledger) -> None:
    await ledger.roll.add(token(), TokenSource.OPERATOR, profile(), NOW)  # two tokens: still one row
    await record(ledger, deadline_at=later(days=3))
    await ledger.roll.remove(ANN, later(days=1))
    [row] = await polled(ledger)
    assert (row.token, row.customer_id, row.label, row.deadline_at) == (None, ANN, "Ann", later(days=3))
    await record(ledger, at=later(days=4))
    assert await polled(ledger) == []


async def test_what_a_comparison_was_based_on_is_remembered_with_what_it_led_to(ledger: Ledger) -> None:
    first = seen(read_at=later(seconds=-1), digest=b"\x00d", etag='"e"', catalogue="c1", recheck_at=later(days=1))
    await ledger.observations.record(first)
    [row] = await polled(ledger)
    assert (row.read_at, row.digest, row.etag, row.catalogue) == (later(seconds=-1), b"\x00d", '"e"', "c1")
    assert (row.recheck_at, row.deadline_at, row.incomplete) == (later(days=1), None, False)
    await ledger.observations.record(seen(at=later(minutes=1), catalogue="c2"))  # time alone: nothing was read
    [row] = await polled(ledger)
    assert (row.read_at, row.digest, row.etag, row.catalogue) == (later(seconds=-1), b"\x00d", '"e"', "c2")
    assert row.recheck_at is None


async def test_the_newest_sighting_wins_whatever_the_order_they_are_written_in(ledger: Ledger) -> None:
    await ledger.observations.sighted({ANN: later(minutes=2)})
    await ledger.observations.sighted({ANN: later(minutes=1)})
    assert (await polled(ledger))[0].read_at == later(minutes=2)


async def test_everything_is_there_after_closing_and_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    entry = TokenEntry(token().token, name="Ann's", note="likes cats")
    first = await Ledger.open(path, NOW)
    await first.roll.add(entry, TokenSource.OPERATOR, profile(), NOW)
    await record(first, opens("give"), items=(known_item(),))
    before = (
        await rows(first),
        await known(first, ANN, "ann"),
        await first.reports.customers(),
        await first.reports.summary(),
    )
    await first.close()
    again = await Ledger.open(path, later(days=1))
    assert (
        await rows(again),
        await known(again, ANN, "ann"),
        await again.reports.customers(),
        await again.reports.summary(),
    ) == (before)
    await again.close()


async def test_a_perk_with_a_new_effect_keeps_what_is_held_where_there_is_room(ledger: Ledger) -> None:
    ben = VIP._replace(player="ben")
    await configure(ledger, [server()], [perk(), perk("mvp", effect="rank")], NOW, adopt=True)
    await record(ledger, opens("give ann", supports=[support()]), opens("give ben", key=ben, supports=[support("2")]))
    await record(ledger, opens("mvp", key=ben._replace(effect="rank"), perk="mvp"))
    for _ in range(2):
        await configure(ledger, [server()], [perk(effect="rank"), perk("mvp", effect="rank")], NOW, adopt=True)
        keys = [holding.key for holding in (await known(ledger, ANN, "ann", "ben")).holdings]
        assert keys == [VIP._replace(effect="rank"), ben, ben._replace(effect="rank")]
    await configure(ledger, [server()], [perk("vip2", effect="gold", was="vip")], NOW, adopt=True)
    assert (await known(ledger, ANN, "ann")).holdings[0].key == VIP._replace(effect="gold")
