"""The check of the store's products against a config: each finding, and no finding where all is well."""

from datetime import timedelta
from typing import Any

import pytest

from perkd.daemon.cli.doctor.products import Finding, Owned, look_at, not_mapped
from perkd.daemon.core.model import Endpoint, Perk, PerkKind, Secret, Server
from perkd.daemon.paynow.documents import Product

HUB, LOBBY = "411", "412"
PERKD = {"stage": "on_purchase", "content": "perkd"}


def product(slug: str = "vip", number: int = 1, **more: Any) -> Product:
    return Product.model_validate({"id": str(number), "slug": slug, "commands": [PERKD], **more})


def perk(name: str = "vip", *products: str, kind: PerkKind = PerkKind.LASTING, lasts: timedelta | None = None) -> Perk:
    return Perk(name=name, kind=kind, products=products or ("vip",), servers=("hub",), grant=(), lasts=lasts)


def server(name: str = "hub", paynow_id: str = "", *, token: bool = False, runs: bool = False) -> Server:
    endpoint = Endpoint(host="127.0.0.1", port=1, password=Secret(""))
    secret = Secret("") if token else None
    return Server(
        name=name,
        game="minecraft",
        endpoint=endpoint,
        paynow_id=paynow_id,
        paynow_token=secret,
        run_store_commands=runs,
    )


def on(*ids: str) -> list[dict[str, Any]]:
    return [{"id": one, "name": f"server {one}", "enabled": True} for one in ids]


def codes(found: list[Finding]) -> list[str]:
    return [one.code for one in found]


def the_one(found: list[Finding], code: str) -> Finding:
    [one] = found
    assert one.code == code
    return one


# Products that the store does not have


def test_a_good_product_named_by_slug_or_id_gives_no_finding() -> None:
    assert look_at([product()], [perk("vip", "vip"), perk("again", "1")], [server()]) == []


def test_a_product_that_a_perk_names_twice_gives_one_finding() -> None:
    [found] = look_at([product(commands=[])], [perk("vip", "vip", "1")], [])
    assert found.perks == ("vip",)


@pytest.mark.parametrize(
    ("word", "fix"),
    [
        ("vpi", '"vip"'),
        ("VIP", '"vip"'),
        ("zzz", '"hat", "vip"'),
        ("77", '"hat", "vip"'),
    ],
)
def test_a_product_that_the_store_does_not_have_is_an_error_with_the_nearest_slug(word: str, fix: str) -> None:
    found = the_one(look_at([product(), product("hat", 2)], [perk("vip", word)], []), "no_product")
    assert (found.severity, found.product, found.perks) == ("error", word, ("vip",))
    assert (fix in found.fix, '"hat"' in found.fix) == (True, '"hat"' in fix)


def test_only_some_slugs_of_a_large_store_are_listed() -> None:
    many = [product(f"slug-{number:02}", number) for number in range(1, 30)]
    [found] = look_at(many, [perk("vip", "qqq")], [])
    assert '"slug-10" and 19 more' in found.fix
    [found] = look_at([], [perk("vip", "qqq")], [])
    assert found.fix.endswith(" no slugs")


def test_errors_come_before_warnings() -> None:
    found = look_at([product(commands=[])], [perk("a", "vip"), perk("b", "nope")], [])
    assert codes(found) == ["no_product", "no_command"]


# Commands


def test_a_product_without_a_command_is_invisible() -> None:
    found = the_one(look_at([product(commands=[])], [perk()], [server()]), "no_command")
    assert found.severity == "warning"
    assert '"perkd"' in found.fix


def test_a_product_with_commands_only_at_later_stages_is_invisible_too() -> None:
    later = [{"stage": stage, "content": "perkd"} for stage in ("on_expire", "on_refund", "on_expire")]
    found = the_one(look_at([product(commands=later)], [perk()], [server()]), "no_command")
    assert '"on_expire", "on_refund"' in found.text


def test_a_perkd_command_may_have_more_words_and_spaces() -> None:
    for content in ("perkd", " perkd ", "perkd vip {username}"):
        assert look_at([product(commands=[{**PERKD, "content": content}])], [perk()], [server()]) == []


@pytest.mark.parametrize("content", ["lp user {username} parent add vip", "perkdx", "Perkd", "/perkd", ""])
@pytest.mark.parametrize(
    ("stage", "fix"),
    [("on_purchase", '"perkd"'), ("on_expire", "`revoke`")],
)
def test_a_real_command_is_named_with_its_stage_as_a_risk_of_double_delivery(
    content: str, stage: str, fix: str
) -> None:
    sold = product(commands=[PERKD, {"stage": stage, "content": content}])
    found = the_one(look_at([sold], [perk("a", "vip"), perk("b", "1")], [server()]), "real_command")
    assert (found.severity, found.perks) == ("warning", ("a", "b"))
    assert all(name in found.text for name in (f'"{content}"', stage))
    assert "run_store_commands" not in found.text
    assert fix in found.fix


@pytest.mark.parametrize(
    ("servers", "sends"),
    [
        ([server("hub", HUB, token=True, runs=True)], '"hub"'),
        ([server("hub", token=True, runs=True)], '"hub"'),
        ([server("lobby", LOBBY, token=True, runs=True), server("hub", HUB)], None),
        ([server("hub", HUB, token=True)], None),
    ],
)
def test_the_finding_says_whether_perkd_itself_would_send_the_command(servers: list[Server], sends: str | None) -> None:
    sold = product(commands=[PERKD, {**PERKD, "content": "op {username}"}], gameservers=on(HUB))
    [found] = [one for one in look_at([sold], [perk()], servers) if one.code == "real_command"]
    assert ("run_store_commands" in found.text) == (sends is not None)
    assert sends is None or sends in found.text


def test_a_command_for_all_servers_is_sent_by_any_server_that_runs_store_commands() -> None:
    sold = product(commands=[PERKD, {**PERKD, "content": "op {username}"}])
    [found] = look_at([sold], [perk()], [server("hub", HUB, token=True, runs=True)])
    assert all(name in found.text for name in ('"hub"', "run_store_commands"))


# Game servers


@pytest.mark.parametrize(
    ("bound", "own", "servers", "said"),
    [
        ([HUB], None, [server("hub", HUB)], False),
        ([HUB, LOBBY], None, [server("hub", HUB)], False),
        ([LOBBY], None, [server("hub", HUB)], True),
        ([HUB], [LOBBY], [server("hub", HUB)], True),
        ([LOBBY], [HUB], [server("hub", HUB)], False),
        ([], None, [server("hub", HUB)], False),
        ([LOBBY], None, [server("hub")], False),
        ([LOBBY], None, [], False),
    ],
)
def test_commands_for_other_game_servers_give_a_warning(
    bound: list[str], own: list[str] | None, servers: list[Server], said: bool
) -> None:
    command = {**PERKD, "override_execute_on_gameserver_ids": own}
    found = look_at([product(commands=[command], gameservers=on(*bound))], [perk()], servers)
    assert codes(found) == (["other_servers"] if said else [])
    if said:
        assert ('"server 412"' if own is None else '"412"') in found[0].text


# Expiry and activation

EXPIRES: dict[str, Any] = {"remove_after_enabled": True, "gameservers": on(HUB)}


@pytest.mark.parametrize("how", [{"remove_after_enabled": True}, {"allow_subscription": True}])
def test_a_product_that_expires_and_that_nothing_activates_gives_a_warning(how: dict[str, Any]) -> None:
    found = the_one(look_at([product(**how)], [perk()], [server()]), "not_activated")
    assert found.severity == "warning"
    assert 'for "vip"' in found.text
    assert "paynow_token" in found.fix
    assert "lasts" in found.fix
    [found] = look_at([product(**how, gameservers=on(HUB))], [perk()], [server()])
    assert '"server 411"' in found.text


@pytest.mark.parametrize(
    ("servers", "activated"),
    [
        ([server("hub", HUB, token=True)], True),
        ([server("hub", token=True)], True),  # without a paynow_id it may be any game server
        ([server("hub", HUB)], False),
        ([server("hub", HUB), server("lobby", LOBBY, token=True)], False),
        ([server("lobby", LOBBY, token=True), server("hub", HUB, token=True)], True),
    ],
)
def test_a_server_with_a_token_activates_what_is_bound_to_it(servers: list[Server], activated: bool) -> None:
    assert codes(look_at([product(**EXPIRES)], [perk()], servers)) == ([] if activated else ["not_activated"])


def test_a_real_command_activates_only_where_store_commands_are_run() -> None:
    sold = product(commands=[{**PERKD, "content": "op {username}"}], **EXPIRES)
    left = look_at([sold], [perk()], [server("hub", HUB, token=True)])
    run = look_at([sold], [perk()], [server("hub", HUB, token=True, runs=True)])
    assert codes(left) == ["real_command", "not_activated"]
    assert codes(run) == ["real_command"]


def test_a_command_of_a_later_stage_activates_nothing() -> None:
    sold = product(commands=[{"stage": "on_trial_start", "content": "perkd"}], **EXPIRES)
    assert codes(look_at([sold], [perk()], [server("hub", HUB, token=True)])) == ["not_activated"]


def test_any_server_activates_a_command_for_every_server() -> None:
    assert look_at([product(remove_after_enabled=True)], [perk()], [server("hub", HUB, token=True)]) == []


def test_a_game_server_that_nothing_acknowledges_may_hold_up_the_others() -> None:
    sold = product(remove_after_enabled=True, gameservers=on(HUB, LOBBY))
    hub = server("hub", HUB, token=True)
    for servers in ([hub], [hub, server("lobby", LOBBY)]):
        found = the_one(look_at([sold], [perk()], servers), "not_activated")
        assert found.severity == "warning"
        assert all(name in found.text for name in ('"server 412"', '"vip"'))
        assert '"server 412"' in found.fix
    for servers in ([hub, server("lobby", LOBBY, token=True)], [hub, server("lobby", token=True)]):
        assert look_at([sold], [perk()], servers) == []
    narrowed = product(
        commands=[{**PERKD, "override_execute_on_gameserver_ids": [HUB]}, {"stage": "on_expire", "content": "perkd"}],
        remove_after_enabled=True,
        gameservers=on(HUB, LOBBY),
    )
    assert look_at([narrowed], [perk()], [hub]) == []


def test_a_perk_with_lasts_and_a_once_perk_need_no_activation() -> None:
    perks = [perk("clocked", "vip", lasts=timedelta(days=30)), perk("kit", "vip", kind=PerkKind.ONCE)]
    assert look_at([product(**EXPIRES)], perks, [server()]) == []
    [found] = look_at([product(**EXPIRES)], [*perks, perk("bare")], [server()])
    assert 'for "bare"' in found.text
    assert found.perks == ("clocked", "kit", "bare")


def test_an_invisible_product_gives_no_second_warning_about_activation() -> None:
    assert codes(look_at([product(commands=[], **EXPIRES)], [perk()], [server()])) == ["no_command"]


def test_foreign_text_is_quoted_on_one_line() -> None:
    sold = product(commands=[PERKD, {**PERKD, "content": "say a\nb\x1b[31m"}])
    [found] = look_at([sold], [perk()], [server()])
    assert found.text.isprintable()


# Owned and not mapped


def test_owned_products_that_no_perk_names_are_counted_and_sorted() -> None:
    owned = [
        Owned("1", "vip", "c1"),
        Owned("2", "hat", "c1"),
        Owned("2", "hat", "c2"),
        Owned("2", "hat", "c2"),
        Owned("3", "", "c1"),
    ]
    hat, nameless = not_mapped(owned, [perk("vip", "vip")], {"2": "A hat"}, "of the newest 5 items")
    assert (hat.severity, hat.code, hat.product, hat.perks) == ("info", "not_mapped", "hat", ())
    assert all(word in hat.text for word in ("3 items", "2 customers", "of the newest 5 items", '"A hat"'))
    assert '"hat"' in hat.fix
    assert nameless.product == "3"
    assert all(word in nameless.text for word in ("1 item ", "1 customer ", "of the newest 5 items"))


def test_a_product_named_by_its_id_is_mapped() -> None:
    assert not_mapped([Owned("2", "hat", "c1")], [perk("hat", "2")], {}, "x") == []
    assert not_mapped([], [], {}, "x") == []
