"""perkd: reads what customers own, gives it on their game servers, takes it back when it ends.

This is the one name that is installed. `daemon` and `adapters` in this folder are links to the folders of the same
names at the top of the repository (docs/decisions/0001).
"""

__version__ = "0.1.0"
