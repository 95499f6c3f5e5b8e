"""Asks the store with the API key of the config, and turns the store's errors into errors of the command line.

Every module of `perkd store` uses it. It needs no running daemon, and of the config only [store] and [poll].
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

# The first line that matches counts; any other error gives exit code 1.
ENDS: tuple[tuple[tuple[type[StoreError], ...], type[CliError]], ...] = (
    ((BadInput,), WrongUse),
    ((BadAddress, TokenRefused), Misconfigured),
    ((Unreachable, Limited, ServerFault, Unreadable), OutOfReach),
)
LIMITED_MOST = 5  # after so many "too fast" answers in a row, perkd gives up
SLOWER = "the store asks for a slower pace: perkd waits and continues"
LOST = (Unreachable, ServerFault, Unreadable)  # after these it is not known whether the store did the work
LONGEST_WAIT_S = 60.0  # perkd gives up when the store asks for a longer pause
PAUSES_S = (1.0, 4.0)  # the pauses before perkd continues a list that the store broke off


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """The store, the API key and the pace."""

    store: Store
    key: Secret
    rate: float


def access_of(option: Path | None) -> StoreAccess:
    """Reads the store's settings from the config; mistakes elsewhere in it do not matter. Raises Misconfigured."""
    path = config_path(option)
    try:
        read = store_access(path, SecretSources.of(os.environ))
    except ConfigError as error:
        raise Misconfigured(Code.CONFIG_INVALID, error.render(path)) from error
    store = read.store
    if store.api_key is None:
        mistake = Mistake(
            code=MistakeCode.MISSING,
            where="store.api_key",
            found="nothing",
            expected="a reference to an API key of the store, because `perkd store` needs one",
            fix="make a key in the store's dashboard, and write the store's id and "
            'api_key = "credential:paynow-api-key" into [store]',
        )
        raise Misconfigured(Code.NO_API_KEY, ConfigError([mistake]).render(path))
    return StoreAccess(store, store.api_key, read.poll.rate)


def ask(where: StoreAccess, work: Callable[["Management"], Awaitable[T]], *, unsure: str = "") -> T:
    """Runs `work` with an open client and returns its result. An error of the store becomes a CliError. If there is a
    message `unsure`, Ctrl-C raises NotWell with it."""
    try:
        return asyncio.run(_ask(where, work))
    except KeyboardInterrupt:
        if not unsure:
            raise
        raise NotWell(Code.INTERRUPTED, unsure, may_have_happened=True) from None
    except StoreError as error:
        raise ended(error, changes=bool(unsure)) from error


async def _ask(where: StoreAccess, work: Callable[["Management"], Awaitable[T]]) -> T:
    from ...paynow import Management, Rate  # noqa: PLC0415 - they import the HTTP client: half a second for each verb

    async with Management.open(
        where.store.api, where.store.id, where.key, items_word=where.store.management_items, rate=Rate(where.rate)
    ) as management:
        return await work(management)


def ended(error: StoreError, *, changes: bool) -> CliError:
    """The CliError for an error of the store. `changes`: the request was to change something."""
    return end_of(error)(error.code, message_of(error), **facts_of(error, changes=changes))


def end_of(error: StoreError) -> type[CliError]:
    """The kind of CliError, and so the exit code, for an error of the store."""
    return next((kind for types, kind in ENDS if isinstance(error, types)), NotWell)


def facts_of(error: StoreError, *, changes: bool) -> dict[str, Fact]:
    """The facts of the error for programs."""
    return {
        "retry_after_s": None if error.wait_s is None else round(error.wait_s, 1),
        "may_have_happened": error.may_have_happened if changes else None,
    }


def message_of(error: StoreError, *, retry_hint: bool = True) -> str:
    """The message of an error for a person. A verb does not try again by itself, so the message may say "try again".
    `retry_hint` false: it does not, because the person must first look what the store did."""
    text = printable(error)
    if not (retry_hint and error.passes):
        return text
    return f"{text}. Try again " + ("later" if error.wait_s is None else f"in {error.wait_s:.0f} s")


async def every_customer(
    management: "Management", search: str, step: Callable[[int], None]
) -> AsyncIterator[list["Customer"]]:
    """All customers by rising id, page by page. When the store fails in the middle, it is asked again a few times."""
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
            warn(f"{message_of(error, retry_hint=False)}. perkd continues in a moment, after customer {after}")
            await asyncio.sleep(pauses.pop(0))
            continue
        return
