"""The web agent as a BrowserGym agent, without depending on BrowserGym."""

from .agent import BrowserGymAgent

__all__ = ["BrowserGymAgent"]
