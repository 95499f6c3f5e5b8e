"""Opens the control socket. Its file permissions decide who may use it. `app` calls `open_socket`."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from ..runtime import CannotStart, StartCode, in_words


async def open_socket(stack: AsyncExitStack, application: web.Application, path: Path) -> None:
    """Listens until the stack closes. Raises CannotStart."""
    if await somebody_answers(path):
        raise CannotStart(
            StartCode.SOCKET_IN_USE,
            f"[control] socket: another perkd answers at {path}: stop it, or give this one another socket",
        )
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.UnixSite(runner, str(path)).start()
        path.chmod(0o660)  # noqa: ASYNC240 - the loop has not begun to serve anybody
    except OSError as error:
        raise CannotStart(
            StartCode.SOCKET_NOT_OPENED,
            f"[control] socket: {path} cannot be opened ({in_words(error)}): its directory must exist and belong "
            "to the user perkd runs as (the unit's RuntimeDirectory makes /run/perkd)",
        ) from error
    stack.callback(path.unlink, missing_ok=True)


async def somebody_answers(path: Path) -> bool:
    """Whether a process listens on that unix socket: binding it would silently take it away from that process."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
