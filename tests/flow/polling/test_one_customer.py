"""A customer who is added, imported or removed changes the roll alone: nobody else is read from the ledger again."""

from pathlib import Path
from typing import Any, Never

import pytest

from perkd.daemon.ledger.roll import RollFacet
from tests.flow.owner import Owner
from tests.world import World


def nobody_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def pages(_self: RollFacet, _most: int) -> Never:
        raise AssertionError("the whole list is read again")

    monkeypatch.setattr(RollFacet, "pages", pages)


def on_the_roll(owner: Owner) -> dict[str, bool]:
    """The customers perkd looks at, and whether with a token."""
    return {watch.label: watch.token is not None for watch in owner.app.polling.roll}


async def ok(owner: Owner, path: str, method: str, **more: Any) -> Any:
    status, body = await owner.ask(path, method, **more)
    assert status == 200, body
    return body


async def test_one_customer_is_added_or_imported_while_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        await owner.looked()
        nobody_is_read_again(monkeypatch)
        bob, cleo = ({"token": world.add_customer(name), "name": "", "note": ""} for name in ("Bob", "Cleo"))
        await ok(owner, "/customers", "POST", json=bob)
        told = await ok(owner, "/customers/import", "POST", json={"customers": [bob, cleo]})
        assert [one["state"] for one in told["results"]] == ["known", "added"]
        assert on_the_roll(owner) == {"Ann": True, "Bob": True, "Cleo": True}
        await world.until(lambda: owner.app.polling.roll.counts.polled == 3)


async def test_a_removed_customer_is_looked_at_only_while_a_known_end_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann", "Bob")
        world.buy("Ann")
        await owner.looked()
        await owner.settled(owner.add("Ann"))
        nobody_is_read_again(monkeypatch)
        ann, bob = (world.store.customer(name).id for name in ("Ann", "Bob"))
        await ok(owner, f"/customers/{bob}", "DELETE")
        assert on_the_roll(owner) == {"Ann": True}
        await ok(owner, f"/customers/{ann}", "DELETE")
        assert on_the_roll(owner) == {"Ann": False}
        await ok(owner, f"/customers/{ann}?revoke=true", "DELETE")
        assert on_the_roll(owner) == {}
        await owner.settled(owner.add("Ann"), owner.remove("Ann"))
