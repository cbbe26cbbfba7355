"""VHR chooses the heads that its formula says, and scales them where the reply is predicted."""

from __future__ import annotations

import pytest
import torch
from eager_reference import Layer, logits
from local_samples import BLUE, RED, talk
from method_checks import Load, equal
from tiny_models import PICTURE_KINDS

from agentkit.attention import VHR, Boost
from agentkit.attention.methods.vhr import choose_heads, default_layers, vision_aware
from agentkit.attention.readers.heads import visual_heads
from agentkit.content import Image, Message
from agentkit.errors import UsageError
from agentkit.models.local import LocalModel, load_local
from agentkit.models.local_prompt import Prompt

Heads = tuple[tuple[int, int], ...]


def outputs(model: LocalModel, prompt: Prompt, heads: Heads, alpha: float, hidden: list[int]) -> torch.Tensor:
    """Return what all heads give in the last row (layers, heads, width), before they are scaled, by plain passes."""
    kept: dict[int, torch.Tensor] = {}

    def formula(layer: Layer) -> torch.Tensor:
        scores = layer.scores()
        scores[:, :, hidden] -= 100.0
        out = layer.out(scores)
        kept[layer.index] = out[:, -1].clone()
        return scaled(layer.index, out, heads, alpha, len(prompt))

    logits(model, prompt, formula)
    return torch.stack([kept[index] for index in sorted(kept)])


def scaled(index: int, out: torch.Tensor, heads: Heads, alpha: float, tokens: int) -> torch.Tensor:
    out = out.clone()
    for layer, head in heads:
        if layer == index:
            out[head, tokens - 1 :] *= alpha
    return out


def expected(model: LocalModel, prompt: Prompt, edit: VHR, columns: list[int]) -> Heads:
    """Return the heads of the method, in its own words: layer by layer, the better half that is no outlier."""
    chosen: Heads = ()
    assert edit.layers is not None
    for layer in edit.layers:
        seen = outputs(model, prompt, chosen, edit.alpha, [])[layer]
        blind = outputs(model, prompt, chosen, edit.alpha, columns)[layer]
        away, norms = (seen - blind).norm(dim=-1).tolist(), blind.norm(dim=-1).tolist()
        high = [float(torch.tensor(v).mean() + torch.tensor(v).std(correction=0)) for v in (away, norms)]
        fine = [head for head in range(6) if not (away[head] > high[0] and norms[head] > high[1])]
        best = sorted(fine, key=lambda head, away=away: -away[head])[:3]
        chosen = (*chosen, *((layer, head) for head in sorted(best)))
    return chosen


@pytest.mark.parametrize(
    ("kind", "image"), [*((kind, None) for kind in PICTURE_KINDS), ("llava", BLUE), ("smolvlm", BLUE)]
)
async def test_it_equals_its_formula(tiny: Load, kind: str, image: Image | None) -> None:
    model = tiny(kind)
    messages = talk(model)
    edit = VHR(image, alpha=1.5, layers=(1, 2))
    prompt = model.encoder.encode(messages)
    columns = [
        int(token)
        for each in ([RED, BLUE] if image is None else [image])
        for token in prompt.spans.find(each)
    ]
    heads = expected(model, prompt, edit, columns)
    assert await model.work(lambda lab: choose_heads(lab, messages, edit)) == heads
    equal(
        model,
        messages,
        (edit,),
        lambda prompt: lambda layer: scaled(layer.index, layer.out(), heads, 1.5, len(prompt)),
    )


async def test_it_sees_the_edits_before_it(tiny: Load) -> None:
    model = tiny("llava")
    messages = talk(model)
    edit, boost = VHR(RED, layers=(0, 1, 2)), Boost(RED, 1e-4)
    plain = await model.work(lambda lab: choose_heads(lab, messages, edit))
    after = await model.work(lambda lab: model._lab.prepared(messages, (boost, edit)))
    assert after[0] == boost
    assert isinstance(after[1], VHR)
    assert after[1].heads != plain


async def test_heads_that_are_named_are_kept(tiny: Load) -> None:
    model = tiny("llava")
    messages, edit = talk(model), VHR(heads=((0, 1), (2, 5)))
    (kept,) = await model.work(lambda lab: model._lab.prepared(messages, (edit,)))
    assert kept is edit


def test_outliers_are_not_reinforced() -> None:
    away, norms = torch.tensor([9.0, 2.0, 3.0, 1.0]), torch.tensor([9.0, 1.0, 1.0, 1.0])
    assert vision_aware(away, norms, 0.5) == [1, 2]
    # What reacts to the picture, and is quiet without it, is none.
    assert vision_aware(away, torch.ones(4), 0.5) == [0, 2]
    assert vision_aware(away, torch.ones(4), 0.1) == [0]


def test_layers_are_those_of_llava_in_proportion() -> None:
    assert default_layers(32) == (1, *range(18, 32))
    assert default_layers(4) == (1, 2, 3)
    assert default_layers(1) == (0,)


async def test_scores_of_heads_are_mass_and_divergence(tiny: Load) -> None:
    model = tiny("qwen3_vl")
    messages = talk(model)
    prompt = model.encoder.encode(messages)
    columns = prompt.spans.find(RED).tolist()
    weights: dict[int, torch.Tensor] = {}

    def look(layer: Layer) -> torch.Tensor:
        weights[layer.index] = (layer.scores() + layer.mask).softmax(-1)[:, -1, columns].sum(-1)
        return layer.out()

    logits(model, prompt, look)
    away = (outputs(model, prompt, (), 1.0, []) - outputs(model, prompt, (), 1.0, columns)).norm(dim=-1)
    found = await model.work(lambda lab: visual_heads(lab, messages, RED))
    assert [(score.layer, score.head) for score in found] == [(i, h) for i in range(3) for h in range(6)]
    for score in found:
        assert score.mass == pytest.approx(float(weights[score.layer][score.head]), abs=1e-5)
        assert score.divergence == pytest.approx(float(away[score.layer, score.head]), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: VHR(alpha=0.0), "positive finite"),
        (lambda: VHR(share=0.0), "share"),
        (lambda: VHR(share=1.5), "share"),
    ],
)
def test_wrong_settings_are_errors(wrong: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        wrong()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("kind", "edit", "said"),
    [
        ("llama", VHR(), "images"),
        ("llava", VHR(layers=(3,)), "no layer 3"),
        ("llava", VHR(heads=((0, 9),)), "no head 9"),
        ("llava", VHR(heads=()), "no head is named"),
    ],
)
async def test_what_the_prompt_or_the_model_lacks_is_an_error(
    tiny: Load, kind: str, edit: VHR, said: str
) -> None:
    model = tiny(kind)
    with pytest.raises(UsageError, match=said):
        await model.generate(talk(model), edits=[edit])


async def test_a_prompt_without_a_picture_is_an_error(tiny: Load) -> None:
    with pytest.raises(UsageError, match="no picture"):
        await tiny("llava").generate([Message.user("hello")], edits=[VHR()])


async def test_heads_of_the_embedded_model_that_look_are_reinforced() -> None:
    """The heads that are chosen diverge more than the others of their layer."""
    model = load_local("mini")
    messages = talk(model, "what is the red button?")
    found = await model.work(lambda lab: visual_heads(lab, messages))
    heads = await model.work(lambda lab: choose_heads(lab, messages, VHR(layers=(1,))))
    first = {score.head: score.divergence for score in found if score.layer == 1}
    chosen = [head for _, head in heads]
    assert len(chosen) == 2
    assert sum(first[head] for head in chosen) >= sum(first.values()) / 2
    await model.aclose()
