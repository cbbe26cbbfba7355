"""Mind2Web, MT-Mind2Web and the Navi-plus layout: loaders, published metrics, and the web agent's policies on them."""

from .data import Candidate, Conversation, FollowUp, Operation, Sample, Step, load
from .metrics import Answer, Judged, judge, token_f1

__all__ = [
    "Answer",
    "Candidate",
    "Conversation",
    "FollowUp",
    "Judged",
    "Operation",
    "Sample",
    "Step",
    "judge",
    "load",
    "token_f1",
]
