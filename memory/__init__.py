"""What an agent keeps."""

from .conversations import Conversation, Conversations, Hit, Turn
from .exemplar import Exemplar, Match, Step
from .exemplars import ExemplarMemory, default_folder, shipped
from .remember import remember_run

__all__ = [
    "Conversation",
    "Conversations",
    "Exemplar",
    "ExemplarMemory",
    "Hit",
    "Match",
    "Step",
    "Turn",
    "default_folder",
    "remember_run",
    "shipped",
]
