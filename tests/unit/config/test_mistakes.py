"""Every mistake in config.toml: its place and its code. `test_mistake_texts` has their texts."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from perkd.daemon.config import SecretSources, load
from perkd.daemon.config.file_tables import LISTS, SECTIONS as SECTIONS_OF_FILE, PerkTable, ServerTable
from perkd.daemon.config.tables import Table
from perkd.daemon.core.mistakes import ConfigError, Mistake
from tests import secretwatch
from tests.configtext import PASSWORD, load_text, mistakes, perk, section, server, toml_text
from tests.tinygame import GAMES

# One row a mistake: the part of the file that holds it, its key path, its code. A server or a perk stands in place of
# the sound one; a path that starts with a dot is in that.
Row = tuple[str, str, str]

SECTIONS: list[Row] = [
    (section("store", idd='"x"'), "store.idd", "unknown_key"),
    (section("store", qqq='"x"'), "store.qqq", "unknown_key"),
    (section("pol", rate="1"), "pol", "unknown_section"),
    ("rate = 1.0\n", "rate", "unknown_section"),
    ('"odd key" = 1\n', '"odd key"', "unknown_section"),
    ("store = 5\n", "store", "not_a_table"),
    (section("[store]", id='"5"'), "store", "not_a_table"),
    (section("store", api="5"), "store.api", "wrong_type"),
    (section("store", api='"http://shop.example"'), "store.api", "not_https"),
    (section("store", api='"api.paynow.gg"'), "store.api", "not_a_url"),
    (section("store", api='"https://a.example/?x=1"'), "store.api", "not_a_url"),
    (section("store", api='"https://[::1"'), "store.api", "not_a_url"),
    (section("store", id='"shop-7"'), "store.id", "not_an_id"),
    (section("store", id="94688451781206016"), "store.id", "wrong_type"),
    (section("store", id='"12345678901234567890"'), "store.id", "not_an_id"),
    (section("store", id='"9223372036854775808"'), "store.id", "not_an_id"),
    (section("store", id='"-5"'), "store.id", "not_an_id"),
    (section("store", id='"٥"'), "store.id", "not_an_id"),
    (section("store", api_key='"env:KEY"'), "store.id", "needs_store_id"),
    (section("store", api_key='"env:NO"', id='"5"'), "store.api_key", "no_environment_variable"),
    (section("store", api_key='"pnapi_v1_abc"', id='"5"'), "store.api_key", "literal_secret"),
    (section("store", api_key="5", id='"5"'), "store.api_key", "wrong_type"),
    (section("store", management_items='"items"'), "store.management_items", "unknown_word"),
    (section("store", items_path='"v1/items"'), "store.items_path", "not_a_path"),
    (section("store", items_path='"/v1/items?x=1"'), "store.items_path", "not_a_path"),
    (section("customers", enrol='"online"'), "customers.enrol", "needs_api_key"),
    (section("customers", enrol='"all"'), "customers.enrol", "needs_api_key"),
    (section("customers", enrol='"on"'), "customers.enrol", "unknown_word"),
    (section("customers", first_seen='"addopt"'), "customers.first_seen", "unknown_word"),
    (section("customers", tokens='"abc"'), "customers.tokens", "not_a_reference"),
    (section("customers", tokens='["a"]'), "customers.tokens", "wrong_type"),
    (section("customers", tokens='"file:/nowhere/t"'), "customers.tokens", "file_missing"),
    (section("customers", tokens='"env:BAD"'), "customers.tokens: customer[0].token", "missing"),
    (section("poll", online="30"), "poll.online", "not_a_duration"),
    (section("poll", online="true"), "poll.online", "not_a_duration"),
    (section("poll", online='"30"'), "poll.online", "not_a_duration"),
    (section("poll", online='"1h30m"'), "poll.online", "not_a_duration"),
    (section("poll", online='"-5s"'), "poll.online", "not_a_duration"),
    (section("poll", online='"999ms"'), "poll.online", "out_of_range"),
    (section("poll", offline='"0s"'), "poll.offline", "out_of_range"),
    (section("poll", offline='"36501d"'), "poll.offline", "out_of_range"),
    (section("poll", offline="2026-01-31"), "poll.offline", "not_a_duration"),
    (section("poll", rate="0"), "poll.rate", "out_of_range"),
    (section("poll", rate="-1.5"), "poll.rate", "out_of_range"),
    (section("poll", rate="1001"), "poll.rate", "out_of_range"),
    (section("poll", rate="nan"), "poll.rate", "wrong_type"),
    (section("poll", rate="true"), "poll.rate", "wrong_type"),
    (section("poll", concurrency="0"), "poll.concurrency", "out_of_range"),
    (section("poll", concurrency="65"), "poll.concurrency", "out_of_range"),
    (section("poll", concurrency="8.5"), "poll.concurrency", "wrong_type"),
    (section("ledger", url='"postgres://u:p@db/x"'), "ledger.url", "unknown_ledger"),
    (section("ledger", url='"/var/lib/x.db"'), "ledger.url", "unknown_ledger"),
    (section("ledger", url='"sqlite://x.db"'), "ledger.url", "not_a_path"),
    (section("ledger", url='"sqlite:///:memory:"'), "ledger.url", "not_a_path"),
    (section("ledger", url='"sqlite:///"'), "ledger.url", "not_a_path"),
    (section("ledger", url='"sqlite:///x?mode=ro"'), "ledger.url", "not_a_path"),
    (section("ledger", keep='"23h"'), "ledger.keep", "out_of_range"),
    (section("http", listen='"8770"'), "http.listen", "not_an_address"),
    (section("http", listen='":8770"'), "http.listen", "not_an_address"),
    (section("http", listen='"::1:8770"'), "http.listen", "not_an_address"),
    (section("http", listen='"127.0.0.1:70000"'), "http.listen", "not_an_address"),
    (section("http", listen="false"), "http.listen", "wrong_type"),
    (section("control", socket='"perkd.sock"'), "control.socket", "not_a_path"),
    (section("control", socket=f'"/{"x" * 107}"'), "control.socket", "not_a_path"),
    (section("brake", share="1.5"), "brake.share", "out_of_range"),
    (section("brake", share="-0.1"), "brake.share", "out_of_range"),
    (section("brake", least="-1"), "brake.least", "out_of_range"),
    (section("brake", least='"ten"'), "brake.least", "wrong_type"),
    (section("brake", window='"0s"'), "brake.window", "out_of_range"),
    (section("brake", absent='"remove"'), "brake.absent", "unknown_word"),
]

SERVER: list[Row] = [
    (server(name=None), "server[0].name", "missing"),
    (server(name='"sur vival"'), 'server[0] "sur vival".name', "not_a_name"),
    (server(name='"§"'), 'server[0] "§".name', "not_a_name"),
    (server(name='"a\\nb"'), 'server[0] "a\\u000ab".name', "not_a_name"),
    (server(name="7"), "server[0].name", "wrong_type"),
    (server(game=None), ".game", "missing"),
    (server(game='"minecarft"'), ".game", "unknown_game"),
    (server(address=None), ".address", "missing"),
    (server(address='"127.0.0.1"'), ".address", "not_an_address"),
    (server(address='"127.0.0.1:0"'), ".address", "not_an_address"),
    (server(address='"127.0.0.1:rcon"'), ".address", "not_an_address"),
    (server(address='"127.0.0.256:25575"'), ".address", "not_an_address"),
    (server(address='"my server:25575"'), ".address", "not_an_address"),
    (server(address='"rcon://a:25575"'), ".address", "not_an_address"),
    (server(address='"[127.0.0.1]:25575"'), ".address", "not_an_address"),
    (server(address='"[::g]:25575"'), ".address", "not_an_address"),
    (server(password=None), ".password", "missing"),
    (server(password='"env:NONE"'), ".password", "no_environment_variable"),
    (server(paynow_id='"lobby"'), ".paynow_id", "not_an_id"),
    (server(paynow_token='"env:NONE"'), ".paynow_token", "no_environment_variable"),
    (server(paynow_token='"abc"'), ".paynow_token", "literal_secret"),
    (server(paynow_token="7"), ".paynow_token", "wrong_type"),
    (server(run_store_commands="true"), ".run_store_commands", "needs_token"),
    (server(run_store_commands='"yes"'), ".run_store_commands", "wrong_type"),
    (server(game='"rust"', transport='"mcrcon"'), ".transport", "not_in_this_game"),
    (server(transport='"tcp"'), ".transport", "unknown_word"),
    (server(timeout='"50ms"'), ".timeout", "out_of_range"),
    (server(min_gap="5"), ".min_gap", "not_a_duration"),
    (server(presence='"500ms"'), ".presence", "out_of_range"),
    (server(timout='"10s"'), ".timout", "unknown_key"),
]

PERK: list[Row] = [
    (perk(name=None), "perk[0].name", "missing"),
    (perk(name='"-vip"'), 'perk[0] "-vip".name', "not_a_name"),
    (perk(kind=None), 'perk[0] "vip".kind', "missing"),
    (perk(kind='"onse"'), ".kind", "unknown_word"),
    (perk(product='["x"]'), ".product", "unknown_key"),
    (perk(products=None), ".products", "missing"),
    (perk(products="[]"), ".products", "missing"),
    (perk(products='"vip"'), ".products", "wrong_type"),
    (perk(products="[5]"), ".products[0]", "wrong_type"),
    (perk(products='["a b"]'), ".products[0]", "not_a_product"),
    (perk(servers=None), ".servers", "missing"),
    (perk(servers="[]"), ".servers", "missing"),
    (perk(servers='"survival"'), ".servers", "wrong_type"),
    (perk(servers="7"), ".servers", "wrong_type"),
    (perk(servers='["survivel"]'), ".servers[0]", "unknown_server"),
    (perk(servers='["qqq"]'), ".servers[0]", "unknown_server"),
    (perk(servers='["survival", 7]'), ".servers[1]", "wrong_type"),
    (perk(servers='["survival", "survival"]'), ".servers[1]", "duplicate"),
    (perk(servers='["*", "survival"]'), ".servers", "star_not_alone"),
    (perk(servers='"choosen"'), ".servers", "wrong_type"),
    (perk(servers='{ all = ["survival"] }'), ".servers", "unknown_word"),
    (perk(servers="{}"), ".servers", "unknown_word"),
    (perk(servers='{ any = ["survival"], where_online = ["survival"] }'), ".servers", "unknown_word"),
    (perk(servers="{ any = [] }"), ".servers.any", "missing"),
    (perk(servers='{ any = "survival" }'), ".servers.any", "wrong_type"),
    (perk(servers='{ any = ["*"] }'), ".servers.any", "wrong_type"),
    (perk(servers='{ where_online = ["x"] }'), ".servers.where_online[0]", "unknown_server"),
    (perk(servers='{ any = ["survival", "survival"] }'), ".servers.any[1]", "duplicate"),
    (perk(servers='{ any = ["survival"] }', grant='["say {server}"]'), ".grant[0]", "server_variable"),
    (perk(grant=None), ".grant", "missing"),
    (perk(grant="[]"), ".grant", "missing"),
    (perk(grant='"lp user"'), ".grant", "wrong_type"),
    (perk(grant='["a", 5]'), ".grant[1]", "wrong_type"),
    (perk(grant='["a", ""]'), ".grant[1]", "empty_command"),
    (perk(grant='[{ after = "5s" }]'), ".grant[0]", "empty_command"),
    (perk(grant="[{ run = 5 }]"), ".grant[0].run", "wrong_type"),
    (perk(grant='[{ run = "a", aftr = "5s" }]'), ".grant[0].aftr", "unknown_key"),
    (perk(grant='[{ run = "a", after = 5 }]'), ".grant[0].after", "not_a_duration"),
    (perk(grant='[{ run = "a", repeatable = 1 }]'), ".grant[0].repeatable", "wrong_type"),
    (perk(grant='[{ run = "a", online = 20 }]'), ".grant[0].online", "not_a_duration"),
    (perk(grant='["op {nmae}"]'), ".grant[0]", "unknown_variable"),
    (perk(grant='["x {name} {\\"a\\":1}"]'), ".grant[0]", "single_brace"),
    (perk(grant='["a\\nb"]'), ".grant[0]", "control_character"),
    (perk(grant='["a {reason}"]'), ".grant[0]", "reason_in_grant"),
    (perk(grant='["a {steam_id}"]'), ".grant[0]", "variable_not_in_game"),
    (perk(revoke='["a {steam_id}"]'), ".revoke[0]", "variable_not_in_game"),
    (perk(grant=f'["{"x" * 1001}"]'), ".grant[0]", "command_too_long"),
    (perk(revoke=None), ".revoke", "no_revoke"),
    (perk(revoke_on='{ fraud = ["a"] }'), ".revoke_on.fraud", "unknown_reason"),
    (perk(revoke_on='{ refunds = ["a"] }'), ".revoke_on.refunds", "unknown_reason"),
    (perk(revoke_on='{ absent = ["a"] }'), ".revoke_on.absent", "unknown_reason"),
    (perk(revoke_on='{ refund = "a" }'), ".revoke_on.refund", "wrong_type"),
    (perk(revoke_on='{ refund = ["{nope}"] }'), ".revoke_on.refund[0]", "unknown_variable"),
    (perk(revoke_on='{ refund = [{ rnu = "a" }] }'), ".revoke_on.refund[0].rnu", "unknown_key"),
    (perk(revoke_on='["ban"]'), ".revoke_on", "wrong_type"),
    (perk(effect='"a b"'), ".effect", "not_a_name"),
    (perk(kind='"once"', lasts='"30d"'), ".lasts", "only_for_lasting"),
    (perk(lasts='"0s"'), ".lasts", "out_of_range"),
    (perk(lasts='"a month"'), ".lasts", "not_a_duration"),
    (perk(grace="3600"), ".grace", "not_a_duration"),
    (perk(online="20"), ".online", "not_a_duration"),
    (perk(online='"a while"'), ".online", "not_a_duration"),
    (perk(online='""'), ".online", "not_a_duration"),
    (perk(repeatable='"yes"'), ".repeatable", "wrong_type"),
    (perk(success='"("'), ".success", "not_a_pattern"),
    (perk(failure='"["'), ".failure", "not_a_pattern"),
    (perk(was='"vip"'), ".was", "name_taken"),
    (perk(was='"v i p"'), ".was", "not_a_name"),
    (perk() + perk(name='"gold"', was='"vip"'), 'perk[1] "gold".was', "name_taken"),
    (perk(was='"old"') + perk(name='"gold"', was='"old"'), 'perk[1] "gold".was', "duplicate"),
    (perk() + perk(), 'perk[1] "vip".name', "name_taken"),
    (perk() + perk(name='"VIP"'), 'perk[1] "VIP".name', "name_taken"),
    (perk() + perk(name='"kit"', kind='"once"', effect='"vip"'), 'perk[1] "kit".effect', "effect_shared"),
]


def assert_only(found: tuple[Mistake, ...], where: str, code: str) -> Mistake:
    """One mistake and no other, at this place and with this code."""
    assert [(mistake.where, mistake.code) for mistake in found] == [(where, code)]
    return found[0]


def in_a_section(folder: Path, part: str) -> tuple[Mistake, ...]:
    env = {"RCON": PASSWORD, "BAD": "[[customer]]", "KEY": secretwatch.mint("an API key")}
    return mistakes(folder, part, server(), perk(), env=env)


@pytest.mark.parametrize(("part", "where", "code"), SECTIONS)
def test_a_mistake_in_a_section(tmp_path: Path, part: str, where: str, code: str) -> None:
    assert_only(in_a_section(tmp_path, part), where, code)


WORDS_ONLY = server(game='"nameland"')  # a game whose player list does not identify the players
BLIND = [
    (perk(grant='["a"]', revoke='["b"]', online="true"), ".online"),
    (perk(grant='[{ run = "a", online = true }]', revoke='["b"]'), ".grant[0].online"),
    (perk(grant='["a"]', revoke='["b", { run = "c", online = "20s" }]'), ".revoke[1].online"),
    (perk(grant='["a"]', revoke='["b"]', servers='{ where_online = ["survival"] }'), ".servers.where_online"),
]


@pytest.mark.parametrize(("part", "where"), BLIND, ids=[where for _, where in BLIND])
def test_waiting_for_players_where_they_are_never_seen_is_a_mistake(tmp_path: Path, part: str, where: str) -> None:
    mistake = assert_only(mistakes(tmp_path, WORDS_ONLY, part), f'perk[0] "vip"{where}', "needs_players")
    assert 'nameland (server "survival")' in mistake.found


RUST = server(name='"rusty"', game='"rust"', address='"127.0.0.1:28016"')
EITHER = perk(servers='{ any = ["survival", "rusty"] }', grant='["say {name}"]', revoke='["say {name}"]')


def test_one_of_several_servers_must_be_of_one_game(tmp_path: Path) -> None:
    mistake = assert_only(mistakes(tmp_path, server(), RUST, EITHER), 'perk[0] "vip".servers', "mixed_games")
    assert '"minecraft", "rust"' in mistake.found


def test_two_servers_with_one_id_of_the_store_are_a_mistake(tmp_path: Path) -> None:
    other = server(name='"lobby"', address='"127.0.0.1:25576"', paynow_id='"0077"')
    found = mistakes(tmp_path, server(paynow_id='"77"'), other, perk())
    assert 'server "survival"' in assert_only(found, 'server[1] "lobby".paynow_id', "duplicate").found


@pytest.mark.parametrize(("part", "where", "code"), SERVER)
def test_a_mistake_in_a_server(tmp_path: Path, part: str, where: str, code: str) -> None:
    place = f'server[0] "survival"{where}' if where.startswith(".") else where
    assert_only(mistakes(tmp_path, part), place, code)


@pytest.mark.parametrize(("part", "where", "code"), PERK)
def test_a_mistake_in_a_perk(tmp_path: Path, part: str, where: str, code: str) -> None:
    place = f'perk[0] "vip"{where}' if where.startswith(".") else where
    assert_only(mistakes(tmp_path, server(), part), place, code)


def test_one_bracket_where_two_are_needed(tmp_path: Path) -> None:
    text = server().replace("[[", "[").replace("]]", "]")
    (mistake,) = mistakes(tmp_path, text)
    assert (mistake.where, mistake.code) == ("server", "not_a_list")
    assert "[[server]]" in mistake.fix


def test_two_servers_with_one_token_of_the_store_are_a_mistake(tmp_path: Path) -> None:
    env = {"RCON": PASSWORD, "ONE": (token := secretwatch.mint("a game server token")), "TWO": token}
    first = server(paynow_token='"env:ONE"')
    other = server(name='"lobby"', address='"127.0.0.1:25576"', paynow_token='"env:TWO"', run_store_commands="true")
    found = mistakes(tmp_path, first, other, perk(), env=env)
    assert 'server[0] "survival"' in assert_only(found, 'server[1] "lobby".paynow_token', "duplicate").found


def test_the_second_server_of_a_name_is_refused(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, server(), server(name='"SURVIVAL"', address='"[::1]:25575"'), perk())
    assert (mistake.where, mistake.code) == ('server[1] "SURVIVAL".name', "name_taken")
    assert 'server[0] "survival"' in mistake.found


def test_invalid_toml_is_reported_with_line_and_column_without_its_text(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, "[[server]]\npassword = hunter-two\n")
    assert (mistake.where, mistake.code) == ("line 2, column 12", "not_toml")
    assert "hunter" not in repr(mistake)


def test_text_that_ends_too_early_is_a_mistake(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, 'x = """open')
    assert (mistake.where, mistake.code) == ("end of document", "not_toml")


def test_a_number_too_long_to_read_is_no_crash(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, "x = " + "1" * 5000)
    assert (mistake.where, mistake.code) == ("the file", "not_toml")


def test_a_missing_file_is_a_mistake_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.toml", GAMES, SecretSources.of({}), need_secrets=False)
    (mistake,) = caught.value.mistakes
    assert (mistake.where, mistake.code) == ("the file", "file_missing")
    assert f"{tmp_path}/none.toml" in mistake.found
    assert "-c" in mistake.fix


def test_a_byte_order_mark_before_the_file_is_named(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, "\ufeff[store]\n")
    assert mistake.code == "byte_order_mark"


def test_all_mistakes_are_reported_at_once_and_in_the_files_order(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        "nonsense = 1",
        section("store", api='"ftp://x"', idd='"5"'),
        section("poll", online="30", rate="0"),
        server(game='"minceraft"', address='"x"', timout='"1s"'),
        server(name='"rusty"', game='"rust"', password='"env:NONE"'),
        perk(products="[5]", servers='["*"]', grant='["a {uuid}", "b {nope}", 7]', lasts="30"),
        perk(name='"kit"', kind='"once"', lasts='"1d"', servers='["rusty"]', grant='["give {uuid}"]'),
    )
    assert [mistake.where for mistake in found] == [
        "nonsense",
        "store.idd",
        "store.api",
        "poll.online",
        "poll.rate",
        'server[0] "survival".timout',
        'server[0] "survival".game',
        'server[0] "survival".address',
        'server[1] "rusty".password',
        'perk[0] "vip".products[0]',
        'perk[0] "vip".grant[2]',
        'perk[0] "vip".lasts',
        'perk[0] "vip".grant[0]',
        'perk[0] "vip".grant[1]',
        'perk[0] "vip".revoke[0]',
        'perk[1] "kit".grant[0]',
        'perk[1] "kit".revoke[0]',
        'perk[1] "kit".lasts',
    ]


def test_a_second_bad_file_is_reported_as_whole_as_the_first(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        section("ledger", url='"x"', keep="540"),
        section("brake", share='"a third"', absent="true"),
        section("http", listen="8770"),
        section("[server]"),
        section("[perk]"),
    )
    assert [mistake.where for mistake in found] == [
        "ledger.keep",
        "ledger.url",
        "http.listen",
        "brake.share",
        "brake.absent",
        "server[0].name",
        "server[0].game",
        "server[0].address",
        "server[0].password",
        "perk[0].name",
        "perk[0].kind",
        "perk[0].products",
        "perk[0].servers",
        "perk[0].grant",
    ]


def test_a_mistake_in_a_server_is_not_reported_for_its_perk(tmp_path: Path) -> None:
    for broken in (server(game='"chess"'), server(address="25575"), server(game="[]")):
        assert [mistake.where.partition(".")[0] for mistake in mistakes(tmp_path, broken, perk())] == [
            'server[0] "survival"'
        ]


def test_a_mistake_in_a_command_is_not_reported_twice(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, server(), perk(grant='["a {uuid}", { run = ["x"] }]'))
    assert mistake.where == 'perk[0] "vip".grant[1].run'


texts = st.sampled_from(
    ["", "a", "{name}", "{", "5s", "*", "env:X", "sqlite:///x", "lasting", "once", "[::1]:5"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = texts | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False)
keys = st.sampled_from(
    ["run", "after", "online", "refund", "any", "name", *PerkTable.model_fields, *ServerTable.model_fields]
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)


def tables_of(model: type[Table]) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.sampled_from(list(model.model_fields)), values, max_size=6)


sections = {name: tables_of(model) | values for name, model in SECTIONS_OF_FILE.items()}
lists = {name: st.lists(tables_of(model) | values, max_size=3) | values for name, model in LISTS.items()}


@given(st.fixed_dictionaries({}, optional={**sections, **lists}))
def test_any_document_either_loads_or_is_refused_with_its_mistakes(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for mistake in mistakes(folder, toml_text(document)):
        assert all((mistake.code, mistake.where, mistake.found, mistake.expected, mistake.fix))
        assert mistake.where.isprintable()


def test_the_exception_names_every_place_and_its_value(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, section("poll", online="30"), server(), perk(servers='["creative"]'))
    said = str(caught.value)
    assert said.index("poll.online: found 30") < said.index('perk[0] "vip".servers[0]: found "creative"')
