"""Exit codes of the command line, and which status or error gives which."""

from __future__ import annotations

from ..contracts.result import Result, Status
from ..errors import AgentKitError, UsageError

DONE = 0
USAGE = 2
NEEDS_INPUT = 3
BUDGET = 4
FAILED = 5
INTERRUPTED = 130

BY_STATUS: dict[Status, int] = {
    "done": DONE,
    "needs_input": NEEDS_INPUT,
    "budget": BUDGET,
    "failed": FAILED,
}


def code_of(outcome: Result | AgentKitError) -> int:
    """Return the exit code of a result or an error."""
    if isinstance(outcome, Result):
        return BY_STATUS[outcome.status]
    return USAGE if isinstance(outcome, UsageError) else FAILED
