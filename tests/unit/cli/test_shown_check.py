"""The whole text of `perkd check` and `check --connect`, and of every finding about a product, as snapshots."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from perkd.daemon.cli import check
from perkd.daemon.cli.doctor import doctor as connect
from perkd.daemon.cli.doctor.doctor import Connected
from perkd.daemon.cli.doctor.key import KeyResult, KeyState
from perkd.daemon.cli.doctor.products import Finding, FindingCode, Owned, Severity, look_at, not_mapped
from perkd.daemon.cli.doctor.servers import Held, ServerResult, ServerState, Through
from perkd.daemon.cli.doctor.tokens import StoreResult, StoreState, TokenResult, never_seen
from perkd.daemon.core.mistakes import ConfigWarning, WarningCode
from perkd.daemon.core.model import Target
from tests.configtext import ENV, load_text, perk as perk_text, section, server as server_text
from tests.unit.cli.test_doctor_products import EXPIRES, HUB, LOBBY, PERKD, on, perk, product, server

Shown = pytest.CaptureFixture[str]
REFUSED = "the store does not know it"


def test_a_sound_config(tmp_path: Path, capsys: Shown, snapshot: SnapshotAssertion) -> None:
    text = [
        section("store", api='"https://api.paynow.gg"', id='"411486491630370816"', api_key='"env:KEY"'),
        section("customers", enrol='"all"'),
        section("ledger", url='"sqlite:///var/lib/perkd/ledger.db"'),
        server_text(paynow_token='"env:QUEUE"'),
        server_text(name='"lobby"', address='"127.0.0.1:25576"', password='"credential:none"'),
        perk_text(),
        perk_text(name='"kit"', kind='"once"', products='["kit"]', revoke=None, servers='["survival", "lobby"]'),
    ]
    found = load_text(tmp_path, *text, env={**ENV, "KEY": "k", "QUEUE": "q"}, need_secrets=False)
    warned = replace(
        found, warnings=(ConfigWarning(code=WarningCode.NO_CUSTOMER, where="", text="a warning of the config"),)
    )
    document = tomllib.loads("\n".join(text))
    check._tell(found, document)
    capsys.readouterr()
    (tmp_path / "config.toml").write_text("\n".join(text))
    check._config(tmp_path / "config.toml", warned)
    assert capsys.readouterr().out.replace(str(tmp_path), "/etc/perkd") == snapshot


@pytest.mark.parametrize("target", list(Target))
def test_the_servers_of_a_perk_are_named(target: Target, snapshot: SnapshotAssertion) -> None:
    every, some = replace(perk("vip"), target=target, servers=("*",)), replace(perk("vip"), target=target)
    assert [check._servers(every), check._servers(some)] == snapshot


def connected(store: StoreResult, key: KeyResult, *servers: ServerResult, **more: Any) -> Connected:
    return Connected(store, key, list(servers), Held(), **{"notes": ["a note"], **more})


def up(name: str = "survival", **more: Any) -> ServerResult:
    facts: dict[str, Any] = {"state": ServerState.UP, "players": 1, "latency_s": 0.012, "reached": True} | more
    return ServerResult(name, "minecraft", "127.0.0.1:25575", **facts)


WELL = StoreResult("https://api", 1, [TokenResult("customer[0]", "7", "Ann", 2)])


def test_all_is_well(capsys: Shown, snapshot: SnapshotAssertion) -> None:
    transports = {"native": "1 online", "mcrcon": "1 online"}
    connect.show(connected(WELL, KeyResult(products=4, items=9), up(transports=transports)))
    assert capsys.readouterr().out == snapshot


def test_all_that_could_be_checked_is_well(capsys: Shown, snapshot: SnapshotAssertion) -> None:
    empty = StoreResult("https://api", 0)
    through = up(through=Through.DAEMON, note="a note about it")
    unread = ServerResult("lobby", "tf2", "127.0.0.1:27015", note="its password could not be read here")
    connect.show(connected(empty, KeyResult(KeyState.NO_KEY), through, unread, warnings=["the password of lobby"]))
    assert capsys.readouterr().out == snapshot


def test_not_all_is_well(capsys: Shown, snapshot: SnapshotAssertion) -> None:
    tokens = [
        TokenResult("customer[0]", error=REFUSED, refused=True),
        TokenResult("customer[1]", "8", "Bob", error="the store failed"),
    ]
    found = [
        Finding(Severity.ERROR, FindingCode.NO_PRODUCT, "vpi", ("vip", "gold"), "what it is", "what to do"),
        Finding(Severity.INFO, FindingCode.NOT_MAPPED, "hat", (), "what it is", "what to do"),
    ]
    closed = up("lobby", state=ServerState.CLOSED, error="it hung up", fix="what to do", through=Through.DAEMON)
    store = StoreResult("https://api", 41, tokens, warnings=["the store is slow"])
    key = KeyResult(KeyState.REFUSED, error=REFUSED, found=found, warnings=["not read"])
    connect.show(connected(store, key, closed))
    connect.show(connected(WELL, KeyResult(KeyState.NOT_PERMITTED, error="it may not do that"), up()))
    assert capsys.readouterr().out == snapshot


def test_warnings_alone(capsys: Shown, snapshot: SnapshotAssertion) -> None:
    found = [Finding(Severity.WARNING, FindingCode.NO_COMMAND, "vip", ("vip",), "what it is", "what to do")]
    connect.show(connected(WELL, KeyResult(found=found), up()))
    assert capsys.readouterr().out == snapshot


def test_nothing_could_be_reached(capsys: Shown, snapshot: SnapshotAssertion) -> None:
    store = StoreResult("https://api", 3, state=StoreState.UNREACHABLE, error="cannot connect", not_asked=2)
    down = ServerResult("survival", "minecraft", "127.0.0.1:1", state=ServerState.UNREACHABLE, error="cannot connect")
    connect.show(connected(store, KeyResult(KeyState.NOT_ASKED), down))
    assert capsys.readouterr().out == snapshot


def test_a_product_that_no_customer_of_the_sample_has(snapshot: SnapshotAssertion) -> None:
    assert list(never_seen(WELL, [perk("vip", "vip", "gold")], [])) == snapshot


def said(found: Sequence[Finding]) -> list[tuple[str, str, str]]:
    return [(one.code.value, one.text, one.fix) for one in found]


REAL = {**PERKD, "content": "lp user {username} parent add vip"}


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(look_at([], [perk("vip", "vip")], []), id="no product at all"),
        pytest.param(look_at([product()], [perk("vip", "vpi")], []), id="another slug"),
        pytest.param(look_at([product(commands=[])], [perk()], []), id="no command"),
        pytest.param(
            look_at([product(commands=[{"stage": "on_expire", "content": "perkd"}])], [perk()], []), id="only later"
        ),
        pytest.param(look_at([product(commands=[PERKD, REAL])], [perk()], [server()]), id="a real command"),
        pytest.param(
            look_at([product(commands=[PERKD, {**REAL, "stage": "on_expire"}])], [perk()], [server()]),
            id="a real command at the end",
        ),
        pytest.param(
            look_at([product(commands=[PERKD, REAL])], [perk()], [server(token=True, runs=True)]), id="perkd sends it"
        ),
        pytest.param(look_at([product(gameservers=on(LOBBY))], [perk()], [server("hub", HUB)]), id="other servers"),
        pytest.param(look_at([product(**EXPIRES)], [perk()], [server()]), id="nothing activates it"),
        pytest.param(look_at([product(remove_after_enabled=True)], [perk()], [server()]), id="nothing, anywhere"),
        pytest.param(
            look_at(
                [product(remove_after_enabled=True, gameservers=on(HUB, LOBBY))],
                [perk()],
                [server("hub", HUB, token=True)],
            ),
            id="not everywhere",
        ),
        pytest.param(
            not_mapped(
                [Owned("2", "hat", "c1"), Owned("2", "hat", "c2"), Owned("3", "", "c1")], [], {"2": "A hat"}, "w"
            ),
            id="not mapped",
        ),
    ],
)
def test_each_finding_about_a_product(found: list[Finding], snapshot: SnapshotAssertion) -> None:
    assert said(found) == snapshot
