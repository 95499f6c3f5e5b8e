from .health import Health as Health
from .listing import (
    commands_page as commands_page,
    commands_query as commands_query,
    customers_page as customers_page,
    customers_query as customers_query,
)
from .serve import open_port as open_port
from .status import (
    Report as Report,
    command_json as command_json,
    stamp as stamp,
)
from .watchdog import feed_watchdog as feed_watchdog
from .web import (
    Web as Web,
)
