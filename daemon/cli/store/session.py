"""Asks the store itself with the API key of the config, and says how a verb ends when the store does not do it.

Every module of `perkd store` works through here; it needs no running daemon and only [store] and [poll] of the config.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ...config import SecretSources, Store, store_access
from ...core.mistakes import ConfigError, Mistake, MistakeCode
from ...core.model import Secret
from ...paynow import BadAddress, BadInput, Limited, ServerFault, StoreError, TokenRefused, Unreachable, Unreadable
from ..errors import CliError, Code, Fact, Misconfigured, NotWell, OutOfReach, WrongUse
from ..options import config_path
from ..output import printable, warn

if TYPE_CHECKING:
    from ...paynow import Customer, Management

T = TypeVar("T")

# The first line that fits counts; anything else is exit code 1.
ENDS: tuple[tuple[tuple[type[StoreError], ...], type[CliError]], ...] = (
    ((BadInput,), WrongUse),
    ((BadAddress, TokenRefused), Misconfigured),
    ((Unreachable, Limited, ServerFault, Unreadable), OutOfReach),
)
LIMITED_MOST = 5  # refusals for going too fast in a row, before the work is given up
SLOWER = "the store asks for a slower pace: going on when it allows it"
LOST = (Unreachable, ServerFault, Unreadable)  # these leave open whether the store did what it was asked for
LONGEST_WAIT_S = 60.0  # a store that wants a pause longer than that is left in peace
PAUSES_S = (1.0, 4.0)  # before a list in the middle of which the store failed is gone on with


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the store is and what perkd may ask it with."""

    store: Store
    key: Secret
    rate: float


def desk(option: Path | None) -> Desk:
    """What the config says about the store. A mistake elsewhere in it does not matter here. Raises Misconfigured."""
    path = config_path(option)
    try:
        access = store_access(path, SecretSources.of(os.environ))
    except ConfigError as error:
        raise Misconfigured(Code.CONFIG_INVALID, error.render(path)) from error
    store = access.store
    if store.api_key is None:
        mistake = Mistake(
            code=MistakeCode.MISSING,
            where="store.api_key",
            found="nothing",
            expected="a reference to an API key of the store, which `perkd store` works with",
            fix="make a key in the store's dashboard, and write into [store] its id and "
            'api_key = "credential:paynow-api-key"',
        )
        raise Misconfigured(Code.NO_API_KEY, ConfigError([mistake]).render(path))
    return Desk(store, store.api_key, access.poll.rate)


def ask(where: Desk, work: Callable[["Management"], Awaitable[T]], *, unsure: str = "") -> T:
    """What `work` gives for an open client. Raises the CliError a failure of the store comes to, and NotWell with
    `unsure`, if there is such a message, when a person ends it with Ctrl-C."""
    try:
        return asyncio.run(_ask(where, work))
    except KeyboardInterrupt:
        if not unsure:
            raise
        raise NotWell(Code.INTERRUPTED, unsure, may_have_happened=True) from None
    except StoreError as error:
        raise ended(error, changes=bool(unsure)) from error


async def _ask(where: Desk, work: Callable[["Management"], Awaitable[T]]) -> T:
    from ...paynow import Management, Rate  # noqa: PLC0415 - they bring the HTTP client: half a second for each verb

    async with Management.open(
        where.store.api, where.store.id, where.key, items_word=where.store.management_items, rate=Rate(where.rate)
    ) as management:
        return await work(management)


def ended(error: StoreError, *, changes: bool) -> CliError:
    """How a verb ends that the store failed; `changes`: it was to change something."""
    return end_of(error)(error.code, told(error), **facts_of(error, changes=changes))


def end_of(error: StoreError) -> type[CliError]:
    """The exit code an error of the store comes to."""
    return next((kind for types, kind in ENDS if isinstance(error, types)), NotWell)


def facts_of(error: StoreError, *, changes: bool) -> dict[str, Fact]:
    """What a program may want to know of it."""
    return {
        "retry_after_s": None if error.wait_s is None else round(error.wait_s, 1),
        "may_have_happened": error.may_have_happened if changes else None,
    }


def told(error: StoreError, *, blindly: bool = True) -> str:
    """The message of an error for somebody who waits for an answer: a verb does not try again by itself. `blindly`
    false: nor may they, before they looked what the store did."""
    text = printable(error)
    if not (blindly and error.passes):
        return text
    return f"{text}. Try again " + ("later" if error.wait_s is None else f"in {error.wait_s:.0f} s")


async def every_customer(
    management: "Management", search: str, step: Callable[[int], None]
) -> AsyncIterator[list["Customer"]]:
    """All customers, rising, a page at a time. When the store fails in the middle it is asked again a few times."""
    after, pauses = "0", list(PAUSES_S)
    slower = 0
    while True:
        try:
            async for page in management.customers.pages(search=search, after=after):
                after, pauses, slower = page[-1].id, list(PAUSES_S), 0
                yield page
                step(len(page))
        except Limited as error:
            slower += 1
            if slower == LIMITED_MOST or (error.retry_after_s or 0.0) > LONGEST_WAIT_S:
                raise
            warn(SLOWER)
            continue
        except LOST as error:
            if after == "0" or not pauses:
                raise
            warn(f"{told(error, blindly=False)}. Going on in a moment with the customers after {after}")
            await asyncio.sleep(pauses.pop(0))
            continue
        return
