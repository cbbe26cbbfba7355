"""Deciding by a rule in place of a model: experts, scripted users, baselines."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from .candidates import Candidate
from .prompt import View


@runtime_checkable
class Policy(Protocol):
    """Chooses the next action. It sees what a model would be shown, and no more.

    ``name`` is what the run says of it. Questions, approvals, budgets and the journal are the agent's, as with a model.
    """

    name: str

    def choose(self, view: View, family: str) -> Candidate | None:
        """Return the next move (``FINISH`` when the task is done), None when it knows none."""
        ...
