"""Packed texts and player keys: unpacking returns the same, and two players never have one key."""

import pytest
from hypothesis import given, strategies as st

from perkd.daemon.polling.packing import Newest, key_of, pack, player_of, unpack, unpack_seen, unpack_token

UUID = "f84c6a79-0a4e-45e0-879b-cd49ebd4c4e2"

words = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), max_size=80)  # printable
players = st.one_of(st.uuids().map(str), st.integers(0, 10**20).map(str), st.text(max_size=40))


@given(st.none() | words, words, st.none() | words.filter(bool), st.none() | st.binary(min_size=1, max_size=90))
def test_what_is_packed_comes_out_again(token: str | None, label: str, etag: str | None, digest: bytes | None) -> None:
    packed = pack(token, label, etag, digest)
    assert unpack(packed) == (token, label, etag, digest)
    assert unpack_seen(packed) == (digest, etag)
    assert unpack_token(packed) == token


def test_a_token_longer_than_any_header_is_refused() -> None:
    with pytest.raises(ValueError, match="a token of 65535 bytes"):
        pack("x" * 65535, "", None, None)


@given(players)
def test_a_key_gives_its_player_back(player: str) -> None:
    assert player_of(key_of(player)) == player


@given(players, players)
def test_two_players_have_two_keys(one: str, other: str) -> None:
    assert (key_of(one) == key_of(other)) is (one == other)


def test_ids_are_numbers_and_names_are_not() -> None:
    assert [type(key_of(player)) for player in (UUID, "76561198000000001", "Alex", UUID.upper(), "007")] == [
        int,
        int,
        str,
        str,
        str,
    ]


def test_of_several_tokens_of_one_customer_the_newest_counts() -> None:
    newest = Newest()
    assert newest.get("7") is None
    assert (newest.put("7", 3), newest.put("7", 3)) == (None, None)
    assert (newest.put("7", 5), newest.get("7")) == (3, 5)
    assert (newest.put("7", 4), newest.get("7")) == (4, 5)
