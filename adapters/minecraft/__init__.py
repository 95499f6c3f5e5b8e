"""Minecraft, Java and Bedrock: replies, identities and values. `adapters` puts it into its table."""

from .adapter import Minecraft

__all__ = ["Minecraft"]
