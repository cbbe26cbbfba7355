"""Attention flow: how much can flow from tokens to a row through all layers (Abnar and Zuidema, 2005.00928)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...errors import UsageError
from ..reader import Reader, Site

if TYPE_CHECKING:
    from ...content import Message
    from ..edits import Edit
    from ..lab import Lab

# Capacities are whole numbers for scipy: 1.0 is this many.
UNIT = 2**28
# Edges of the graph, about layers x tokens^2 / 2: a maximum flow takes about a second a million of them.
MOST_EDGES = 1_000_000


class MapsReader(Reader):
    """Collects the whole maps of a pass (batch of 1), averaged over heads: (tokens, tokens) a layer."""

    def __init__(self, layers: Sequence[int] | None = None, heads: Sequence[int] | None = None) -> None:
        self.layers = layers
        self.heads = heads
        self.maps: list[np.ndarray] = []

    def read(self, site: Site) -> None:
        weights = site.weights(torch.arange(site.query.shape[2]))[0]
        chosen = weights if self.heads is None else weights[list(self.heads)]
        self.maps.append(chosen.mean(0).double().numpy())


def flow(
    lab: Lab,
    messages: Sequence[Message],
    *,
    keys: Sequence[int] | None = None,
    row: int = -1,
    edits: Sequence[Edit] = (),
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
) -> np.ndarray:
    """Return the maximum flow between each token and a row of the prompt, (tokens, float64), 0 to 1 each.

    The layers are a graph: an edge from token i of one layer to token j of the layer below has the capacity
    0.5 (mean of the heads' attention of i on j) + 0.5 if i = j (section 3 of the paper). ``keys``: the tokens whose
    flow is computed (the others get 0), all by default; each is a maximum flow of its own. ``row``: index of a token,
    the last by default. ``edits`` (prepared) are part of what is read. ``layers`` and ``heads``: None for all.

    Capacities are rounded to 1 / ``UNIT`` for scipy's ``maximum_flow``. For short prompts only: raises ``UsageError``
    when layers x tokens x tokens / 2 exceeds ``MOST_EDGES``, and for a layer or head that the model does not have.
    """
    prompt = lab.encode(messages)
    target = lab.target(prompt)
    target.check(layers, heads)
    depth = target.layers if layers is None else len(set(layers))
    count = range(len(prompt))[row] + 1
    edges = depth * count * (count + 1) // 2
    if edges > MOST_EDGES:
        raise UsageError(
            f"the flow through {depth} layers of {count} tokens is a graph of {edges:,} edges, over {MOST_EDGES:,}",
            mend="use rollout, a shorter prompt, or fewer layers",
        )
    reader = MapsReader(layers, heads)
    lab.forward(prompt, edits, [reader])
    result = np.zeros(len(prompt))
    wanted = [key for key in (range(count) if keys is None else keys) if key < count]
    result[wanted] = flows([each[:count, :count] for each in reader.maps], wanted)
    return result


def flows(maps: Sequence[np.ndarray], keys: Sequence[int]) -> np.ndarray:
    """Return the maximum flow between the last row and each of ``keys``.

    ``maps``: (tokens, tokens) a layer, from the first to the last; rows sum to 1.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import maximum_flow

    count = len(maps[0])
    starts, ends, capacities = [], [], []
    for layer, each in enumerate(maps):
        whole = np.rint((0.5 * each + 0.5 * np.eye(count)) * UNIT).astype(np.int32)
        if layer == len(maps) - 1:
            whole[:-1] = 0
        rows, columns = whole.nonzero()
        starts.append(rows + (layer + 1) * count)
        ends.append(columns + layer * count)
        capacities.append(whole[rows, columns])
    nodes = (len(maps) + 1) * count
    edges = (np.concatenate(capacities), (np.concatenate(starts), np.concatenate(ends)))
    graph = coo_array(edges, shape=(nodes, nodes)).tocsr()
    return np.array([maximum_flow(graph, nodes - 1, int(key)).flow_value / UNIT for key in keys])
