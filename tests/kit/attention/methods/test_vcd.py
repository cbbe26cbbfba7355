"""Visual contrastive decoding: equal to its formula on whole recomputation, and the noise it says."""

from __future__ import annotations

from collections.abc import Callable

import eager_reference
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from local_samples import BLUE, RED, picture, talk
from method_checks import AFTER, Load, close
from tiny_models import PICTURE_KINDS

from agentkit.attention import VCD, Boost, Edit, Region
from agentkit.attention.methods.contrast import contrast
from agentkit.attention.methods.variations import applicable, redirected, repictured, without
from agentkit.attention.methods.vcd import DEVIATION, MEAN, noised
from agentkit.content import Message, Text, images_of
from agentkit.errors import UsageError
from agentkit.models.local_course import Course
from agentkit.models.local_engine import Job


def published(plain: torch.Tensor, other: torch.Tensor, alpha: float, beta: float) -> torch.Tensor:
    probability = plain.softmax(-1)
    merged = (1 + alpha) * plain - alpha * other
    return merged.masked_fill(probability < beta * probability.max(), -torch.inf)


@pytest.mark.parametrize("kind", PICTURE_KINDS)
def test_it_equals_its_formula_in_prefill_and_decode(tiny: Load, kind: str) -> None:
    model, edit = tiny(kind), VCD(alpha=0.8, beta=0.05, step=700, seed=3)
    messages = tuple(talk(model))
    noisy = repictured(messages, {image: noised(image, 700, 3) for image in (RED, BLUE)})
    prompts = [model.encoder.encode(some) for some in (messages, noisy)]
    model.engine.prefixes.clear()
    jobs = [
        Job(model.encoder.encode(variant.messages), variant.edits) for variant in edit.variants(messages, ())
    ]
    course = Course(model.engine, jobs, edit.merge)

    def check(logits: torch.Tensor, after: tuple[int, ...]) -> None:
        plain, other = (eager_reference.logits(model, prompt, after=after)[-1] for prompt in prompts)
        assert not torch.equal(plain, other)
        wanted = published(plain, other, 0.8, 0.05)
        kept = wanted.isfinite()
        close(logits[0][kept], wanted[kept])
        assert torch.equal(logits[0].softmax(-1) == 0, ~kept) or float(wanted[kept].min()) < -80
        assert float(logits[0].softmax(-1)[~kept].sum()) == 0

    check(course.logits, ())
    for count, token in enumerate(AFTER, start=1):
        check(course.step(torch.tensor([[token]])), AFTER[:count])


@given(st.integers(0, 10_000), st.floats(0, 2), st.floats(0.01, 1))
def test_contrast_is_the_published_distribution(seed: int, alpha: float, beta: float) -> None:
    random = torch.Generator().manual_seed(seed)
    plain, other = (torch.randn(2, 3, 40, generator=random) * 4 for _ in range(2))
    ours = contrast(plain, other, alpha, beta)
    wanted = torch.stack(
        [
            torch.stack([published(*pair, alpha, beta) for pair in zip(rows, others, strict=True)])
            for rows, others in zip(plain, other, strict=True)
        ]
    )
    assert torch.allclose(ours.softmax(-1), wanted.softmax(-1), atol=1e-6)
    # What is removed still has the order of the plain model.
    removed = ~wanted[0, 0].isfinite()
    if int(removed.sum()) > 1:
        assert torch.equal(ours[0, 0][removed].argsort(), plain[0, 0][removed].argsort())


def test_the_noise_is_that_of_the_diffusion() -> None:
    image = picture(4, 200, 160)
    for step, kept in ((0, 1.0), (500, 0.863), (999, 0.285)):
        grey = np.asarray(noised(image, step).pixels, float)
        seen = (np.asarray(image.pixels, float) / 255 - MEAN) / DEVIATION
        after = (grey / 255 - MEAN) / DEVIATION
        # Values near the ends are cut: look at the middle of the range.
        middle = (np.abs(seen) < 0.3) & (grey > 0) & (grey < 255)
        residual = (after - kept * seen)[middle]
        assert np.std(residual) == pytest.approx(np.sqrt(1 - kept**2), rel=0.25, abs=0.01)
    assert noised(image, 500) == noised(image, 500)
    assert noised(image, 500, 1) != noised(image, 500)
    assert noised(image, 500, 0).size == image.size


def test_noise_survives_resizing_of_big_pictures() -> None:
    from PIL import Image as Pillow

    from agentkit.content import Image

    grey = Image.of_pixels(Pillow.new("RGB", (1500, 900), (128, 128, 128)))
    small = noised(grey, 500).pixels.resize((336, 202), Pillow.Resampling.BOX)
    assert np.asarray(small, float).std() > 15


async def test_other_edits_act_in_both_variants(tiny: Load) -> None:
    model = tiny("llava")
    messages = talk(model)
    region = Region.of_box(BLUE, (0, 0, 30, 40))
    edits: tuple[Edit, ...] = (Boost(RED, 9.0), Boost(region, 5.0), Boost("instruction", 3.0))
    with_noise, plain = VCD(), await model.score(messages, ["yes", "no"], edits=[VCD()])
    _, noisy = with_noise.variants(tuple(messages), edits)
    assert [
        edit.describe()["span"] != other.describe()["span"]
        for edit, other in zip(edits, noisy.edits, strict=True)
    ] == [
        True,
        True,
        False,
    ]
    edited = await model.score(messages, ["yes", "no"], edits=[*edits, with_noise])
    assert edited.logprobs != plain.logprobs


def test_variations_of_prompts() -> None:
    messages = (
        Message.system("be kind"),
        Message.user(RED, "what?"),
        Message.assistant("this"),
        Message.user(BLUE),
        Message.user(Text("page", "observation", "untrusted")),
    )
    assert images_of(repictured(messages, {RED: BLUE})) == [BLUE, BLUE]
    blind = without(messages, pictures=True)
    assert images_of(blind) == []
    assert [message.role for message in blind] == [message.role for message in messages]
    assert [message.text for message in blind] == ["be kind", "what?", "this", "", "page"]
    silent = without(messages, words=True)
    assert images_of(silent) == [RED, BLUE]
    assert [message.text for message in silent] == ["be kind", "", "this", "", ""]
    red, task, page = Boost(Region.of_box(RED, (0, 0, 9, 9))), Boost("instruction"), Boost("untrusted")
    assert applicable((red, task, page), messages) == (red, task, page)
    assert applicable((red, task, page), blind) == (task, page)
    assert applicable((red, task, page), silent) == (red,)
    assert redirected((red,), {RED: picture(1), BLUE: RED}) == (red,)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: VCD(alpha=-1), "alpha"),
        (lambda: VCD(alpha=float("inf")), "alpha"),
        (lambda: VCD(beta=1.1), "beta"),
        (lambda: VCD(step=1000), "step"),
        (lambda: VCD(side=0), "cell"),
    ],
)
def test_wrong_settings_are_told_at_once(make: Callable[[], Edit], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make()


async def test_a_prompt_without_pictures_is_told_before_any_token(tiny: Load) -> None:
    with pytest.raises(UsageError, match="no picture"):
        await tiny("llava").generate([Message.user("hello")], edits=[VCD()])
