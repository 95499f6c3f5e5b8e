"""What a line of the store's queue means: for which player it is, whom it waits for, whether it may be sent."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from perkd.adapters import ADAPTERS
from perkd.adapters.base import Identity, Player
from perkd.daemon.core.changes import Hold
from perkd.daemon.core.model import Profile
from perkd.daemon.core.queue_lines import (
    BACKLOG,
    LINES_MOST,
    REMEMBERED,
    TEXT_KEPT,
    UNREAD_AFTER,
    UNREAD_KEPT,
    Left,
    Line,
    PlayerIds,
    Removed,
    Unread,
    is_for_perkd,
    may_run,
    online_of,
    player_of,
    store_command,
    why_unsendable,
)
from tests.builders import NOW

MINECRAFT, TF2 = ADAPTERS["minecraft"], ADAPTERS["tf2"]
OFFLINE = MINECRAFT.for_identity(Identity.OFFLINE, "")
FLOODGATE = MINECRAFT.for_identity(Identity.FLOODGATE, ".")
ANN = "069a79f4-44e9-4726-a5be-fca90e38aaf5"
BEDROCK = "00000000-0000-0000-0009-01f64f65c7c3"
STEAM = "76561197960287930"


def line(text: str = "perkd", attempt_id: str = "1", **facts: object) -> Line:
    return Line(**{"attempt_id": attempt_id, "text": text, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "who"),
    [
        ({"minecraft_uuid": ANN.replace("-", "").upper()}, "1"),
        ({"minecraft_uuid": BEDROCK, "customer_name": "Ann"}, None),  # somebody else with her name
        ({"steam_id": STEAM, "customer_name": "Ann"}, "2"),
        ({"customer_name": "Ann"}, "1"),
        ({"customer_name": "ann"}, None),
        ({}, None),
    ],
)
def test_a_removed_customer_is_found_by_id_and_without_one_by_name(facts: dict[str, str], who: str | None) -> None:
    removed = Removed(
        [
            Profile("1", "", {"customer_name": "Ann", "minecraft_id": ANN}),
            Profile("2", "", {"steam_id": STEAM}),
            Profile("3", "", {}),
        ]
    )
    found = removed.behind(line(**facts))
    assert (found.customer_id if found else None) == who
    assert Removed().behind(line(**facts)) is None


@pytest.mark.parametrize("text", ["perkd", "  perkd  ", "perkd vip", "perkd\tvip for Ann", "\nperkd"])
def test_a_line_whose_first_word_is_perkd_is_for_perkd(text: str) -> None:
    assert is_for_perkd(text)


@pytest.mark.parametrize("text", ["", " ", "perkdx", "Perkd", "PERKD", "/perkd", "say perkd", "perkd: vip", "'perkd'"])
def test_any_other_line_is_not(text: str) -> None:
    assert not is_for_perkd(text)


@pytest.mark.parametrize(
    ("adapter", "facts", "player"),
    [
        (MINECRAFT, {"minecraft_uuid": ANN}, ANN),
        (MINECRAFT, {"minecraft_uuid": ANN.replace("-", "").upper(), "customer_name": "Ann"}, ANN),
        (MINECRAFT, {"customer_name": "Ann"}, "Ann"),
        (MINECRAFT, {"steam_id": STEAM, "customer_name": "Ann"}, "Ann"),
        (MINECRAFT, {"steam_id": STEAM}, ""),
        (MINECRAFT, {}, ""),
        (FLOODGATE, {"minecraft_uuid": BEDROCK}, BEDROCK),
        (TF2, {"steam_id": STEAM, "customer_name": "Ann"}, STEAM),
    ],
)
def test_the_player_of_a_line_is_named_as_in_the_servers_list(
    adapter: object, facts: dict[str, str], player: str
) -> None:
    assert player_of(line(**facts), adapter) == player  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("there", "player"),
    [([], "Ann"), (["Ann", ".Ann"], "Ann"), ([".Ann"], ".Ann"), ([ANN], "Ann")],
)
def test_on_a_floodgate_server_a_name_alone_is_the_one_of_two_players_who_is_online(
    there: list[str], player: str
) -> None:
    assert player_of(line(customer_name="Ann"), FLOODGATE, there) == player


def test_a_gamertag_is_the_name_it_becomes_in_the_game_and_no_java_player() -> None:
    assert player_of(line(customer_name="Ann Bee"), FLOODGATE) == ".Ann_Bee"
    assert player_of(line(customer_name="Ann Bee"), MINECRAFT) == ""


def test_on_an_offline_mode_server_the_name_identifies_the_player() -> None:
    assert player_of(line(customer_name="Ann"), OFFLINE) == OFFLINE.identify({"minecraft_name": "Ann"}).player


@pytest.mark.parametrize(
    ("online_only", "player", "there", "runs"),
    [
        (False, "", [], True),
        (False, ANN, [], True),
        (True, ANN, [], False),
        (True, ANN, [ANN], True),
        (True, "", [""], False),
    ],
)
def test_a_line_that_waits_for_its_player_runs_only_while_they_are_online(
    online_only: bool, player: str, there: list[str], runs: bool
) -> None:
    assert may_run(line(online_only=online_only), player, there) is runs


@given(st.text(max_size=60))
def test_one_line_that_fits_may_be_sent_and_stays_unchanged(text: str) -> None:
    if why_unsendable(text, 100) is None:
        assert text.strip()
        assert len(text.splitlines()) == 1
        assert len(text.encode()) <= 100
        command = store_command(line(text), ANN, "7", 100)
        assert (command.text, command.problem) == (text, None)


@pytest.mark.parametrize("bad", ["\n", "\r", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800"])
def test_a_character_that_could_end_the_line_keeps_it_from_being_sent(bad: str) -> None:
    assert why_unsendable(f"say a{bad}op Ann", 100)
    assert store_command(line(f"say {bad}"), ANN, None, 100).problem


def test_bytes_count_not_characters() -> None:
    assert why_unsendable("ü" * 50, 100) is None
    assert "102 bytes" in (why_unsendable("ü" * 51, 100) or "")


def test_of_a_line_that_is_never_sent_only_the_beginning_is_kept() -> None:
    command = store_command(line("x" * 10_000), ANN, "7", 100)
    assert (len(command.text), command.problem is None) == (TEXT_KEPT, False)


def test_a_line_that_waits_for_an_unknown_player_is_blocked_instead_of_waiting_for_ever() -> None:
    for_nobody = store_command(line("say hi", online_only=True), "", None, 100)
    assert (bool(for_nobody.problem), for_nobody.hold) == (True, Hold.LINE)
    assert store_command(line("say hi"), "", None, 100).problem is None


@pytest.mark.parametrize(
    ("queued_at", "waits"),
    [
        (None, True),
        (NOW - timedelta(seconds=1), True),
        (NOW, False),
        (NOW + timedelta(days=1), False),
    ],
)
def test_lines_queued_before_run_store_commands_wait_for_the_operator(queued_at: datetime | None, waits: bool) -> None:
    since = NOW + timedelta(milliseconds=700)  # the store may send whole seconds only
    queued = line("say hi", queued_at=queued_at)
    command = store_command(queued, ANN, None, 100, since)
    assert (command.hold, command.problem) == ((Hold.BACKLOG, BACKLOG) if waits else (None, None))
    assert store_command(line("", queued_at=queued_at), ANN, None, 100, since).hold is Hold.LINE
    assert store_command(queued, ANN, None, 100).problem is None


def test_the_online_players_have_every_id_that_the_store_uses() -> None:
    ann, named = Player(ANN, "Ann"), Player("Ben", "Ben")
    assert online_of([ann, named], MINECRAFT) == PlayerIds((), (ANN,), ("Ann", "Ben"))
    assert online_of([Player(BEDROCK, ".Bea")], FLOODGATE) == PlayerIds((), (BEDROCK,), (".Bea",))
    assert online_of([Player(STEAM, "Cleo")], TF2) == PlayerIds((STEAM,), (), ("Cleo",))
    assert online_of([], TF2) == PlayerIds()


def test_lines_left_alone_are_counted_by_their_text_and_go_when_they_are_gone() -> None:
    left = Left()
    assert left.see([line("say a", "1"), line("say b", "2"), line("say b", "3")], NOW) == 3
    assert left.texts() == [("say b", 2), ("say a", 1)]
    assert left.see([line("say a", "1"), line("say c", "4")], NOW) == 1
    assert left.texts() == [("say a", 1), ("say c", 1)]
    left.see([], NOW)
    assert left.texts() == []


def test_a_line_that_waits_for_its_player_is_remembered_for_a_while_after_they_left() -> None:
    left = Left()
    left.see([line("say a", online_only=True)], NOW)
    assert left.see([], NOW + REMEMBERED - timedelta(seconds=1)) == 0
    assert left.texts() == [("say a", 1)]
    assert left.see([line("say a", online_only=True)], NOW + REMEMBERED - timedelta(seconds=1)) == 0
    left.see([], NOW + REMEMBERED)
    assert left.texts() == [("say a", 1)]
    left.see([], NOW + 2 * REMEMBERED)
    assert left.texts() == []


def test_however_long_the_queue_is_only_so_many_lines_are_remembered() -> None:
    left, queue = Left(), [line(f"say {number}", str(number)) for number in range(2 * LINES_MOST)]
    assert left.see(queue, NOW) == LINES_MOST
    assert left.see(queue, NOW) == 0
    assert len(left.texts()) == LINES_MOST


def test_players_who_are_not_read_are_named_after_a_while_until_they_are_read_or_forgotten() -> None:
    unread, read = Unread(), set[str]()
    unread.note("1", "Ann (1)", NOW)
    unread.note("2", "Ben (2)", NOW + timedelta(seconds=1))
    unread.note("1", "Ann (1)", NOW + timedelta(hours=1))
    assert unread.names(read.__contains__, NOW + UNREAD_AFTER) == ["Ann (1)"]
    assert unread.names(read.__contains__, NOW + 2 * UNREAD_AFTER) == ["Ann (1)", "Ben (2)"]
    read.add("1")
    assert unread.names(read.__contains__, NOW + 2 * UNREAD_AFTER) == ["Ben (2)"]
    assert unread.names(read.__contains__, NOW + UNREAD_KEPT) == ["Ben (2)"]
    assert unread.names(read.__contains__, NOW + UNREAD_KEPT + timedelta(seconds=1)) == []


def test_however_many_are_not_read_only_so_many_are_remembered() -> None:
    unread = Unread()
    for number in range(2 * LINES_MOST):
        unread.note(str(number), str(number), NOW)
    assert len(unread.names(lambda _: False, NOW + UNREAD_AFTER)) == LINES_MOST
