"""`perkd reload`: the running daemon loads its config again, either all of it or nothing."""

from .asking import Daemon
from .options import Config, Json, config_path
from .output import printable, say, say_json, warn


def reload(*, config: Config = None, json: Json = False) -> None:
    """Load a changed configuration without a restart.

    If it has a mistake, perkd keeps the old one, lists each mistake and exits with 78.
    """
    answer = Daemon(config).post("/reload")
    if json:
        say_json(answer)
    else:
        for line in answer["changes"]:
            say(printable(line))
    read, meant = answer["config"], str(config_path(config))
    if read is not None and read != meant:
        warn(f"the daemon was started with {read}, so it loaded that file again, not {meant}")
