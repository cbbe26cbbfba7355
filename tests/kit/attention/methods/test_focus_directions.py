"""Focus directions equal their plain formula, are learned, and raise the attention on what is relevant."""

from __future__ import annotations

import eager_reference
import numpy as np
import pytest
import torch
from local_samples import talk
from method_checks import Load, equal, same_weights, weights
from tiny_models import PICTURE_KINDS, TEXT_KINDS

from agentkit.attention import FocusDirections, Learned
from agentkit.attention.methods.focus_directions_fit import (
    Relevant,
    best_heads,
    contextual_heads,
    contextual_scores,
    fit_focus,
)
from agentkit.content import Message, Text
from agentkit.errors import UsageError
from agentkit.models.local import LocalModel
from agentkit.models.local_prompt import Prompt

HEADS = [[0, 1], [2, 4], [0, 5], [2, 0]]


def made(model: LocalModel) -> Learned:
    random = np.random.default_rng(5)
    arrays = {
        name: random.normal(size=(4, model.engine.width)).astype(np.float32) for name in ("queries", "keys")
    }
    about = {"method": "focus_directions", "model": model.reference, "heads": HEADS, "context": "observation"}
    return Learned(arrays, about)


@pytest.mark.parametrize("kind", [*TEXT_KINDS, *PICTURE_KINDS])
def test_it_equals_its_formula(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    learned = made(model)

    def formula(prompt: Prompt) -> eager_reference.Formula:
        context = prompt.spans.find("observation")

        def attention(layer: eager_reference.Layer) -> torch.Tensor:
            for place, (number, head) in enumerate(HEADS):
                if number == layer.index:
                    layer.query[head] += 0.7 * torch.from_numpy(learned.arrays["queries"][place])
                    layer.key[head, context] += 0.7 * torch.from_numpy(learned.arrays["keys"][place])
            return layer.out()

        return lambda layer: attention(eager_reference.copied(layer))

    equal(model, talk(model), [FocusDirections(learned, 0.7)], formula)


def item(seed: int, reply: str | None = "red") -> Relevant:
    random = np.random.default_rng(seed)
    words = ["quick", "brown", "fox", "jumps", "over", "lazy", "dog", "click", "button", "capital"]
    notes = [Text(" ".join(random.permutation(words)[:5]), "observation", "untrusted") for _ in range(4)]
    place = int(random.integers(4))
    notes[place] = Text("the red button " + notes[place].text, "observation", "untrusted")
    messages = (Message.system("be kind"), Message.user(*notes, "what is the red button?"))
    return Relevant(messages, (1 + place,), reply)


@pytest.mark.parametrize("kind", ["llama", "qwen3", "mistral"])
async def test_it_learns_to_attend_to_what_is_relevant(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    items = [item(seed) for seed in range(8)]
    fresh = [item(seed) for seed in range(100, 104)]
    heads = await model.work(lambda lab: contextual_heads(lab, items, top=5))
    assert len(set(heads)) == 5
    before, said = weights(model), []
    learned = await model.work(lambda lab: fit_focus(lab, items, heads, rate=0.02, seed=3, say=said.append))
    assert same_weights(model, before)
    assert learned.about["masses"][-1] > learned.about["masses"][0]
    assert len(said) == 10

    async def attention(factor: float) -> float:
        """Return the attention of the heads of the first layer that has some (nothing acts before it)."""
        first = min(layer for layer, _ in heads)
        total = 0.0
        for one in fresh:
            edits = [FocusDirections(learned, factor)]
            prompt = model.encoder.encode(one.messages)
            chosen = [head for layer, head in heads if layer == first]
            heat = await model.attend(
                one.messages, keys="observation", layers=[first], heads=chosen, edits=edits
            )
            relevant = prompt.spans.parts[one.parts[0]].tokens
            total += heat.weights[0, np.isin(prompt.spans.find("observation"), relevant)].sum()
        return total

    assert await attention(1.0) > await attention(0.0) > await attention(-1.0)


async def test_the_score_is_the_attention_that_is_read(tiny: Load) -> None:
    model = tiny("qwen2")
    one = item(1, reply=None)
    scores = await model.work(lambda lab: contextual_scores(lab, [one]))
    layer = await model.attend(one.messages, keys="observation", layers=[2], heads=[3])
    prompt = model.encoder.encode(one.messages)
    inside = np.isin(prompt.spans.find("observation"), prompt.spans.parts[one.parts[0]].tokens)
    assert scores[2, 3] == pytest.approx(layer.weights[0, inside].sum(), rel=1e-5)
    assert best_heads(np.array([[0.1, 0.5], [0.3, 0.5]]), 3) == ((0, 1), (1, 1), (1, 0))


async def test_what_it_cannot_do_is_said_before_any_token(tiny: Load) -> None:
    model = tiny("llama")
    good = made(model)
    wrong = {
        "fitted on hf:other": Learned(good.arrays, {**good.about, "model": "hf:other"}),
        "no head 9": Learned(good.arrays, {**good.about, "heads": [[0, 1], [2, 9], [0, 5], [2, 0]]}),
        "of shape": Learned(good.arrays, {**good.about, "heads": HEADS[:2]}),
        "labelled 'exemplar'": Learned(good.arrays, {**good.about, "context": "exemplar"}),
    }
    for said, learned in wrong.items():
        with pytest.raises(UsageError, match=said):
            await model.score(talk(model), ["a"], edits=[FocusDirections(learned)])
    with pytest.raises(UsageError, match="finite"):
        FocusDirections(good, float("inf"))
    for said, arguments in {
        "no item": ([], [(0, 0)]),
        "no layer 3": ([item(1)], [(3, 0)]),
        "no part 9": ([Relevant(item(1).messages, (9,))], [(0, 0)]),
    }.items():
        with pytest.raises(UsageError, match=said):
            await model.work(lambda lab, arguments=arguments: fit_focus(lab, *arguments))
    with pytest.raises(UsageError, match="18 heads, not 19"):
        await model.work(lambda lab: contextual_heads(lab, [item(1)], top=19))
