"""The web agent's ways to decide, on annotated steps: ranking or generating, with exemplars or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from agentkit.errors import ModelError, ToolError
from agentkit.models import Model
from agentkit.models.embed import Embedder

from ...agents.web.candidates import Candidate, candidates_of
from ...agents.web.generate import Writing, generate
from ...agents.web.missing import gaps
from ...agents.web.page import name_of, page_text
from ...agents.web.prompt import View
from ...agents.web.rank import Ranking
from ...agents.web.state import Done
from ...agents.web.values import Value, values_in
from ...memory import Exemplar
from ...memory import Step as Shown
from ...tools.browser import Snapshot
from .data import FollowUp, Operation, Sample, Step
from .metrics import Answer
from .page import backend_id, snapshot_of

# Candidates in a page of an exemplar (Synapse: three in history observations).
EXEMPLAR_TOP = 3


@dataclass(frozen=True)
class Situation:
    """What a policy knows at a step: the task, the page, what was done before, what the user said, and exemplars."""

    task: str
    snapshot: Snapshot
    history: Sequence[str] = ()
    said: Sequence[FollowUp] = ()
    exemplars: Sequence[Exemplar] = field(default=())

    @property
    def view(self) -> View:
        """The situation as the web agent's nodes have it. Answers are values that the user gave."""
        answers = [Value(item.answer, "user", item.question, item.question) for item in self.said]
        done = [
            Done(url="", page="", state="", words=words, changed=True, result="done", sent=False)
            for words in self.history
        ]
        return View(self.task, self.snapshot, [*values_in(self.task), *answers], done, self.exemplars)


@dataclass(frozen=True)
class AgentPolicy:
    """Decides as the web agent does with that policy; ``finish`` is never offered, since every step has an action."""

    model: Model
    policy: Literal["rank", "generate"] = "rank"
    ranking: Ranking = field(default_factory=Ranking)

    async def decide(self, situation: Situation, *, may_ask: bool = False) -> Answer:
        """Return the action, a question where ``may_ask``, or an empty answer when nothing can be done."""
        view = situation.view
        if self.policy == "generate":
            return await self._written(view, may_ask)
        missing = gaps(situation.task, view.snapshot, view.values) if may_ask else []
        asked = {gap.element: gap for gap in missing}
        fields = [element for element in view.snapshot.elements if element.id in asked]
        options = candidates_of(view.snapshot, view.instruction, view.values, missing=fields)
        if not options:
            return Answer()
        choice, _ = await self.ranking.choose(self.model, view, options)
        return Answer(ask=asked[choice.ask].question()["text"]) if choice.ask else answer_of(choice)

    async def _written(self, view: View, may_ask: bool) -> Answer:
        try:
            choice, text = await generate(self.model, view, Writing(finish=False))
        except (ToolError, ModelError):
            # An action that is none is a wrong answer, not a failed evaluation.
            return Answer()
        if choice.kind == "ask":
            return Answer(ask=f"What is {text}?") if may_ask else Answer()
        return answer_of(choice)


def answer_of(choice: Candidate) -> Answer:
    """Return a candidate of the web agent as an answer in Mind2Web's operations."""
    action = choice.action
    if action is None or action.element is None:
        return Answer()
    value = " ".join(action.value) if isinstance(action.value, tuple) else action.value or ""
    op = {"fill": "TYPE", "type": "TYPE", "select_option": "SELECT"}.get(action.name, "CLICK")
    return Answer(backend_id(action.element), Operation(op, "" if op == "CLICK" else value))


def words_for(step: Step, snapshot: Snapshot) -> str:
    """Return the annotated action in the words in which the web agent names actions."""
    id = f"e{step.positives[0].id}" if step.positives else ""
    if id not in snapshot:
        return step.words
    name, value = name_of(snapshot, snapshot.get(id)), step.operation.value
    verbs = {"CLICK": f"click {name}", "TYPE": f'type "{value}" into {name}'}
    return verbs.get(step.operation.op, f'select "{value}" in {name}')


def exemplar_of(sample: Sample) -> Exemplar:
    """Return an annotated task as an exemplar: abstracted pages (top 3) and actions."""
    shown = []
    for step in sample.steps:
        snapshot = snapshot_of(step.html, {candidate.id for candidate in step.shown(EXEMPLAR_TOP)})
        shown.append(Shown(observation=page_text(snapshot, sample.task), action=words_for(step, snapshot)))
    return Exemplar(
        task=sample.task,
        steps=tuple(shown),
        family=f"{sample.domain}/{sample.subdomain}",
        site=sample.website,
        run=f"mind2web/{sample.id}",
    )


class Trained:
    """Synapse's memory of Mind2Web: one entry a training task, embedded as website, domain, subdomain and task."""

    def __init__(self, samples: Sequence[Sample], embedder: Embedder) -> None:
        self._samples, self._embedder = [sample for sample in samples if sample.steps], embedder
        self._vectors = embedder.embed([sample.specifier for sample in self._samples])

    def nearest(self, sample: Sample, k: int = 3) -> list[Exemplar]:
        """Return the ``k`` nearest tasks as exemplars, nearest first; the task itself is not its own exemplar."""
        near = self._vectors @ self._embedder.embed([sample.specifier])[0]
        order = [int(index) for index in near.argsort()[::-1] if self._samples[int(index)].id != sample.id]
        return [exemplar_of(self._samples[index]) for index in order[:k]]
