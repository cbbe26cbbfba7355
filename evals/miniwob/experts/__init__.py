"""An expert for each of the 48 demonstrated tasks, which acts only on agentkit's own observation and actions.

An expert is a function of a ``Desk`` (the task, the page, what was done) that returns the next move. Their runs, on
seeds from 100,000 up, are the exemplars that ship (``demonstrate.py``). The 16 tasks of ``UNDEMONSTRATED`` have none,
on purpose.
"""

from __future__ import annotations

from ....agents.web.candidates import Candidate
from ....agents.web.prompt import View
from . import clicks, drawings, forms, games, people, reading
from .desk import Desk, Expert, NotSaid

EXPERTS: dict[str, Expert] = dict(
    sorted(
        {
            **clicks.EXPERTS,
            **drawings.EXPERTS,
            **forms.EXPERTS,
            **games.EXPERTS,
            **people.EXPERTS,
            **reading.EXPERTS,
        }.items()
    )
)


class ExpertPolicy:
    """The experts as a policy of the web agent: the run's family is the name of the task."""

    name = "experts"

    def choose(self, view: View, family: str) -> Candidate | None:
        """Return the expert's move; None for a task without an expert and where the task leaves out what it needs."""
        expert = EXPERTS.get(family)
        try:
            return expert(Desk.of(view)) if expert else None
        except NotSaid:
            return None


__all__ = ["EXPERTS", "Desk", "Expert", "ExpertPolicy", "NotSaid"]
