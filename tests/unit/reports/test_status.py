"""The queue of each server in the report: commands for any of several servers count once."""

from typing import Any

from perkd.daemon.core.model import ServerState
from perkd.daemon.ledger.rows import Brakes, ServerQueue, Summary
from perkd.daemon.reports.status import ServerHealth, server_rows
from tests.builders import MINUTE, NOW


def server(name: str) -> ServerHealth:
    facts: dict[str, Any] = dict.fromkeys(("players", "oldest_s", "last_reply_at", "last_error", "retry_at"))
    return ServerHealth(name=name, game="minecraft", transport="native", state=ServerState.UP, queue=0, **facts)


def summary(*queues: ServerQueue, **changes: Any) -> Summary:
    plain: dict[str, Any] = {"commands": {}, "holdings": 0, "brake": Brakes(), **changes}
    return Summary(ledger_id="x", created_at=NOW, queues=queues, **plain)


def test_commands_for_one_of_several_servers_count_with_the_first_in_the_config() -> None:
    waits = summary(
        ServerQueue(server="any:gone,lobby,survival", queue=2, oldest_at=NOW - 2 * MINUTE),
        ServerQueue(server="lobby", queue=1, oldest_at=NOW - MINUTE),
        ServerQueue(server="any:gone,lost", queue=7, oldest_at=NOW),
    )
    rows = server_rows(waits, [server("survival"), server("lobby")], NOW)
    assert [(row.name, row.queue, row.oldest_s) for row in rows] == [("survival", 0, None), ("lobby", 3, 120.0)]


def test_a_server_that_only_commands_name_is_absent() -> None:
    [row] = server_rows(summary(absent_servers=("lobby",)), [], NOW)
    assert (row.name, row.state) == ("lobby", "absent")
