"""Task vectors from heads: what the heads that carry a task give after examples of it, added without examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...errors import UsageError
from ..lab import origin
from ..learned import Learned
from ..primitives import HeadAdd, HeadScale, Primitive
from .fitted import FittedEdit, by_layer, check_heads

if TYPE_CHECKING:
    import torch

    from ...content import Message
    from ..lab import Lab, LabPrompt
    from ..target import Target


@dataclass(frozen=True)
class Task:
    """One example of a task: a prompt with demonstrations, one whose demonstrations mislead, the right reply.

    ``corrupted``: as ``messages``, with the labels of the demonstrations shuffled.
    """

    messages: tuple[Message, ...]
    corrupted: tuple[Message, ...]
    reply: str


@dataclass(frozen=True)
class TaskVector(FittedEdit):
    """Add factor * the mean output of the task's heads, in every row that predicts the reply.

    The mean is over prompts with demonstrations, at the last token; the heads are those whose mean output, put in
    place of their own after misleading demonstrations, raises the right answer most (``fit_task``). Differs from
    the paper on purpose: each head's vector is added to that head's output, before its own output projection, not
    the sum of all to one layer about a third of the way up; and it acts on every row of the reply, not on the
    prompt's last token alone.

    ``learned``: of ``fit_task``. ``factor``: 1 as published; choose it on validation items. Raises ``UsageError`` for
    what was fitted on another model or shape.
    """

    name: ClassVar[str] = "task_vector"
    source: ClassVar[str] = "Function vectors in large language models, arXiv 2310.15213"

    factor: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite(self.factor):
            raise UsageError(f"the factor of a task vector is a finite number, got {self.factor}")

    def compile(self, target: Target) -> Sequence[Primitive]:
        import torch

        heads = self.head_list()
        check_heads(target, heads)
        vectors = torch.from_numpy(self.factor * self.array("vectors", len(heads), target.width)).float()
        return tuple(
            HeadAdd(
                vectors[places],
                layers=(layer,),
                heads=tuple(heads[place][1] for place in places),
                generated=True,
            )
            for layer, places in by_layer(heads).items()
        )


def fit_task(
    lab: Lab,
    tasks: Sequence[Task],
    *,
    count: int = 10,
    screened: int | None = 40,
    say: Callable[[str], None] | None = None,
) -> Learned:
    """Find the ``count`` heads with the largest causal effect on a task, and their mean outputs.

    The effect of a head: with the corrupted prompt, the rise of the probability of the reply's first token when the
    head's output at the last token is replaced by its mean, averaged over the tasks. One forward pass a head and
    task; so only the ``screened`` heads that come first by the first-order estimate of that rise, gradient * (mean
    - output), one backward pass a task, are measured (None: all, as published). Nothing is random. Raises
    ``UsageError`` for no tasks or a count that is not between 1 and the number of heads.
    """
    import torch

    if not tasks:
        raise UsageError("there is no task to fit on")
    prompts = [lab.encode(task.corrupted) for task in tasks]
    answers = [
        int(lab.encode(task.corrupted, task.reply).ids[len(p)])
        for task, p in zip(tasks, prompts, strict=True)
    ]
    target = lab.target(prompts[0])
    total = target.layers * target.heads
    if not 1 <= count <= total:
        raise UsageError(f"the model has {total} heads, not {count}")
    mean = torch.stack([_outputs(lab, lab.encode(task.messages)) for task in tasks]).mean(0)
    candidates = [(layer, head) for layer in range(target.layers) for head in range(target.heads)]
    if screened is not None and screened < total:
        rises = [_estimate(lab, *item, mean, target) for item in zip(prompts, answers, strict=True)]
        order = np.argsort(-torch.stack(rises).mean(0).numpy().ravel(), kind="stable")
        candidates = [candidates[place] for place in order[: max(count, screened)]]
    before = [_probability(lab, *item) for item in zip(prompts, answers, strict=True)]
    effects = []
    for number, (layer, head) in enumerate(candidates):
        put = _replaced(layer, head, mean[layer, head])
        after = [_probability(lab, *item, put) for item in zip(prompts, answers, strict=True)]
        effects.append(float(np.mean(np.subtract(after, before))))
        if say is not None:
            say(f"head {number + 1} of {len(candidates)}: {layer}, {head} {effects[-1]:+.4f}")
    best = np.argsort(-np.array(effects), kind="stable")[:count]
    heads = [candidates[place] for place in best]
    about = {
        "method": TaskVector.name,
        **origin(lab),
        "heads": [list(head) for head in heads],
        "effects": [round(effects[place], 6) for place in best],
        "tasks": len(tasks),
        "screened": len(candidates),
    }
    vectors = np.stack([mean[layer, head].numpy() for layer, head in heads]).astype(np.float32)
    return Learned({"vectors": vectors}, about)


def _outputs(lab: Lab, prompt: LabPrompt) -> torch.Tensor:
    """Return what heads give at the last token (layers, heads, width)."""
    from ..reader import OutputsReader

    reader = OutputsReader()
    lab.forward(prompt, readers=[reader])
    return reader.result().float()


def _estimate(lab: Lab, prompt: LabPrompt, answer: int, mean: torch.Tensor, target: Target) -> torch.Tensor:
    """Return the first-order rise (layers, heads) of the answer's probability when heads give their mean."""
    import torch

    added = torch.zeros(target.layers, target.heads, target.width, requires_grad=True)
    primitives = [HeadAdd(added[layer], layers=(layer,), generated=True) for layer in range(target.layers)]
    logits = lab.forward(prompt, primitives=primitives, gradients=True)
    (slope,) = torch.autograd.grad(logits[-1].softmax(-1)[answer], added)
    return (slope * (mean - _outputs(lab, prompt))).sum(-1)


def _replaced(layer: int, head: int, vector: torch.Tensor) -> tuple[Primitive, ...]:
    where = {"layers": (layer,), "heads": (head,), "generated": True}
    return (HeadScale(0.0, **where), HeadAdd(vector[None], **where))


def _probability(lab: Lab, prompt: LabPrompt, answer: int, primitives: Sequence[Primitive] = ()) -> float:
    return float(lab.forward(prompt, primitives=primitives)[-1].softmax(-1)[answer])
