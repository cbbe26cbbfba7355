"""Experts: where exactly a thing is inside a region."""

from .detector import DetectorExpert
from .model import ModelExpert
from .registry import MakeExpert, make_expert
from .template import TemplateExpert
from .text import TextExpert
from .tidy import TidyExpert, tidy_finds

__all__ = [
    "DetectorExpert",
    "MakeExpert",
    "ModelExpert",
    "TemplateExpert",
    "TextExpert",
    "TidyExpert",
    "make_expert",
    "tidy_finds",
]
