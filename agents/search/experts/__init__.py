"""Experts: where exactly a thing is inside a region."""

from .model import ModelExpert
from .text import TextExpert

__all__ = ["ModelExpert", "TextExpert"]
