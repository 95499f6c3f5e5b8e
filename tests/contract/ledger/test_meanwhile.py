"""What every ledger makes of what came meanwhile: a new name, a command sent after the comparison, a server that left.

And of items and profiles the store stated only in part.
"""

from dataclasses import replace

import pytest

from perkd.daemon.core.changes import Changes, Hold, Holding, HoldingKey, Outcome, Turn
from perkd.daemon.core.model import Cause, State, Step
from perkd.daemon.ledger.ledger import Ledger
from perkd.daemon.ledger.rows import TokenSource
from tests.ledgers import (
    ANN,
    BEN,
    NOW,
    blocked,
    claimed,
    configure,
    ends,
    known,
    known_item,
    opens,
    perk,
    profile,
    record,
    rows,
    run,
    seen,
    server,
    states,
    token,
    turn,
)

KIT = HoldingKey("ann", "kit", "survival", "9")


async def held(ledger: Ledger) -> Holding:
    [holding] = (await known(ledger, ANN, "ann")).holdings
    return holding


async def test_a_learned_identity_is_stored_once_and_sends_nothing(ledger: Ledger) -> None:
    await record(ledger, opens("give"))
    await run(ledger, State.DELIVERED)
    plain = turn(Turn.KEEP, values={"name": "anna"})
    await record(ledger, plain)
    assert (await held(ledger)).values == {"name": "ann"}
    learns = replace(plain, change=replace(plain.change, learned={"name": "anna"}))
    for _ in range(2):
        assert (await record(ledger, learns)).planned == 0
        assert (await held(ledger)).values == {"name": "anna"}
    assert await states(ledger) == {"give": "delivered"}
    await record(ledger, ends("take"))
    await record(ledger, learns)  # it is over
    assert (await held(ledger)).state == "ended"


@pytest.mark.parametrize("cause", [Cause.IDENTITY, Cause.MOVED])
@pytest.mark.parametrize("sent", [True, False])
async def test_a_kit_sent_after_it_was_compared_is_not_given_to_the_new_player_too(
    ledger: Ledger, cause: Cause, sent: bool
) -> None:
    await record(ledger, opens("give old", key=KIT), items=(known_item("9"),))
    if sent:
        await claimed(ledger)
    new = opens("give new", key=KIT._replace(player="anna"))
    await record(ledger, new, ends("take old", key=KIT, cause=cause))
    expected = {"give old": "sending"} if sent else {"give old": "void", "give new": "planned"}
    assert await states(ledger) == expected
    assert [one.state for one in (await known(ledger)).holdings] == (["held"] if sent else ["ended", "held"])


@pytest.mark.parametrize("sent", [True, False])
async def test_a_kit_sent_after_it_was_compared_is_not_given_under_the_new_name_too(ledger: Ledger, sent: bool) -> None:
    await record(ledger, opens("give old", key=KIT), items=(known_item("9"),))
    if sent:
        await claimed(ledger)
    again = turn(Turn.REGRANT, KIT, grant=["give new"], revoke=["take old"], values={"name": "anna"})
    await record(ledger, again)
    assert await states(ledger) == ({"give old": "sending"} if sent else {"give old": "void", "give new": "planned"})


async def test_a_revoked_kit_is_taken_back_though_it_was_sent(ledger: Ledger) -> None:
    await record(ledger, opens("give", key=KIT), items=(known_item("9"),))
    await run(ledger, State.DELIVERED)
    assert (await record(ledger, ends("take", key=KIT))).planned == 1


async def test_what_is_tried_again_later_waits_for_a_server_that_left_meanwhile(ledger: Ledger) -> None:
    await configure(ledger, [server()], [perk()], NOW, adopt=True)
    await record(ledger, opens("give"))
    command = await claimed(ledger)
    await configure(ledger, [], [perk()], NOW, adopt=True)
    assert (
        await ledger.commands.settle(command.id, Outcome(state=State.PLANNED, reason="not sent"), NOW) is State.BLOCKED
    )
    [row] = await rows(ledger)
    assert (row.state, row.hold) == (State.BLOCKED, Hold.SERVER)
    await configure(ledger, [server()], [perk()], NOW, adopt=True)
    assert (await claimed(ledger)).text == "give"


async def test_an_item_that_cannot_be_read_is_kept_as_it_is_and_names_no_product(ledger: Ledger) -> None:
    broken = known_item("7", product_id="", slug="", product_name="", state="unreadable")
    await record(ledger, items=(broken, known_item("8", product_id="", slug="vip")))
    assert (await known(ledger)).items["7"] == broken
    assert (await configure(ledger, [], [], NOW, adopt=True)).slugs == {}
    assert {one.product_id for one in (await ledger.reports.rarities(NOW)).items if one.kind == "state"} == {""}
    await record(ledger, items=(known_item("7"),))
    assert (await known(ledger)).items["7"].item.product_id == "500"


async def test_a_profile_without_a_store_is_a_profile(ledger: Ledger) -> None:
    nowhere = replace(profile(BEN, "Ben"), store_id="")
    await ledger.roll.add(token(), TokenSource.OPERATOR, nowhere, NOW)
    assert (await known(ledger, BEN)).profile == nowhere


async def test_a_removal_held_because_the_item_vanished_goes_when_the_store_says_revoked(ledger: Ledger) -> None:
    await record(ledger, opens("give"))
    await run(ledger, State.DELIVERED)
    await record(ledger, ends(blocked("take", Step.REVOKE, hold=Hold.ABSENT), cause=Cause.ABSENT))
    changes = Changes(customer_id=ANN, items=(known_item("1", state="active"),))
    await ledger.observations.record(replace(seen(), changes=changes))
    assert await states(ledger) == {"give": "delivered", "take": "blocked"}
    changes = Changes(customer_id=ANN, items=(known_item("1", state="revoked"),))
    await ledger.observations.record(replace(seen(), changes=changes))
    assert await states(ledger) == {"give": "delivered", "take": "planned"}
