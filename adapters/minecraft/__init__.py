"""Minecraft, Java and Bedrock: replies, identities and values. `adapters` lists it."""

from .adapter import Minecraft

__all__ = ["Minecraft"]
