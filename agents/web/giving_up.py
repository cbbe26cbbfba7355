"""Giving up: when to, and a reason that says what was tried and what would help."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .state import Done, WebState
from .undo import undone

# After so many actions in a row without any effect nothing is expected of the next.
PATIENCE = 6
# How many actions a reason names of each kind.
NAMED = 6


def stuck(history: Sequence[Done]) -> bool:
    """Say whether the last actions all had no effect."""
    last = history[-PATIENCE:]
    return len(last) == PATIENCE and not any(step["changed"] for step in last)


def reason(state: WebState, why: str, *, denied: Sequence[str] = ()) -> str:
    """Return why the agent gives up, with what was tried; ``denied`` are actions that the policy did not offer."""
    history, page = state["history"], state["page"]
    gone = undone(history)
    where = f"{page.get('title') or 'the page'} ({page.get('url', '')})"
    parts = [f"gave up after {len(history)} actions on {where}: {why}"]
    told = (
        ("done", [s["words"] for n, s in enumerate(history) if s["changed"] and n not in gone]),
        ("without effect", [s["words"] for s in history if not s["changed"]]),
        ("taken back", [history[number]["words"] for number in sorted(gone)]),
        ("refused by you", state["refused"]),
        ("not offered by the approval policy", denied),
    )
    parts += [f"{name}: {_listed(words)}" for name, words in told if words]
    if hosts := state.get("blocked", ()):
        parts.append(f"blocked: {_listed(hosts)} (allow with --allow HOST)")
    return "; ".join(parts)


def _listed(words: Iterable[str]) -> str:
    each = list(dict.fromkeys(words))
    more = f" and {len(each) - NAMED} more" if len(each) > NAMED else ""
    return ", ".join(each[:NAMED]) + more
