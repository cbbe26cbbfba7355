"""A reply on its way: the states of a batch of prompts, or of the variants of one prompt that are merged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch

from .local_engine import Engine, Job, State

Merge: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


class Course:
    """Goes through replies token by token. ``logits``: (rows, vocabulary) of the next token.

    Without ``merge`` every job is a row. With it the jobs are variants of one prompt and make one row: their logits
    are merged, and all get the same next token. Variants whose pictures have different shapes run apart.
    """

    def __init__(self, engine: Engine, jobs: Sequence[Job], merge: Merge | None = None) -> None:
        self.engine, self.merge = engine, merge
        self._parts: list[tuple[list[int], State]] = []
        if merge is None:
            self._parts.append((list(range(len(jobs))), engine.prefill(jobs)))
        else:
            groups: dict[object, list[int]] = {}
            for index, job in enumerate(jobs):
                groups.setdefault(shapes(job), []).append(index)
            for group in groups.values():
                self._parts.append((group, engine.prefill([jobs[index] for index in group])))
        self.logits = self._merged([state.logits for _, state in self._parts])

    @property
    def used(self) -> int:
        """Columns of the longest cache."""
        return max(state.used for _, state in self._parts)

    def step(self, ids: torch.Tensor) -> torch.Tensor:
        """Add a token a row (rows, 1); return the logits (rows, vocabulary) after it."""
        several = [ids if self.merge is None else ids.expand(len(group), -1) for group, _ in self._parts]
        logits = [
            self.engine.step(state, tokens) for (_, state), tokens in zip(self._parts, several, strict=True)
        ]
        self.logits = self._merged(logits)
        return self.logits

    def branch(self, tokens: torch.Tensor, depths: torch.Tensor, sees: torch.Tensor) -> torch.Tensor:
        """Return the logits (rows, n, vocabulary) of n tokens that branch off (see ``Engine.branch``)."""
        return self._merged([self.engine.branch(state, tokens, depths, sees) for _, state in self._parts])

    def _merged(self, logits: Sequence[torch.Tensor]) -> torch.Tensor:
        if self.merge is None:
            return logits[0]
        order = [index for group, _ in self._parts for index in group]
        whole = torch.cat(list(logits))
        return self.merge(whole[torch.tensor(order).argsort()])[None]


def shapes(job: Job) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the shapes of a prompt's pictures: prompts of equal shapes can share a batch."""
    return tuple((name, tuple(value.shape[1:])) for name, value in sorted(job.prompt.inputs.items()))
