"""What methods see of a model: a reply behind a prompt is, for edits, what was generated."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from local_samples import talk
from test_reweighting import close, fresh

from agentkit.attention import primitives as p
from agentkit.models.local import LocalModel
from agentkit.models.local_engine import Job

Load = Callable[[str], LocalModel]


@pytest.mark.parametrize("kind", ["llama", "gemma3_text windowed", "qwen2_5_vl", "llava"])
async def test_edits_take_a_given_reply_as_generated(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    messages = talk(model)
    prompt = model.encoder.encode(messages)
    where = prompt.spans.find("instruction")
    vectors = torch.randn(6, model.engine.width, generator=torch.Generator().manual_seed(3))
    edits = (
        p.KeyBias(where, 1.5, later=-0.7),
        p.HeadScale(2.5, heads=(1, 3), generated=True),
        p.QueryAdd(vectors, later=False),
    )
    reply = model.encoder.encode_reply("click the red button")
    state = fresh(model).prefill([Job(prompt, (), edits)])
    steps = [state.logits]
    for token in reply[:-1]:
        steps.append(model.engine.step(state, torch.tensor([[token]])))
    whole = await model.work(
        lambda lab: lab.forward(
            lab.encode(messages, "click the red button"), primitives=edits, last=len(reply) + 1
        )
    )
    close(whole[:-1], torch.cat(steps))


async def test_a_target_knows_the_prompt_alone_and_the_rotary_bases(tiny: Load) -> None:
    model = tiny("gemma3_text windowed")
    messages = talk(model)

    def look(lab: object) -> None:
        whole = model._lab.encode(messages, "yes")
        assert model._lab.target(whole).tokens == len(model._lab.encode(messages)) < len(whole)

    await model.work(look)
    assert model.engine.target(model.encoder.encode(messages)).bases == (10_000.0, 1_000_000.0)
    llama = tiny("llama")
    assert llama.engine.target(llama.encoder.encode(talk(llama))).bases == (10_000.0,)
