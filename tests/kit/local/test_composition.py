"""Several edits together: what adds up, what is applied in which order, and what can't stand together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import naive
import numpy as np
import pytest
import torch
from local_samples import talk
from test_reweighting import close, fresh

from agentkit.attention import Boost, Edit, Ensemble, Mute, Variant
from agentkit.attention import primitives as p
from agentkit.attention.target import Target
from agentkit.content import Message
from agentkit.errors import UsageError
from agentkit.models import Sampling
from agentkit.models.local import LocalModel
from agentkit.models.local_engine import Job

Load = Callable[[str], LocalModel]


@dataclass(frozen=True)
class Base(Edit):
    """A rotary base by itself."""

    name: ClassVar[str] = "base"
    value: float

    def compile(self, target: Target) -> Sequence[p.Primitive]:
        return (p.Rotary(self.value),)


@dataclass(frozen=True)
class Grouped(Edit):
    """Two parts apart, in some layers."""

    name: ClassVar[str] = "grouped"
    layers: tuple[int, ...] | None = None

    def compile(self, target: Target) -> Sequence[p.Primitive]:
        group = np.full(target.tokens, -1)
        group[target.find("instruction")], group[target.find("untrusted")] = 0, 1
        return (p.Groups(group, layers=self.layers),)


@dataclass(frozen=True)
class Watching(Edit):
    """Boosts by what it sees of the model: the sum of the absolute logits under the edits before it."""

    name: ClassVar[str] = "watching"

    def prepare(self, lab: Any, messages: Sequence[Message], before: Sequence[Edit]) -> Sequence[Edit]:
        seen = lab.forward(lab.encode(messages), before).abs().mean()
        return (Boost("instruction", 1.0 + float(seen)),)

    def compile(self, target: Target) -> Sequence[p.Primitive]:
        raise AssertionError("a prepared edit is replaced")


@dataclass(frozen=True)
class Mixture(Ensemble):
    """The mean of the distributions with the instruction boosted by each factor."""

    name: ClassVar[str] = "mixture"
    factors: tuple[float, ...] = (1.0, 9.0)

    def variants(self, messages: tuple[Message, ...], edits: tuple[Edit, ...]) -> Sequence[Variant]:
        return [Variant(messages, (*edits, Boost("instruction", factor))) for factor in self.factors]

    def merge(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.softmax(-1).mean(0).log()


def test_the_order_of_edits_that_add_up_does_not_matter(tiny: Load) -> None:
    model = tiny("qwen3")
    prompt = model.encoder.encode(talk(model))
    edits = (
        Boost("instruction", 9.0),
        Mute("untrusted", 0.1, heads=(1,)),
        Boost("untrusted", 3.0, layers=(0,)),
    )
    one = fresh(model).prefill([Job(prompt, edits)]).logits
    two = fresh(model).prefill([Job(prompt, edits[::-1])]).logits
    close(one, two)


def test_a_head_is_scaled_before_something_is_added_to_it(tiny: Load) -> None:
    model = tiny("llama")
    prompt = model.encoder.encode(talk(model))
    vectors = torch.ones(1, model.engine.width)
    scale, add = p.HeadScale(0.0, heads=(2,)), p.HeadAdd(vectors, heads=(2,))
    for edits in ((scale, add), (add, scale)):
        ours = fresh(model).prefill([Job(prompt, (), edits)]).logits[0]
        close(ours, naive.logits(model, prompt, (scale, add))[-1])


@pytest.mark.parametrize("edits", [(Base(0.9), Base(0.5)), (Grouped(), Grouped((1,)))])
async def test_two_edits_of_which_one_can_act_are_refused(tiny: Load, edits: tuple[Edit, ...]) -> None:
    model = tiny("llama")
    with pytest.raises(UsageError, match=r"both change the (rotary|groups) of layer"):
        await model.score(talk(model), ["yes"], edits=edits)


async def test_groups_in_different_layers_stand_together(tiny: Load) -> None:
    model = tiny("llama")
    apart = await model.score(talk(model), ["yes"], edits=[Grouped((0,)), Grouped((1, 2))])
    whole = await model.score(talk(model), ["yes"], edits=[Grouped()])
    assert apart.logprobs == pytest.approx(whole.logprobs, rel=1e-5)


async def test_an_edit_that_looks_first_sees_the_ones_before_it(tiny: Load) -> None:
    model = tiny("llama")
    lab = model._lab
    prepared = [
        lab.prepared(talk(model), edits)[-1]
        for edits in ([Watching()], [Boost("untrusted", 30.0), Watching()])
    ]
    assert prepared[0] != prepared[1]
    after = lab.prepared(talk(model), [Watching(), Boost("untrusted", 30.0)])
    assert after[0] == prepared[0]


async def test_two_ensembles_are_refused(tiny: Load) -> None:
    model = tiny("llama")
    with pytest.raises(UsageError, match="one ensemble of variants, not mixture and mixture"):
        await model.generate(talk(model), edits=[Mixture(), Mixture((2.0,))])


@pytest.mark.parametrize("kind", ["llama", "gemma3_text windowed", "qwen2_vl", "smolvlm"])
async def test_an_ensemble_is_merged_at_every_token(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    messages, options = talk(model), ["yes no", "left"]
    both = [Mute("untrusted", 0.2), Mixture()]
    scores = await model.score(messages, options, edits=both)
    prompt = model.encoder.encode(messages)
    target = model.engine.target(prompt)
    for option, ours in zip(options, scores.logprobs, strict=True):
        ids = model.encoder.encode_reply(option)
        several = []
        for factor in (1.0, 9.0):
            edits = (*Mute("untrusted", 0.2).compile(target), *Boost("instruction", factor).compile(target))
            several.append(naive.logits(model, prompt, edits, ids[:-1])[len(prompt) - 1 :].softmax(-1))
        mixed = torch.stack(several).mean(0).log()
        wanted = sum(float(mixed[place, token]) for place, token in enumerate(ids))
        assert ours == pytest.approx(wanted, rel=1e-5, abs=1e-4)
    reply = await model.generate(messages, edits=both, sampling=Sampling(max_tokens=3), logprobs=True)
    streamed = [chunk async for chunk in model.stream(messages, edits=both, sampling=Sampling(max_tokens=3))]
    assert streamed[-1].reply is not None
    assert streamed[-1].reply.text == reply.text
    assert reply.usage.input_tokens == 2 * len(prompt)


async def test_requests_with_and_without_an_ensemble_keep_their_places(tiny: Load) -> None:
    model = tiny("llama")
    prompts = [talk(model, task) for task in ("click", "yes", "the quick brown fox")]
    together = await model.score_each(prompts, ["yes", "no"], edits=[Mixture()])
    for messages, ours in zip(prompts, together, strict=True):
        alone = await model.score(messages, ["yes", "no"], edits=[Mixture()])
        assert ours.logprobs == pytest.approx(alone.logprobs)
