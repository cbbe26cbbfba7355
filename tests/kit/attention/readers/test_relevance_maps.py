"""Rollout, flow and relevance equal their plain formulas on whole eager maps."""

from __future__ import annotations

from collections.abc import Callable

import literal
import networkx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from local_samples import talk
from tiny_models import PICTURE_KINDS, TEXT_KINDS

from agentkit.attention import Boost, Mute
from agentkit.attention.readers import flow as flow_file
from agentkit.attention.readers import relevance as relevance_file
from agentkit.attention.readers.flow import flow, flows
from agentkit.attention.readers.relevance import relevance
from agentkit.attention.readers.rollout import rollout
from agentkit.errors import UsageError
from agentkit.models.local import LocalModel

ALL = (*TEXT_KINDS, *PICTURE_KINDS)
Load = Callable[[str], LocalModel]
EDITS = (Boost("instruction", 7.0, heads=(1, 4)), Mute("system", 0.2, layers=(1,)))


def close(ours: np.ndarray, wanted: np.ndarray, tolerance: float = 1e-5) -> None:
    assert ours.shape == wanted.shape
    assert np.abs(ours - wanted).max() <= tolerance * max(1.0, np.abs(wanted).max())


def eager_maps(model: LocalModel, edits: tuple = ()) -> list[torch.Tensor]:
    """Return the maps (heads, tokens, tokens) of all layers, by the literal attention."""
    literal.SEEN.clear()
    literal.logits(model, model.encoder.encode(talk(model)), edits)
    return [literal.SEEN[layer][0] for layer in sorted(literal.SEEN)]


@pytest.mark.parametrize("kind", ALL)
async def test_rollout_is_the_product_of_mixed_maps(tiny: Load, kind: str, monkeypatch) -> None:
    monkeypatch.setattr("agentkit.attention.readers.rollout.ROWS", 7)
    model = tiny(kind)
    for edits in ((), EDITS):
        wanted = torch.eye(len(model.encoder.encode(talk(model))), dtype=torch.float64)
        for each in eager_maps(model, edits):
            mixed = 0.5 * each.double().mean(0) + 0.5 * torch.eye(len(wanted))
            wanted = (mixed / mixed.sum(-1, keepdim=True)) @ wanted
        ours = await model.work(lambda lab, edits=edits: rollout(lab, talk(model), edits=edits))
        close(ours, wanted[-1].numpy())
        assert ours.sum() == pytest.approx(1)


async def test_rollout_of_some_layers_heads_and_another_row(tiny: Load) -> None:
    model = tiny("qwen3")
    maps = eager_maps(model)
    mixed = [
        0.5 * maps[layer][[0, 5]].double().mean(0) + 0.5 * torch.eye(len(maps[0][0])) for layer in (0, 2)
    ]
    ours = await model.work(lambda lab: rollout(lab, talk(model), row=20, layers=(0, 2), heads=(0, 5)))
    close(ours, (mixed[1] @ mixed[0])[20].numpy())


def plain_flow(maps: list[np.ndarray], key: int) -> float:
    graph = networkx.DiGraph()
    count = len(maps[0])
    graph.add_nodes_from((layer, token) for layer in range(len(maps) + 1) for token in range(count))
    for layer, each in enumerate(maps):
        mixed = 0.5 * each + 0.5 * np.eye(count)
        for i in range(count):
            for j in range(count):
                if mixed[i, j] > 0:
                    graph.add_edge((layer + 1, i), (layer, j), capacity=float(mixed[i, j]))
    return networkx.maximum_flow_value(graph, (len(maps), count - 1), (0, key))


@given(st.integers(2, 7), st.integers(1, 4), st.integers(0, 2**31))
def test_flow_is_the_maximum_flow_of_the_graph(count: int, depth: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    maps = [np.tril(random.random((count, count)) ** 4 + 1e-3) for _ in range(depth)]
    maps = [each / each.sum(-1, keepdims=True) for each in maps]
    wanted = np.array([plain_flow(maps, key) for key in range(count)])
    close(flows(maps, range(count)), wanted)


@pytest.mark.parametrize("kind", ["llama", "gemma3_text windowed", "llava", "qwen2_5_vl"])
async def test_flow_reads_the_models_own_maps(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    maps = [each.double().mean(0).numpy() for each in eager_maps(model, EDITS)]
    keys = [0, 3, len(maps[0]) - 1]
    ours = await model.work(lambda lab: flow(lab, talk(model), keys=keys, edits=EDITS))
    close(ours[keys], np.array([plain_flow(maps, key) for key in keys]))
    assert ours.nonzero()[0].tolist() == [key for key in keys if ours[key] > 0]
    early = await model.work(lambda lab: flow(lab, talk(model), keys=keys, row=5, layers=(0, 2), heads=(1,)))
    some = [eager_maps(model)[layer][1].double().numpy()[:6, :6] for layer in (0, 2)]
    close(early[[0, 3]], np.array([plain_flow(some, key) for key in (0, 3)]))
    assert early[keys[2]] == 0


def chefer(
    model: LocalModel, edits: tuple, token: int | None, layers: tuple[int, ...], heads: list[int]
) -> np.ndarray:
    """The published rule, whole: R += A R, with gradients of maps that are inputs of the rest of the model."""
    maps: dict[int, torch.Tensor] = {}

    def keep(module, query, key, value, attention_mask, **kwargs):
        groups = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
        weights = (query @ key.transpose(2, 3) * kwargs["scaling"] + attention_mask).softmax(-1)
        for columns, factor, chosen, some in literal._EDITS:
            if chosen is None or module.layer_idx in chosen:
                times = torch.ones_like(weights)
                for head in range(weights.shape[1]) if some is None else some:
                    times[:, head, :, columns] = factor
                weights = weights * times
        weights = weights / weights.sum(-1, keepdim=True)
        if not weights.requires_grad:
            weights = weights.detach().requires_grad_()
        maps[module.layer_idx] = weights
        return (weights @ value).transpose(1, 2).contiguous(), None

    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    AttentionInterface.register("chefer", keep)
    AttentionMaskInterface.register("chefer", eager_mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "no_grad", torch.enable_grad)
        logits = literal.logits(model, model.encoder.encode(talk(model)), edits, attention="chefer")[-1]
    chosen = logits.max() if token is None else logits[token]
    gradients = torch.autograd.grad(chosen, [maps[layer] for layer in sorted(maps)])
    result = torch.eye(maps[0].shape[-1], dtype=torch.float64)
    for layer, gradient in enumerate(gradients):
        if layer in layers:
            result = (
                result + (gradient * maps[layer]).clamp_min(0)[0, heads].mean(0).detach().double() @ result
            )
    return result[-1].numpy()


@pytest.mark.parametrize("kind", ALL)
async def test_relevance_is_the_published_rule(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    every = list(range(6))
    for edits in ((), EDITS):
        ours = await model.work(lambda lab, edits=edits: relevance(lab, talk(model), edits=edits))
        close(ours, chefer(model, edits, None, (0, 1, 2), every), 1e-4)
        assert (ours >= 0).all()
    ours = await model.work(lambda lab: relevance(lab, talk(model), token=41, layers=(0, 2), heads=(1, 3)))
    close(ours, chefer(model, (), 41, (0, 2), [1, 3]), 1e-4)


async def test_what_cannot_be_read_is_said_before(tiny: Load, monkeypatch) -> None:
    model = tiny("llama")
    for method in (rollout, flow, relevance):
        with pytest.raises(UsageError, match="no layer 3"):
            await model.work(lambda lab, method=method: method(lab, talk(model), layers=(3,)))
        with pytest.raises(UsageError, match="no head 6"):
            await model.work(lambda lab, method=method: method(lab, talk(model), heads=(6,)))
    with pytest.raises(UsageError, match="no token 100000"):
        await model.work(lambda lab: relevance(lab, talk(model), token=100_000))
    monkeypatch.setattr(flow_file, "MOST_EDGES", 100)
    monkeypatch.setattr(relevance_file, "MOST_WEIGHTS", 100)
    for method in (flow, relevance):
        with pytest.raises(UsageError, match=r"over 100 .*use rollout"):
            await model.work(lambda lab, method=method: method(lab, talk(model)))
