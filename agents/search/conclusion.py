"""The answer at the end of a search: from what was found, as the strategy does it, or the honest one from nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentkit.content import Image
from agentkit.models.base import Model

from .aim import Aim
from .answer import Answer, Memory, prove, recall
from .eyes import Eyes
from .frame import answer_framed
from .places import count_answer
from .strategies import dyfo_config
from .tree import FocusTree
from .vote import focuses, vote


@dataclass(frozen=True)
class Case:
    """All that an answer can rest on. ``pictures`` by digest; ``strategy`` and ``constants`` of the search."""

    question: str
    options: Sequence[str]
    direct: Answer
    trees: Sequence[FocusTree]
    pictures: Mapping[str, Image]
    strategy: str
    constants: Mapping[str, Any]

    def memory(self) -> list[Memory]:
        """Return the visual working memory: everything that was found."""
        return [
            Memory(tree.about, self.pictures[tree.image], find.box, find.confidence, find.text)
            for tree in self.trees
            for find in tree.finds
        ]


async def conclude(model: Model, case: Case) -> Answer:
    """Return the answer: what the finds prove, else the model's, from the views that belong to the strategy."""
    if not case.trees:
        return case.direct
    memory = case.memory()
    if not memory:
        return nothing_found(model, case)
    proved = await prove(memory, case.question, case.options, model.card)
    if proved is not None:
        return proved
    (first, *others) = [tree for tree in case.trees if tree.finds]
    image = case.pictures[first.image]
    if case.strategy == "dyfo" and not others and first.aim.alone and len(memory) == 1:
        card = model.card
        config = dyfo_config(Eyes(model, image), case.constants)
        voters = focuses(first, config, times=card.close_up, square=card.square)
        return await vote(model, image, voters, case.question, case.options)
    if case.strategy == "zoomeye" and not others and not model.card.vocabulary:
        boxes = [item.box for item in memory]
        return await answer_framed(model, image, boxes, case.question, case.options)
    return await recall(model, list(case.pictures.values()), memory, case.question, case.options)


def nothing_found(model: Model, case: Case) -> Answer:
    """Return the honest answer when the search found nothing.

    Asked whether one thing is there, that is no; how many there are, none; another picked option stands, as one had
    to be picked; anything else is not visible.
    """
    aims: list[Aim] = [tree.aim for tree in case.trees]
    yes, no = model.card.yes, model.card.no
    counted = count_answer(case.question, case.options, 0) if any(aim.every for aim in aims) else None
    if counted is not None:
        return Answer(counted, basis="search")
    asked = {option.lower().strip(" .") for option in case.options or [case.direct.text]}
    if len({aim.about for aim in aims}) == 1 and no in asked and asked <= {yes, no}:
        said = next((option for option in case.options if option.lower().strip(" .") == no), no)
        return Answer(said, basis="search")
    return case.direct if case.direct.options else Answer(model.card.not_visible, basis="search")
