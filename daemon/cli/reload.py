"""`perkd reload`: the running daemon reads its config again and takes it over whole, or not at all."""

from .asking import Daemon
from .options import Config, Json, config_path
from .output import printable, say, say_json, warn


def reload(*, config: Config = None, json: Json = False) -> None:
    """Take a changed config over without a restart.

    With a mistake in it the old one stays, and each mistake is said (exit 78).
    """
    answer = Daemon(config).post("/reload")
    if json:
        say_json(answer)
    else:
        for line in answer["changes"]:
            say(printable(line))
    read, meant = answer["config"], str(config_path(config))
    if read is not None and read != meant:
        warn(f"the daemon was started with {read} and read that again, not {meant}")
