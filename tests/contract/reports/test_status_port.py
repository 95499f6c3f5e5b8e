"""The status port's application: who may ask, and that readiness and health ask no ledger."""

from typing import Any, cast

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from perkd.daemon.ledger import Ledger
from perkd.daemon.reports.health import Health
from perkd.daemon.reports.status import Report
from perkd.daemon.reports.web import Web
from perkd.daemon.runtime.clock import Clock
from perkd.daemon.runtime.context import Context
from tests.clock import Hands
from tests.unit.reports.finding import NOBODY


class Quiet:
    """Reports that all is well, and counts how often it was asked."""

    def __init__(self) -> None:
        self.reports, self.reasons = 0, list[str]()

    async def report(self) -> Report:
        self.reports += 1
        return NOBODY

    def not_ready(self) -> list[str]:
        return self.reasons


@pytest.fixture
def health() -> Quiet:
    return Quiet()


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
async def client(ledger: Ledger, health: Quiet, clock: Hands, aiohttp_client: AiohttpClient) -> TestClient[Any, Any]:
    context = Context.of(Clock(clock.now, clock.monotonic))
    context.pulse.register("poll", 20.0)
    return await aiohttp_client(Web(cast(Health, health), ledger.reports, context, "127.0.0.1").application)


async def test_health_and_readiness_come_from_memory(client: TestClient[Any, Any], health: Quiet, clock: Hands) -> None:
    asked = [(await client.get(path)).status for path in ("/healthz", "/readyz")]
    health.reasons, clock.ahead_s = ["the brake is on"], 61.0
    asked += [(await client.get(path)).status for path in ("/healthz", "/readyz")]
    assert (asked, health.reports) == ([200, 200, 503, 503], 0)


@pytest.mark.parametrize("path", ["/", "/status", "/metrics"])
async def test_each_page_shows_one_report(client: TestClient[Any, Any], health: Quiet, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status, health.reports, answer.headers["Server"]) == (200, 1, "perkd")


@pytest.mark.parametrize("host", ["perkd.example", "127.0.0.1.example:80", ""])
async def test_a_page_elsewhere_cannot_ask_through_a_name_of_its_own(client: TestClient[Any, Any], host: str) -> None:
    assert (await client.get("/healthz", headers={"Host": host})).status == 403
