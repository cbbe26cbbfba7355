"""The 64 MiniWoB++ tasks of Synapse (arXiv 2306.07863), and which of them need what."""

from __future__ import annotations

from agentkit.errors import UsageError

# 48 tasks that Synapse's memory has exemplars for.
_DEMONSTRATED = """
    book-flight choose-date click-button click-button-sequence click-checkboxes-large click-checkboxes-soft
    click-collapsible click-collapsible-2 click-color click-dialog click-dialog-2 click-link click-menu click-pie
    click-scroll-list click-shades click-shape click-tab click-tab-2 click-widget copy-paste-2 count-shape
    email-inbox-nl-turk enter-date enter-password enter-text-dynamic enter-time find-word focus-text focus-text-2
    grid-coordinate guess-number identify-shape login-user-popup multi-layouts navigate-tree read-table
    search-engine simple-algebra social-media social-media-all social-media-some terminal text-transform
    tic-tac-toe use-autocomplete use-slider use-spinner
"""

# 16 tasks without exemplars: these are never demonstrated.
_UNDEMONSTRATED = """
    choose-list click-checkboxes click-checkboxes-transfer click-option click-tab-2-hard click-test click-test-2
    copy-paste email-inbox email-inbox-forward-nl email-inbox-forward-nl-turk enter-text login-user
    multi-orderings simple-arithmetic unicode-test
"""

DEMONSTRATED: tuple[str, ...] = tuple(_DEMONSTRATED.split())
UNDEMONSTRATED: tuple[str, ...] = tuple(_UNDEMONSTRATED.split())
ALL64: tuple[str, ...] = tuple(sorted(DEMONSTRATED + UNDEMONSTRATED))

# Tasks that need more than clicking elements of the observation, typing words of the utterance and choosing
# options, or whose value must be computed, counted, looked up or read from the page:
_BEYOND = """
    book-flight click-pie copy-paste copy-paste-2 count-shape find-word guess-number identify-shape read-table
    simple-algebra simple-arithmetic terminal text-transform tic-tac-toe use-slider use-spinner
    click-collapsible-2 search-engine social-media-some grid-coordinate
"""

# Tasks that need only click, type and select, with values from the utterance.
SIMPLE: tuple[str, ...] = tuple(name for name in ALL64 if name not in _BEYOND.split())

# Every third, by name: for models too slow for all.
THIRD: tuple[str, ...] = ALL64[::3]

SUBSETS: dict[str, tuple[str, ...]] = {
    "all64": ALL64,
    "demonstrated": DEMONSTRATED,
    "undemonstrated": UNDEMONSTRATED,
    "simple": SIMPLE,
    "third": THIRD,
}


def tasks_of(text: str) -> tuple[str, ...]:
    """Return the tasks of a subset's name or of names separated by commas. Raises ``UsageError``."""
    if text in SUBSETS:
        return SUBSETS[text]
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in ALL64]
    if unknown or not names:
        raise UsageError(
            f"no such task: {', '.join(unknown) or text!r}",
            mend="use names of ALL64 or one of " + ", ".join(SUBSETS),
        )
    return names
