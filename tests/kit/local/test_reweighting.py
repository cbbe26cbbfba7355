"""Every architecture: edits equal their literal implementation, in prefill, decode, batches and branches."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import literal
import pytest
import torch
from local_samples import BLUE, RED, talk
from tiny_models import PICTURE_KINDS, TEXT_KINDS

from agentkit.attention import Boost, Mute, Reweight
from agentkit.attention.function import NAME, reallocating
from agentkit.content import Message
from agentkit.errors import UsageError
from agentkit.models import Sampling
from agentkit.models.local import LocalModel
from agentkit.models.local_engine import Engine, Job, State
from agentkit.models.local_scoring import score

ALL = (*TEXT_KINDS, *PICTURE_KINDS)
Load = Callable[[str], LocalModel]
TOLERANCE = 1e-5


def some_edits(model: LocalModel) -> dict[str, tuple[Reweight, ...]]:
    edits = {
        "none": (),
        "all": (Boost("instruction", 9.0),),
        "muted": (Mute("untrusted", 0.05),),
        "chosen": (Boost("instruction", 30.0, layers=(0, 2), heads=(1, 4)), Mute("system", 0.1, heads=(0,))),
        "overlapping": (Boost("observation", 3.0), Mute("untrusted", 0.5, layers=(1,))),
    }
    if model.capabilities.images:
        edits["picture"] = (Boost(BLUE, 12.0), Mute(RED, 0.3, heads=(5,)))
    return edits


def close(ours: torch.Tensor, wanted: torch.Tensor) -> None:
    # Widened random weights give logits of the order of 10 to 100: the bound is relative to that.
    scale = max(1.0, float(wanted.abs().max()))
    assert float((ours - wanted).abs().max()) / scale <= TOLERANCE


def fresh(model: LocalModel) -> Engine:
    model.engine.prefixes.clear()
    return model.engine


@pytest.mark.parametrize("kind", ALL)
def test_prefill_and_cached_decode_equal_the_literal_implementation(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    prompt = model.encoder.encode(talk(model))
    for edits in some_edits(model).values():
        engine = fresh(model)
        state = engine.prefill([Job(prompt, edits)])
        close(state.logits[0], literal.logits(model, prompt, edits)[-1])
        after: list[int] = []
        for token in (40, 41, 42):
            after.append(token)
            row = engine.step(state, torch.tensor([[token]]))[0]
            close(row, literal.logits(model, prompt, edits, after)[-1])


@pytest.mark.parametrize("kind", ALL)
def test_an_edit_changes_something(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    prompt = model.encoder.encode(talk(model))
    plain = fresh(model).prefill([Job(prompt)]).logits
    for name, edits in some_edits(model).items():
        changed = fresh(model).prefill([Job(prompt, edits)]).logits
        assert (name == "none") == torch.equal(plain, changed)


@pytest.mark.parametrize("kind", ALL)
def test_without_an_edit_it_is_sdpa_bit_for_bit(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    prompt = model.encoder.encode(talk(model))
    ours = literal.logits(model, prompt, attention=NAME)
    assert torch.equal(ours, literal.logits(model, prompt, attention="sdpa"))
    with reallocating(None):
        assert torch.equal(ours, literal.logits(model, prompt, attention=NAME))


@pytest.mark.parametrize("kind", ALL)
def test_left_padded_batches_equal_their_rows_alone(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    tasks = ("click", "what is the red button?", "the quick brown fox jumps over the lazy dog " * 3)
    prompts = [model.encoder.encode(talk(model, task)) for task in tasks]
    many = some_edits(model)
    for edits in (many["none"], many["all"], many["chosen"], many["overlapping"]):
        jobs = [Job(prompts[0], edits), Job(prompts[1]), Job(prompts[2], edits)]
        state = fresh(model).prefill(jobs)
        for row, job in enumerate(jobs):
            close(state.logits[row], literal.logits(model, job.prompt, job.edits)[-1])
        step = model.engine.step(state, torch.tensor([[40], [41], [42]]))
        for row, job in enumerate(jobs):
            close(step[row], literal.logits(model, job.prompt, job.edits, [40 + row])[-1])


@pytest.mark.parametrize("kind", ALL)
def test_branches_equal_whole_recomputation(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    prompts = [model.encoder.encode(talk(model, task)) for task in ("click", "what is the red button?")]
    options = [[40, 41, 2], [40, 41, 42, 2], [40, 2], [43, 44, 45, 46, 2], [2]]
    for edits in (some_edits(model)["none"], some_edits(model)["chosen"]):
        fresh(model)
        ours = score(model.engine, [Job(prompt, edits) for prompt in prompts], options)
        for prompt, row in zip(prompts, ours, strict=True):
            for option, value in zip(options, row, strict=True):
                whole = literal.logits(model, prompt, edits, option[:-1])[len(prompt) - 1 :].log_softmax(-1)
                wanted = sum(float(whole[place, token]) for place, token in enumerate(option))
                assert value == pytest.approx(wanted, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("kind", ALL)
def test_a_kept_prefix_changes_nothing(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    edits = some_edits(model)
    long = "the quick brown fox jumps over the lazy dog " * 3
    prompts = [model.encoder.encode(talk(model, long + task)) for task in ("click", "click here", "press")]
    for prompt in prompts:
        for chosen in (edits["none"], edits["all"], edits["chosen"]):
            with_kept = model.engine.prefill([Job(prompt, chosen)]).logits
            close(with_kept, fresh_copy(model, Job(prompt, chosen)).logits)


def fresh_copy(model: LocalModel, job: Job) -> State:
    kept, model.engine.prefixes._entries = model.engine.prefixes._entries, []
    try:
        return model.engine.prefill([job], keep=False)
    finally:
        model.engine.prefixes._entries = kept


def test_prefixes_are_shared_and_bounded(tiny: Load) -> None:
    model = tiny("llama")
    engine = fresh(model)
    first = model.encoder.encode(talk(model, "the quick brown fox jumps over the lazy dog " * 4))
    second = model.encoder.encode(talk(model, "the quick brown fox jumps over the lazy dog " * 4 + "yes"))
    engine.prefill([Job(first)])
    shared, pairs = engine.prefixes.longest(engine._key(Job(second)))
    assert shared > 40
    assert pairs[0][0].shape[2] == shared
    # The same words under another edit are other keys and values, from the first edited token on.
    edited, _ = engine.prefixes.longest(engine._key(Job(second, (Boost("instruction", 2.0),))))
    assert edited <= int(second.spans.find("instruction")[0])
    engine.prefixes.limit, limit = 1, engine.prefixes.limit
    try:
        engine.prefixes.clear()
        engine.prefill([Job(first)])
        assert engine.prefixes.longest(engine._key(Job(first)))[0] == 0
    finally:
        engine.prefixes.limit = limit


def test_edits_in_threads_never_see_each_other(tiny: Load) -> None:
    model = tiny("llama")
    prompt = model.encoder.encode(talk(model))
    ids = torch.from_numpy(prompt.ids)[None]
    factors = (0.1, 3.0, 40.0)
    wanted = [literal.logits(model, prompt, (Boost("instruction", factor),)) for factor in factors]
    found: dict[int, torch.Tensor] = {}
    start = threading.Barrier(len(factors))

    def work(index: int) -> None:
        edits = (Boost("instruction", factors[index]),)
        plan = model.engine.plan(Job(prompt, edits))
        start.wait()
        for _ in range(5):
            with reallocating(plan), torch.no_grad():
                found[index] = model.module(input_ids=ids, use_cache=False).logits[0]

    workers = [threading.Thread(target=work, args=(index,)) for index in range(len(factors))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for index, logits in enumerate(wanted):
        close(found[index], logits)


async def test_edits_in_tasks_never_see_each_other(tiny: Load) -> None:
    model = tiny("qwen2")
    messages = talk(model)

    async def ask(factor: float | None) -> tuple[float, ...]:
        if factor is None:
            return (await model.score(messages, ["yes", "no"])).logprobs
        with model.edit(Boost("instruction", factor)):
            await asyncio.sleep(0)
            return (await model.score(messages, ["yes", "no"])).logprobs

    factors = (None, 5.0, 0.1)
    alone = [await ask(factor) for factor in factors]
    together = await asyncio.gather(*(ask(factor) for factor in factors))
    for ours, wanted in zip(together, alone, strict=True):
        assert ours == pytest.approx(wanted)
    assert len({round(values[0], 4) for values in alone}) == 3


def test_edits_are_removed_after_an_error(tiny: Load) -> None:
    model = tiny("llama")
    prompt = model.encoder.encode(talk(model))
    plain = literal.logits(model, prompt, attention=NAME)
    plan = model.engine.plan(Job(prompt, (Boost("instruction", 9.0),)))
    with pytest.raises(RuntimeError, match="stop"), reallocating(plan):
        raise RuntimeError("stop")
    assert torch.equal(plain, literal.logits(model, prompt, attention=NAME))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Boost("exemplar", 2.0), "exemplar.*instruction"),
        (Boost(RED, 2.0), "image"),
        (Boost("instruction", 2.0, layers=(3,)), "no layer 3.*0 to 2"),
        (Boost("instruction", 2.0, heads=(-1,)), "no head -1.*0 to 5"),
        (Boost("query", 2.0), "empty"),
    ],
)
async def test_an_edit_that_cannot_apply_is_an_error_before_any_token(
    tiny: Load, edit: Reweight, said: str
) -> None:
    model = tiny("llama")
    messages = [*talk(model), Message.user("", label="query")]
    with pytest.raises(UsageError, match=said):
        await model.generate(messages, edits=[edit])
    with pytest.raises(UsageError, match=said):
        await model.score(messages, ["a"], edits=[edit])
    stream = model.stream(messages, edits=[edit], sampling=Sampling(max_tokens=2))
    with pytest.raises(UsageError, match=said):
        await anext(stream)


@pytest.mark.parametrize("kind", ALL)
async def test_attention_that_is_read_is_the_literal_one(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    messages = talk(model)
    prompt = model.encoder.encode(messages)
    edits = (Boost("instruction", 6.0, heads=(1, 2)),)
    literal.SEEN.clear()
    literal.logits(model, prompt, edits)
    rows, columns = prompt.spans.find("instruction"), prompt.spans.find("system")
    layers, heads = (0, 2), (1, 5)
    weights = torch.stack([literal.SEEN[layer][0, list(heads)] for layer in layers]).mean((0, 1))
    wanted = weights[torch.from_numpy(rows)][:, torch.from_numpy(columns)]
    heat = await model.attend(
        messages, query="instruction", keys="system", edits=edits, layers=layers, heads=heads
    )
    close(torch.from_numpy(heat.weights), wanted)
    assert len(heat.tokens) == len(columns)
    if model.capabilities.images:
        over = await model.attend(messages, keys=RED)
        assert over.grid is not None
        assert over.weights.shape == (1, over.grid[0] * over.grid[1])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_the_factor(tiny: Load, dtype: torch.dtype) -> None:
    """One channel in half precision would round ln 40 / scale by up to 0.4 %: two carry it."""
    from agentkit.attention.function import attention

    torch.manual_seed(1)
    q, k, v = (torch.randn(1, 2, 30, 16) for _ in range(3))
    module = torch.nn.Module()
    module.layer_idx, module.is_causal, module.num_key_value_groups = 0, True, 1  # type: ignore[assignment]
    model = tiny("llama")
    prompt = model.encoder.encode(talk(model))
    plan = model.engine.plan(Job(prompt, (Boost("system", 40.0),)))
    with reallocating(plan):
        exact, _ = attention(module, q, k, v, None, scaling=0.25)
        half, _ = attention(module, q.to(dtype), k.to(dtype), v.to(dtype), None, scaling=0.25)
    assert float((exact - half.float()).abs().max()) < 0.05
