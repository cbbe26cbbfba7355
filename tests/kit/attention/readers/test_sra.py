"""Attention on a span over a generation equals that of the whole conversation, recomputed."""

from __future__ import annotations

from collections.abc import Callable

import literal
import numpy as np
import pytest
import torch
from local_samples import RED, talk
from tiny_models import PICTURE_KINDS, TEXT_KINDS

from agentkit.attention import Boost
from agentkit.attention.active import active, reallocating
from agentkit.attention.readers.sra import SpanReader, strategy_attention
from agentkit.errors import UsageError
from agentkit.models.local import LocalModel

ALL = (*TEXT_KINDS, *PICTURE_KINDS)
Load = Callable[[str], LocalModel]
REPLY = "click the red button"


def wanted(model: LocalModel, ids: list[int], columns: np.ndarray, edits: tuple) -> np.ndarray:
    prompt = model.encoder.encode(talk(model))
    literal.SEEN.clear()
    literal.logits(model, prompt, edits, ids[:-1])
    maps = torch.stack([literal.SEEN[layer][0] for layer in sorted(literal.SEEN)])
    return maps[:, :, len(prompt) - 1 :][..., columns].sum(-1).permute(2, 0, 1).numpy()


@pytest.mark.parametrize("kind", ALL)
async def test_shares_over_a_generation(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    messages = talk(model)
    prompt = model.encoder.encode(messages)
    ids = model.encoder.encode_reply(REPLY)
    spans = ["untrusted", *([RED] if model.capabilities.images else [])]
    for edits in ((), (Boost("untrusted", 6.0, heads=(0, 3)),)):
        for span in spans:
            found = await model.work(
                lambda lab, span=span, edits=edits: strategy_attention(
                    lab, messages, REPLY, span, edits=edits
                )
            )
            columns = prompt.spans.find(span)
            assert np.abs(found.values - wanted(model, ids, columns, edits)).max() < 1e-5
            assert found.share == pytest.approx(len(columns) / len(prompt))
            assert len(found.tokens) == len(found.values) == len(ids)
            assert found.by_step().shape == (len(ids),)
            assert found.by_head().shape == (3, 6)


@pytest.mark.parametrize("kind", ALL)
async def test_a_reader_reads_every_cached_step(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    messages = talk(model)
    prompt = model.encoder.encode(messages)
    columns = prompt.spans.find("instruction")
    for edits in ((), (Boost("instruction", 6.0, heads=(0, 3)),)):
        reader = SpanReader(columns, len(prompt) - 1)
        with model.applied(messages, edits) as inputs, torch.no_grad():
            now = active()
            with reallocating(None if now is None else now.plan, [reader]):
                written = model.module.generate(
                    **inputs,
                    max_new_tokens=4,
                    min_new_tokens=4,
                    do_sample=False,
                )
        ids = written[0, len(prompt) :].tolist()
        assert len(ids) == 4
        assert np.abs(reader.result().numpy() - wanted(model, ids, columns, edits)).max() < 1e-5


async def test_a_boosted_span_gets_more(tiny: Load) -> None:
    model = tiny("llama")
    messages = talk(model)
    plain, more = [
        await model.work(
            lambda lab, edits=edits: strategy_attention(lab, messages, REPLY, "instruction", edits=edits)
        )
        for edits in ((), (Boost("instruction", 9.0),))
    ]
    assert (more.by_step() > plain.by_step()).all()


async def test_a_span_that_is_not_there(tiny: Load) -> None:
    model = tiny("llama")
    with pytest.raises(UsageError, match="exemplar"):
        await model.work(lambda lab: strategy_attention(lab, talk(model), REPLY, "exemplar"))
