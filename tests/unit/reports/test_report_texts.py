"""What the reports say, word for word, in one snapshot each: problems, the page, the status line, a reload.

A sentence that is written anew changes the snapshots beside this file and nothing else: look at the difference, then
run pytest with `--snapshot-update`.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from syrupy.assertion import SnapshotAssertion

from perkd.daemon.control.reload_report import OPENED_ONCE, TAKEN_OVER, told
from perkd.daemon.core.changes import Hold, Origin
from perkd.daemon.core.model import Cause, Enrol, ServerState, State, Step
from perkd.daemon.core.queue_lines import BACKLOG, TEXTS_SHOWN
from perkd.daemon.enrolment.backoff import KeyBackoff, NobodyEnrolled
from perkd.daemon.enrolment.feed import Feed
from perkd.daemon.enrolment.loop import Enrolment
from perkd.daemon.enrolment.newcomers import Newcomers
from perkd.daemon.enrolment.progress import Progress
from perkd.daemon.ledger.rows import (
    BeingSent,
    Brakes,
    CommandRow,
    ItemTrouble,
    ItemTroubleKind,
    Orphan,
    Rarities,
    Trouble,
    Unenrolled,
    Unseen,
)
from perkd.daemon.paynow.errors import NotFound, NotPermitted, Rejected, StoreError, TokenRefused, Unreachable
from perkd.daemon.reports import health, page
from perkd.daemon.reports.status import (
    CustomersHealth,
    Report,
    ServerHealth,
    StoreHealth,
    StoreState,
    reasons_not_ready,
)
from perkd.daemon.runtime.problem import Problem, ProblemCode, Severity
from perkd.daemon.store_queue.problems import IDS_SHOWN, SAID_AFTER, QueueState, find as find_of_queue
from tests.builders import HOUR, MINUTE, NOW, catalogue, perk
from tests.configtext import load_text, perk as perk_text, section, server as server_text
from tests.unit.reports.finding import NOBODY, problems_of


def text_of(problem: Problem) -> str:
    return "\n".join(
        (
            f"{problem.code} ({problem.severity}): {problem.subject}",
            f"    {problem.text}",
            f"    fix: {problem.fix}",
            "",
        )
    )


# Problems


def trouble(state: State, hold: Hold | None = None, **changes: Any) -> Trouble:
    facts: dict[str, Any] = {
        "origin": Origin.PERK,
        "perk": "vip",
        "server": "survival",
        "count": 1,
        "newest_id": 17,
        "reply": "no such rank",
    }
    facts |= {"text": "lp user Ann parent add vip", "reason": "{uuid}: minecraft_uuid is not set", **changes}
    return Trouble(state=state, hold=hold, **facts)


def items(kind: ItemTroubleKind) -> ItemTrouble:
    return ItemTrouble(kind=kind, product="vip", product_id="777", word="frozen", count=3, customer_id="1")


def in_a_report() -> Iterator[Problem]:
    unseen = Unseen(player="uuid-a", name="Ann", server="survival", count=2, since=NOW)
    nobody = Unseen(player="", name="", server="survival", count=1, since=NOW)
    found = replace(
        NOBODY,
        brake=Brakes(on_at=NOW, reason="11 of 20 holdings", blocked=11),
        summary=replace(
            NOBODY.summary,
            troubles=(
                *(trouble(State.BLOCKED, hold) for hold in (Hold.CHOSEN, Hold.VALUE, Hold.GIFT, Hold.ABSENT)),
                trouble(State.UNKNOWN, reason="no answer within 10 s"),
                trouble(State.REFUSED, count=2),
                trouble(State.ANSWERED, reply="a reply nobody knows"),
                trouble(State.ANSWERED, reply=""),
                trouble(State.BLOCKED, Hold.LINE, origin=Origin.STORE, text="say a\nsay b", reason="the line is empty"),
                trouble(State.BLOCKED, Hold.BACKLOG, origin=Origin.STORE, reason=BACKLOG),
                trouble(State.REFUSED, origin=Origin.STORE),
                trouble(State.ANSWERED, origin=Origin.STORE, reply=None),
            ),
        ),
        rarities=Rarities(
            items=tuple(items(kind) for kind in ItemTroubleKind if kind is not ItemTroubleKind.MOVED),
            unseen=(unseen, nobody),
            orphans=(Orphan(perk="old", server="survival", count=2),),
            duplicate_tokens={"1": 2},
        ),
    )
    servers = [(f"{state}-server", state, None) for state in ServerState]
    everything = problems_of(
        found,
        catalogue(perk()),
        late={"poll": 91.4},
        skew=timedelta(minutes=-5),
        servers=[*servers, ("told", ServerState.DOWN, "127.0.0.1:25575: nobody listens there")],
        store_error="no route to host",
        refused=[("Ann", "the store answered 401")],
        failing=[("Ben", "the store answered 500")],
        backup_error="no copy could be written",
        blind=["survival"],
        stuck=[BeingSent(id=9, server="survival", text="give Ann diamond 64", since=NOW - timedelta(seconds=45))],
    )
    many = [(f"Player{number}", f"401 for {number}") for number in range(6)]
    yield from everything
    yield from problems_of(replace(NOBODY, brake=Brakes(blocked=4)), catalogue(), refused=many, enrols=True)
    moved = replace(items(ItemTroubleKind.MOVED), word="7")
    yield from problems_of(replace(NOBODY, rarities=Rarities(items=(moved,))), catalogue(perk()))


def of_a_queue() -> Iterator[Problem]:
    name = "survival"
    ids = [str(number) for number in range(IDS_SHOWN + 2)]
    shared = QueueState(name, shared_with="A Server at 127.0.0.1", shared_at=NOW)
    left = [*((f"say {number}", number) for number in range(1, TEXTS_SHOWN + 2)), ("", 1)]
    states = [
        QueueState(name, refused="the store does not take the token (401)"),
        QueueState(name, error="the store answered 500", failures=SAID_AFTER),
        QueueState(name, error="more than 8 MiB", lasting=True, too_long=True),
        QueueState(name, link_error="the store answered 500"),
        shared,
        replace(shared, shared_at=None),
        QueueState(name, other_id="411486491630370816"),
        QueueState(name, unreadable=["7"]),
        QueueState(name, nobody=ids),
        QueueState(name, removed=["Ann (customer 7)"]),
        QueueState(name, unread=["Zed (some-id)"]),
        QueueState(name, left=left),
    ]
    for state in states:
        yield from find_of_queue(state)


def newcomers(error: StoreError | None, *, feeds: bool = False, **progress: Any) -> Newcomers:
    """Newcomers with only the parts that its problems use: the failures and the progress of the two loops."""
    backoff = KeyBackoff()
    for _ in range(2 if error else 0):
        backoff.failed(cast(StoreError, error))
    enrolment = SimpleNamespace(
        mode=Enrol.ALL, backoff=backoff, progress=Progress("x", **progress), tokens=SimpleNamespace(made=7)
    )
    feed = SimpleNamespace(backoff=backoff) if feeds else None
    return Newcomers(cast(Enrolment, enrolment), cast(Feed | None, feed))


def of_newcomers() -> Iterator[Problem]:
    stopped: list[StoreError] = [
        NotPermitted("the key may not read customers", path="/x", status=403, permission="customer_update"),
        NotFound("there is nothing at this path", path="/x", status=404),
        Rejected("the store does not accept it", path="/x", status=400),
        NobodyEnrolled("no token for 10 customers in a row", path="/x", status=404),
        Unreachable("no route to host", path="/x"),
    ]
    for error in stopped:
        yield from newcomers(error, feeds=True, round_over=True).problems()
    yield from newcomers(TokenRefused("the store does not take the key (401)", path="/x", status=401)).problems()
    yield from newcomers(None).problems()
    yield from newcomers(None, cursor=94688451781206016).problems()
    for count in (1, 2):
        left = Unenrolled(count=count, reason="the store answered 400", again_at=NOW)
        yield from newcomers(None, round_over=True, left=left).problems()


def test_what_every_problem_says(snapshot: SnapshotAssertion) -> None:
    found = list(chain(in_a_report(), of_a_queue(), of_newcomers()))
    assert "\n".join(map(text_of, found)) == snapshot
    assert {problem.code for problem in found} == set(ProblemCode)


@pytest.mark.parametrize("code", ProblemCode)
def test_every_problem_has_a_line_that_says_what_it_means(code: ProblemCode) -> None:
    assert code.meaning
    assert code.meaning.isprintable()


# The page and the status line


def command_row(number: int, state: State, **changes: Any) -> CommandRow:
    facts: dict[str, Any] = {
        "place": "survival",
        "server": "survival",
        "customer_id": "1",
        "player": "uuid-a",
        "origin": Origin.PERK,
        "perk": "vip",
        "item_id": "10",
        "step": Step.GRANT.value,
        "generation": 1,
        "position": 0,
        "text": "lp user Ann parent add <vip>",
        "hold": None,
        "reason": None,
        "reply": None,
        "cause": Cause.GRANT,
        "end_reason": None,
        "repeatable": True,
        "online_s": None,
        "superseded": False,
        "absent": False,
        "attempts": 1,
        "created_at": NOW,
        "due_at": NOW,
        "sent_at": NOW,
        "settled_at": NOW + MINUTE,
        "holding_id": 1,
    }
    return CommandRow(id=number, state=state, **{**facts, **changes})


def server_row(name: str, state: ServerState, **changes: Any) -> ServerHealth:
    facts: dict[str, Any] = {"players": 3, "queue": 0, "oldest_s": None, "last_reply_at": NOW, "last_error": None}
    facts |= {"game": "minecraft", "transport": "native", "retry_at": None, **changes}
    return ServerHealth(name=name, state=state, **facts)


def report(**changes: Any) -> Report:
    """A report where all is well, with these changes."""
    facts: dict[str, Any] = {
        "version": "1.2.3",
        "started_at": NOW - HOUR,
        "now": NOW,
        "store": StoreHealth(state=StoreState.OK, last_answer_at=NOW),
        "customers": CustomersHealth(known=2, polled=2, failing=0, refused=0, online=1, sweep_s=12.3),
        "servers": (server_row("survival", ServerState.UP),),
        "summary": replace(NOBODY.summary, holdings=4),
        "brake": Brakes(),
        "lately": True,
        **changes,
    }
    why = reasons_not_ready(facts["store"], facts["servers"], facts["brake"], answers=facts.pop("lately"))
    return Report(**facts, not_ready=why)


TROUBLED = {
    "store": StoreHealth(state=StoreState.UNREACHABLE, last_error="no route to <host>"),
    "customers": CustomersHealth(known=2, polled=0, failing=1, refused=1, online=0, sweep_s=None),
    "servers": (
        server_row("survival", ServerState.REFUSED, players=None, queue=2, oldest_s=90.0, last_error="wrong password"),
        server_row("lobby", ServerState.CONNECTING, last_reply_at=None, queue=1, oldest_s=600.0),
        server_row("arena", ServerState.DOWN, queue=1, oldest_s=90000.0),
        server_row("gone", ServerState.ABSENT, game="", players=None, last_error="not in the config any more"),
    ),
    "summary": NOBODY.summary,
    "brake": Brakes(on_at=NOW, reason="11 of 20 holdings", blocked=11),
    "problems": (
        Problem(ProblemCode.BRAKE_ON, Severity.ERROR, "brake", "11 of 20 holdings: 11 commands wait", "<look>"),
        Problem(ProblemCode.SERVER_DOWN, Severity.WARNING, "arena", "no connection", "start it"),
        Problem(ProblemCode.ORPHANED, Severity.INFO, "old on survival", "2 holdings", "nothing"),
    ),
    "late": {"poll": 91.4},
    "lately": False,
}


def test_the_page_when_all_is_well(snapshot: SnapshotAssertion) -> None:
    assert lines(page.html(report(), [])) == snapshot


def test_the_page_when_nothing_is(snapshot: SnapshotAssertion) -> None:
    said = {State.BLOCKED: {"reason": "a <value> is missing"}, State.REFUSED: {"reply": "no such <rank>"}}
    rows = [command_row(number, state, **said.get(state, {})) for number, state in enumerate(State, start=1)]
    rows.append(command_row(99, State.PLANNED, settled_at=None))
    assert lines(page.html(report(**TROUBLED), rows)) == snapshot


def lines(html: str) -> str:
    """The page with each opening tag of a block on its own line, so that differences are short."""
    for tag in ("<title", "<style", "<body", "<h1", "<h2", "<p", "<div", "<table", "<tr", "<td"):
        html = html.replace(tag, f"\n{tag}")
    return html


def test_the_status_line_and_why_it_is_not_ready(snapshot: SnapshotAssertion) -> None:
    troubled = report(**TROUBLED)
    said = [health.line(report()), health.line(troubled), *troubled.not_ready]
    assert "\n".join(said) == snapshot
    assert report().not_ready == []


# A reload


def test_what_a_reload_says(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    token = {"paynow_token": '"env:RCON"'}
    old = load_text(
        tmp_path,
        server_text(**token),
        server_text(name='"gone"', address='"127.0.0.1:25576"'),
        perk_text(),
        perk_text(name='"left"'),
    )
    new = load_text(
        tmp_path,
        section("store", api='"http://127.0.0.1:1"', id='"5"', api_key='"env:RCON"', items_path='"/x"')
        + 'management_items = "inventory"',
        section("customers", first_seen='"deliver"'),
        section("poll", online='"1m"', offline='"1h"', rate="9", concurrency="3"),
        section("ledger", url='"sqlite:///elsewhere"', keep='"1d"'),
        section("http", listen='""'),
        section("control", socket='"/elsewhere"'),
        section("brake", share="1"),
        server_text(**token, run_store_commands="true", min_gap='"1s"'),
        server_text(name='"lobby"', address='"127.0.0.1:25576"'),
        perk_text(lasts='"1d"'),
        perk_text(name='"gold"'),
    )
    said = told(old, new, (2, 1))
    assert "\n".join(said) == snapshot
    assert all(any(line.startswith(key) for line in said) for key in (*OPENED_ONCE, *TAKEN_OVER))
    assert len(told(old, old, (0, 0))) == 1
    assert told(old, old, (0, 0)) == snapshot
