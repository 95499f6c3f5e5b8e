"""The lists of the control socket, page by page: its application with a real ledger."""

from typing import Any, cast

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from perkd.daemon.control.server import Control
from perkd.daemon.ledger import Ledger
from perkd.daemon.ledger.rows import TokenSource
from tests.ledgers import ANN, NOW, opens, profile, record, token


@pytest.fixture
async def client(ledger: Ledger, aiohttp_client: AiohttpClient) -> TestClient[Any, Any]:
    """Asks the application about a ledger with ANN and four others, and three commands. No verb is asked for."""
    for number in range(1, 5):
        customer_id = str(int(ANN) + number)
        await ledger.roll.add(token(), TokenSource.OPERATOR, profile(customer_id, f"Player{number}"), NOW)
    await record(ledger, opens("one", "two", "three"))
    nobody = cast(Any, None)
    return await aiohttp_client(Control(nobody, ledger, nobody).application)


async def pages(client: TestClient[Any, Any], path: str, what: str, key: str) -> list[list[Any]]:
    """The keys of the rows on each page, following `next` to the end."""
    found, before = [], ""
    while True:
        answer = await (await client.get(path, params={"limit": "2", "before": before})).json()
        found.append([row[key] for row in answer[what]])
        if answer["next"] is None:
            return found
        before = str(answer["next"])


async def test_every_customer_is_on_one_page_the_newest_first(client: TestClient[Any, Any]) -> None:
    names = await pages(client, "/customers", "customers", "name")
    assert names == [["Player4", "Player3"], ["Player2", "Player1"], ["Ann"]]


async def test_every_command_is_on_one_page_the_newest_first(client: TestClient[Any, Any]) -> None:
    assert await pages(client, "/commands", "commands", "text") == [["three", "two"], ["one"]]


async def test_a_full_last_page_names_no_next_one(client: TestClient[Any, Any]) -> None:
    answer = await (await client.get("/customers", params={"limit": "5"})).json()
    assert (len(answer["customers"]), answer["next"]) == (5, None)


async def test_the_tokens_of_one_customer_can_be_asked_for(client: TestClient[Any, Any]) -> None:
    answer = await (await client.get("/customers", params={"customer": str(int(ANN) + 2)})).json()
    assert [row["name"] for row in answer["customers"]] == ["Player2"]


@pytest.mark.parametrize("path", ["/customers", "/commands"])
@pytest.mark.parametrize(
    "asked", [{"limit": "0"}, {"limit": "1001"}, {"before": "x"}, {"customer": "Ann"}, {"page": "2"}]
)
async def test_what_no_page_can_answer_is_refused(
    client: TestClient[Any, Any], path: str, asked: dict[str, str]
) -> None:
    answer = await client.get(path, params=asked)
    [value] = asked.values()
    [word] = asked
    error = await answer.json()
    assert (answer.status, error["code"]) == (400, "bad_request")
    assert repr(word) in error["error"] or repr(value) in error["error"]
