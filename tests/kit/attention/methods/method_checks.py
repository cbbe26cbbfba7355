"""What every method's test does: compare prefill and cached decode with a plain reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import eager_reference
import torch

from agentkit.attention import Edit
from agentkit.content import Message
from agentkit.models.local import LocalModel
from agentkit.models.local_engine import Job
from agentkit.models.local_prompt import Prompt

Load = Callable[[str], LocalModel]
TOLERANCE = 1e-5
AFTER = (40, 41)


def close(ours: torch.Tensor, wanted: torch.Tensor) -> None:
    """Random weights are widened, so logits are of the order of 10 to 100: the bound is relative to that."""
    scale = max(1.0, float(wanted.abs().max()))
    assert float((ours - wanted).abs().max()) / scale <= TOLERANCE


def equal(
    model: LocalModel,
    messages: Sequence[Message],
    edits: Sequence[Edit],
    formula: Callable[[Prompt], eager_reference.Formula] | None,
    hidden: Callable[[Prompt], Callable[[int, torch.Tensor], torch.Tensor]] | None = None,
) -> None:
    """Assert that edits give what the plain formula gives, in prefill and cached decode, and that they do something."""
    prompt = model.encoder.encode(messages)
    model.engine.prefixes.clear()
    plain = model.engine.prefill([Job(prompt)]).logits[0]
    model.engine.prefixes.clear()
    state = model.engine.prefill([Job(prompt, model._lab.prepared(messages, edits))])

    def wanted(after: Sequence[int]) -> torch.Tensor:
        change = {} if formula is None else {"formula": formula(prompt)}
        outside = None if hidden is None else hidden(prompt)
        return eager_reference.logits(model, prompt, after=after, hidden=outside, **change)[-1]

    close(state.logits[0], wanted(()))
    assert float((state.logits[0] - plain).abs().max()) > 1e-3
    for count, token in enumerate(AFTER, start=1):
        close(model.engine.step(state, torch.tensor([[token]]))[0], wanted(AFTER[:count]))


def weights(model: LocalModel) -> list[torch.Tensor]:
    """Return copies of all weights."""
    return [parameter.detach().clone() for parameter in model.module.parameters()]


def same_weights(model: LocalModel, before: Sequence[torch.Tensor]) -> bool:
    """Return whether the weights are what they were, bit for bit."""
    now = list(model.module.parameters())
    return all(torch.equal(a, b) for a, b in zip(now, before, strict=True)) and not any(
        parameter.requires_grad for parameter in now
    )
