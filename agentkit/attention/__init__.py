"""Attention reallocation: edits of labelled spans, inside the model's own fused kernel."""

from .edits import Boost, Edit, Ensemble, Mute, Reweight, Variant
from .learned import Learned
from .methods.dara import Dara
from .regions import Region

__all__ = [
    "Boost",
    "Dara",
    "Edit",
    "Ensemble",
    "Learned",
    "Mute",
    "Region",
    "Reweight",
    "Variant",
]
