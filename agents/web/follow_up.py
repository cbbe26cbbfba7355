"""When to ask: what the task leaves open, how likely a guess is wrong, and what it costs when it is (Navi-plus).

The task of a follow-up question is Navi-plus's (arXiv 2503.24180); the criterion here is this project's own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentkit.contracts.event import Decided

from .candidates import FINISH, Candidate, about
from .missing import MAX_CHOICES, Gap, gaps
from .phrases import Mention, mentions
from .prompt import View
from .readings import Reading, lists, readings

# What an action typed, and what a field of an earlier page held.
TYPED = re.compile(r'^type "(.*)" into ')
HELD = re.compile(r'value="([^"]*)"')


@dataclass(frozen=True)
class FollowUp:
    """The criterion. It asks when the doubt about what is meant is at least the ``limit``.

    The doubt is 1 for a value that nobody named. For a thing that n elements fit equally well it is 1 - 1/n, times
    ``loose`` when the task says "a" of what it describes, or when nothing but their place tells the elements apart (any of them will do,
    most likely). Where a model gave the readings scores, 1/n becomes the share of the likeliest one: a softmax of
    their scores divided by ``temperature``. ``limit_final`` is the limit for what can't be undone, ``unseen`` the doubt
    about a thing of which the page shows none. ``limit`` comes from a sweep on tuning seeds, the others were set by hand
    (docs/follow-up.md).
    """

    limit: float = 0.4
    limit_final: float = 0.1
    loose: float = 0.3
    unseen: float = 0.3
    temperature: float = 2.0

    def open(self, view: View) -> list[Gap]:
        """Return what the task leaves open on this page and neither the page nor an earlier answer settles."""
        found = [*gaps(view.task, view.snapshot, view.values), *self._readings(view)]
        asked = [about(name) for name in (*view.asked, *(v.cue for v in view.values if v.said))]
        known: dict[frozenset[str], Gap] = {}
        for gap in found:
            if about(gap.field) not in asked:
                known.setdefault(about(gap.field), gap)
        return list(known.values())

    def first(self, found: Sequence[Gap]) -> Gap | None:
        """Return what to ask about before anything is decided, where no model gives likelihoods."""
        return next((gap for gap in found if not gap.sending and self.asks(gap)), None)

    def asks(self, gap: Gap, *, final: bool = False) -> bool:
        """Say whether the doubt is large enough. ``final``: the next action can't be undone."""
        return gap.doubt >= (self.limit_final if gap.final or final else self.limit)

    def before(
        self,
        found: Sequence[Gap],
        choice: Candidate | None,
        *,
        ends: bool,
        final: bool = False,
        scores: Mapping[str, float] | None = None,
        done: Sequence[str] = (),
    ) -> Gap | None:
        """Return what to ask about before a choice is acted on, None when nothing keeps it back.

        ``ends``: the choice sends a form or finishes. ``final``: it can't be undone. ``scores``: what a model gave the
        candidates, by element. ``done``: the words of what was done so far. A choice of None (nothing is left to do)
        asks about anything that is open.
        """
        if choice is None:
            return next(iter(found), None)
        for gap in found:
            if choice.ask and choice.ask == gap.element:
                return gap
            if gap.readings:
                weighed = self.weighed(gap, scores)
                if choice.element in gap.readings and self.asks(weighed, final=final):
                    return gap
                # A form is sent without any of them: it was passed over, not settled.
                passed = not _beside(gap, choice) and (gap.sending or not _touched(gap, done))
                if ends and passed and self.asks(gap, final=final):
                    return gap
            elif _guessed(gap, choice) or (ends and not _beside(gap, choice) and self.asks(gap, final=final)):
                return gap
        return None

    def before_written(
        self, found: Sequence[Gap], choice: Candidate, *, ends: bool, final: bool = False
    ) -> Gap | None:
        """Return what to ask about before an action that a model wrote, which may ask by itself.

        It knows more than the words that are compared here, so it may choose among readings, unless that can't be
        undone. A value that it made up for a field that nobody named one for is not typed.
        """
        for gap in found:
            if gap.readings:
                if choice.element in gap.readings and (final or gap.final) and self.asks(gap, final=final):
                    return gap
                # A form is not sent without what it requires.
                if gap.sending and ends and not _beside(gap, choice):
                    return gap
                continue
            made_up = choice.element == gap.element and choice.value and choice.value.source == "model"
            if made_up or (ends and not _beside(gap, choice)):
                return gap
        return None

    def weighed(self, gap: Gap, scores: Mapping[str, float] | None) -> Gap:
        """Return a gap with the doubt that a model's scores leave: how far the likeliest reading is from certain."""
        known = [scores[id] for id in gap.readings if id in scores] if scores else []
        if len(known) < 2:
            return gap
        best = max(known)
        share = 1 / sum(math.exp((score - best) / self.temperature) for score in known)
        even = 1 - 1 / len(gap.readings)
        return Gap(**{**vars(gap), "doubt": gap.doubt * (1 - share) / even})

    # ---- things with several readings ----

    def _readings(self, view: View) -> list[Gap]:
        spent = _put_in(view)
        found = []
        for mention in mentions(view.task):
            meant = readings(mention, view.snapshot, spent)
            gap = self._gap(mention, meant)
            if gap is not None:
                found.append(gap)
        same = lists(view.task, view.snapshot)
        if same:
            why = "Several lists of this page hold what the task names, and it does not tell which."
            ids, words = tuple(r.element for r in same), tuple(r.words for r in same)
            found.append(Gap("list", ids[0], words, why, ids, 1 - 1 / len(same)))
        return found

    def _gap(self, mention: Mention, meant: Sequence[Reading]) -> Gap | None:
        told = mention.told or mention.topic
        if len(meant) < 2:
            bare = not told and not mention.number and (not meant or (mention.final and not mention.definite))
            return self._unseen(mention) if bare or (mention.whose and not meant) else None
        name = mention.whose or (mention.number and f"number of {mention.number}") or mention.noun
        doubt = 1 - 1 / len(meant)
        twins = all(reading.twin for reading in meant) and mention.kind in ("button", "link", "widget")
        if not mention.vague and not mention.number and ((told and not mention.definite) or twins):
            doubt *= self.loose
        why = f"{len(meant)} things on this page fit what the task says, and it does not tell which."
        words = tuple(dict.fromkeys(reading.words for reading in meant))[:MAX_CHOICES]
        choices = () if mention.number and not mention.whose else words
        ids = tuple(reading.element for reading in meant)
        return Gap(name, ids[0], choices, why, ids, doubt, final=mention.final)

    def _unseen(self, mention: Mention) -> Gap | None:
        name = mention.whose or mention.noun
        why = f"The task does not tell which {name} is meant."
        return Gap(name, "", (), why, ("",), self.unseen, final=mention.final)


def by_element(candidates: Sequence[Candidate], decided: Decided) -> dict[str, float]:
    """Return the best score of each element's candidates; nothing when there was no choice."""
    found: dict[str, float] = {}
    for candidate, score in zip(candidates, decided.scores or (), strict=False):
        if candidate.action is not None and candidate.action.element is not None:
            found[candidate.action.element] = max(score, found.get(candidate.action.element, score))
    return found


def _put_in(view: View) -> list[str]:
    """Return the texts that were put into fields of this page or of an earlier one of the run."""
    typed = [text for step in view.history for text in TYPED.findall(step["words"])]
    held = [text for step in view.history for text in HELD.findall(step["page"])]
    return [*typed, *held, *(element.value for element in view.snapshot.elements if element.value)]


def _guessed(gap: Gap, choice: Candidate) -> bool:
    """Say whether a choice puts something into the field whose value nobody named."""
    return choice.element == gap.element and choice.value is not None and not choice.value.said


def _touched(gap: Gap, done: Sequence[str]) -> bool:
    """Say whether one of several readings was acted on already."""
    return any(words in step for words in gap.choices for step in done)


def _beside(gap: Gap, choice: Candidate) -> bool:
    """Say whether a gap is beside the point: whoever finishes sends no form."""
    return gap.sending and choice is FINISH
