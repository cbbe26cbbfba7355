"""DARA: factors of the scores on each picture equal their plain formula, and can be learned."""

from __future__ import annotations

from pathlib import Path

import eager_reference
import numpy as np
import pytest
import torch
from local_samples import BLUE, RED, picture, talk
from method_checks import Load, equal, same_weights, weights
from tiny_models import PICTURE_KINDS

from agentkit.attention import Dara, Learned
from agentkit.attention.lab import Lab
from agentkit.attention.methods.dara import fit_dara
from agentkit.attention.methods.fitted import Taught
from agentkit.content import Message
from agentkit.errors import UsageError
from agentkit.models.local import LocalModel
from agentkit.models.local_prompt import Prompt


def made(model: LocalModel, layers: tuple[int, ...] = (0,), pictures: int = 2) -> Learned:
    factors = np.random.default_rng(3).uniform(0.2, 3.0, (len(layers), 6, pictures)).astype(np.float32)
    about = {"method": "dara", "model": model.reference, "layers": list(layers), "pictures": pictures}
    return Learned({"factors": factors}, about)


@pytest.mark.parametrize(
    ("kind", "layers"), [*((kind, (0,)) for kind in PICTURE_KINDS), ("qwen3_vl", (0, 2))]
)
def test_it_equals_its_formula(tiny: Load, kind: str, layers: tuple[int, ...]) -> None:
    model = tiny(kind)
    learned = made(model, layers)

    def formula(prompt: Prompt) -> eager_reference.Formula:
        def attention(layer: eager_reference.Layer) -> torch.Tensor:
            scores = layer.scores()
            if layer.index in layers:
                factors = learned.arrays["factors"][layers.index(layer.index)]
                for number, image in enumerate((RED, BLUE)):
                    for head in range(6):
                        for column in prompt.spans.find(image):
                            scores[head, :, column] *= float(factors[head, number])
            return layer.out(scores)

        return attention

    equal(model, talk(model), [Dara(learned)], formula)


def lessons(seed: int, count: int = 4) -> list[list[Message]]:
    return [
        [Message.user(picture(seed + 2 * i), "left or right?", picture(seed + 2 * i + 1, 64, 64))]
        for i in range(count)
    ]


async def test_it_learns_factors_that_help_and_touches_no_weight(tiny: Load, tmp_path: Path) -> None:
    """The replies are those of the model under other factors: so there are factors that make them likely."""
    model = tiny("llava")
    teacher = Dara(made(model))
    examples = []
    for messages in lessons(50):
        reply = await model.generate(messages, edits=[teacher])
        examples.append((messages, reply.text[:12] or "yes"))
    before, said = weights(model), []
    learned = await model.work(lambda lab: fit_dara(lab, examples, epochs=12, seed=1, say=said.append))
    assert same_weights(model, before)
    assert len(said) == 12
    plain = await model.work(lambda lab: loss(lab, examples, ()))
    fitted = await model.work(lambda lab: loss(lab, examples, (Dara(learned),)))
    assert fitted < plain
    assert learned.arrays["factors"].shape == (1, 6, 2)
    again = Learned.load(learned.save(tmp_path / "dara.safetensors"))
    assert again == learned
    assert Dara(again) == Dara(learned)
    assert hash(Dara(again)) == hash(Dara(learned))


def loss(lab: Lab, examples: list, edits: tuple[Dara, ...]) -> float:
    return -sum(float(Taught.of(lab, *example).log_likelihood(lab, edits).mean()) for example in examples)


async def test_the_same_seed_learns_the_same(tiny: Load) -> None:
    model = tiny("llava")
    examples = [(messages, "left") for messages in lessons(80, 3)]
    first, second = [
        await model.work(lambda lab: fit_dara(lab, examples, epochs=2, batch=2, seed=5)) for _ in range(2)
    ]
    assert first == second


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "smolvlm", "internvl"])
async def test_its_factors_have_gradients_on_other_architectures(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    examples = [(messages, "left") for messages in lessons(20, 1)]
    learned = await model.work(lambda lab: fit_dara(lab, examples, epochs=4))
    assert (learned.arrays["factors"] != 1).all()
    assert learned.about["losses"][-1] < learned.about["losses"][0]


async def test_what_it_cannot_do_is_said_before_any_token(tiny: Load) -> None:
    model = tiny("llava")
    messages = talk(model)
    wrong = {
        "3 pictures and the prompt has 2": made(model, pictures=3),
        "fitted on hf:other": Learned(made(model).arrays, {**made(model).about, "model": "hf:other"}),
        "no layer 7": made(model, (7,)),
        "what focus learned": Learned(made(model).arrays, {**made(model).about, "method": "focus"}),
        "of shape": Learned({"factors": np.ones((1, 4, 2), np.float32)}, made(model).about),
    }
    for said, learned in wrong.items():
        with pytest.raises(UsageError, match=said):
            await model.generate(messages, edits=[Dara(learned)])
    for said, examples in {
        "no example": [],
        "0 pictures": [([Message.user("hello")], "yes")],
        "1 and 2 pictures": [(lessons(1)[0], "yes"), ([Message.user(RED, "hello")], "yes")],
    }.items():
        with pytest.raises(UsageError, match=said):
            await model.work(lambda lab, examples=examples: fit_dara(lab, examples))
