"""The experts on a task with something left out: once the user said it, they do the task as it was meant."""

from __future__ import annotations

from dataclasses import replace

from ...agents.web.candidates import Candidate
from ...agents.web.prompt import View
from ..miniwob.experts import ExpertPolicy
from .cuts import Cut


class InformedExperts:
    """The experts of MiniWoB++ behind the agent's questions. ``cut`` is what this episode leaves out, None for nothing.

    An expert reads the utterances of its page only. It is shown the task as it was meant when the user's answers hold
    every slot, and no sooner: what was not asked for, it does not know.
    """

    name = "experts"

    def __init__(self) -> None:
        self.experts = ExpertPolicy()
        self.cut: Cut | None = None

    def choose(self, view: View, family: str) -> Candidate | None:
        """Return the expert's move; None where the task leaves out what it needs."""
        if self.cut is not None:
            said = {value.text for value in view.values if value.said}
            whole = set(self.cut.slots.values()) <= said
            rest = [value for value in view.values if not value.said]
            if not whole:
                return self._guess(view, family)
            view = replace(view, task=self.cut.clear, values=rest)
        return self.experts.choose(view, family)

    def _guess(self, view: View, family: str) -> Candidate | None:
        """Return what the expert makes of words that it was not written for: often nothing at all."""
        try:
            return self.experts.choose(view, family)
        except (StopIteration, LookupError, ValueError):
            return None
