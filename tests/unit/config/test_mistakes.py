"""Every mistake in config.toml: its place, what was found, what was expected, and how to fix it."""

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

# One row a mistake: the part of the file that holds it, its key path, then what the finding, the expectation and
# the fix must say. A server or a perk stands in place of the sound one; a path that starts with a dot is in that.
Row = tuple[str, str, str, str, str]

SECTIONS: list[Row] = [
    (section("store", idd='"x"'), "store.idd", 'unknown key "idd"', "api, id", 'did you mean "id"?'),
    (section("store", qqq='"x"'), "store.qqq", 'unknown key "qqq"', "items_path", "remove it"),
    (section("pol", rate="1"), "pol", 'unknown section or key "pol"', "poll", 'did you mean "poll"?'),
    ("rate = 1.0\n", "rate", 'unknown section or key "rate"', "poll", "move it below [poll]"),
    ('"odd key" = 1\n', '"odd key"', "unknown section or key", "poll", "remove it"),
    ("store = 5\n", "store", "a number", "a table", "brackets"),
    (section("[store]", id='"5"'), "store", "a list", "a table", "brackets"),
    (section("store", api="5"), "store.api", "5 (a number)", "text", "quotes"),
    (section("store", api='"http://shop.example"'), "store.api", "http://shop.example", "https", "https://"),
    (section("store", api='"api.paynow.gg"'), "store.api", '"api.paynow.gg"', "https://", "https://api.paynow.gg"),
    (section("store", api='"https://a.example/?x=1"'), "store.api", "?x=1", "https://", "https://api.paynow.gg"),
    (section("store", api='"https://[::1"'), "store.api", "[::1", "https://", "https://api.paynow.gg"),
    (section("store", id='"shop-7"'), "store.id", '"shop-7"', "digits only", "dashboard"),
    (section("store", id="94688451781206016"), "store.id", "(a number)", "text", "quotes"),
    (section("store", id='"12345678901234567890"'), "store.id", "12345678901234567890", "1 to 19 digits", "dashboard"),
    (section("store", id='"9223372036854775808"'), "store.id", "9223372036854775808", "1 to 19 digits", "dashboard"),
    (section("store", id='"-5"'), "store.id", '"-5"', "digits only", "dashboard"),
    (section("store", id='"٥"'), "store.id", '"٥"', "digits only", "dashboard"),
    (section("store", api_key='"env:KEY"'), "store.id", "nothing", "because api_key is set", "dashboard"),
    (section("store", api_key='"env:NO"', id='"5"'), "store.api_key", "variable NO", "readable", "Environment"),
    (section("store", api_key='"pnapi_v1_abc"', id='"5"'), "store.api_key", "a literal secret", "file:/path", "600"),
    (section("store", api_key="5", id='"5"'), "store.api_key", "a number", "text", "quotes"),
    (
        section("store", management_items='"items"'),
        "store.management_items",
        '"items"',
        '"inventory"',
        "delivery/items",
    ),
    (section("store", items_path='"v1/items"'), "store.items_path", '"v1/items"', 'starts with "/"', "remove this key"),
    (section("store", items_path='"/v1/items?x=1"'), "store.items_path", "?x=1", '"?"', "remove this key"),
    (
        section("customers", enrol='"online"'),
        "customers.enrol",
        '"online" without an API key',
        "api_key and id",
        '"off"',
    ),
    (section("customers", enrol='"all"'), "customers.enrol", '"all" without', "api_key and id", '"off"'),
    (section("customers", enrol='"on"'), "customers.enrol", '"on"', '"off", "online", "all"', "online"),
    (section("customers", first_seen='"addopt"'), "customers.first_seen", '"addopt"', '"deliver"', '"adopt"?'),
    (section("customers", tokens='"abc"'), "customers.tokens", "no reference", "file:/path", "file of their own"),
    (section("customers", tokens='["a"]'), "customers.tokens", "a list", "text", "quotes"),
    (section("customers", tokens='"file:/nowhere/t"'), "customers.tokens", "no file /nowhere/t", "readable", "create"),
    (section("customers", tokens='"env:BAD"'), "customers.tokens: customer[0].token", "no token", "token", "paste"),
    (section("poll", online="30"), "poll.online", "30 (a number)", "a duration", 'write "30s"'),
    (section("poll", online="true"), "poll.online", "true", "a duration", 'write "30s"'),
    (section("poll", online='"30"'), "poll.online", '"30"', "a duration", "one unit"),
    (section("poll", online='"1h30m"'), "poll.online", '"1h30m"', "a duration", "one unit"),
    (section("poll", online='"-5s"'), "poll.online", '"-5s"', "a duration", "never negative"),
    (section("poll", online='"999ms"'), "poll.online", '"999ms"', "a duration", 'at least "1s"'),
    (section("poll", offline='"0s"'), "poll.offline", '"0s"', "a duration", 'at least "1s"'),
    (section("poll", offline='"36501d"'), "poll.offline", '"36501d"', "a duration", 'at most "36500d"'),
    (section("poll", offline="2026-01-31"), "poll.offline", "2026-01-31", "a duration", 'write "30s"'),
    (section("poll", rate="0"), "poll.rate", "0 (a number)", "more than 0", "more than 0"),
    (section("poll", rate="-1.5"), "poll.rate", "-1.5 (a number)", "more than 0", "more than 0"),
    (section("poll", rate="1001"), "poll.rate", "1001 (a number)", "at most 1000", "at most 1000"),
    (section("poll", rate="nan"), "poll.rate", "nan", "a number", "ordinary number"),
    (section("poll", rate="true"), "poll.rate", "true", "a number", "without quotes"),
    (section("poll", concurrency="0"), "poll.concurrency", "0 (a number)", "at least 1", "at least 1"),
    (section("poll", concurrency="65"), "poll.concurrency", "65 (a number)", "at most 64", "at most 64"),
    (section("poll", concurrency="8.5"), "poll.concurrency", "8.5 (a number)", "a whole number", "whole number"),
    (section("ledger", url='"postgres://u:p@db/x"'), "ledger.url", "not yet", "sqlite:///", "sqlite:///var/lib"),
    (section("ledger", url='"/var/lib/x.db"'), "ledger.url", "sqlite://", "sqlite:///", "sqlite:///var/lib"),
    (section("ledger", url='"sqlite://x.db"'), "ledger.url", "sqlite://x.db", "full path", "sqlite:///var/lib"),
    (section("ledger", url='"sqlite:///:memory:"'), "ledger.url", ":memory:", "survive", "sqlite:///var/lib"),
    (section("ledger", url='"sqlite:///"'), "ledger.url", "sqlite:///", "a file", "sqlite:///var/lib"),
    (section("ledger", url='"sqlite:///x?mode=ro"'), "ledger.url", "mode=ro", "a file", "sqlite:///var/lib"),
    (section("ledger", keep='"23h"'), "ledger.keep", '"23h"', "a duration", 'at least "1d"'),
    (section("http", listen='"8770"'), "http.listen", '"8770", which lacks', "a port", "127.0.0.1:8770"),
    (section("http", listen='":8770"'), "http.listen", '":8770", which lacks', "a port", "127.0.0.1:8770"),
    (section("http", listen='"::1:8770"'), "http.listen", "without brackets", "a port", "127.0.0.1:8770"),
    (section("http", listen='"127.0.0.1:70000"'), "http.listen", "0 to 65535", "a port", "127.0.0.1:8770"),
    (section("http", listen="false"), "http.listen", "false", "text", "quotes"),
    (section("control", socket='"perkd.sock"'), "control.socket", '"perkd.sock"', "full path", "/run/perkd"),
    (section("control", socket=f'"/{"x" * 107}"'), "control.socket", "xxx", "107 bytes", "/run/perkd"),
    (section("brake", share="1.5"), "brake.share", "1.5 (a number)", "at most 1", "at most 1"),
    (section("brake", share="-0.1"), "brake.share", "-0.1 (a number)", "at least 0", "at least 0"),
    (section("brake", least="-1"), "brake.least", "-1 (a number)", "at least 0", "at least 0"),
    (section("brake", least='"ten"'), "brake.least", '"ten"', "a whole number", "without quotes"),
    (section("brake", window='"0s"'), "brake.window", '"0s"', "a duration", 'at least "1s"'),
    (section("brake", absent='"remove"'), "brake.absent", '"remove"', '"hold", "revoke"', '"revoke"?'),
]

SERVER: list[Row] = [
    (server(name=None), "server[0].name", "no name", "letters", "name ="),
    (server(name='"sur vival"'), 'server[0] "sur vival".name', '"sur vival"', "letters", 'write "sur-vival"'),
    (server(name='"§"'), 'server[0] "§".name', '"§"', "letters", "choose another"),
    (server(name='"a\\nb"'), 'server[0] "a\\u000ab".name', '"a\\u000ab"', "letters", 'write "a-b"'),
    (server(name="7"), "server[0].name", "7 (a number)", "text", "quotes"),
    (server(game=None), ".game", "no game", '"minecraft", "rust"', "write one of"),
    (server(game='"minecarft"'), ".game", '"minecarft"', '"minecraft"', 'did you mean "minecraft"?'),
    (server(address=None), ".address", "no address", "RCON port", "127.0.0.1:25575"),
    (server(address='"127.0.0.1"'), ".address", "lacks a host or a port", "RCON port", "127.0.0.1:25575"),
    (server(address='"127.0.0.1:0"'), ".address", "from 1 to 65535", "RCON port", "127.0.0.1:25575"),
    (server(address='"127.0.0.1:rcon"'), ".address", "from 1 to 65535", "RCON port", "127.0.0.1:25575"),
    (server(address='"127.0.0.256:25575"'), ".address", "no host name or IP", "RCON port", "127.0.0.1:25575"),
    (server(address='"my server:25575"'), ".address", "no host name or IP", "RCON port", "127.0.0.1:25575"),
    (server(address='"rcon://a:25575"'), ".address", "a URL", "RCON port", "127.0.0.1:25575"),
    (server(address='"[127.0.0.1]:25575"'), ".address", "in its brackets", "RCON port", "[::1]:25575"),
    (server(address='"[::g]:25575"'), ".address", "in its brackets", "RCON port", "[::1]:25575"),
    (server(password=None), ".password", "no password", "credential:NAME", "credential:rcon-survival"),
    (server(password='"env:NONE"'), ".password", "no environment variable NONE", "readable", "EnvironmentFile="),
    (server(paynow_id='"lobby"'), ".paynow_id", '"lobby"', "digits only", "dashboard"),
    (server(paynow_token='"env:NONE"'), ".paynow_token", "no environment variable NONE", "readable", "Environment"),
    (server(paynow_token='"abc"'), ".paynow_token", "a literal secret", "file:/path", "600"),
    (server(paynow_token="7"), ".paynow_token", "7 (a number)", "text", "quotes"),
    (
        server(run_store_commands="true"),
        ".run_store_commands",
        "without a paynow_token",
        "token of this",
        "remove this",
    ),
    (server(run_store_commands='"yes"'), ".run_store_commands", '"yes"', "true or false", "without quotes"),
    (server(game='"rust"', transport='"mcrcon"'), ".transport", "rust does not have", '"native"', 'write "native"'),
    (server(transport='"tcp"'), ".transport", '"tcp"', '"native"', "write one of"),
    (server(timeout='"50ms"'), ".timeout", '"50ms"', "a duration", 'at least "100ms"'),
    (server(min_gap="5"), ".min_gap", "5 (a number)", "a duration", 'write "5s"'),
    (server(presence='"500ms"'), ".presence", '"500ms"', "a duration", 'at least "1s"'),
    (server(timout='"10s"'), ".timout", 'unknown key "timout"', "timeout", 'did you mean "timeout"?'),
]

PERK: list[Row] = [
    (perk(name=None), "perk[0].name", "no name", "letters", "name ="),
    (perk(name='"-vip"'), 'perk[0] "-vip".name', '"-vip"', "letter or digit first", 'write "vip"'),
    (perk(kind=None), 'perk[0] "vip".kind', "no kind", '"once"', "ranks"),
    (perk(kind='"onse"'), ".kind", '"onse"', '"lasting", "once"', '"once"?'),
    (perk(product='["x"]'), ".product", 'unknown key "product"', "products", 'did you mean "products"?'),
    (perk(products=None), ".products", "no product", "at least one", "products ="),
    (perk(products="[]"), ".products", "no product", "at least one", "products ="),
    (perk(products='"vip"'), ".products", '"vip"', "a list", "brackets"),
    (perk(products="[5]"), ".products[0]", "5 (a number)", "text", "quotes"),
    (perk(products='["a b"]'), ".products[0]", '"a b"', "a slug or an id", "products ="),
    (perk(servers=None), ".servers", "no server", "a list of server names", "servers ="),
    (perk(servers="[]"), ".servers", "no server", '["*"]', "servers ="),
    (perk(servers='"survival"'), ".servers", '"survival"', "a list", 'servers = ["survival"]'),
    (perk(servers="7"), ".servers", "7 (a number)", "a list", "servers ="),
    (perk(servers='["survivel"]'), ".servers[0]", "which is no server", '"survival"', 'did you mean "survival"?'),
    (perk(servers='["qqq"]'), ".servers[0]", '"qqq"', '"survival"', "[[server]]"),
    (perk(servers='["survival", 7]'), ".servers[1]", "7 (a number)", "name", "quotes"),
    (perk(servers='["survival", "survival"]'), ".servers[1]", "a second time", "once", "remove"),
    (perk(servers='["*", "survival"]'), ".servers", '"*" and more', "alone", '["*"]'),
    (perk(servers='"choosen"'), ".servers", '"choosen"', '"chosen"', "servers ="),
    (perk(servers='{ all = ["survival"] }'), ".servers", "{ all }", "{ where_online = […] }", "{ any ="),
    (perk(servers="{}"), ".servers", "{  }", "{ any = […] }", "where the player is"),
    (
        perk(servers='{ any = ["survival"], where_online = ["survival"] }'),
        ".servers",
        "{ any, where_online }",
        "{ any = […] }",
        "one time",
    ),
    (perk(servers="{ any = [] }"), ".servers.any", "no server", "a list of server names", "{ any ="),
    (perk(servers='{ any = "survival" }'), ".servers.any", '"survival"', "a list of server names", "{ any ="),
    (perk(servers='{ any = ["*"] }'), ".servers.any", "a list", "a list of server names", "with the names"),
    (perk(servers='{ where_online = ["x"] }'), ".servers.where_online[0]", '"x"', '"survival"', "[[server]]"),
    (perk(servers='{ any = ["survival", "survival"] }'), ".servers.any[1]", "a second time", "once", "remove"),
    (
        perk(servers='{ any = ["survival"] }', grant='["say {server}"]'),
        ".grant[0]",
        "{server}",
        "before it is known which server",
        "leave it out",
    ),
    (perk(grant=None), ".grant", "no command", "at least one", "grant ="),
    (perk(grant="[]"), ".grant", "no command", "at least one", "grant ="),
    (perk(grant='"lp user"'), ".grant", '"lp user"', "a list", "brackets"),
    (perk(grant='["a", 5]'), ".grant[1]", "5 (a number)", "a command", "{ run ="),
    (perk(grant='["a", ""]'), ".grant[1]", "an empty command, at character 1", "one line", "console"),
    (perk(grant='[{ after = "5s" }]'), ".grant[0]", "an empty command", "one line", "console"),
    (perk(grant="[{ run = 5 }]"), ".grant[0].run", "5 (a number)", "text", "quotes"),
    (perk(grant='[{ run = "a", aftr = "5s" }]'), ".grant[0].aftr", 'unknown key "aftr"', "after", '"after"?'),
    (perk(grant='[{ run = "a", after = 5 }]'), ".grant[0].after", "5 (a number)", "a duration", '"5s"'),
    (perk(grant='[{ run = "a", repeatable = 1 }]'), ".grant[0].repeatable", "1", "true or false", "without"),
    (perk(grant='[{ run = "a", online = 20 }]'), ".grant[0].online", "20 (a number)", "true, false", '"20s"'),
    (perk(grant='["op {nmae}"]'), ".grant[0]", "unknown variable {nmae}, at character 4", "variables", "{name}?"),
    (perk(grant='["x {name} {\\"a\\":1}"]'), ".grant[0]", "a single {", "variables", "{{ and }}"),
    (perk(grant='["a\\nb"]'), ".grant[0]", "a control character (U+000A)", "one line", "entry of its own"),
    (perk(grant='["a {reason}"]'), ".grant[0]", "{reason} in a grant", "taken back", "`revoke`"),
    (perk(grant='["a {steam_id}"]'), ".grant[0]", "{steam_id}, which minecraft", "{name} {uuid}", "of its own"),
    (perk(revoke='["a {steam_id}"]'), ".revoke[0]", '(server "survival")', "{xuid}", "of its own"),
    (perk(grant=f'["{"x" * 1001}"]'), ".grant[0]", "1001 bytes", "at most 1000", "shorten"),
    (perk(revoke=None), ".revoke", "no command", "take a lasting perk back", "irreversible = true"),
    (perk(revoke_on='{ fraud = ["a"] }'), ".revoke_on.fraud", '"fraud"', '"chargeback"', "`revoke`"),
    (perk(revoke_on='{ refunds = ["a"] }'), ".revoke_on.refunds", "no reason", '"refund"', 'did you mean "refund"?'),
    (perk(revoke_on='{ absent = ["a"] }'), ".revoke_on.absent", "no reason", '"expired", "admin"', "`revoke`"),
    (perk(revoke_on='{ refund = "a" }'), ".revoke_on.refund", '"a"', "a list", "brackets"),
    (perk(revoke_on='{ refund = ["{nope}"] }'), ".revoke_on.refund[0]", "{nope}", "variables", "{name}"),
    (perk(revoke_on='{ refund = [{ rnu = "a" }] }'), ".revoke_on.refund[0].rnu", '"rnu"', "run", '"run"?'),
    (perk(revoke_on='["ban"]'), ".revoke_on", "a list", "a table", "{ key"),
    (perk(effect='"a b"'), ".effect", '"a b"', "letters", '"a-b"'),
    (perk(kind='"once"', lasts='"30d"'), ".lasts", 'kind "once"', "lasting", "remove it"),
    (perk(lasts='"0s"'), ".lasts", "0", "more than no time", "30d"),
    (perk(lasts='"a month"'), ".lasts", '"a month"', "a duration", "one unit"),
    (perk(grace="3600"), ".grace", "3600 (a number)", "a duration", '"3600s"'),
    (perk(online="20"), ".online", "20 (a number)", "true, false, or how long", 'write "20s"'),
    (perk(online='"a while"'), ".online", '"a while"', '"20s"', "one unit"),
    (perk(online='""'), ".online", '""', '"20s"', "one unit"),
    (perk(repeatable='"yes"'), ".repeatable", '"yes"', "true or false", "without quotes"),
    (perk(success='"("'), ".success", "unterminated", "regular expression", "single quotes"),
    (perk(failure='"["'), ".failure", "unterminated", "regular expression", "single quotes"),
    (perk(was='"vip"'), ".was", "its name today", "no perk has", "before"),
    (perk(was='"v i p"'), ".was", '"v i p"', "letters", "v-i-p"),
    (perk() + perk(name='"gold"', was='"vip"'), 'perk[1] "gold".was', 'perk[0] "vip"', "no perk has", "before"),
    (
        perk(was='"old"') + perk(name='"gold"', was='"old"'),
        'perk[1] "gold".was',
        'which perk[0] "vip" was too',
        "one perk",
        "one of the two",
    ),
    (perk() + perk(), 'perk[1] "vip".name', 'perk[0] "vip" has already', "no other perk", "another name"),
    (perk() + perk(name='"VIP"'), 'perk[1] "VIP".name', 'perk[0] "vip" has already', "capitals or not", "another name"),
    (
        perk() + perk(name='"kit"', kind='"once"', effect='"vip"'),
        'perk[1] "kit".effect',
        '"vip", which perk[0] "vip" has too',
        "of its own",
        "only lasting perks",
    ),
]


def rows(table: list[Row]) -> list[object]:
    return [pytest.param(*row, id=f"{row[1]} {row[2]}".replace("\n", " ")) for row in table]


def assert_only(found: tuple[Mistake, ...], row: Row) -> None:
    """One mistake and no other, at this place and with these words."""
    assert len(found) == 1, found
    mistake = found[0]
    assert mistake.where == row[1]
    for field, essential in zip(("found", "expected", "fix"), row[2:], strict=True):
        assert essential in getattr(mistake, field), (field, mistake)


@pytest.mark.parametrize(("part", "where", "found", "expected", "fix"), rows(SECTIONS))
def test_a_mistake_in_a_section(tmp_path: Path, part: str, where: str, found: str, expected: str, fix: str) -> None:
    env = {"RCON": PASSWORD, "BAD": "[[customer]]", "KEY": secretwatch.mint("an API key")}
    assert_only(mistakes(tmp_path, part, server(), perk(), env=env), (part, where, found, expected, fix))


WORDS_ONLY = server(game='"nameland"')  # a game whose list of players does not say who is who
BLIND = [
    (perk(grant='["a"]', revoke='["b"]', online="true"), ".online"),
    (perk(grant='[{ run = "a", online = true }]', revoke='["b"]'), ".grant[0].online"),
    (perk(grant='["a"]', revoke='["b", { run = "c", online = "20s" }]'), ".revoke[1].online"),
    (perk(grant='["a"]', revoke='["b"]', servers='{ where_online = ["survival"] }'), ".servers.where_online"),
]


@pytest.mark.parametrize(("part", "where"), BLIND, ids=[where for _, where in BLIND])
def test_waiting_where_nobody_is_ever_seen_is_a_mistake(tmp_path: Path, part: str, where: str) -> None:
    row = (part, f'perk[0] "vip"{where}', 'nameland (server "survival")', "says who is who", "leave it out")
    assert_only(mistakes(tmp_path, WORDS_ONLY, part), row)


def test_one_of_several_servers_must_be_of_one_game(tmp_path: Path) -> None:
    rust = server(name='"rusty"', game='"rust"', address='"127.0.0.1:28016"')
    part = perk(servers='{ any = ["survival", "rusty"] }', grant='["say {name}"]', revoke='["say {name}"]')
    row = (part, 'perk[0] "vip".servers', '"minecraft", "rust" in one list', "of one game", "same `effect`")
    assert_only(mistakes(tmp_path, server(), rust, part), row)


def test_two_servers_with_one_id_of_the_store_are_a_mistake(tmp_path: Path) -> None:
    other = server(name='"lobby"', address='"127.0.0.1:25576"', paynow_id='"0077"')
    row = (other, 'server[1] "lobby".paynow_id', '"77", which server "survival"', "no other [[server]]", "own id")
    assert_only(mistakes(tmp_path, server(paynow_id='"77"'), other, perk()), row)


@pytest.mark.parametrize(("part", "where", "found", "expected", "fix"), rows(SERVER))
def test_a_mistake_in_a_server(tmp_path: Path, part: str, where: str, found: str, expected: str, fix: str) -> None:
    place = f'server[0] "survival"{where}' if where.startswith(".") else where
    assert_only(mistakes(tmp_path, part), (part, place, found, expected, fix))


@pytest.mark.parametrize(("part", "where", "found", "expected", "fix"), rows(PERK))
def test_a_mistake_in_a_perk(tmp_path: Path, part: str, where: str, found: str, expected: str, fix: str) -> None:
    place = f'perk[0] "vip"{where}' if where.startswith(".") else where
    assert_only(mistakes(tmp_path, server(), part), (part, place, found, expected, fix))


def test_one_bracket_where_two_are_needed(tmp_path: Path) -> None:
    text = server().replace("[[", "[").replace("]]", "]")
    (mistake,) = mistakes(tmp_path, text)
    assert (mistake.where, mistake.found) == ("server", "one server, a table")
    assert "[[server]]" in mistake.fix


def test_two_servers_with_one_token_of_the_store_are_a_mistake(tmp_path: Path) -> None:
    env = {"RCON": PASSWORD, "ONE": (token := secretwatch.mint("a game server token")), "TWO": token}
    first = server(paynow_token='"env:ONE"')
    other = server(name='"lobby"', address='"127.0.0.1:25576"', paynow_token='"env:TWO"', run_store_commands="true")
    row = (other, 'server[1] "lobby".paynow_token', 'as server[0] "survival"', "no other [[server]]", "of its own")
    assert_only(mistakes(tmp_path, first, other, perk(), env=env), row)


def test_the_second_server_of_a_name_is_refused(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, server(), server(name='"SURVIVAL"', address='"[::1]:25575"'), perk())
    assert mistake.where == 'server[1] "SURVIVAL".name'
    assert 'server[0] "survival"' in mistake.found


def test_text_that_is_no_toml_says_line_and_column_and_shows_no_line(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, "[[server]]\npassword = hunter-two\n")
    assert mistake.where == "line 2, column 12"
    assert "no TOML" in mistake.found
    assert "quote" in mistake.fix
    assert "hunter" not in repr(mistake)


def test_text_that_ends_too_early_says_so(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, 'x = """open')
    assert "end of document" in mistake.where + mistake.found


def test_a_number_too_long_to_read_is_no_crash(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, "x = " + "1" * 5000)
    assert mistake.where == "the file"
    assert "no TOML" in mistake.found


def test_a_missing_file_is_a_mistake_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.toml", GAMES, SecretSources.of({}), need_secrets=False)
    (mistake,) = caught.value.mistakes
    assert f"no file {tmp_path}/none.toml" in mistake.found
    assert "-c" in mistake.fix


def test_a_byte_order_mark_before_the_file_is_named(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, "\ufeff[store]\n")
    assert "byte order mark" in mistake.found


def test_everything_that_is_wrong_is_said_at_once_and_in_the_files_order(tmp_path: Path) -> None:
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


def test_a_perk_is_not_blamed_for_what_is_wrong_with_its_server(tmp_path: Path) -> None:
    for broken in (server(game='"chess"'), server(address="25575"), server(game="[]")):
        assert [mistake.where.partition(".")[0] for mistake in mistakes(tmp_path, broken, perk())] == [
            'server[0] "survival"'
        ]


def test_what_was_reported_of_a_command_is_not_reported_twice(tmp_path: Path) -> None:
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
        assert all((mistake.where, mistake.found, mistake.expected, mistake.fix))
        assert mistake.where.isprintable()


def test_the_report_is_readable_and_starts_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, section("poll", online="30"), server(), perk(servers='["creative"]'))
    path = tmp_path / "config.toml"
    assert caught.value.render(path).splitlines() == [
        f"{path}: 2 mistakes",
        "",
        "poll.online",
        "    found:    30 (a number)",
        '    expected: a duration: "500ms", "30s", "15m", "24h" or "540d"',
        '    fix:      write "30s"',
        "",
        'perk[0] "vip".servers[0]',
        '    found:    "creative", which is no server',
        '    expected: one of "survival"',
        "    fix:      write a [[server]] with this name",
    ]
    assert str(caught.value).startswith("poll.online: found 30 (a number); perk[0]")


def test_one_mistake_is_one_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, section("poll", rate="0"))
    assert caught.value.render(Path("c.toml")).startswith("c.toml: 1 mistake\n")
