"""Visual search: right answers about small things in big pictures, with the regions that prove them."""

from .agent import VisualSearchAgent
from .cues import ModelCue
from .experts import ModelExpert
from .eyes import Eyes
from .heat import Heat
from .parts import Cue, Expert, Strategy
from .tree import Find, FocusNode, FocusTree
from .vstar import VStar, VStarConfig

__all__ = [
    "Cue",
    "Expert",
    "Eyes",
    "Find",
    "FocusNode",
    "FocusTree",
    "Heat",
    "ModelCue",
    "ModelExpert",
    "Strategy",
    "VStar",
    "VStarConfig",
    "VisualSearchAgent",
]
