"""Telling that a tab or its browser went away, for which the browser's driver has no error of its own."""

from __future__ import annotations

# Its words: a tab, context or browser that was closed; a tab that crashed; a line to a tab that went with it.
_WORDS = ("closed", "crashed", "No session with given id")


def is_gone(error: BaseException) -> bool:
    """Say whether an error of Playwright means that the tab or its browser is no longer there."""
    return any(word in str(error) for word in _WORDS)
