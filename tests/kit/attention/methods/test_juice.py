"""JuICE equals two plain runs, the second with what heads gave in the first; heads are found as published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from eager_reference import Layer, logits
from local_samples import talk
from method_checks import AFTER, Load, close
from tiny_models import PICTURE_KINDS, TEXT_KINDS

from agentkit.attention import Boost, Edit, JuICE, Learned
from agentkit.attention.methods import juice_fit
from agentkit.attention.methods.juice_fit import Conflict
from agentkit.content import Message
from agentkit.errors import UsageError
from agentkit.models.base import Request
from agentkit.models.local import LocalModel
from agentkit.models.local_course import Course
from agentkit.models.local_prompt import Prompt

EDIT = JuICE(heads=((0, 1), (0, 4), (2, 5)), against=((0, 2), (1, 0)), alpha=1.5, beta=0.5)
STRENGTH = {(0, 1): 1.5, (0, 4): 1.5, (2, 5): 1.5, (0, 2): -0.5, (1, 0): -0.5}


def twice(model: LocalModel, prompt: Prompt, after: Sequence[int], factor: float = 1.0) -> torch.Tensor:
    """Return the next token's logits by two plain runs over everything so far."""
    first: dict[int, torch.Tensor] = {}
    columns = torch.from_numpy(prompt.spans.find("instruction"))

    def out(layer: Layer) -> torch.Tensor:
        weights = (layer.scores() + layer.mask).softmax(-1)
        weights[:, :, columns] *= factor
        return weights / weights.sum(-1, keepdim=True) @ layer.value

    def plain(layer: Layer) -> torch.Tensor:
        first[layer.index] = out(layer)
        return first[layer.index].clone()

    def added(layer: Layer) -> torch.Tensor:
        given = out(layer)
        for (index, head), strength in STRENGTH.items():
            if index == layer.index:
                given[head] += strength * first[layer.index][head]
        return given

    logits(model, prompt, plain, after)
    return logits(model, prompt, added, after)[-1]


def course(model: LocalModel, messages: Sequence[Message], edits: Sequence[Edit]) -> Course:
    ask = model._ask(Request(tuple(messages), edits=tuple(edits)))
    return Course(model.engine, ask.jobs, ask.merge)


@pytest.mark.parametrize("kind", [*TEXT_KINDS, *PICTURE_KINDS])
async def test_it_equals_two_plain_runs(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    messages = talk(model)
    prompt = model.encoder.encode(messages)
    running = await model.work(lambda lab: course(model, messages, [EDIT]))
    close(running.logits[0], twice(model, prompt, ()))
    assert float((running.logits[0] - logits(model, prompt)[-1]).abs().max()) > 1e-3
    for count, token in enumerate(AFTER, start=1):
        close(running.step(torch.tensor([[token]]))[0], twice(model, prompt, AFTER[:count]))


async def test_other_edits_act_in_both_runs(tiny: Load) -> None:
    model = tiny("qwen3")
    messages = talk(model)
    running = await model.work(lambda lab: course(model, messages, [Boost("instruction", 7.0), EDIT]))
    close(running.logits[0], twice(model, model.encoder.encode(messages), (), 7.0))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: JuICE(()), "no heads"),
        (lambda: JuICE(((0, 1),), ((0, 1),)), r"\(0, 1\)"),
        (lambda: JuICE(((0, 1),), alpha=-1.0), "0 or more"),
        (lambda: JuICE(((0, 1),), beta=float("inf")), "finite"),
    ],
)
def test_wrong_settings_are_errors(wrong: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        wrong()  # type: ignore[operator]


async def test_heads_that_the_model_lacks_are_errors(tiny: Load) -> None:
    model = tiny("llama")
    for heads, said in ((((3, 0),), "no layer 3"), (((0, 6),), "no head 6")):
        with pytest.raises(UsageError, match=said):
            await model.generate(talk(model), edits=[JuICE(heads)])
        with pytest.raises(UsageError, match=said):
            await model.score(talk(model), ["a", "b"], edits=[JuICE(heads)])


def conflict(answer: str, *words: str) -> Conflict:
    return Conflict(*((Message.user(said),) for said in words), answer=answer)  # type: ignore[arg-type]


SAMPLES = (
    conflict(
        "yes", "is the dog lazy", "the dog is quick is the dog lazy", "the quick brown dog jumps is it lazy"
    ),
    conflict(
        "Paris", "the capital of france", "the capital is fox the capital of france", "fox fox fox is it"
    ),
)


async def test_found_heads_are_those_that_gain(tiny: Load) -> None:
    model = tiny("llama")
    heads, ticks = [(0, 1), (1, 3), (2, 0), (2, 5)], []
    found = await model.work(
        lambda lab: juice_fit.find_heads(
            lab, SAMPLES, heads, stronger=(1.0, 3.0), weaker=(-1.0,), report=lambda *n: ticks.append(n)
        )
    )
    assert ticks[-1] == (8, 8)
    gains = found.arrays["stronger"]
    assert gains.shape == (3, 3, 6)

    def chance(messages: Sequence[Message], answer: str, head: tuple[int, int], strength: float) -> float:
        """The probability of the answer, when the head's part of its attention's output is added again."""
        prompt = model.encoder.encode(messages)
        ids = model.encoder.encode_reply(answer)[:-1]

        def formula(layer: Layer) -> torch.Tensor:
            out = layer.out()
            if layer.index == head[0]:
                out[head[1]] += strength * out[head[1]]
            return out

        rows = logits(model, prompt, formula, ids)[len(prompt) - 1 : -1].log_softmax(-1)
        return float(sum(row[token] for row, token in zip(rows, ids, strict=True)).exp())  # type: ignore[union-attr]

    for kind in range(3):
        for head in heads:
            mine = float(gains[kind, head[0], head[1]])
            if np.isnan(mine):
                # Left out, because an earlier kind of prompt did not gain.
                assert not gains[kind - 1, head[0], head[1]] > 0
                continue
            wanted = np.mean(
                [
                    chance(each.prompts[kind], each.answer, head, strength)
                    - chance(each.prompts[kind], each.answer, head, 0.0)
                    for each in SAMPLES
                    for strength in (1.0, 3.0)
                ]
            )
            assert mine == pytest.approx(float(wanted), rel=1e-3, abs=1e-7)
    assert int(np.isfinite(gains[0]).sum()) == len(heads)


def test_kept_are_heads_that_gain_in_all_kinds_by_the_sum() -> None:
    stronger, weaker = (np.full((3, 2, 3), np.nan, dtype=np.float32) for _ in range(2))
    stronger[:, 0, 0], stronger[:, 0, 1], stronger[:, 1, 2] = (
        (0.1, 0.1, 0.1),
        (0.3, 0.1, 0.2),
        (0.9, 0.9, -0.1),
    )
    weaker[:, 0, 0], weaker[:, 1, 0] = (0.2, 0.2, 0.2), (0.1, 0.1, 0.2)
    found = Learned({"stronger": stronger, "weaker": weaker}, {"method": "juice"})
    assert juice_fit.kept_heads(found) == (((0, 1),), ((0, 0), (1, 0)))
    assert juice_fit.kept_heads(found, 1) == (((0, 1),), ((0, 0),))
    nothing = Learned({"stronger": -np.abs(stronger), "weaker": -weaker}, {"method": "juice"})
    with pytest.raises(UsageError, match="no head gains"):
        juice_fit.kept_heads(nothing)
    with pytest.raises(UsageError, match="find_heads"):
        juice_fit.kept_heads(Learned({}, {"method": "pasta"}))


@dataclass(frozen=True)
class Question:
    messages: tuple[Message, ...]
    options: tuple[str, ...]
    right: int


async def test_strengths_are_searched_on_items(tiny: Load) -> None:
    model = tiny("llama")
    items = [Question(each.substituted, ("yes", "no", "Paris"), index) for index, each in enumerate(SAMPLES)]
    chosen = await juice_fit.choose_strengths(model, items, EDIT, alphas=(0.0, 2.0), betas=(0.0, 1.0))

    async def quality(edit: JuICE) -> float:
        scored = [await model.score(each.messages, each.options, edits=[edit]) for each in items]
        return sum(s.probabilities("mean")[each.right] for s, each in zip(scored, items, strict=True))

    tried = [JuICE(EDIT.heads, EDIT.against, alpha, beta) for alpha in (0.0, 2.0) for beta in (0.0, 1.0)]
    values = [await quality(edit) for edit in tried]
    assert await quality(chosen) == pytest.approx(max(values))
