"""The research agent: chains of sub-questions over text and pictures, that know when to stop."""

from .agent import ResearchAgent
from .critic import Critic, PromptedCritic, TrainedCritic

__all__ = ["Critic", "PromptedCritic", "ResearchAgent", "TrainedCritic"]
