"""Makes `python -m perkd` run the same command line as `perkd`."""

from perkd.daemon.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
