"""Attention reallocation: edits of labelled spans, inside the model's own fused kernel."""

from .edits import Boost, Edit, Ensemble, Mute, Reweight, Variant
from .learned import Learned
from .methods.controlmllm import ControlMLLM, Focus
from .methods.dara import Dara
from .methods.inter import INTER
from .methods.paint import Paint
from .methods.vcd import VCD
from .regions import Region

__all__ = [
    "INTER",
    "VCD",
    "Boost",
    "ControlMLLM",
    "Dara",
    "Edit",
    "Ensemble",
    "Focus",
    "Learned",
    "Mute",
    "Paint",
    "Region",
    "Reweight",
    "Variant",
]
