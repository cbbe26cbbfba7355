"""Searches of the web: each service a small file, one interface."""

from .brave import Brave
from .duckduckgo import Ddgs
from .searxng import SearxNG
from .serpapi import SerpApi
from .serper import Serper
from .service import Hit, WebSearch
from .tavily import Tavily
from .wikipedia import Wikipedia

__all__ = ["Brave", "Ddgs", "Hit", "SearxNG", "SerpApi", "Serper", "Tavily", "WebSearch", "Wikipedia"]
