"""The command line: perkd's verbs for server owners, one module or folder for each group of verbs.

`daemon.__main__` calls `main`, which always raises SystemExit. The exit codes: 0 all is well, 1 something is not well,
2 wrong usage, 69 the daemon or the store cannot be reached, 78 the configuration has a mistake.
"""

import io
import sys
import traceback
from typing import Annotated

import typer

from perkd import __version__

from . import brake, check, commands, logs, play, reload, run, status
from .customers import verbs as customers_verbs
from .errors import CliError, Code, NotWell
from .options import Config, Verbose, common
from .output import as_json, error_json
from .plan import verb as plan_verb
from .store import verbs as store_verbs

app = typer.Typer(
    name="perkd",
    help="Gives customers of a PayNow store their perks in the game, and takes them back when they end.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: boxes would be cut on a narrow terminal and in a pipe
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if asked:
        typer.echo(f"perkd {__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
]


@app.callback()
def before_the_verb(*, config: Config = None, verbose: Verbose = False, version: Version = False) -> None:  # noqa: ARG001 - its callback does it
    """Gives customers of a PayNow store their perks in the game, and takes them back when they end."""
    common.config, common.verbose = config, verbose
    as_json.asked = as_json.said = False
    logs.nowhere(verbose=verbose)


app.command()(run.run)
app.command()(check.check)
app.command()(plan_verb.plan)
app.command()(status.status)
app.command()(reload.reload)
app.add_typer(commands.app, name="commands")
app.add_typer(customers_verbs.app, name="customers")
app.add_typer(brake.app, name="brake")
app.add_typer(store_verbs.app, name="store", short_help="Look up and change customers and items in your store.")
app.command()(play.demo)
app.command()(play.sandbox)


def main() -> None:
    """Runs one verb and ends the process. An error goes to stderr as text, and with --json also to stdout as JSON."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a character must not end the verb
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="perkd")
    except CliError as error:
        logs.complain(f"perkd: {error}")
        error_json(error)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 - the top of the process: an error that arrives here is a bug
        if common.verbose:
            traceback.print_exc()
        else:
            place = traceback.extract_tb(error.__traceback__)[-1]
            logs.complain(f"{place.filename}:{place.lineno}")
        said = f"a fault in perkd itself, {type(error).__name__}: {error}"
        logs.complain(
            f"perkd: {said}\n"
            f"Please report it, with these lines and what you did (perkd {__version__}, Python "
            f"{sys.version.split()[0]}). With -v before the verb, perkd shows where it happened"
        )
        error_json(NotWell(Code.FAULT, said))
        sys.exit(1)
