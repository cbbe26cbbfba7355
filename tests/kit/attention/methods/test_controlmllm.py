"""ControlMLLM: the latent is the one that plain attention and plain descent give, and it leads into the region."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import eager_reference
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from local_samples import BLUE, RED, picture, talk
from method_checks import AFTER, Load, close, same_weights, weights
from PIL import Image as Pillow
from PIL import ImageDraw
from tiny_models import PICTURE_KINDS

from agentkit.attention import Boost, ControlMLLM, Edit, Focus, Learned, Region
from agentkit.attention.methods.controlmllm import AddedLatent
from agentkit.attention.methods.controlmllm_fit import RECIPES, Descent, energy, recipe_for, share
from agentkit.content import Image, Message
from agentkit.errors import UsageError
from agentkit.models import Sampling
from agentkit.models.local import LocalModel, load_local
from agentkit.models.local_engine import Job
from agentkit.models.local_prompt import Prompt

# Bigger steps than published: random models attend evenly, and a test must see a difference.
METHODS = {
    "step": Descent("words", (0.0, 1.0), "step", 5.0, 3, average=0.5, sigma=0.1),
    "summed": Descent("words", (0.0, 0.5), "step", 5.0, 3, average=0.5, accumulate=True),
    "stopped": Descent("words", (0.0, 1.0), "step", 50.0, 5, average=0.5, stop=1e-4),
    "adam": Descent("last", (0.4, 0.8), "adam", 0.1, 3),
}
REGIONS = {
    "box": Region.of_box(BLUE, (0, 0, 30, 40)),
    "scribble": Region.of_scribble(BLUE, [(5, 5), (40, 20)]),
}


@contextmanager
def latent_added(model: LocalModel, cells: np.ndarray, latent: torch.Tensor) -> Iterator[None]:
    """Add a latent to what the decoder gets, for whole passes."""

    def before(module: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        embeds = kwargs["inputs_embeds"]
        place = torch.zeros(embeds.shape[1], len(cells))
        place[torch.from_numpy(cells), torch.arange(len(cells))] = 1.0
        return args, {**kwargs, "inputs_embeds": embeds + (place @ latent)[None]}

    hook = model.module.get_decoder().register_forward_pre_hook(before, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def plain_logits(
    model: LocalModel, prompt: Prompt, cells: np.ndarray, latent: torch.Tensor, after: tuple[int, ...]
) -> torch.Tensor:
    with latent_added(model, cells, latent):
        return eager_reference.logits(model, prompt, after=after)[-1]


def plain_energy(
    model: LocalModel, prompt: Prompt, region: Region, how: Descent, latent: torch.Tensor
) -> torch.Tensor:
    """The energy by its formula: every layer's whole attention, then the means."""
    span = prompt.spans.image(region.image)
    assert span.grid is not None
    assert span.view is not None
    first, last = round(how.depth[0] * 3), round(how.depth[1] * 3)
    rows = [len(prompt) - 1]
    if how.rows == "words":
        start = int(span.tokens.max()) + 1
        rows = [row for row in range(start, len(prompt)) if not prompt.image_tokens[row]]
    kept: list[torch.Tensor] = []

    def formula(layer: eager_reference.Layer) -> torch.Tensor:
        attention = (layer.scores() + layer.mask).softmax(-1)
        if first <= layer.index < max(first + 1, last):
            kept.append(attention[:, rows][..., torch.from_numpy(span.cells)])
        return attention @ layer.value

    inputs = dict(prompt.inputs)
    if "image_grid_thw" in inputs:
        inputs["mm_token_type_ids"] = torch.from_numpy(prompt.image_tokens)[None].long()
    with eager_reference._using(model, formula), latent_added(model, span.cells, latent):
        model.module(input_ids=torch.from_numpy(prompt.ids)[None], use_cache=False, **inputs)
    a = torch.stack(kept).mean((0, 1, 2))
    m = torch.from_numpy(region.soft(span.grid, span.view, how.sigma)).ravel()
    return 400 * (1 - (a * m).sum() / a.sum()) ** 2


def plain_latent(model: LocalModel, prompt: Prompt, region: Region, how: Descent) -> torch.Tensor:
    """The descent as it is told in the papers, written out."""
    cells = prompt.spans.image(region.image).cells
    p, history = torch.zeros(len(cells), 48), torch.zeros(len(cells), 48)
    total = torch.zeros_like(p)
    mean, square, first = torch.zeros_like(p), torch.zeros_like(p), None
    for step in range(1, how.updates + 1):
        raw = p.clone().requires_grad_()
        current = how.average * raw + (1 - how.average) * history
        total = (total if how.accumulate else 0) + current.detach()
        acting = total - current.detach() + current
        found = plain_energy(model, prompt, region, how, acting)
        first = float(found.detach()) if first is None else first
        if how.stop is not None and abs(float(found.detach()) - first) / first > how.stop:
            break
        history = current.detach()
        (gradient,) = torch.autograd.grad(found, raw)
        if how.optimiser == "step":
            p = p - how.rate * gradient
            continue
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        p = p - how.rate * (mean / (1 - 0.9**step)) / ((square / (1 - 0.999**step)).sqrt() + 1e-3)
    last = how.average * p + (1 - how.average) * history
    return last + total if how.accumulate else last


@pytest.mark.parametrize("kind", PICTURE_KINDS)
@pytest.mark.parametrize("name", METHODS)
def test_it_equals_plain_descent_in_prefill_and_decode(tiny: Load, kind: str, name: str) -> None:
    model, how = tiny(kind), METHODS[name]
    region = REGIONS["scribble" if name == "step" else "box"]
    messages = talk(model)
    prompt = model.encoder.encode(messages)
    frozen = weights(model)
    (edit,) = model._lab.prepared(messages, [ControlMLLM(region, how)])
    assert isinstance(edit, AddedLatent)
    assert same_weights(model, frozen)
    latent = torch.from_numpy(edit.latent.arrays["latent"].copy())
    wanted = plain_latent(model, prompt, region, how)
    if name == "stopped":
        assert len(edit.latent.about["energies"]) == 2
    # Adam divides by the gradient's size: where that is near nothing, rounding errors are as large as it.
    assert float((latent - wanted).abs().max()) <= (1e-3 if how.optimiser == "adam" else 1e-4) * max(
        1.0, float(wanted.abs().max())
    )
    model.engine.prefixes.clear()
    cells = prompt.spans.image(region.image).cells
    state = model.engine.prefill([Job(prompt, (edit,))])
    close(state.logits[0], plain_logits(model, prompt, cells, latent, ()))
    for count, token in enumerate(AFTER, start=1):
        ours = model.engine.step(state, torch.tensor([[token]]))[0]
        close(ours, plain_logits(model, prompt, cells, latent, AFTER[:count]))
    model.engine.prefixes.clear()
    assert not torch.equal(model.engine.prefill([Job(prompt)]).logits, state.logits)


@pytest.mark.parametrize("kind", PICTURE_KINDS)
def test_attention_moves_into_the_region(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    for method in (None, *RECIPES):
        focus = Focus(BLUE, (0, 0, 30, 40), method=method, updates=3)
        (edit,) = model._lab.prepared(talk(model), [focus])
        assert isinstance(edit, AddedLatent)
        shares = edit.latent.about["shares"]
        assert all(later > earlier for earlier, later in itertools.pairwise(shares))


@given(st.lists(st.booleans(), min_size=2, max_size=30), st.floats(0.1, 1000))
def test_the_energy_of_simple_maps(inside: list[bool], strength: float) -> None:
    region = torch.tensor([float(cell) for cell in inside])
    area = float(region.mean())
    even = energy(torch.full((len(inside),), 0.01), region, strength)
    assert float(even) == pytest.approx(strength * (1 - area) ** 2, rel=1e-4, abs=1e-5)
    if area > 0:
        assert float(energy(region * 0.3, region, strength)) == pytest.approx(0.0, abs=1e-6)
        assert float(share(region * 0.3, region)) == pytest.approx(1.0)


def test_edits_that_come_before_are_part_of_what_is_seen(tiny: Load) -> None:
    model = tiny("llava")
    focus = Focus(BLUE, (0, 0, 30, 40), updates=1)
    assert isinstance(focus, ControlMLLM)
    cells = Boost(focus.region, 5)
    (alone,) = model._lab.prepared(talk(model), [focus])
    _, after = model._lab.prepared(talk(model), [cells, focus])
    assert isinstance(alone, AddedLatent)
    assert isinstance(after, AddedLatent)
    assert after.latent.about["shares"][0] > 1.5 * alone.latent.about["shares"][0]


def test_published_settings_and_ranges_of_layers() -> None:
    assert RECIPES["controlmllm++"].layers(32) == tuple(range(14, 26))
    assert RECIPES["controlmllm++ qwen"].layers(28) == tuple(range(12, 28))
    assert RECIPES["controlmllm"].layers(32) == tuple(range(32))
    assert recipe_for(4) == RECIPES["small"]
    assert recipe_for(32) == RECIPES["controlmllm++"]
    changed = Focus(BLUE, updates=7)
    assert isinstance(changed, ControlMLLM)
    assert changed.how(4) == Descent(rate=0.2, updates=7)
    assert changed.how(32) == Descent(updates=7)
    for count in range(1, 90):
        chosen = RECIPES["controlmllm++"].layers(count)
        assert chosen
        assert set(chosen) <= set(range(count))


async def test_debiasing_contrasts_with_and_without_the_latent(tiny: Load) -> None:
    model = tiny("llava")
    messages = talk(model)
    prompt = model.encoder.encode(messages)
    focus = Focus(BLUE, (0, 0, 30, 40), rate=1.0)
    assert isinstance(focus, ControlMLLM)
    (edit,) = model._lab.prepared(messages, [focus])
    cells = prompt.spans.image(BLUE).cells
    assert isinstance(edit, AddedLatent)
    latent = torch.from_numpy(edit.latent.arrays["latent"].copy())
    contrasted = Focus(BLUE, (0, 0, 30, 40), rate=1.0, debias=0.7)
    reply = await model.generate(messages, edits=[contrasted], logprobs=True, sampling=Sampling(max_tokens=4))
    assert reply.logprobs is not None
    ids: list[int] = []
    for piece, logprob in reply.logprobs:
        there = plain_logits(model, prompt, cells, latent, tuple(ids))
        not_there = eager_reference.logits(model, prompt, after=ids)[-1]
        merged = 1.7 * there - 0.7 * not_there
        probability = there.softmax(-1)
        merged[probability < 0.1 * probability.max()] = -torch.inf
        ids.append(int(merged.argmax()))
        assert model.tokenizer.decode([ids[-1]]) == piece
        assert float(merged.log_softmax(-1)[ids[-1]]) == pytest.approx(logprob, abs=1e-3)


async def test_a_latent_can_be_kept(tiny: Load, tmp_path: Path) -> None:
    model = tiny("llava")
    messages = talk(model)
    focus = Focus(BLUE, (0, 0, 30, 40))
    assert isinstance(focus, ControlMLLM)
    learned = await model.work(lambda lab: focus.fit(lab, lab.encode(messages)))
    kept = Learned.load(learned.save(tmp_path / "latent.safetensors"))
    assert kept == learned

    async def score(edit: Edit) -> tuple[float, ...]:
        return (await model.score(messages, ["yes", "no"], edits=[edit])).logprobs

    assert await score(AddedLatent(BLUE, kept)) == pytest.approx(await score(focus), rel=1e-5)
    for wrong in (
        AddedLatent(RED, kept),
        AddedLatent(BLUE, Learned(kept.arrays, {**kept.about, "weights": "x"})),
    ):
        with pytest.raises(UsageError, match="latent"):
            await score(wrong)
    other = Learned({"latent": np.zeros((3, 48), np.float32)}, kept.about)
    with pytest.raises(UsageError, match="shape"):
        await score(AddedLatent(BLUE, other))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Focus(BLUE, (0, 0, 900, 40)), "not inside"),
        (lambda: Focus(BLUE, method="other"), "no method 'other'"),
        (lambda: Focus(BLUE, speed=3), "no setting 'speed'"),
        (lambda: Focus(REGIONS["box"], (0, 0, 1, 1)), "not both"),
        (lambda: Focus(BLUE, rate=-1.0), "rate"),
        (lambda: Focus(BLUE, updates=0), "update"),
        (lambda: Focus(BLUE, depth=(0.5, 0.5)), "depth"),
        (lambda: Focus(BLUE, debias=-0.5), "alpha"),
        (lambda: Focus(BLUE, debias=0.5, beta=1.5), "beta"),
    ],
)
def test_wrong_settings_are_told_at_once(make: Callable[[], Edit], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make()


async def test_what_does_not_fit_the_prompt_is_told_before_any_token(tiny: Load) -> None:
    model = tiny("llava")
    other = picture(9)
    for edit, said in ((Focus(other), "image"), (Focus(BLUE, layers=(3,)), "no layer 3")):
        with pytest.raises(UsageError, match=said):
            await model.generate(talk(model), edits=[edit])
    prompt = model.encoder.encode(talk(model))
    with pytest.raises(UsageError, match="looking at the model"):
        ControlMLLM(REGIONS["box"]).compile(model.engine.target(prompt))


async def test_the_embedded_model_answers_about_the_region() -> None:
    """Two circles, red and blue: the region says which is meant."""
    pixels = Pillow.new("RGB", (128, 128), (200, 200, 200))
    draw = ImageDraw.Draw(pixels)
    boxes = {"red": (16, 40, 48, 72), "blue": (80, 56, 112, 88)}
    draw.ellipse(boxes["red"], fill=(220, 30, 30))
    draw.ellipse(boxes["blue"], fill=(30, 60, 220))
    image = Image.of_pixels(pixels)
    model = load_local("mini")
    messages = [Message.user(image, "what colour is the circle?")]
    margins = {}
    for name, box in boxes.items():
        red, blue = (await model.score(messages, ["red", "blue"], edits=[Focus(image, box)])).logprobs
        margins[name] = red - blue
    assert margins["red"] > margins["blue"] + 0.5
