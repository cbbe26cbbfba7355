"""From bytes to a document: what a file is, and what is in it."""

from .kinds import KINDS, extract, kind_of

__all__ = ["KINDS", "extract", "kind_of"]
