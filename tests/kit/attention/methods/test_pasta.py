"""PASTA equals multiplying and renormalising; its profile finds the heads that help."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from eager_reference import Formula, Layer, logits
from local_samples import RED, talk
from method_checks import AFTER, Load, close, equal
from tiny_models import PICTURE_KINDS, TEXT_KINDS

from agentkit.attention import Learned, Pasta
from agentkit.attention.methods import pasta_fit
from agentkit.content import Message, Text
from agentkit.errors import UsageError
from agentkit.models.local import LocalModel, load_local
from agentkit.models.local_engine import Job
from agentkit.models.local_prompt import Prompt

HEADS = ((0, 1), (0, 4), (2, 1), (2, 4), (1, 5))


@dataclass(frozen=True)
class Question:
    messages: tuple[Message, ...]
    options: tuple[str, ...]
    right: int


def scaled(prompt: Prompt, columns: np.ndarray, factor: float, heads: object) -> Formula:
    """Return the formula: weights of columns times the factor, every row divided by its new sum."""

    def formula(layer: Layer) -> torch.Tensor:
        weights = (layer.scores() + layer.mask).softmax(-1)
        for head in range(weights.shape[0]):
            if heads is None or (layer.index, head) in heads:  # type: ignore[operator]
                weights[head][:, torch.from_numpy(columns)] *= factor
        return weights / weights.sum(-1, keepdim=True) @ layer.value

    return formula


def outside(prompt: Prompt, *spans: object) -> np.ndarray:
    kept = {int(token) for span in spans for token in prompt.spans.find(span)}  # type: ignore[arg-type]
    return np.array([token for token in range(len(prompt)) if token not in kept])


@pytest.mark.parametrize("kind", [*TEXT_KINDS, *PICTURE_KINDS])
def test_it_equals_its_formula(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    two = ("instruction", RED if model.capabilities.images else "system")
    cases = [
        (Pasta("instruction"), ("instruction",), 0.01),
        (Pasta(two, 0.05, heads=HEADS), two, 0.05),
        (Pasta(two, 20.0, "include", heads=HEADS), two, 0.05),
    ]
    for edit, spans, factor in cases:
        equal(
            model,
            talk(model),
            (edit,),
            lambda prompt, spans=spans, factor=factor, edit=edit: scaled(
                prompt, outside(prompt, *spans), factor, edit.heads
            ),
        )


@pytest.mark.parametrize("kind", ["llama", "gemma3_text windowed"])
def test_generation_scales_the_whole_prompt(tiny: Load, kind: str) -> None:
    """Nothing changes before a token is generated; then generated tokens get more."""
    model = tiny(kind)
    prompt = model.encoder.encode(talk(model))
    model.engine.prefixes.clear()
    state = model.engine.prefill([Job(prompt, (Pasta(mode="generation", alpha=0.1),))])
    close(state.logits[0], logits(model, prompt)[-1])
    formula = scaled(prompt, np.arange(len(prompt)), 0.1, None)
    for count, token in enumerate(AFTER, start=1):
        row = model.engine.step(state, torch.tensor([[token]]))[0]
        close(row, logits(model, prompt, formula, AFTER[:count])[-1])
        assert float((row - logits(model, prompt, after=AFTER[:count])[-1]).abs().max()) > 1e-4


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Pasta("instruction", 0.0), "positive finite"),
        (lambda: Pasta("instruction", 0.5, "include"), "weaken"),
        (lambda: Pasta("instruction", 0.5, "only"), "'exclude'"),  # type: ignore[arg-type]
        (lambda: Pasta(), "takes a span"),
        (lambda: Pasta("instruction", mode="generation"), "no span"),
    ],
)
def test_wrong_settings_are_errors(wrong: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        wrong()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Pasta("exemplar"), "exemplar.*instruction"),
        (Pasta("instruction", heads=((3, 0),)), "no layer 3"),
        (Pasta("instruction", heads=((0, 6),)), "no head 6"),
        (Pasta("instruction", heads=()), "no head is named"),
    ],
)
async def test_what_the_prompt_or_the_model_lacks_is_an_error(tiny: Load, edit: Pasta, said: str) -> None:
    model = tiny("llama")
    with pytest.raises(UsageError, match=said):
        await model.generate(talk(model), edits=[edit])


async def test_the_embedded_model_attends_to_the_span_more() -> None:
    model = load_local("mini")
    messages = talk(model)
    plain = await model.attend(messages, keys="instruction")
    steered = await model.attend(messages, keys="instruction", edits=[Pasta("instruction", 0.1)])
    assert steered.weights.sum() > 2 * plain.weights.sum()
    await model.aclose()


def items(model: LocalModel) -> list[Question]:
    tasks = ("click the red button", "press the blue button", "what is the capital")
    asked = [(Message.system("be kind"), Message.user(Text(task, "instruction"))) for task in tasks]
    return [
        Question(messages, ("yes", "not visible", "button"), index) for index, messages in enumerate(asked)
    ]


async def test_a_profile_is_what_each_head_alone_does(tiny: Load) -> None:
    model = tiny("llama")
    questions, edit, seen = items(model), Pasta("instruction", 0.01), []
    found = await model.work(
        lambda lab: pasta_fit.profile(
            lab, questions, edit, [(0, 1), (2, 3)], report=lambda done, of: seen.append((done, of))
        )
    )
    assert seen == [(1, 2), (2, 2)]
    gain = found.arrays["gain"]
    assert gain.shape == (3, 6)
    assert int(np.isfinite(gain).sum()) == 2

    async def right(edits: list[Pasta]) -> float:
        scored = [await model.score(each.messages, each.options, edits=edits) for each in questions]
        chances = []
        for scores, each in zip(scored, questions, strict=True):
            mean = torch.tensor(scores.logprobs) / torch.tensor(scores.tokens)
            chances.append(float(mean.softmax(0)[each.right]))
        return sum(chances) / len(chances)

    wanted = await right([Pasta("instruction", 0.01, heads=((2, 3),))]) - await right([])
    assert float(gain[2, 3]) == pytest.approx(wanted, abs=1e-4)
    layers = await model.work(lambda lab: pasta_fit.profile_layers(lab, questions, edit))
    whole = await right([Pasta("instruction", 0.01, heads=tuple((1, head) for head in range(6)))])
    assert float(layers.arrays["gain"][1]) == pytest.approx(whole - await right([]), abs=1e-4)
    assert found.about["model"] == model.reference


def test_heads_are_those_among_the_best_of_every_task_or_of_any() -> None:
    def made(**gains: float) -> Learned:
        gain = np.full((2, 3), np.nan, dtype=np.float32)
        for place, value in gains.items():
            gain[int(place[1]), int(place[2])] = value
        return Learned({"gain": gain}, {"model": "hf:a"})

    one, two = made(h00=0.3, h01=0.2, h12=0.1, h10=-0.5), made(h01=0.9, h12=0.5, h00=-0.1)
    assert pasta_fit.choose([one, two], 2) == ((0, 1),)
    assert pasta_fit.choose([one, two], 2, "union") == ((0, 0), (0, 1), (1, 2))
    assert pasta_fit.choose([one], 9) == ((0, 0), (0, 1), (1, 2))
    with pytest.raises(UsageError, match="greater top"):
        pasta_fit.choose([one, two], 1)
    with pytest.raises(UsageError, match="different models"):
        pasta_fit.choose([one, Learned(one.arrays, {"model": "hf:b"})], 1)


async def test_items_without_an_answer_are_errors(tiny: Load) -> None:
    model = tiny("llama")
    wrong = Question(items(model)[0].messages, ("yes", "no"), 2)
    for given in ([], [wrong]):
        with pytest.raises(UsageError, match="item"):
            await model.work(lambda lab, given=given: pasta_fit.profile(lab, given, Pasta("instruction")))
