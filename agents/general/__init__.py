"""The general tool-calling agent."""

from .agent import Agent, AgentState
from .output import TypedOutput

__all__ = ["Agent", "AgentState", "TypedOutput"]
