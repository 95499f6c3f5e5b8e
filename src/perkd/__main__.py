"""The command `perkd` and `python -m perkd`: hands over to the command line."""

from perkd.daemon.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
