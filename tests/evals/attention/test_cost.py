"""The measure of cost names what it measures, on the same prompt for every way, and leaves the model as it was."""

from __future__ import annotations

import numpy as np
import torch

from agentkit.attention.function import NAME
from agentkit.content import Message
from agentkit.evals.attention.cost import measure
from agentkit.evals.attention.eager import EAGER_REWEIGHT, reweighting
from agentkit.evals.attention.memory import peak_bytes
from agentkit.models.local import load_local
from agentkit.models.local_engine import Job


def test_every_way_has_its_ratios_at_prefill_and_decode() -> None:
    model = load_local("mini", threads=1)
    found = measure(model, {"": (6, 1, 3), ".4k": (400, 1, 3)}, 3)  # the second is longer than mini's context
    ways = {
        "no_edit",
        "reweight",
        "reweight_heads",
        "reweight_layers",
        "reweight_page",
        "head_scale",
        "read_rows",
    }
    for way in (*ways, "eager", "eager_reweight"):
        assert {f"{way}.prefill", f"{way}.decode", f"{way}.prefill.memory"} <= set(found.metrics)
    assert {f"{way}.layer.{what}" for way in ways for what in ("prefill", "decode")} <= set(found.metrics)
    assert not any(name.endswith(".4k") for name in found.metrics)
    assert all(metric.mean > 0 for metric in found.metrics.values())
    assert model.engine.text_config._attn_implementation == NAME


def test_the_eager_twin_does_the_same_as_the_edit() -> None:
    from agentkit.attention import Boost

    model = load_local("mini", threads=1)
    prompt = model.encoder.encode([Message.user("is there a red star?")])
    ours = model.engine.prefill([Job(prompt, (Boost("instruction", 15.0),))], keep=False).logits
    tower = model.module.get_decoder()
    tower.set_attn_implementation(EAGER_REWEIGHT)
    reweighting(prompt.spans.find("instruction"), 15.0)
    try:
        eager = model.engine.prefill([Job(prompt)], keep=False).logits
    finally:
        reweighting(None, 1.0)
        tower.set_attn_implementation(NAME)
    assert torch.allclose(ours, eager, rtol=1e-4, atol=1e-4)


def test_the_peak_of_a_piece_of_work_is_seen() -> None:
    peak = peak_bytes(lambda: np.ones(20_000_000).sum())
    assert peak == 1 or peak > 100_000_000
