"""perkd: reads what customers own in a PayNow store, grants it on the game servers, and revokes it when it ends.

This is the only package that is installed. `daemon` and `adapters` in this folder are links to the folders of the same
names at the top of the repository (docs/decisions/0001).
"""

__version__ = "0.1.0"
