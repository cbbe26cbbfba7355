"""Ambiguous MiniWoB++: tasks with something left out, a user who knows it, and the same tasks left clear."""

from .cuts import CUTS, Cut, cuts_of

__all__ = ["CUTS", "Cut", "cuts_of"]
