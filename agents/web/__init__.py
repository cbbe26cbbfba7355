"""The web agent: acts in a real browser, asks when the task leaves something out, remembers."""

from .agent import WebAgent
from .episode import Episode
from .follow_up import FollowUp
from .lookahead import LookAhead
from .policy import Policy
from .rank import Ranking

__all__ = ["Episode", "FollowUp", "LookAhead", "Policy", "Ranking", "WebAgent"]
