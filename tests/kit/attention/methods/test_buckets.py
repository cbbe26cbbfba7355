"""Attention Buckets equal plain runs with other rotary bases, mixed by their greatest probabilities."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import torch
from eager_reference import logits
from local_samples import talk
from method_checks import AFTER, Load, close
from tiny_models import PICTURE_KINDS, TEXT_KINDS

from agentkit.attention import Buckets
from agentkit.attention.methods.buckets import RotaryScale
from agentkit.attention.methods.buckets_fit import choose_scales
from agentkit.content import Message
from agentkit.errors import UsageError
from agentkit.models.base import Request
from agentkit.models.local import LocalModel
from agentkit.models.local_course import Course
from agentkit.models.local_prompt import Prompt

SCALES = (1.0, 1.8, 0.4)
# Gemma 3 has one base for layers that see a window and another for those that see all.
KINDS = (*TEXT_KINDS, *PICTURE_KINDS)


@contextmanager
def other_base(model: LocalModel, scale: float) -> Iterator[None]:
    """Compute the frequencies anew: 1 / (scale * base)^(2 i / width), each kind of layer by its own base."""
    rotary = model.module.get_decoder().rotary_emb
    settings = model.engine.text_config.rope_parameters
    kept = {name: value for name, value in rotary.named_buffers() if "original" not in name}
    for name, frequencies in kept.items():
        kind = name.removesuffix("inv_freq").removesuffix("_")
        base = scale * settings.get(kind, settings)["rope_theta"]
        width = 2 * len(frequencies)
        setattr(rotary, name, 1.0 / base ** (torch.arange(0, width, 2).float() / width))
    try:
        yield
    finally:
        for name, frequencies in kept.items():
            setattr(rotary, name, frequencies)


def mixture(model: LocalModel, prompt: Prompt, after: Sequence[int]) -> torch.Tensor:
    """Return the next token's log-probabilities, mixed in the method's own words."""
    rows = []
    for scale in SCALES:
        with other_base(model, scale):
            rows.append(logits(model, prompt, after=after)[-1].softmax(-1))
    surest = [float(row.max()) for row in rows]
    mixed = torch.stack([s / sum(surest) * row for s, row in zip(surest, rows, strict=True)]).sum(0)
    return mixed.log()


@pytest.mark.parametrize("kind", KINDS)
async def test_it_equals_plain_runs(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    messages = talk(model)
    prompt = model.encoder.encode(messages)

    def start(lab: object) -> Course:
        ask = model._ask(Request(tuple(messages), edits=(Buckets(SCALES),)))
        return Course(model.engine, ask.jobs, ask.merge)

    running = await model.work(start)
    close(running.logits[0], mixture(model, prompt, ()))
    plain = logits(model, prompt)[-1].log_softmax(-1)
    assert float((running.logits[0] - plain).abs().max()) > 1e-3
    for count, token in enumerate(AFTER, start=1):
        close(running.step(torch.tensor([[token]]))[0], mixture(model, prompt, AFTER[:count]))


async def test_one_bucket_of_the_own_base_is_the_model(tiny: Load) -> None:
    model = tiny("llama")
    plain = await model.score(talk(model), ["yes", "no"])
    alone = await model.score(talk(model), ["yes", "no"], edits=[Buckets((1.0,))])
    assert alone.logprobs == pytest.approx(plain.logprobs, rel=1e-5)


@pytest.mark.parametrize(
    ("scales", "said"),
    [
        ((), "one scale"),
        ((1.0, 1.0), "each once"),
        ((1.0, -2.0), "positive finite"),
        ((float("nan"),), "positive"),
    ],
)
def test_wrong_scales_are_errors(scales: tuple[float, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Buckets(scales)


@dataclass(frozen=True)
class Question:
    messages: tuple[Message, ...]
    options: tuple[str, ...]
    right: int


async def test_the_search_adds_scales_as_long_as_they_help(tiny: Load) -> None:
    model = tiny("llama")
    items = [
        Question((Message.user(said),), ("yes", "not visible", "button"), index)
        for index, said in enumerate(("is the dog lazy", "where is the red button", "what do I press"))
    ]
    candidates = (0.3, 2.0, 6.0)
    found = await model.work(lambda lab: choose_scales(lab, items, candidates, count=3))

    async def quality(scales: tuple[float, ...]) -> float:
        scored = [await model.score(each.messages, each.options, edits=[Buckets(scales)]) for each in items]
        return sum(s.probabilities("mean")[each.right] for s, each in zip(scored, items, strict=True))

    values = {
        scales: await quality((1.0, *scales)) for scales in [(), *itertools.combinations(candidates, 1)]
    }
    best = max(values, key=lambda scales: values[scales])
    assert found.scales[: 1 + len(best)] == (1.0, *best)
    assert await quality(found.scales) >= max(values.values()) - 1e-6
    only = await model.work(lambda lab: choose_scales(lab, items, candidates, count=1))
    assert only == Buckets((1.0,))


def test_a_scale_of_one_is_no_edit(tiny: Load) -> None:
    model = tiny("llama")
    target = model.engine.target(model.encoder.encode(talk(model)))
    assert RotaryScale(1.0).compile(target) == ()
