"""Steering: what is added equals its plain formula; concept vectors are those of their definitions."""

from __future__ import annotations

import eager_reference
import numpy as np
import pytest
import torch
from local_samples import talk
from method_checks import Load, equal, same_weights, weights
from tiny_models import PICTURE_KINDS, TEXT_KINDS

from agentkit.attention import Learned, Steer
from agentkit.attention.methods.steering import KINDS, Kind, fit_concept, middle
from agentkit.content import Message
from agentkit.errors import UsageError
from agentkit.models.local import LocalModel
from agentkit.models.local_prompt import Prompt


def made(model: LocalModel, layers: tuple[int, ...] = (0, 2)) -> Learned:
    directions = np.random.default_rng(4).normal(size=(len(layers), 48)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    norms = np.linspace(20.0, 40.0, len(layers)).astype(np.float32)
    about = {"method": "steering", "model": model.reference, "layers": list(layers)}
    return Learned({"directions": directions, "norms": norms}, about)


@pytest.mark.parametrize("kind", [*TEXT_KINDS, *PICTURE_KINDS])
def test_it_equals_its_formula(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    learned = made(model)
    rows = "reply" if kind in ("qwen3", "llava") else "all"

    def hidden(prompt: Prompt):
        start = len(prompt) - 1 if rows == "reply" else 0

        def changed(layer: int, states: torch.Tensor) -> torch.Tensor:
            states = states.clone()
            for place, number in enumerate((0, 2)):
                if number == layer:
                    vector = learned.arrays["norms"][place] * learned.arrays["directions"][place]
                    states[:, start:] += 0.4 * torch.from_numpy(vector)
            if layer == 2:
                vector = learned.arrays["norms"][1] * learned.arrays["directions"][1]
                states -= 0.1 * torch.from_numpy(vector)
            return states

        return changed

    # Two concepts at once: what they add adds up.
    edits = [Steer(learned, 0.4, rows=rows), Steer(learned, -0.1, layers=(2,))]
    equal(model, talk(model), edits, None, hidden)


def pairs(count: int = 6) -> list[tuple[list[Message], list[Message]]]:
    words = ("quick", "brown", "lazy", "red", "over", "while")
    return [([Message.user(f"{w} button yes")], [Message.user(f"{w} button no")]) for w in words[:count]]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_concept_tells_its_prompts_apart(tiny: Load, kind: Kind) -> None:
    model = tiny("llama")
    before = weights(model)
    learned = await model.work(lambda lab: fit_concept(lab, pairs(), kind=kind, layers=(1, 2)))
    assert same_weights(model, before)
    assert np.linalg.norm(learned.arrays["directions"], axis=1) == pytest.approx(1, abs=1e-5)
    states = reference_states(model, (1, 2))
    assert learned.arrays["norms"] == pytest.approx(np.linalg.norm(states, axis=-1).mean((0, 1)), rel=1e-5)
    along = np.einsum("pslh,lh->psl", states, learned.arrays["directions"])
    assert (along[:, 0].mean(0) > along[:, 1].mean(0)).all()
    difference = states[:, 0] - states[:, 1]
    for layer in range(2):
        if kind == "mean":
            wanted = difference[:, layer].mean(0)
            wanted /= np.linalg.norm(wanted)
            assert learned.arrays["directions"][layer] == pytest.approx(wanted, abs=1e-4)
        if kind == "pca":
            # By its definition: no other unit vector has more of the squared differences along it.
            share = (difference[:, layer] @ learned.arrays["directions"][layer]) ** 2
            highest = np.linalg.eigvalsh(difference[:, layer].T @ difference[:, layer])[-1]
            assert share.sum() == pytest.approx(highest, rel=1e-4)
        if kind == "linear":
            assert (along[:, 0, layer] > along[:, 1, layer]).all()


def reference_states(model: LocalModel, layers: tuple[int, ...]) -> np.ndarray:
    """Return the last rows of layers' outputs (pairs, 2, layers, hidden), by hooks on a plain pass."""
    found = []
    for pair in pairs():
        for messages in pair:
            kept: dict[int, np.ndarray] = {}

            def keep(layer: int, states: torch.Tensor, kept: dict[int, np.ndarray] = kept) -> torch.Tensor:
                kept[layer] = states[0, -1].numpy()
                return states

            eager_reference.logits(model, model.encoder.encode(messages), hidden=keep)
            found.append(np.stack([kept[layer] for layer in layers]))
    return np.stack(found).reshape(len(pairs()), 2, len(layers), -1)


async def test_steering_moves_what_is_said_toward_the_concept(tiny: Load) -> None:
    """Along the concept, the last state of an unseen prompt moves with the factor."""
    model = tiny("qwen3")
    learned = await model.work(lambda lab: fit_concept(lab, pairs(), layers=(1,)))
    messages, seen = [Message.user("the fox jumps")], []
    for factor in (-0.5, 0.0, 0.5):
        from agentkit.attention.reader import HiddenReader

        reader = HiddenReader([1])
        edits = [Steer(learned, factor)]
        await model.work(
            lambda lab, reader=reader, edits=edits: lab.forward(lab.encode(messages), edits, [reader])
        )
        seen.append(float(reader.result()[0].numpy() @ learned.arrays["directions"][0]))
    assert np.diff(seen) == pytest.approx(0.5 * learned.arrays["norms"][0], rel=1e-3)


def test_the_middle_fifth() -> None:
    assert middle(30) == (12, 13, 14, 15, 16, 17)
    assert middle(32) == (13, 14, 15, 16, 17, 18)
    assert middle(4) == (1,)
    assert middle(1) == (0,)


async def test_what_it_cannot_do_is_said_before_any_token(tiny: Load) -> None:
    model = tiny("llama")
    good = made(model)
    for said, edit in {
        "fitted on hf:other": Steer(Learned(good.arrays, {**good.about, "model": "hf:other"})),
        "no layer 8": Steer(Learned(good.arrays, {**good.about, "layers": [0, 8]})),
        "of shape": Steer(Learned(good.arrays, {**good.about, "layers": [0]})),
        "not fitted in layer 1": Steer(good, layers=(1,)),
    }.items():
        with pytest.raises(UsageError, match=said):
            await model.generate(talk(model), edits=[edit])
    with pytest.raises(UsageError, match="finite"):
        Steer(good, float("nan"))
    with pytest.raises(UsageError, match="rows"):
        Steer(good, rows="some")  # type: ignore[arg-type]
    same = [([Message.user("the fox")], [Message.user("the fox")])]
    for said, arguments in {
        "no pair": ([], {}),
        "by 'magic'": (pairs(1), {"kind": "magic"}),
        "no layer 3": (pairs(1), {"layers": (3,)}),
        "same states": (same, {}),
    }.items():
        with pytest.raises(UsageError, match=said):
            await model.work(lambda lab, a=arguments: fit_concept(lab, a[0], **a[1]))
