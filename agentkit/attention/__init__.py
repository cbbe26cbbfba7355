"""Attention reallocation: edits of labelled spans, inside the model's own fused kernel."""

from .edits import Boost, Edit, Mute, Reweight

__all__ = ["Boost", "Edit", "Mute", "Reweight"]
