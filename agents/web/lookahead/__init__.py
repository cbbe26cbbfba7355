"""Looking ahead: what the best actions lead to is tried on real pages before one is done."""

from .ahead import RankedAhead, WrittenAhead
from .config import LookAhead
from .search import Explorer, Proposal
from .value import Judge, judge_for, value_prompt

__all__ = [
    "Explorer",
    "Judge",
    "LookAhead",
    "Proposal",
    "RankedAhead",
    "WrittenAhead",
    "judge_for",
    "value_prompt",
]
