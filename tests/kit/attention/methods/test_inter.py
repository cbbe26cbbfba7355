"""INTER: the interaction of picture and words equals its formula, and acts where it varies."""

from __future__ import annotations

from collections.abc import Callable

import eager_reference
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from local_samples import RED, talk
from method_checks import AFTER, Load, close
from tiny_models import PICTURE_KINDS

from agentkit.attention import INTER, Boost, Edit
from agentkit.attention.methods.variations import without
from agentkit.content import Message
from agentkit.errors import UsageError
from agentkit.models.local_course import Course
from agentkit.models.local_engine import Job


def plain_formula(four: list[torch.Tensor], edit: INTER) -> torch.Tensor:
    """One token's logits by the formula, candidate by candidate."""
    both = four[0]
    v = [logits.double().log_softmax(-1) for logits in four]
    probability = both.softmax(-1)
    chosen = [i for i in range(len(both)) if probability[i] >= edit.beta * probability.max()]
    dividend = {i: float(v[0][i] - v[1][i] - v[2][i] + v[3][i]) for i in chosen}
    mean = sum(dividend.values()) / len(chosen)
    deviation = (sum((value - mean) ** 2 for value in dividend.values()) / len(chosen)) ** 0.5
    result = both.clone()
    if len(chosen) > 1 and deviation > edit.threshold:
        for i in chosen:
            result[i] += edit.weight * (dividend[i] - mean)
    return result


@pytest.mark.parametrize("kind", PICTURE_KINDS)
def test_it_equals_its_formula_in_prefill_and_decode(tiny: Load, kind: str) -> None:
    model, edit = tiny(kind), INTER(weight=0.7, threshold=0.0, beta=1e-4)
    messages = tuple(talk(model))
    prompts = [
        model.encoder.encode(some)
        for some in (
            messages,
            without(messages, words=True),
            without(messages, pictures=True),
            without(messages, words=True, pictures=True),
        )
    ]
    model.engine.prefixes.clear()
    jobs = [
        Job(model.encoder.encode(variant.messages), variant.edits) for variant in edit.variants(messages, ())
    ]
    course = Course(model.engine, jobs, edit.merge)

    def check(logits: torch.Tensor, after: tuple[int, ...]) -> None:
        four = [eager_reference.logits(model, prompt, after=after)[-1] for prompt in prompts]
        close(logits[0], plain_formula(four, edit))

    check(course.logits, ())
    for count, token in enumerate(AFTER, start=1):
        check(course.step(torch.tensor([[token]])), AFTER[:count])


@given(st.integers(0, 10_000), st.floats(0, 3), st.floats(0, 3), st.floats(0.01, 0.9))
def test_merging_equals_the_formula(seed: int, weight: float, threshold: float, beta: float) -> None:
    logits = torch.randn(4, 2, 30, generator=torch.Generator().manual_seed(seed)) * 2
    edit = INTER(weight=weight, threshold=threshold, beta=beta)
    ours = edit.merge(logits)
    for row in range(2):
        wanted = plain_formula(list(logits[:, row]), edit)
        assert torch.allclose(ours[row], wanted, atol=1e-4)
    assert torch.equal(INTER(threshold=float("inf")).merge(logits), logits[0])
    # What only shifts all logits of a variant changes nothing.
    shifted = edit.merge(logits + torch.tensor([0.0, 3.0, -2.0, 5.0])[:, None, None])
    assert torch.allclose(shifted, ours, atol=1e-4)


async def test_edits_act_in_the_variants_that_have_what_they_name(tiny: Load) -> None:
    model = tiny("llava")
    messages = tuple(talk(model))
    picture, task = Boost(RED, 5.0), Boost("instruction", 5.0)
    variants = INTER().variants(messages, (picture, task))
    assert [variant.edits for variant in variants] == [(picture, task), (picture,), (task,), ()]
    scores = await model.score(messages, ["yes", "no"], edits=[picture, task, INTER()])
    assert all(value < 0 for value in scores.logprobs)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: INTER(weight=-1), "alpha|weight"),
        (lambda: INTER(beta=-0.1), "beta"),
        (lambda: INTER(threshold=-1), "threshold"),
        (lambda: INTER(threshold=float("nan")), "threshold"),
    ],
)
def test_wrong_settings_are_told_at_once(make: Callable[[], Edit], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make()


async def test_a_prompt_without_pictures_is_told_before_any_token(tiny: Load) -> None:
    with pytest.raises(UsageError, match="no picture"):
        await tiny("llava").generate([Message.user("hello")], edits=[INTER()])
