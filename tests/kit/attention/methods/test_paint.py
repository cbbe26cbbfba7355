"""Weights painted on patches: every row's attention times the weights, divided by its sum."""

from __future__ import annotations

from collections.abc import Callable

import eager_reference
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from local_samples import BLUE, RED, talk
from method_checks import Load, equal
from PIL import Image as Pillow
from tiny_models import PICTURE_KINDS

from agentkit.attention import Boost, Mute, Paint
from agentkit.content import Image
from agentkit.errors import UsageError
from agentkit.models.local_prompt import Prompt


def weighted(
    paint: Paint, layers: tuple[int, ...], heads: tuple[int, ...]
) -> Callable[[Prompt], eager_reference.Formula]:
    def formula(prompt: Prompt) -> eager_reference.Formula:
        span = prompt.spans.image(paint.image)
        assert span.grid is not None
        assert span.view is not None
        weights = paint.cells(span.grid, span.view).ravel()

        def attention(layer: eager_reference.Layer) -> torch.Tensor:
            found = (layer.scores() + layer.mask).softmax(-1)
            if layer.index in layers:
                for head in heads:
                    for cell, weight in zip(span.cells, weights, strict=True):
                        found[head, :, cell] *= float(weight)
            return found / found.sum(-1, keepdim=True) @ layer.value

        return attention

    return formula


@pytest.mark.parametrize("kind", PICTURE_KINDS)
def test_it_equals_its_formula(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    pixels = np.random.default_rng(0).uniform(0, 3, (64, 64))
    pixels[:32] = 0
    everywhere = Paint.of(BLUE, pixels)
    equal(model, talk(model), [everywhere], weighted(everywhere, (0, 1, 2), tuple(range(6))))
    some = Paint.of(BLUE, pixels, layers=(1,), heads=(0, 4))
    equal(model, talk(model), [some], weighted(some, (1,), (0, 4)))


def test_patches_that_are_off_leave_no_trace(tiny: Load) -> None:
    """With one picture switched off, what it shows does not matter (its own tokens see the words before it only)."""
    model = tiny("llava")
    messages = talk(model)
    prompt = model.encoder.encode(messages)

    def formula(layer: eager_reference.Layer) -> torch.Tensor:
        mask = layer.mask.clone()
        mask[:, torch.from_numpy(prompt.spans.image(BLUE).tokens)] = torch.finfo(mask.dtype).min
        return (layer.scores() + mask).softmax(-1) @ layer.value

    equal(model, messages, [Paint.of(BLUE, np.zeros((64, 64)))], lambda _: formula)


async def test_a_uniform_weight_is_a_factor_on_the_picture(tiny: Load) -> None:
    model = tiny("qwen2_5_vl")
    for factor, same in ((4.0, Boost(RED, 4.0)), (0.25, Mute(RED, 0.25))):
        painted = Paint.of(RED, np.full((48, 64), factor))
        ours = await model.score(talk(model), ["yes", "no"], edits=[painted])
        wanted = await model.score(talk(model), ["yes", "no"], edits=[same])
        assert ours.logprobs == pytest.approx(wanted.logprobs, rel=1e-5)


def test_a_picture_of_greys_is_weights_from_0_to_1() -> None:
    greys = np.zeros((64, 64), np.uint8)
    greys[:, 32:] = 255
    mask = Image.of_pixels(Pillow.fromarray(greys))
    paint = Paint.of(BLUE, mask, scale=2.0)
    assert paint == Paint.of(BLUE, mask, scale=2.0)
    assert np.allclose(paint.cells((2, 4), (0, 0, 64, 64)), [[0, 0, 2, 2]] * 2)
    told = paint.describe()
    assert told["image"] == {"image": BLUE.sha256}
    assert told != Paint.of(BLUE, mask).describe()


@settings(max_examples=15)
@given(
    arrays(np.float32, (48, 64), elements=st.floats(0, 9, width=32)),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_cells_keep_the_mean_of_what_they_cover(weights: np.ndarray, rows: int, columns: int) -> None:
    paint = Paint.of(RED, weights)
    cells = paint.cells((rows, columns), (0.0, 0.0, 64.0, 48.0))
    assert cells.mean() == pytest.approx(float(weights.mean()), rel=1e-4, abs=1e-5)
    assert cells.min() >= weights.min() - 1e-4
    assert cells.max() <= weights.max() + 1e-4
    # A view that is padded to twice the height: cells wholly beside the picture change nothing.
    padded = paint.cells((4, columns), (0.0, -24.0, 64.0, 72.0))
    assert np.all(padded[[0, 3]] == 1.0)
    assert padded[1:3].mean() == pytest.approx(float(weights.mean()), rel=1e-4, abs=1e-5)


def test_weights_of_the_grid_are_taken_as_they_are() -> None:
    weights = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert np.array_equal(Paint.of(RED, weights).cells((2, 3), (0, 0, 64, 48)), weights)
    with pytest.raises(UsageError, match=r"\(2, 3\) fit neither.*\(48, 64\) pixels.*\(3, 3\) cells"):
        Paint.of(RED, weights).cells((3, 3), (0, 0, 64, 48))


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (np.full((48, 64), -1.0), "not negative"),
        (np.full((48, 64), np.inf), "finite"),
        (np.full((48, 64), np.nan), "finite"),
        (np.ones((48, 64, 3)), "shape"),
        (np.ones((0, 0)), "shape"),
        (BLUE, "does not fit"),
    ],
)
def test_wrong_weights_are_told_at_once(weights: np.ndarray | Image, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Paint.of(RED, weights)


async def test_what_does_not_fit_is_told_before_any_token(tiny: Load) -> None:
    model = tiny("llava")
    for edit, said in (
        (Paint.of(RED, np.ones((5, 7))), "fit neither"),
        (Paint.of(Image.of_pixels(Pillow.new("RGB", (9, 9))), np.ones((9, 9))), "image"),
        (Paint.of(RED, np.ones((48, 64)), layers=(9,)), "no layer 9"),
    ):
        with pytest.raises(UsageError, match=said):
            await model.generate(talk(model), edits=[edit])
