"""Opens the HTTP port for the reports. `app` calls `open_port`."""

from contextlib import AsyncExitStack

from aiohttp import web

from ..config import Listen
from ..runtime import CannotStart, StartCode, in_words


async def open_port(stack: AsyncExitStack, application: web.Application, listen: Listen) -> tuple[str, int]:
    """Opens the port. Returns the host and the port (for port 0, the one the system chose). Raises CannotStart."""
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, listen.host, listen.port, reuse_address=True).start()
    except OSError as error:
        raise CannotStart(
            StartCode.HTTP_NOT_OPENED,
            f"[http] listen: {listen.host}:{listen.port} cannot be opened ({in_words(error)}): another program "
            'uses it, or it is not an address of this machine; choose another one, or "" for no HTTP',
        ) from error
    host, port = runner.addresses[0][:2]
    return host, port
