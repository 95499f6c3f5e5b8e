"""A queue loop counts as alive as long as answers come, good ones or errors."""

import asyncio

import pytest

from perkd.daemon.paynow.errors import Rejected
from perkd.daemon.paynow.transport.exchange import Exchange
from perkd.daemon.runtime.clock import Clock
from perkd.daemon.runtime.context import Context
from perkd.daemon.store_queue.requests import QueueRequests
from tests.clock import Hands


async def test_each_answer_keeps_the_pulse_also_a_refusal() -> None:
    watch = Hands()
    context = Context.of(Clock(watch.now, watch.monotonic))

    async def answered() -> str:
        watch.ahead_s += 1000.0
        return "here"

    async def refused() -> None:
        watch.ahead_s += 1000.0
        raise Rejected("no", path="/there", status=400)

    async with Exchange.open("http://127.0.0.1:1", rate=watch.rate(1.0)) as exchange:
        requests = QueueRequests(exchange, context, "activate survival")
        watch.ahead_s = 1000.0
        assert context.pulse.late() == {"activate survival": 1000.0}
        assert await requests.answer(answered()) == "here"
        assert context.pulse.late() == {}
        with pytest.raises(Rejected):
            await requests.answer(refused())
        assert context.pulse.late() == {}


async def test_a_cancelled_wait_leaves_no_request_behind() -> None:
    watch, cut_off = Hands(), asyncio.Event()
    context = Context.of(Clock(watch.now, watch.monotonic))

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut_off.set()
            raise

    async with Exchange.open("http://127.0.0.1:1", rate=watch.rate(1.0)) as exchange:
        requests = QueueRequests(exchange, context, "activate survival")
        task = asyncio.create_task(requests.answer(never()))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await cut_off.wait()
