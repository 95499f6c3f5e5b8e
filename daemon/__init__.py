"""perkd: reads what customers own, gives it on their game servers, takes it back when it ends."""

__version__ = "0.1.0"
