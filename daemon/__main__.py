"""The command `perkd` and `python -m daemon`: checks whose packages these are, then hands over to the command line.

Nothing else of the project is imported before the check: another distribution's `adapters` may be what an import finds.
"""

import sys

from .ownership import complaint

CONFIGURATION = 78  # EX_CONFIG of sysexits.h; the unit does not restart on it


def main() -> None:
    """Runs the command line. Exits 78 when a package name belongs to somebody else."""
    trouble = complaint()
    if trouble:
        print(trouble, file=sys.stderr)
        sys.exit(CONFIGURATION)
    from .cli import main as cli_main  # noqa: PLC0415 - must not be imported before the check above

    cli_main()


if __name__ == "__main__":
    main()
