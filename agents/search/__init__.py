"""Visual search: right answers about small things in big pictures, with the regions that prove them."""

from .agent import VisualSearchAgent
from .aim import Aim
from .cues import AttentionCue, ModelCue
from .dyfo import DyFo, DyFoConfig
from .experts import DetectorExpert, ModelExpert, TemplateExpert, TextExpert, make_expert
from .eyes import Eyes
from .heat import Heat
from .parts import Cue, Expert, Strategy
from .strategies import STRATEGIES, Kit
from .tree import Find, FocusNode, FocusTree
from .vstar import VStar, VStarConfig
from .zoomeye import ZoomEye, ZoomEyeConfig

__all__ = [
    "STRATEGIES",
    "Aim",
    "AttentionCue",
    "Cue",
    "DetectorExpert",
    "DyFo",
    "DyFoConfig",
    "Expert",
    "Eyes",
    "Find",
    "FocusNode",
    "FocusTree",
    "Heat",
    "Kit",
    "ModelCue",
    "ModelExpert",
    "Strategy",
    "TemplateExpert",
    "TextExpert",
    "VStar",
    "VStarConfig",
    "VisualSearchAgent",
    "ZoomEye",
    "ZoomEyeConfig",
    "make_expert",
]
