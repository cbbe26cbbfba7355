"""Chat: turns of a conversation, each taken to the ability that it needs."""

from .ability import Ability
from .agent import ChatAgent, ChatState

__all__ = ["Ability", "ChatAgent", "ChatState"]
