"""What an agent keeps: exemplars, tips, facts about the user, steps and turns of conversations."""

from .archive import Archive
from .bank import BankStep, MemoryBank
from .conversations import Conversation, Conversations, Hit, Turn
from .distil import Trial, contrast, distil, learn_tips
from .entry import Entry, Match
from .exemplar import Exemplar, Step
from .exemplars import ExemplarMemory, default_folder, shipped
from .facts import Fact, UserFacts
from .remember import Learned, learn_from_runs, remember_run
from .screen import describe_screen
from .store import Store
from .surprise import learn_from
from .tips import Tip, TipMemory

__all__ = [
    "Archive",
    "BankStep",
    "Conversation",
    "Conversations",
    "Entry",
    "Exemplar",
    "ExemplarMemory",
    "Fact",
    "Hit",
    "Learned",
    "Match",
    "MemoryBank",
    "Step",
    "Store",
    "Tip",
    "TipMemory",
    "Trial",
    "Turn",
    "UserFacts",
    "contrast",
    "default_folder",
    "describe_screen",
    "distil",
    "learn_from",
    "learn_from_runs",
    "learn_tips",
    "remember_run",
    "shipped",
]
