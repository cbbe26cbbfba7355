"""Chat: turns of a conversation, routed to answering, looking or browsing."""

from .agent import ChatAgent, ChatState

__all__ = ["ChatAgent", "ChatState"]
