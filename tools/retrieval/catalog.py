"""Sources by name: ``index:DIR``, ``searxng:URL``, ``brave``; and which searches the web when nobody says."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from agentkit.errors import UsageError

from .index.local import LocalIndex
from .source import Source
from .web import Brave, Ddgs, SearxNG, SerpApi, Serper, Tavily, Wikipedia

SOURCES: Mapping[str, Callable[[str], Source]] = {
    "index": lambda rest: LocalIndex(rest or None),
    "ddgs": lambda rest: Ddgs(backend=rest or "auto"),
    "searxng": lambda rest: SearxNG(rest or os.environ.get("SEARXNG_URL")),
    "brave": lambda _: Brave(),
    "tavily": lambda _: Tavily(),
    "serper": lambda _: Serper(),
    "serpapi": lambda _: SerpApi(),
    "wikipedia": lambda rest: Wikipedia(rest or "en"),
}
# Whose key or address is in the environment is asked; the first of them.
_BY_VARIABLE = {
    "SEARXNG_URL": "searxng",
    "BRAVE_API_KEY": "brave",
    "TAVILY_API_KEY": "tavily",
    "SERPER_API_KEY": "serper",
    "SERPAPI_API_KEY": "serpapi",
}


def load_source(reference: str) -> Source:
    """Return the source of a reference, ``name`` or ``name:rest``. Raises ``UsageError`` for another name."""
    name, _, rest = reference.partition(":")
    if name not in SOURCES:
        raise UsageError(f"there is no source {name!r}", mend=", ".join(SOURCES))
    return SOURCES[name](rest)


def web_source() -> Source:
    """Return the web search of this machine: ``AGENTKIT_SEARCH``, else one whose key is set, else ``ddgs``."""
    chosen = os.environ.get("AGENTKIT_SEARCH")
    if not chosen:
        chosen = next((name for variable, name in _BY_VARIABLE.items() if os.environ.get(variable)), "ddgs")
    return load_source(chosen)
