"""The HTTP interface: every field of every answer, and which requests get no answer."""

import re
from pathlib import Path
from typing import Any

import pytest

from perkd.daemon.core.model import State
from perkd.daemon.sandbox.games.minecraft import Fault
from tests import secretwatch
from tests.flow.owner import STUCK, Owner, uuid_of
from tests.world import World

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
PATHS = ["/", "/healthz", "/readyz", "/status", "/commands", "/metrics"]


class Stamp:
    """A time as the interface writes it."""


Shape = Any  # a type, Stamp, a tuple of alternatives, a list of one shape, or a mapping of shapes
STATUS: Shape = {
    "version": str,
    "started_at": Stamp,
    "now": Stamp,
    "store": {
        "state": str,
        "last_answer_at": (Stamp, None),
        "last_error": (str, None),
        "limited_until": (Stamp, None),
    },
    "customers": {
        "known": int,
        "polled": int,
        "failing": int,
        "refused": int,
        "online": int,
        "sweep_s": (float, None),
    },
    "servers": [
        {
            "name": str,
            "game": str,
            "transport": str,
            "state": str,
            "players": (int, None),
            "queue": int,
            "oldest_s": (float, None),
            "last_reply_at": (Stamp, None),
            "last_error": (str, None),
            "retry_at": (Stamp, None),
        }
    ],
    "commands": {state.value: int for state in State},
    "holdings": int,
    "brake": {"on": bool, "since": (Stamp, None), "blocked": int, "reason": (str, None)},
    "problems": [{"code": str, "severity": str, "subject": str, "text": str, "fix": str}],
}
COMMANDS: Shape = {
    "commands": [
        {
            "id": int,
            "server": str,
            "customer_id": str,
            "player": str,
            "perk": str,
            "item_id": str,
            "step": str,
            "text": str,
            "state": str,
            "reason": (str, None),
            "reply": (str, None),
            "attempts": int,
            "created_at": Stamp,
            "due_at": Stamp,
            "sent_at": (Stamp, None),
            "settled_at": (Stamp, None),
        }
    ],
    "next": (int, None),
}


def differs(found: Any, shape: Shape, where: str = "") -> list[str]:
    """The places where an answer does not have its shape."""
    if isinstance(shape, tuple):
        return [] if any(not differs(found, one) for one in shape) else [f"{where} is {found!r}"]
    if isinstance(shape, list):
        if not isinstance(found, list):
            return [f"{where} is no list"]
        return [line for index, one in enumerate(found) for line in differs(one, shape[0], f"{where}[{index}]")]
    if isinstance(shape, dict):
        if not isinstance(found, dict) or found.keys() != shape.keys():
            return [f"{where} has {sorted(found)}, not {sorted(shape)}"]
        return [line for key, one in shape.items() for line in differs(found[key], one, f"{where}.{key}")]
    return [] if _is(found, shape) else [f"{where} is {found!r}, not {shape}"]


def _is(found: Any, shape: Shape) -> bool:
    if shape is None:
        return found is None
    if shape is Stamp:
        return isinstance(found, str) and STAMP.fullmatch(found) is not None
    return type(found) is shape


async def test_status_has_every_field_when_all_is_well_and_when_nothing_is(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann", "Bob")
        world.buy("Ann")
        await owner.looked()
        await owner.until(owner.all_delivered)
        await world.until(lambda: owner.app.servers["survival"].roster.known)
        _, well = await owner.http("/status")
        assert differs(well, STATUS) == []
        assert (well["store"]["state"], well["servers"][0]["state"]) == ("ok", "up")
        assert (well["customers"]["known"], well["customers"]["polled"], well["servers"][0]["players"]) == (2, 2, 0)
        assert well["servers"][0]["last_reply_at"] is not None

        await world.server.down()
        await world.until(lambda: not owner.app.servers["survival"].link.up.is_set())
        world.buy("Bob")
        await owner.looked()
        await world.store.down()
        await owner.tried()
        bad = await owner.until(lambda: _down(owner))  # in between it tries to connect
        assert differs(bad, STATUS) == []
        assert (bad["store"]["state"], bad["servers"][0]["state"]) == ("unreachable", "down")
        assert bad["servers"][0]["oldest_s"] is not None
        assert bad["servers"][0]["retry_at"] is not None
        assert {"store_unreachable", "server_down"} <= {problem["code"] for problem in bad["problems"]}


async def test_ready_when_all_is_well_and_alive_whatever_happens(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        assert await owner.http("/readyz") == (200, {"ready": True, "reasons": []})
        assert await owner.http("/healthz") == (200, {"ok": True})
        world.server.faults.add(Fault.REFUSE_PASSWORD)
        await world.server.down()
        await world.server.up()
        await owner.until(lambda: _not_ready(owner))
        assert (await owner.http("/readyz"))[0] == 503
        assert (await owner.http("/healthz"))[0] == 200


async def test_without_customers_the_store_need_not_have_answered(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        await world.store.down()
        owner = await Owner.of(world)
        assert await owner.not_ready() == []


async def test_a_loop_that_completes_no_pass_is_named_and_health_is_bad(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        owner.app.pulse.register(STUCK, 1.0)
        await owner.later(minutes=5)
        status, found = await owner.http("/healthz")
        assert (status, found["ok"], list(found["late"])) == (503, False, [STUCK])
        assert (await owner.problems())["loop_late"]["subject"] == STUCK


async def test_commands_are_filtered_and_paged(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        names = ["Ann", "Bob", "Cid"]
        owner = await Owner.of(world, *names)
        for name in names:
            world.buy(name)
            await owner.looked()
        await owner.until(owner.all_delivered)
        status, every = await owner.http("/commands")
        assert (status, differs(every, COMMANDS)) == (200, [])
        assert [row["player"] for row in every["commands"]] == [uuid_of(world, name) for name in reversed(names)]
        assert every["next"] is None

        seen, before = [], ""
        while True:
            _, page = await owner.http(f"/commands?limit=1{before}")
            seen += [row["id"] for row in page["commands"]]
            if page["next"] is None:
                break
            before = f"&before={page['next']}"
        assert seen == [row["id"] for row in every["commands"]]

        customer = world.store.customer("Bob").id
        for query, count in {
            "state=delivered": 3,
            "state=refused": 0,
            "server=survival": 3,
            "server=nowhere": 0,
            f"customer={customer}": 1,
            f"customer={customer}&state=delivered&server=survival&limit=1000": 1,
            "before=1": 0,
        }.items():
            _, found = await owner.http(f"/commands?{query}")
            assert len(found["commands"]) == count, query


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=ten",
        "limit=-1",
        "state=done",
        "customer=Ann",
        "before=x",
        "before=99999999999999999999",
        "customer=1%20OR%201",
        "page=2",
    ],
)
async def test_a_query_that_makes_no_sense_is_a_400_with_the_reason(query: str, running: Owner) -> None:
    status, found = await running.http(f"/commands?{query}")
    assert status == 400
    assert list(found) == ["error"]
    assert len(found["error"]) > 20


@pytest.fixture
async def running(tmp_path: Path) -> Any:
    async with World(tmp_path) as world:
        yield await Owner.of(world, "Ann")


async def test_another_host_is_not_answered(running: Owner) -> None:
    """A web page that points its own name at this machine gets nothing (DNS rebinding)."""
    for path in PATHS:
        for host in ("evil.example", "evil.example:8770", "localhost.evil.example", "127.0.0.1.nip.io", "[::2]", ""):
            status, found = await running.http(path, headers={"Host": host})
            assert status in (400, 403), (path, host)
            assert "survival" not in str(found)
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:9", "[::1]", "[::1]:8770"):
        assert (await running.http("/healthz", headers={"Host": host}))[0] == 200, host


async def test_nothing_can_be_changed_over_http(running: Owner) -> None:
    for path in PATHS:
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            status, _ = await running.http(path, method)
            assert status == 405, (method, path)
    for path in ("/brake/release", "/customers", "/commands/1/retry", "/commands/1"):
        assert (await running.http(path, "POST"))[0] == 404, path
        status, found = await running.http(path)
        assert status == 404, path
        assert "/status" in found["error"]


async def test_every_answer_has_the_headers_a_browser_needs_to_keep_out(running: Owner) -> None:
    for path in [*PATHS, "/nowhere"]:
        headers = await running.headers(path)
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers
        assert headers["Server"] == "perkd"


async def test_no_answer_holds_a_password_or_token_even_when_both_are_refused(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.server.faults.add(Fault.REFUSE_PASSWORD)
        owner = await Owner.of(world, "Ann", linked=[])
        world.store.invalidate_tokens("Ann")
        await owner.tried()
        await owner.until(lambda: _not_ready(owner))
        assert len(secretwatch.watch.secrets) >= 2
        for path in PATHS:
            await owner.http(path)  # the owner searches every answer
        for path in ("/status", "/customers", "/commands", "/brake"):
            await owner.ask(path)


async def _down(owner: Owner) -> dict[str, Any]:
    _, found = await owner.http("/status")
    [server] = found["servers"]
    return (
        dict(found) if server["state"] == "down" and server["queue"] else {}
    )  # the ledger's part is kept for a moment


async def _not_ready(owner: Owner) -> bool:
    return bool(await owner.not_ready())


async def test_a_command_that_is_never_settled_is_a_problem_after_twice_its_timeout(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        owner = await Owner.of(world, "Ann")
        await world.server.down()
        await world.until(lambda: not owner.app.servers["survival"].link.up.is_set())
        world.buy("Ann")
        await owner.looked()
        lost = await owner.app.ledger.commands.claim("survival", owner.app.clock.now(), {})  # nobody will settle it
        assert lost is not None
        timeout_s = owner.app.servers["survival"].settings.endpoint.timeout_s
        await owner.later(seconds=2 * timeout_s - 1)
        assert "command_stuck" not in await owner.problems()
        await owner.later(seconds=2)
        problem = (await owner.problems())["command_stuck"]
        assert (problem["subject"], problem["severity"]) == ("survival", "error")
        assert f"command {lost.id} " in problem["text"]
