"""Task vectors: what is added equals its plain formula; heads and vectors are those of their definitions."""

from __future__ import annotations

import eager_reference
import numpy as np
import pytest
import torch
from local_samples import talk
from method_checks import Load, equal, same_weights, weights
from tiny_models import PICTURE_KINDS, TEXT_KINDS

from agentkit.attention import Learned, TaskVector
from agentkit.attention.methods.task_vectors import Task, fit_task
from agentkit.content import Message, Text
from agentkit.errors import UsageError
from agentkit.models.local import LocalModel
from agentkit.models.local_prompt import Prompt

HEADS = [[1, 3], [0, 5], [1, 0]]


def made(model: LocalModel) -> Learned:
    vectors = np.random.default_rng(6).normal(size=(3, model.engine.width)).astype(np.float32)
    return Learned({"vectors": vectors}, {"method": "task_vector", "model": model.reference, "heads": HEADS})


@pytest.mark.parametrize("kind", [*TEXT_KINDS, *PICTURE_KINDS])
def test_it_equals_its_formula(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    learned = made(model)

    def formula(prompt: Prompt) -> eager_reference.Formula:
        def attention(layer: eager_reference.Layer) -> torch.Tensor:
            out = layer.out().clone()
            for place, (number, head) in enumerate(HEADS):
                if number == layer.index:
                    out[head, len(prompt) - 1 :] += 1.5 * torch.from_numpy(learned.arrays["vectors"][place])
            return out

        return attention

    equal(model, talk(model), [TaskVector(learned, 1.5)], formula)


def tasks(count: int = 3) -> list[Task]:
    words = ("quick", "brown", "lazy", "red", "over", "while")
    found = []
    for index in range(count):
        shots = [Text(f"{word} is left", "exemplar") for word in words[:3]]
        wrong = [Text(f"{word} is right", "exemplar") for word in words[:3]]
        query = Text(f"{words[3 + index]} is", "query")
        found.append(Task((Message.user(*shots, query),), (Message.user(*wrong, query),), "left"))
    return found


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
async def test_heads_and_vectors_are_those_of_the_definition(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    before, said = weights(model), []
    learned = await model.work(lambda lab: fit_task(lab, tasks(), count=4, screened=None, say=said.append))
    assert same_weights(model, before)
    assert len(said) == 18
    mean, effects = reference(model)
    order = np.argsort(-effects.ravel(), kind="stable")[:4]
    assert learned.about["effects"] == pytest.approx(effects.ravel()[order], abs=2e-6)
    for (layer, head), vector in zip(learned.about["heads"], learned.arrays["vectors"], strict=True):
        assert vector == pytest.approx(mean[layer, head], abs=1e-4)
    assert effects[tuple(learned.about["heads"][0])] == pytest.approx(effects.max(), abs=2e-6)


def reference(model: LocalModel) -> tuple[np.ndarray, np.ndarray]:
    """Return mean outputs (layers, heads, width) and causal effects (layers, heads), by plain passes."""
    outs = torch.zeros(len(tasks()), 3, 6, model.engine.width)

    for number, task in enumerate(tasks()):

        def keep(layer: eager_reference.Layer, number: int = number) -> torch.Tensor:
            out = layer.out()
            outs[number, layer.index] = out[:, -1]
            return out

        eager_reference.logits(model, model.encoder.encode(task.messages), keep)
    mean = outs.mean(0)
    answer = model.encoder.encode_reply("left")[0]
    effects = np.zeros((3, 6))
    for task in tasks():
        prompt = model.encoder.encode(task.corrupted)
        plain = eager_reference.logits(model, prompt)[-1].softmax(-1)[answer]
        for number in range(3):
            for head in range(6):

                def put(layer: eager_reference.Layer, number: int = number, head: int = head) -> torch.Tensor:
                    out = layer.out().clone()
                    if layer.index == number:
                        out[head, -1] = mean[number, head]
                    return out

                effects[number, head] += (
                    eager_reference.logits(model, prompt, put)[-1].softmax(-1)[answer] - plain
                )
    return mean.numpy(), effects / len(tasks())


async def test_screened_heads_are_those_of_the_slope(tiny: Load) -> None:
    """The first-order estimate keeps the heads whose exact effect is large where effects are small steps."""
    model = tiny("llama")
    learned = await model.work(lambda lab: fit_task(lab, tasks(1), count=2, screened=6))
    exact = await model.work(lambda lab: fit_task(lab, tasks(1), count=18, screened=None))
    known = {
        tuple(head): effect for head, effect in zip(exact.about["heads"], exact.about["effects"], strict=True)
    }
    assert learned.about["screened"] == 6
    for head, effect in zip(learned.about["heads"], learned.about["effects"], strict=True):
        assert effect == pytest.approx(known[tuple(head)], abs=2e-6)


async def test_what_it_cannot_do_is_said_before_any_token(tiny: Load) -> None:
    model = tiny("llama")
    good = made(model)
    for said, learned in {
        "fitted on hf:other": Learned(good.arrays, {**good.about, "model": "hf:other"}),
        "no head 6": Learned(good.arrays, {**good.about, "heads": [[0, 6], [0, 1], [0, 2]]}),
        "of shape": Learned(good.arrays, {**good.about, "heads": HEADS[:2]}),
        "none is named": Learned(good.arrays, {**good.about, "heads": []}),
    }.items():
        with pytest.raises(UsageError, match=said):
            await model.generate(talk(model), edits=[TaskVector(learned)])
    with pytest.raises(UsageError, match="finite"):
        TaskVector(good, float("inf"))
    with pytest.raises(UsageError, match="no task"):
        await model.work(lambda lab: fit_task(lab, []))
    with pytest.raises(UsageError, match="18 heads, not 19"):
        await model.work(lambda lab: fit_task(lab, tasks(1), count=19))
