"""Every primitive, and several together, equal their plain formulas in prefill, decode, batches and branches."""

from __future__ import annotations

from collections.abc import Callable

import literal
import naive
import numpy as np
import pytest
import torch
from local_samples import BLUE, talk
from test_reweighting import ALL, close, fresh
from tiny_models import PICTURE_KINDS

from agentkit.attention import Boost
from agentkit.attention import primitives as p
from agentkit.models.local import LocalModel
from agentkit.models.local_engine import Job
from agentkit.models.local_prompt import Prompt
from agentkit.models.local_scoring import score

# All primitives one by one on these; on the others the two samples that have most of them.
EVERY = ("llama", "qwen3", "gemma3_text windowed", "qwen2_5_vl", "llava")
Load = Callable[[str], LocalModel]


def samples(model: LocalModel, prompt: Prompt) -> dict[str, tuple[p.Primitive, ...]]:
    """Return primitives by name, with random numbers, for a prompt of a tiny model (3 layers, 6 heads)."""
    random = torch.Generator().manual_seed(7)
    width, hidden = model.engine.width, model.engine.hidden

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random)

    spans, length = prompt.spans, len(prompt)
    where, page = spans.find("instruction"), spans.find("untrusted")
    group = np.full(length, -1)
    group[where], group[page] = 0, 1
    return {
        "key bias a token": (p.KeyBias(page, draw(len(page)), heads=(0, 4)),),
        "key bias and later": (p.KeyBias(where, 1.5, later=-0.7), p.KeyBias(page, -100.0, layers=(1,))),
        "key scale": (p.KeyScale(where, draw(3), layers=(0,), heads=(1, 2, 5)),),
        "query add": (p.QueryAdd(draw(2, width), heads=(0, 3), layers=(0, 2)),),
        "query add there": (p.QueryAdd(draw(6, width), where, later=False),),
        "key add": (p.KeyAdd(draw(2, width), page, heads=(1, 2)),),
        "key add alike": (p.KeyAdd(draw(1, width).expand(6, -1), page),),
        "groups": (p.Groups(group),),
        "groups biased": (p.Groups(group), p.KeyBias(where, 0.8), p.KeyBias(page, 1.1, heads=(2,))),
        "head scale": (p.HeadScale(draw(2), heads=(0, 5)), p.HeadScale(0.0, heads=(0,), layers=(2,))),
        "head scale generated": (p.HeadScale(2.5, heads=(1, 3), layers=(0, 1), generated=True),),
        "head add": (p.HeadAdd(draw(6, width), layers=(1,)), p.HeadAdd(draw(6, width), generated=True)),
        "residual": (
            p.ResidualAdd(draw(hidden), layers=(0, 2)),
            p.ResidualAdd(draw(hidden), where, later=False),
        ),
        "latent": (p.Latent(where, draw(len(where), hidden)),),
        "rotary": (p.Rotary(0.3),),
        "together": (
            p.KeyBias(page, 0.4),
            p.KeyBias(where, 2.0, heads=(1,)),
            p.KeyScale(page, 1.7, layers=(0, 1)),
            p.QueryAdd(draw(6, width), layers=(1,)),
            p.KeyAdd(draw(6, width), layers=(1,)),
            p.HeadScale(1.3, layers=(1,)),
            p.HeadAdd(draw(6, width), layers=(1,)),
            p.ResidualAdd(draw(hidden), layers=(1,)),
            p.Latent(where, draw(len(where), hidden)),
            p.Rotary(2.0),
        ),
    }


def job_of(prompt: Prompt, edits: tuple[p.Primitive, ...]) -> Job:
    return Job(prompt, (), edits)


@pytest.mark.parametrize("kind", ALL)
def test_prefill_and_cached_decode_equal_the_plain_formulas(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    prompt = model.encoder.encode(talk(model))
    for name, edits in samples(model, prompt).items():
        if kind not in EVERY and name not in ("together", "groups biased"):
            continue
        state = fresh(model).prefill([job_of(prompt, edits)])
        close(state.logits[0], naive.logits(model, prompt, edits)[-1])
        row = model.engine.step(state, torch.tensor([[40]]))
        row = model.engine.step(state, torch.tensor([[41]]))[0]
        close(row, naive.logits(model, prompt, edits, [40, 41])[-1])


@pytest.mark.parametrize("kind", ["llama", "gemma3_text windowed", "qwen2_5_vl", "llava"])
def test_left_padded_batches_and_branches_equal_the_plain_formulas(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    tasks = ("click", "the quick brown fox jumps over the lazy dog")
    prompts = [model.encoder.encode(talk(model, task)) for task in tasks]
    options = [[40, 41, 2], [40, 42, 2]]
    for name in samples(model, prompts[0]):
        edits = [samples(model, prompt)[name] for prompt in prompts]
        jobs = [job_of(prompt, one) for prompt, one in zip(prompts, edits, strict=True)]
        state = fresh(model).prefill(jobs)
        step = model.engine.step(state, torch.tensor([[40], [41]]))
        scored = score(fresh(model), jobs, options)
        for row, (prompt, one) in enumerate(zip(prompts, edits, strict=True)):
            close(step[row], naive.logits(model, prompt, one, [40 + row])[-1])
            whole = naive.logits(model, prompt, one, [40, 41])[len(prompt) - 1 :].log_softmax(-1)
            wanted = float(whole[0, 40] + whole[1, 41] + whole[2, 2])
            assert scored[row][0] == pytest.approx(wanted, rel=1e-5, abs=1e-4)


def test_a_kept_prefix_changes_nothing_under_any_primitive(tiny: Load) -> None:
    model = tiny("llama")
    long = "the quick brown fox jumps over the lazy dog " * 3
    fresh(model)
    for task in ("click", "click here", "press"):
        prompt = model.encoder.encode(talk(model, long + task))
        for edits in samples(model, prompt).values():
            kept = model.engine.prefill([job_of(prompt, edits)]).logits[0]
            close(kept, naive.logits(model, prompt, edits)[-1])


@pytest.mark.parametrize("kind", ["llama", "mistral windowed", "gemma3_text windowed", "qwen2_vl", "llava"])
def test_beams_of_transformers_stay_under_the_edits(tiny: Load, kind: str) -> None:
    """Beam search of transformers' own, cached, gives the same under the plain formula without a cache."""
    model = tiny(kind)
    messages = talk(model)
    edits = (Boost("instruction", 9.0, heads=(1, 4)),)
    search = {"num_beams": 3, "max_new_tokens": 4, "do_sample": False, "pad_token_id": 3}
    search |= {"return_dict_in_generate": True, "output_scores": True}
    with model.applied(messages, edits) as inputs:
        ours = model.module.generate(**inputs, **search)
    with model.applied(messages, ()) as inputs:
        plain = model.module.generate(**inputs, **search)
    del inputs["past_key_values"]
    prompt = model.encoder.encode(messages)
    literal._EDITS[:] = [(torch.from_numpy(prompt.spans.find("instruction")), 9.0, None, (1, 4))]
    try:
        with literal.implementation(model.module, "literal"):
            wanted = model.module.generate(**inputs, **search, use_cache=False)
    finally:
        literal._EDITS.clear()
    assert ours.sequences.tolist() == wanted.sequences.tolist()
    close(ours.sequences_scores, wanted.sequences_scores)
    assert not torch.allclose(ours.sequences_scores, plain.sequences_scores, atol=1e-3)


@pytest.mark.parametrize("kind", PICTURE_KINDS)
def test_a_region_is_the_tokens_of_its_cells(tiny: Load, kind: str) -> None:
    from agentkit.attention import Region

    model = tiny(kind)
    target = model.engine.target(model.encoder.encode(talk(model)))
    span, cells = target.cells(BLUE)
    assert span.grid is not None
    assert len(cells) == span.grid[0] * span.grid[1]
    whole = target.find(Region.of_box(BLUE, (0, 0, 64, 64)))
    assert set(whole) <= set(span.tokens)
    corner = target.find(Region.of_box(BLUE, (0, 0, 1, 1)))
    assert corner.tolist() == [cells[0]] or kind == "llava"
    for token in target.find(Region.of_point(BLUE, 63.5, 63.5)):
        assert token == cells[-1]
