"""The whole text of the verbs that ask a running daemon, and of the plan, as snapshots.

After you change a message: `python -m pytest tests/unit -k shown --snapshot-update`, and read the difference.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from perkd.daemon.cli import brake, commands, status
from perkd.daemon.cli.customers import importing, verbs as customers
from perkd.daemon.cli.plan import text as plantext
from perkd.daemon.cli.plan.work import Plan
from perkd.daemon.config.tokens_file import TokenEntry
from perkd.daemon.core.changes import Origin
from perkd.daemon.core.model import Secret, State
from perkd.daemon.ledger.rows import Brakes, CommandRow
from perkd.daemon.reports.status import command_json
from tests.builders import NOW
from tests.configtext import load_text, perk, section, server

Shown = pytest.CaptureFixture[str]


def at(*, minutes: float = 0) -> str:
    return (NOW - timedelta(minutes=minutes)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def row(number: int, state: State = State.DELIVERED, **changes: Any) -> CommandRow:
    facts: dict[str, Any] = dict.fromkeys(
        ("hold", "reason", "reply", "end_reason", "online_s", "sent_at", "settled_at"), None
    )
    facts |= {"id": number, "place": "survival", "server": "survival", "customer_id": "7", "player": "uuid-of-ann"}
    facts |= {
        "origin": Origin.PERK,
        "perk": "vip",
        "item_id": "70",
        "step": "grant",
        "generation": 1,
        "position": 0,
        "cause": "item_state",
    }
    facts |= {"text": f"lp user Ann parent add vip{number}", "state": state.value, "repeatable": True, "attempts": 1}
    facts |= {"superseded": False, "absent": False, "created_at": NOW, "due_at": NOW, "holding_id": number}

    return CommandRow(**(facts | changes))


BRAKE = {"on": True, "since": at(minutes=90), "blocked": 2, "reason": "2 of 2 holdings would be taken away"}
OFF = {"on": False, "since": None, "blocked": 0, "reason": None}
STORE = {"state": "ok", "last_answer_at": at(minutes=1), "limited_until": None, "last_error": None}
CUSTOMERS = {"known": 3, "polled": 2, "failing": 1, "refused": 0, "online": 1, "sweep_s": 61.0}
REPORT = {
    "version": "1.2.3",
    "started_at": at(minutes=1500),
    "now": at(),
    "store": STORE,
    "customers": CUSTOMERS,
    "servers": [],
    "commands": {"planned": 0, "delivered": 3},
    "holdings": 2,
    "brake": OFF,
    "problems": [],
}
SERVER = {"name": "survival", "game": "minecraft", "state": "up", "players": 2, "queue": 1, "oldest_s": 90.0}
SERVER |= {"last_reply_at": at(minutes=2), "retry_at": None}


def test_the_status_of_a_daemon_that_is_well(capsys: Shown, snapshot: SnapshotAssertion) -> None:
    status._show({**REPORT, "servers": [SERVER]}, [])
    assert capsys.readouterr().out == snapshot


def test_the_status_of_a_daemon_with_problems(capsys: Shown, snapshot: SnapshotAssertion) -> None:
    limited = {**STORE, "state": "limited", "limited_until": at(minutes=-1), "last_error": "slower"}
    down = {**SERVER, "name": "lobby", "game": None, "state": "down", "players": None, "oldest_s": None}
    down |= {"last_reply_at": None, "retry_at": at(minutes=-2)}
    found = [{"code": "x", "severity": "error", "subject": "lobby\x1b", "text": "what it is", "fix": "what to do"}]
    status._show(
        {**REPORT, "store": limited, "servers": [down], "brake": BRAKE, "problems": found}, ["the brake is on"]
    )
    assert capsys.readouterr().out == snapshot


def test_the_list_of_commands(capsys: Shown, snapshot: SnapshotAssertion) -> None:
    rows = [row(2, State.BLOCKED, reason="the brake is on"), row(1, reply="User Ann now inherits vip")]
    commands._show_list({"commands": [command_json(one) for one in rows], "next": 1}, some=False)
    commands._show_list({"commands": [], "next": None}, some=False)
    commands._show_list({"commands": [], "next": None}, some=True)
    assert capsys.readouterr().out == snapshot


def test_one_command_with_its_history(capsys: Shown, snapshot: SnapshotAssertion) -> None:
    event = {"at": at(), "kind": "command", "was": "refused", "became": "void", "detail": "the operator said skip"}
    more = {"cause": "stated", "repeatable": False, "superseded": True, "events": [event]}
    commands._show(command_json(row(1, State.VOID, reason="skipped", sent_at=NOW)) | more)
    commands._show(command_json(row(2, reply="", item_id="", customer_id="")) | more | {"superseded": False})
    assert capsys.readouterr().out == snapshot


def test_the_list_of_customers(capsys: Shown, snapshot: SnapshotAssertion) -> None:
    ann: dict[str, Any] = {"customer_id": "7", "name": "Ann", "label": "Annie", "note": "from Discord"}
    ann |= {"source": "operator", "items": 2, "holdings": 1, "added_at": at(minutes=9), "read_at": at()}
    unread = dict.fromkeys(("customer_id", "name", "note", "read_at"))
    customers._show(
        [
            {**ann, "removed_at": None},
            {**ann, **unread, "label": "token 2", "source": "file", "removed_at": at()},
        ]
    )
    customers._show([])
    assert capsys.readouterr().out == snapshot


def test_the_brake_that_is_on_and_commands_that_wait_without_one(capsys: Shown, snapshot: SnapshotAssertion) -> None:
    held = [command_json(row(number, State.BLOCKED, server=f"s{number % 2}")) for number in range(1, 23)]
    brake._show({**BRAKE, "blocked": 22}, held, at())
    brake._show({**OFF, "blocked": 1}, held[:1], at())
    assert capsys.readouterr().out == snapshot


def test_an_import_that_stopped(capsys: Shown, snapshot: SnapshotAssertion) -> None:
    entries = [TokenEntry(Secret("x"), where=f"line {number}") for number in range(2, 8)]
    plain = {"label": "", "name": "Ann", "customer_id": "7", "error": None}
    told: list[dict[str, Any]] = [
        {**plain, "where": "line 2", "state": "added"},
        {**plain, "where": "line 3", "label": "Annie", "state": "known"},
        {**plain, "where": "line 4", "customer_id": None, "state": "refused", "error": "the store says no"},
    ]
    importing._show(told, entries, "the store failed")
    assert capsys.readouterr().out == snapshot


# The plan


def config(folder: Path, *more: str) -> Any:
    text = [section("ledger", url='"sqlite:///var/lib/perkd/ledger.db"'), server(), perk(), *more]
    return load_text(folder, section("store", api='"https://api.paynow.gg"'), *text)


KIT = perk(name='"kit"', kind='"once"', products='["kit"]', revoke=None)


def test_a_plan_of_the_ledger(tmp_path: Path, capsys: Shown, snapshot: SnapshotAssertion) -> None:
    read_at = datetime.now(UTC) - timedelta(hours=3, minutes=5, seconds=30)
    made = Plan(
        fresh=False,
        first_start=False,
        compared=2,
        oldest_read_at=read_at,
        unread=[f"token {number}" for number in range(7)],
        commands=[row(1), row(2, State.BLOCKED, step="revoke", reason="the brake is on")],
        adopted=Counter({("survival", "kit"): 3}),
        waiting=1,
        voided=[row(4)],
        stopped=[row(5)],
        freed=[row(6), row(7)],
        brake=Brakes(on_at=NOW, reason="2 of 2 holdings would be taken away", blocked=2),
        brake_trips=True,
    )
    plantext.show(made, Path("/etc/perkd/config.toml"), config(tmp_path))
    assert capsys.readouterr().out == snapshot


def test_a_plan_with_nothing_to_do_and_a_brake_that_is_on(
    tmp_path: Path, capsys: Shown, snapshot: SnapshotAssertion
) -> None:
    brakes = Brakes(on_at=NOW, reason="too many", blocked=1)
    made = Plan(fresh=True, first_start=True, compared=1, failed=[("Ann", "the store failed")], brake=brakes)
    plantext.show(made, Path("/etc/perkd/config.toml"), config(tmp_path))
    assert capsys.readouterr().out == snapshot


@pytest.mark.parametrize("first_seen", ["adopt", "deliver"])
def test_what_the_first_start_would_do(
    tmp_path: Path, capsys: Shown, snapshot: SnapshotAssertion, first_seen: str
) -> None:
    (tmp_path / "tokens").write_text('[[customer]]\ntoken = "x1"\n')
    (tmp_path / "tokens").chmod(0o600)
    tokens = f'"file:{tmp_path}/tokens"' if first_seen == "adopt" else None
    found = config(tmp_path, KIT, section("customers", first_seen=f'"{first_seen}"', tokens=tokens))
    plantext.show_first_start(found)
    assert capsys.readouterr().out == snapshot
