"""Attention reallocation: edits of labelled spans, inside the model's own fused kernel."""

from .edits import Boost, Edit, Ensemble, Mute, Reweight, Variant
from .learned import Learned
from .methods.buckets import Buckets
from .methods.controlmllm import ControlMLLM, Focus
from .methods.dara import Dara
from .methods.focus_directions import FocusDirections
from .methods.focusicl import FocusICL
from .methods.inter import INTER
from .methods.juice import JuICE
from .methods.paint import Paint
from .methods.pasta import Pasta
from .methods.steering import Steer
from .methods.task_vectors import TaskVector
from .methods.vcd import VCD
from .methods.vhr import VHR
from .regions import Region

__all__ = [
    "INTER",
    "VCD",
    "VHR",
    "Boost",
    "Buckets",
    "ControlMLLM",
    "Dara",
    "Edit",
    "Ensemble",
    "Focus",
    "FocusDirections",
    "FocusICL",
    "JuICE",
    "Learned",
    "Mute",
    "Paint",
    "Pasta",
    "Region",
    "Reweight",
    "Steer",
    "TaskVector",
    "Variant",
]
