"""Standing instructions over 20 turns, checked by programs, in the sense of MMMT-IF (arXiv 2409.18216)."""

from .dialogue import Dialogue, make_dialogue

__all__ = ["Dialogue", "make_dialogue"]
