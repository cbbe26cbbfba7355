"""What an agent keeps."""

from .exemplar import Exemplar, Match, Step
from .exemplars import ExemplarMemory, default_folder, shipped
from .remember import remember_run

__all__ = ["Exemplar", "ExemplarMemory", "Match", "Step", "default_folder", "remember_run", "shipped"]
