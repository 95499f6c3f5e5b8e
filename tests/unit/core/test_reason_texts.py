"""Why a command waits or is blocked, word for word, in one snapshot.

A sentence that is written anew changes the snapshot beside this file and nothing else.
"""

from collections.abc import Iterator
from datetime import timedelta

from syrupy.assertion import SnapshotAssertion

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Identity
from perkd.daemon.core.brake import Brake
from perkd.daemon.core.changes import Changes, HoldingChange, HoldingKey, Turn
from perkd.daemon.core.commands import ABSENT_HELD, BRAKE_HELD, GIFT_HELD
from perkd.daemon.core.entitlements import compare
from perkd.daemon.core.model import BrakeLimits, Cause, PerkKind, Target
from perkd.daemon.core.queue_lines import BACKLOG, LEFT_ALONE, Line, store_command, why_unsendable
from perkd.daemon.core.rendering import render
from perkd.daemon.core.templates import VARIABLES
from tests.builders import GAME, NOW, catalogue, inventory, item, known, looked, perk, planned, read, spec, specs, who

MINECRAFT = ADAPTERS["minecraft"]
GAMES = {
    **{f"minecraft, {identity}": MINECRAFT.for_identity(identity, ".") for identity in Identity},
    "gmod": ADAPTERS["gmod"],
}


def of_values() -> Iterator[tuple[str, str]]:
    """A command for a customer without any known identity, in each game."""
    for game, adapter in GAMES.items():
        for variable, one in VARIABLES.items():
            if one.identity and variable in adapter.variables:
                yield f"no {variable} in {game}", why(f"say {{{variable}}}", game)
    for variable in ("order_id", "expires_at"):
        yield f"no {variable}", why(f"say {{{variable}}}", "gmod")
    yield "an unsafe value", why("say {name}", "gmod", name="a;b")
    yield "too long", why(f"say {'x' * 600}", "gmod")
    forgotten = render(spec("say hi"), {"customer_id": "77"}, None).problem
    yield "an unknown game", forgotten[1] if forgotten else ""


def why(text: str, game: str, **values: str) -> str:
    problem = render(spec(text), {"customer_id": "77", **values}, GAMES[game]).problem
    return problem[1] if problem else ""


def of_places() -> Iterator[tuple[str, str]]:
    chosen = perk(target=Target.CHOSEN, servers=(), grant=specs("say hi"))
    for name, bought in (("an unknown game server", item(gameserver_id="77")), ("no game server", item())):
        goods = catalogue(chosen)
        [change] = planned(looked(known(), bought, sold=goods), goods)
        yield name, change.grant[0].reason or ""
    goods = catalogue(perk(target=Target.ANY, servers=("b", "a"), grant=specs("say hi")))
    changes = compare(known(), inventory(item()), read(), goods, {"any:a,b": who()})
    [change] = planned(changes, goods, adapters={"any:a,b": GAME})
    yield "servers that left the config", change.grant[0].reason or ""


def of_a_person() -> Iterator[tuple[str, str]]:
    yield from (("a gift", GIFT_HELD), ("an absence", ABSENT_HELD), ("the brake", BRAKE_HELD))
    brake = Brake(BrakeLimits(share=0.3, least=0, window=timedelta(minutes=10)))
    key = HoldingKey("ann", "vip", "survival")
    end = HoldingChange(turn=Turn.END, key=key, kind=PerkKind.LASTING, perk="vip", item_id="1", cause=Cause.STATED)
    yield "why the brake came on", brake.weigh(Changes(customer_id="1", holdings=(end,)), 0, NOW) or ""


def of_lines() -> Iterator[tuple[str, str]]:
    for text in ("", "a\nb", "ü" * 51):
        yield f"a line of the store, {len(text)} characters", why_unsendable(text, 100) or ""
    nobody = store_command(Line(attempt_id="1", text="say hi", online_only=True), "", None, 100)
    yield "a line for nobody", nobody.problem or ""
    yield from (("a line that waited before", BACKLOG), ("a line left alone", LEFT_ALONE))


def test_why_a_command_waits_for_somebody(snapshot: SnapshotAssertion) -> None:
    said = [*of_values(), *of_places(), *of_a_person(), *of_lines()]
    assert all(reason for _, reason in said)
    assert "\n".join(f"{name}:\n    {reason}" for name, reason in said) == snapshot
