"""Places: what a label contains, which servers it means, and which two places are the same."""

import pytest
from hypothesis import given, strategies as st

from perkd.daemon.config.names import NAME
from perkd.daemon.core import places
from perkd.daemon.core.model import Target
from tests.builders import NOW, catalogue, item, perk

names = st.lists(st.from_regex(NAME, fullmatch=True), min_size=1, max_size=5, unique=True)


@given(st.sampled_from([Target.ANY, Target.ONLINE]), names)
def test_a_label_contains_its_target_and_its_servers_in_any_order(target: Target, servers: list[str]) -> None:
    label = places.label(target, servers)
    assert label == places.label(target, reversed(servers))
    assert (places.target_of(label), set(places.members(label))) == (target, set(servers))


def test_a_server_is_its_own_place_and_an_unknown_one_has_no_members() -> None:
    assert (places.target_of("lobby"), places.members("lobby"), places.spoken("lobby")) == (
        Target.EACH,
        ("lobby",),
        "lobby",
    )
    for place in (places.chosen("77"), places.chosen(None)):
        assert (places.target_of(place), places.members(place), places.spoken(place)) == (
            Target.CHOSEN,
            (),
            "the chosen server",
        )
    assert places.spoken("any:lobby,survival") == "lobby or survival"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("any:a,b", "any:b,c", True),
        ("any:a,b", "any:c", False),
        ("any:a", "online:a", False),
        ("any:a", "a", False),
        ("chosen:7", "chosen:7", True),
        ("chosen:7", "chosen:8", False),
    ],
)
def test_lists_of_one_sort_with_a_server_in_common_are_one_place(one: str, other: str, same: bool) -> None:
    assert places.meet(one, other) is places.meet(other, one) is same


def test_a_perk_for_one_of_several_has_one_cut_off_whatever_its_list() -> None:
    every = ("survival", "lobby")
    for target, servers, where, pairs in (
        (Target.EACH, ("*",), every, every),
        (Target.EACH, ("lobby",), ("lobby",), ("lobby",)),
        (Target.ANY, ("survival", "lobby"), ("any:lobby,survival",), ("any:",)),
        (Target.ONLINE, ("lobby",), ("online:lobby",), ("online:",)),
        (Target.CHOSEN, (), (), ("chosen:",)),
    ):
        sold = perk(target=target, servers=servers)
        assert (places.places_of(sold, every), places.pairs_of(sold, every)) == (where, pairs)
        assert {places.pair(sold, place) for place in where} <= set(pairs)


def test_the_chosen_server_is_found_by_the_store_s_id_and_waits_if_no_server_has_it() -> None:
    sold = perk(target=Target.CHOSEN, servers=())
    found = catalogue(sold, chosen={"77": "lobby"}, cutoffs={("vip", "chosen:"): NOW})
    assert found.places_of(sold, item(gameserver_id="77")) == ("lobby",)
    assert found.places_of(sold, item(gameserver_id="78")) == ("chosen:78",)
    assert found.places_of(sold, item()) == ("chosen:",)
    assert found.cutoff(sold, "lobby") == found.cutoff(sold, "chosen:78") == NOW


def test_the_members_of_a_place_are_its_servers_in_the_config() -> None:
    assert catalogue().members("any:gone,lobby") == ("lobby",)
    assert catalogue().members("survival") == ("survival",)
    assert catalogue().members("gone") == catalogue().members("chosen:7") == ()
