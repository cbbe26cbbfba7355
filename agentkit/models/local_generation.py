"""Writing replies token by token: greedy or sampled, constrained, streamed, stopped at any token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from .base import Finish, Sampling
from .local_constraints import Constraint
from .local_course import Course, Merge
from .local_engine import Cancelled, Engine, Job
from .local_prompt import Encoder


@dataclass
class Writing:
    """One reply while it is written. ``text`` is what is certain: nothing that a stop text may still take back."""

    sampling: Sampling
    constraint: Constraint | None = None
    say: Callable[[str], None] | None = None
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    text: str = ""
    finish: Finish | None = None
    random: torch.Generator | None = None

    def __post_init__(self) -> None:
        if self.sampling.temperature > 0:
            self.random = torch.Generator()
            if self.sampling.seed is None:
                self.random.seed()
            else:
                self.random.manual_seed(self.sampling.seed)


@dataclass
class Writer:
    """Writes the replies of one model. ``ends``: tokens that end a reply."""

    engine: Engine
    encoder: Encoder
    ends: frozenset[int]

    def write(
        self,
        jobs: Sequence[Job],
        writings: Sequence[Writing],
        cancelled: Callable[[], bool] = lambda: False,
        merge: Merge | None = None,
    ) -> None:
        """Write a batch of replies into ``writings``. Raises ``UsageError`` when a prompt is too long.

        With ``merge`` the jobs are variants of one prompt, and there is one reply.
        """
        course = Course(self.engine, jobs, merge)
        logits = course.logits
        for _ in range(max(writing.sampling.max_tokens for writing in writings)):
            if cancelled():
                raise Cancelled
            chosen = [self._next(writing, row) for writing, row in zip(writings, logits, strict=True)]
            if all(writing.finish is not None for writing in writings):
                return
            # A finished row goes on with any token: its columns are its own.
            following = torch.tensor([[0 if token is None else token] for token in chosen])
            if self.engine.context is not None and course.used + 1 > self.engine.context:
                for writing in writings:
                    self._end(writing, "length")
                return
            logits = course.step(following)

    def _next(self, writing: Writing, logits: torch.Tensor) -> int | None:
        """Choose a token for one row; return None when the reply has ended."""
        if writing.finish is not None:
            return None
        if writing.constraint is not None:
            allowed = torch.from_numpy(writing.constraint.allowed(logits.shape[-1]))
            logits = logits.masked_fill(~allowed, float("-inf"))
        token = _choose(logits, writing)
        if token in self.ends:
            self._end(writing, "stop")
            return None
        if writing.constraint is not None:
            writing.constraint.take(token)
        writing.ids.append(token)
        writing.logprobs.append(float(logits.log_softmax(-1)[token]))
        self._show(writing)
        if writing.finish is None and writing.constraint is not None and writing.constraint.done:
            self._end(writing, "stop")
        if writing.finish is None and len(writing.ids) >= writing.sampling.max_tokens:
            self._end(writing, "length")
        return token if writing.finish is None else None

    def _show(self, writing: Writing) -> None:
        """Move what is certain of the decoded text to ``writing.text``."""
        text = self.encoder.decode(writing.ids)
        stops = [at for stop in writing.sampling.stop if stop and (at := text.find(stop)) >= 0]
        if stops:
            self._say(writing, text[: min(stops)])
            writing.finish = "stop"
            return
        # A letter may still lack bytes; the last characters may be the start of a stop text.
        certain = text.rstrip("\ufffd")
        held = max((_overlap(certain, stop) for stop in writing.sampling.stop), default=0)
        self._say(writing, certain[: len(certain) - held])

    def _end(self, writing: Writing, finish: Finish) -> None:
        if writing.finish is None:
            self._say(writing, self.encoder.decode(writing.ids))
            writing.finish = finish

    def _say(self, writing: Writing, text: str) -> None:
        new = text[len(writing.text) :]
        if new:
            writing.text = text
            if writing.say is not None:
                writing.say(new)


def _choose(logits: torch.Tensor, writing: Writing) -> int:
    sampling = writing.sampling
    if sampling.temperature <= 0:
        return int(logits.argmax())
    probabilities = (logits / sampling.temperature).softmax(-1)
    if sampling.top_p < 1:
        ordered, order = probabilities.sort(descending=True)
        # A token stays when the mass before it is below top_p: the likeliest always stays.
        ordered[ordered.cumsum(-1) - ordered >= sampling.top_p] = 0
        probabilities = torch.zeros_like(probabilities).scatter(0, order, ordered)
    return int(torch.multinomial(probabilities, 1, generator=writing.random))


def _overlap(text: str, stop: str) -> int:
    """Return how many of the last characters of a text begin a stop text."""
    return max((n for n in range(1, min(len(stop), len(text) + 1)) if text.endswith(stop[:n])), default=0)
