"""Loading config.toml: the settings of a valid file, how secrets are handled, and what is only a warning."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from perkd.daemon.config import Listen, sections
from perkd.daemon.core.mistakes import ConfigError, ConfigWarning
from perkd.daemon.core.model import BrakeLimits, PerkKind, Reason, Secret, Target
from perkd.daemon.enrolment import feed
from perkd.daemon.store_queue import loop
from tests.configtext import PASSWORD, load_text, mistakes, perk, section, server

MintSecret = Callable[[str], str]

# Secrets


def test_a_literal_password_is_allowed_only_in_a_private_file(tmp_path: Path, secret: MintSecret) -> None:
    password = secret("rcon password")
    text = server(password=f'"{password}"')
    settings = load_text(tmp_path, text, mode=0o600)
    assert settings.servers[0].endpoint.password == Secret(password)
    for mode in (0o640, 0o604, 0o644):
        (mistake,) = mistakes(tmp_path, text, mode=mode)
        assert (mistake.where, mistake.code) == ('server[0] "survival".password', "literal_secret")
        assert "chmod 600" in mistake.fix
        assert password not in repr(mistake)


@pytest.mark.parametrize(
    "line",
    [
        'password = ["{}"]',
        'passwrd = "{}"',
        'password = {{ value = "{}" }}',
        'password = "env:{}\\u0000"',
    ],
)
def test_no_mistake_about_a_password_shows_it(tmp_path: Path, secret: MintSecret, line: str) -> None:
    password = secret("rcon password")
    if "env:" in line:
        line, env = 'password = "env:RCON"', {"RCON": f"{password}\nmore"}
    else:
        env = {}
    found = mistakes(tmp_path, server(password=None) + line.format(password), mode=0o600, env=env)
    assert found
    assert password not in repr(found)


@pytest.mark.parametrize("url", ["https://user:{}@api.example", "https://{}@api.example"])
def test_a_login_in_the_stores_address_is_refused_and_not_shown(tmp_path: Path, secret: MintSecret, url: str) -> None:
    password = secret("password")
    (mistake,) = mistakes(tmp_path, section("store", api=f'"{url.format(password)}"'), server(), perk())
    assert (mistake.where, mistake.code) == ("store.api", "login_in_url")
    assert password not in repr(mistake)


def test_settings_have_no_text_form_of_a_secret(tmp_path: Path, secret: MintSecret) -> None:
    password, token = secret("rcon password"), secret("customer token")
    env = {"RCON": password, "TOKENS": f'[[customer]]\ntoken = "{token}"'}
    text = repr(load_text(tmp_path, section("customers", tokens='"env:TOKENS"'), server(), perk(), env=env))
    assert password not in text
    assert token not in text


def test_outside_the_service_a_credential_is_a_warning_where_that_is_enough(tmp_path: Path) -> None:
    parts = [section("customers", tokens='"credential:tokens"'), server(password='"credential:rcon"'), perk()]
    settings = load_text(tmp_path, *parts, env={}, need_secrets=False)
    assert [(warning.where, warning.code) for warning in settings.warnings] == [
        ("customers.tokens", "not_checked"),
        ('server[0] "survival".password', "not_checked"),
    ]
    assert settings.servers[0].endpoint.password == Secret("")
    assert settings.customers.tokens is None
    assert settings.customers.source == "credential:tokens"


def test_outside_the_service_a_credential_is_a_mistake_where_it_is_needed(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, server(password='"credential:rcon"'), perk())
    assert (mistake.where, mistake.code) == ('server[0] "survival".password', "credential_not_checked")


def test_an_empty_credential_is_a_mistake_for_check_too(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "rcon").write_text("\n")
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, server(password='"credential:rcon"'), perk(), need_secrets=False)
    assert [mistake.code for mistake in caught.value.mistakes] == ["empty_secret"]


def test_tokens_that_others_can_read_are_a_mistake(tmp_path: Path, secret: MintSecret) -> None:
    token = secret("customer token")
    path = tmp_path / "tokens.toml"
    path.write_text(f'[[customer]]\ntoken = "{token}"\n')
    path.chmod(0o644)
    part = section("customers", tokens=f'"file:{path}"')
    (mistake,) = mistakes(tmp_path, part, server(), perk())
    assert (mistake.where, mistake.code) == ("customers.tokens", "readable_by_others")
    assert f"chmod 600 {path}" in mistake.fix
    path.chmod(0o600)
    tokens = load_text(tmp_path, part, server(), perk()).customers.tokens
    assert tokens is not None
    assert [entry.token.reveal() for entry in tokens] == [token]


def test_corrections_in_the_tokens_are_a_warning(tmp_path: Path, secret: MintSecret) -> None:
    env = {"RCON": PASSWORD, "T": f'[[customer]]\ntoken = " {secret("customer token")}"'}
    settings = load_text(tmp_path, section("customers", tokens='"env:T"'), server(), perk(), env=env)
    (warning,) = settings.warnings
    assert (warning.where, warning.code) == ("customers.tokens: customer[0].token", "token_trimmed")


# Warnings


def warnings(folder: Path, *parts: str) -> list[ConfigWarning]:
    return list(load_text(folder, *parts).warnings)


def warning_of(folder: Path, *parts: str) -> ConfigWarning:
    (warning,) = warnings(folder, *parts)
    return warning


def test_a_sound_file_has_no_warnings(tmp_path: Path) -> None:
    assert warnings(tmp_path, server(), perk()) == []


def test_polling_more_often_than_each_ten_seconds_is_a_warning(tmp_path: Path) -> None:
    warning = warning_of(tmp_path, section("poll", online='"9s"', offline='"10s"'), server(), perk())
    assert (warning.where, warning.code) == ("poll.online", "polls_often")
    assert '"9s"' in warning.text


@pytest.mark.parametrize("listen", ["0.0.0.0:8770", "[::]:8770", "example.org:80"])
def test_a_listener_others_can_reach_is_a_warning(tmp_path: Path, listen: str) -> None:
    warning = warning_of(tmp_path, section("http", listen=f'"{listen}"'), server(), perk())
    assert (warning.where, warning.code) == ("http.listen", "open_to_others")
    assert listen in warning.text


@pytest.mark.parametrize("game", ["minecraft", "rust"])
def test_a_name_in_a_game_with_ids_is_one_warning_per_perk(tmp_path: Path, game: str) -> None:
    commands = '["op {name}", "whitelist add {name}"]'
    warning = warning_of(tmp_path, server(game=f'"{game}"'), perk(grant=commands, revoke='["deop {name}"]'))
    assert (warning.where, warning.code) == ('perk[0] "vip"', "name_can_change")
    assert ("{uuid}" if game == "minecraft" else "{steam_id}") in warning.text


def test_a_name_in_what_follows_a_revoke_counts_too(tmp_path: Path) -> None:
    assert len(warnings(tmp_path, server(), perk(revoke_on='{ chargeback = ["ban {name}"] }'))) == 1


def test_a_name_in_a_game_of_names_is_no_warning(tmp_path: Path) -> None:
    commands = '["op {name}"]'
    assert warnings(tmp_path, server(game='"nameland"'), perk(grant=commands, revoke=commands)) == []


def test_a_file_without_servers_or_perks_loads_with_warnings(tmp_path: Path) -> None:
    assert [warning.code for warning in warnings(tmp_path, "")] == ["no_server", "no_perk"]


def test_two_servers_at_one_address_are_a_warning(tmp_path: Path) -> None:
    warning = warning_of(tmp_path, server(), server(name='"lobby"'), perk())
    assert (warning.where, warning.code) == ('server[1] "lobby".address', "same_address")
    assert 'server[0] "survival"' in warning.text


def test_revoke_commands_on_an_irreversible_perk_are_a_warning(tmp_path: Path) -> None:
    warning = warning_of(tmp_path, server(), perk(irreversible="true"))
    assert (warning.where, warning.code) == ('perk[0] "vip".irreversible', "irreversible_yet_revoke")


# What a sound file becomes


def test_a_minimal_file_takes_every_default(tmp_path: Path) -> None:
    settings = load_text(tmp_path, server(), perk())
    assert settings.store.api == "https://api.paynow.gg"
    assert settings.store.items_path == "/v1/store/customer/delivery/items"
    assert (settings.customers.source, settings.customers.tokens) == ("", None)
    assert (settings.customers.enrol, settings.customers.first_seen) == ("off", "adopt")
    assert (settings.poll.online, settings.poll.offline) == (timedelta(seconds=30), timedelta(minutes=15))
    assert (settings.poll.rate, settings.poll.concurrency) == (5.0, 16)
    assert settings.ledger.path == Path("/var/lib/perkd/ledger.db")
    assert settings.ledger.keep == timedelta(days=540)
    assert settings.listen == Listen("127.0.0.1", 8770)
    assert settings.control == Path("/run/perkd/control.sock")
    assert settings.brake == BrakeLimits()


@pytest.mark.parametrize(
    ("keyed", "written", "enrol"),
    [
        (False, None, "off"),
        (False, '"off"', "off"),
        (True, None, "all"),
        (True, '"all"', "all"),
        (True, '"online"', "online"),
        (True, '"off"', "off"),
    ],
)
def test_with_a_key_everybody_is_enrolled_unless_the_owner_says_otherwise(
    tmp_path: Path, keyed: bool, written: str | None, enrol: str, secret: MintSecret
) -> None:
    env = {"RCON": secret("rcon password"), "KEY": (key := secret("an API key"))}
    store = section("store", id='"94688451781206016"', api_key='"env:KEY"' if keyed else None)
    settings = load_text(tmp_path, store, section("customers", enrol=written), server(), perk(), env=env)
    assert settings.customers.enrol == enrol
    warned = [one for one in settings.warnings if one.code == "key_enrols_nobody"]
    assert len(warned) == (keyed and written == '"off"')
    assert settings.store.id == "94688451781206016"
    assert (settings.store.api_key is not None) == keyed
    assert settings.store.api_key is None or settings.store.api_key.reveal() == key
    assert settings.store.management_items == "delivery/items"


def test_a_key_only_the_service_can_read_counts_as_a_key_that_was_not_checked(tmp_path: Path) -> None:
    store = section("store", id='"5"', api_key='"credential:paynow-api-key"')
    settings = load_text(tmp_path, store, server(), perk(), need_secrets=False)
    assert settings.store.api_key is not None
    assert settings.store.api_key.reveal() == ""
    assert settings.customers.enrol == "all"
    (warning,) = [one for one in settings.warnings if one.where == "store.api_key"]
    assert warning.code == "not_checked"
    assert "paynow-api-key" in warning.text


def test_a_server_has_its_token_of_the_store(tmp_path: Path, secret: MintSecret) -> None:
    env = {"RCON": secret("rcon password"), "GS": (token := secret("a game server token"))}
    text = server(paynow_token='"env:GS"', run_store_commands="true")
    (got,) = load_text(tmp_path, text, perk(), env=env).servers
    assert got.paynow_token is not None
    assert got.paynow_token.reveal() == token
    assert got.run_store_commands
    (plain,) = load_text(tmp_path, server(), perk()).servers
    assert (plain.paynow_token, plain.run_store_commands) == (None, False)


@pytest.mark.parametrize(
    ("command", "variable"), [("tp @{name}", "name"), ("tell @{uuid} hi", "uuid"), ("say @a @{name} {uuid}", "name")]
)
def test_an_at_sign_of_the_owners_before_a_variable_is_a_warning(tmp_path: Path, command: str, variable: str) -> None:
    found = warnings(tmp_path, server(), perk(grant=f'["say hi", "{command}"]'))
    (warning,) = [one for one in found if one.code == "selector_from_value"]
    assert warning.where == 'perk[0] "vip".grant[1]'
    assert f"{{{variable}}}" in warning.text


def test_an_at_sign_elsewhere_is_none(tmp_path: Path) -> None:
    found = warnings(tmp_path, server(), perk(grant='["say a@b {uuid}", "tell @a {uuid}@", "x @ {uuid}"]'))
    assert found == []


def test_a_server_becomes_an_endpoint_and_its_pace(tmp_path: Path, secret: MintSecret) -> None:
    password = secret("rcon password")
    text = server(
        address='"[::1]:25575"',
        paynow_id='"411486491630370816"',
        timeout='"500ms"',
        min_gap='"50ms"',
        warmup='"0s"',
        presence='"1m"',
    )
    (got,) = load_text(tmp_path, text, perk(), env={"RCON": password}).servers
    assert (got.name, got.game, got.paynow_id) == ("survival", "minecraft", "411486491630370816")
    assert (got.endpoint.host, got.endpoint.port, got.endpoint.timeout_s) == ("::1", 25575, 0.5)
    assert got.endpoint.transport == "native"
    assert got.endpoint.password.reveal() == password
    assert (got.min_gap, got.warmup, got.presence) == (timedelta(milliseconds=50), timedelta(0), timedelta(minutes=1))


def test_a_transport_the_game_has_is_taken(tmp_path: Path) -> None:
    (got,) = load_text(tmp_path, server(transport='"mcrcon"'), perk()).servers
    assert got.endpoint.transport == "mcrcon"


def test_a_perk_becomes_compiled_commands(tmp_path: Path) -> None:
    text = perk(
        products='["vip-30-days", "124249183568797696"]',
        servers='["*"]',
        grant='["lp {uuid}", { run = "say {perk}", after = "5s", repeatable = false }]',
        revoke_on='{ refund = ["note {reason}"], expired = [] }',
        effect='"rank"',
        lasts='"30d"',
        grace='"24h"',
        success="'^ok \\d+$'",
        strict="true",
        was='"old-vip"',
    )
    (got,) = load_text(tmp_path, server(), text).perks
    assert (got.name, got.kind, got.effect, got.was) == ("vip", PerkKind.LASTING, "rank", "old-vip")
    assert got.products == ("vip-30-days", "124249183568797696")
    assert got.servers == ("*",)
    assert [spec.run.parts for spec in got.grant] == [("lp ", "uuid", ""), ("say ", "perk", "")]
    assert [spec.after for spec in got.grant] == [timedelta(0), timedelta(seconds=5)]
    assert [spec.repeatable for spec in got.grant] == [True, False]
    assert {reason: len(specs) for reason, specs in got.revoke_on.items()} == {Reason.REFUND: 1, Reason.EXPIRED: 0}
    assert (got.lasts, got.grace) == (timedelta(days=30), timedelta(days=1))
    assert (got.success, got.failure, got.strict) == ("^ok \\d+$", "", True)


def test_effect_and_grace_have_defaults_of_their_own(tmp_path: Path) -> None:
    (got,) = load_text(tmp_path, server(), perk(lasts='""', grace='""')).perks
    assert (got.effect, got.lasts, got.grace) == ("vip", None, None)


@pytest.mark.parametrize(
    ("kind", "says", "repeatable"),
    [("lasting", None, True), ("once", None, False), ("lasting", "false", False), ("once", "true", True)],
)
def test_commands_are_repeatable_as_the_kind_has_it_unless_the_perk_says(
    tmp_path: Path, kind: str, says: str | None, repeatable: bool
) -> None:
    (got,) = load_text(tmp_path, server(), perk(kind=f'"{kind}"', repeatable=says)).perks
    assert got.repeatable is repeatable
    assert [spec.repeatable for spec in got.grant + got.revoke] == [repeatable, repeatable]


def test_a_once_perk_needs_no_revoke_and_an_irreversible_one_neither(tmp_path: Path) -> None:
    settings = load_text(
        tmp_path,
        server(),
        perk(kind='"once"', revoke=None),
        perk(name='"founder"', revoke=None, irreversible="true"),
    )
    assert [perk_.revoke for perk_ in settings.perks] == [(), ()]


def test_lasting_perks_may_share_an_effect_and_products(tmp_path: Path) -> None:
    settings = load_text(tmp_path, server(), perk(), perk(name='"vip-year"', effect='"vip"'))
    assert [perk_.effect for perk_ in settings.perks] == ["vip", "vip"]


def test_reason_may_be_in_a_revoke(tmp_path: Path) -> None:
    assert load_text(tmp_path, server(), perk(revoke='["note {reason} {order_id}"]')).perks


def test_a_perk_is_checked_for_the_games_of_its_own_servers_only(tmp_path: Path) -> None:
    rust = server(name='"rusty"', game='"rust"', address='"127.0.0.1:28016"')
    assert load_text(tmp_path, server(), rust, perk()).perks
    found = mistakes(tmp_path, server(), rust, perk(servers='["*"]'))
    assert [(mistake.where, mistake.code) for mistake in found] == [
        ('perk[0] "vip".grant[0]', "variable_not_in_game"),
        ('perk[0] "vip".revoke[0]', "variable_not_in_game"),
    ]
    assert all(word in found[0].found for word in ("{uuid}", "rust", '"rusty"'))


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:8770", "localhost:8770"])
def test_a_listener_on_this_machine_is_no_warning(tmp_path: Path, listen: str) -> None:
    settings = load_text(tmp_path, section("http", listen=f'"{listen}"'), server(), perk())
    assert settings.listen is not None
    assert settings.warnings == ()


def test_an_empty_listener_turns_http_off(tmp_path: Path) -> None:
    assert load_text(tmp_path, section("http", listen='""'), server(), perk()).listen is None


@pytest.mark.parametrize("api", ["http://127.0.0.1:8080/", "http://localhost:8080", "http://[::1]:8080"])
def test_plain_http_is_for_a_store_on_this_machine(tmp_path: Path, api: str) -> None:
    settings = load_text(tmp_path, section("store", api=f'"{api}"'), server(), perk())
    assert settings.store.api == api.rstrip("/")
    assert settings.warnings == ()


@pytest.mark.parametrize("url", ["sqlite:///srv/perkd/l.db", "sqlite:////srv/perkd/l.db"])
def test_the_ledgers_path_starts_at_the_root_with_three_slashes_or_four(tmp_path: Path, url: str) -> None:
    settings = load_text(tmp_path, section("ledger", url=f'"{url}"'), server(), perk())
    assert settings.ledger.path == Path("/srv/perkd/l.db")


def test_whole_numbers_are_allowed_where_a_fraction_is(tmp_path: Path) -> None:
    settings = load_text(tmp_path, section("poll", rate="5"), section("brake", share="0", least="0"), server(), perk())
    assert (settings.poll.rate, settings.brake.share, settings.brake.least) == (5.0, 0.0, 0)


def test_one_product_of_one_effect_cannot_last_two_times(tmp_path: Path) -> None:
    """One item behind one effect cannot have two different `lasts`."""
    first = perk(name='"first"', effect='"rank"', lasts='"30d"')
    second = perk(name='"second"', effect='"rank"', lasts='"60d"')
    (found,) = mistakes(tmp_path, server(), first, second)
    assert (found.where, found.code) == ('perk[1] "second".lasts', "two_clocks")
    assert 'perk[0] "first"' in found.found


def test_who_waits_for_the_player_and_how_long(tmp_path: Path) -> None:
    """The perk's value is for its grant; a command's own value comes first."""
    grant = '["a", { run = "b", online = false }, { run = "c", online = "20s" }, { run = "d", online = "0s" }]'
    revoke = '["e", { run = "f", online = true }]'
    [found] = load_text(tmp_path, server(), perk(grant=grant, revoke=revoke, online='"1m"')).perks
    minute, none = timedelta(minutes=1), timedelta(0)
    assert [spec.online for spec in found.grant] == [minute, None, timedelta(seconds=20), none]
    assert [spec.online for spec in found.revoke] == [None, none]
    [found] = load_text(tmp_path, server(), perk(online="true")).perks
    assert [spec.online for spec in (*found.grant, *found.revoke)] == [none, None]


@pytest.mark.parametrize(
    ("servers", "target", "names"),
    [
        ('["survival"]', Target.EACH, ("survival",)),
        ('["*"]', Target.EACH, ("*",)),
        ('"chosen"', Target.CHOSEN, ()),
        ('{ any = ["survival", "lobby"] }', Target.ANY, ("survival", "lobby")),
        ('{ where_online = ["lobby"] }', Target.ONLINE, ("lobby",)),
    ],
)
def test_a_perk_goes_to_each_server_or_to_one_of_them(
    tmp_path: Path, servers: str, target: Target, names: tuple[str, ...]
) -> None:
    lobby = server(name='"lobby"', address='"127.0.0.1:25576"')
    settings = load_text(tmp_path, server(paynow_id='"0077"'), lobby, perk(servers=servers))
    [found] = settings.perks
    assert (found.target, found.servers, settings.warnings) == (target, names, ())
    assert settings.servers[0].paynow_id == "77"


def test_a_perk_for_the_chosen_server_is_checked_for_the_games_of_those_that_can_be_chosen(tmp_path: Path) -> None:
    rust = server(name='"rusty"', game='"rust"', address='"127.0.0.1:28016"')
    load_text(tmp_path, server(paynow_id='"77"'), rust, perk(servers='"chosen"'))
    [mistake] = mistakes(tmp_path, server(paynow_id='"77"'), rust, perk(servers='"chosen"', grant='["a {steam_id}"]'))
    assert (mistake.where, mistake.code) == ('perk[0] "vip".grant[0]', "variable_not_in_game")


def test_a_perk_for_the_chosen_server_where_none_can_be_chosen_is_a_warning(tmp_path: Path) -> None:
    warning = warning_of(tmp_path, server(), perk(servers='"chosen"'))
    assert (warning.where, warning.code) == ('perk[0] "vip".servers', "chosen_without_id")


@pytest.mark.parametrize(("count", "warned"), [(10, False), (11, True)])
def test_more_customers_than_the_rate_lets_perkd_ask_for_in_time_are_a_warning(
    tmp_path: Path, count: int, warned: bool
) -> None:
    tokens = tmp_path / "tokens.toml"
    tokens.write_text("".join(f'[[customer]]\ntoken = "made-up-{number}"\n' for number in range(count)))
    tokens.chmod(0o600)
    found = warnings(
        tmp_path,
        section("customers", tokens=f'"file:{tokens}"'),
        section("poll", online='"10s"', offline='"20s"', rate="0.5"),
        server(),
        perk(),
    )
    assert len(found) == warned
    if warned:
        assert (found[0].where, found[0].code) == ("poll.rate", "rate_too_low")
        assert all(fact in found[0].text for fact in ("11 customers", "0.5 requests", "0:00:22", '"20s"'))


@pytest.mark.parametrize(("count", "warned"), [(8, False), (9, True)])
def test_requests_of_a_command_queue_are_not_left_for_the_customers(tmp_path: Path, count: int, warned: bool) -> None:
    tokens = tmp_path / "tokens.toml"
    tokens.write_text("".join(f'[[customer]]\ntoken = "made-up-{number}"\n' for number in range(count)))
    tokens.chmod(0o600)
    found = warnings(
        tmp_path,
        section("customers", tokens=f'"file:{tokens}"'),
        section("poll", online='"10s"', offline='"20s"', rate="0.5"),
        server(paynow_token='"env:RCON"'),
        perk(),
    )
    assert len(found) == warned
    if warned:
        assert (found[0].where, found[0].code) == ("poll.rate", "rate_too_low")
        assert all(fact in found[0].text for fact in ("0.1 a second", "0:00:23"))


def test_command_queues_and_a_feed_that_take_most_of_the_rate_are_a_warning(tmp_path: Path) -> None:
    key = section("store", id='"77"', api_key='"env:RCON"')
    parts = (server(paynow_token='"env:RCON"'), perk())
    assert warnings(tmp_path, key, section("poll", rate="0.4"), *parts) == []
    warning = warning_of(tmp_path, key, section("poll", rate="0.3"), *parts)
    assert (warning.where, warning.code) == ("poll.rate", "queues_take_the_rate")
    assert all(fact in warning.text for fact in ("(1)", "0.17 requests"))


def test_the_warning_counts_with_the_intervals_of_the_loops() -> None:
    assert (sections.QUEUE_RATE * loop.EVERY_S, sections.FEED_RATE * feed.EVERY_S) == (1.0, 1.0)
