"""Finding contextual heads, and the directions with which they attend more to the relevant part of the context."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...errors import UsageError
from ..lab import origin
from ..learned import Learned
from ..reader import Reader, RowsReader, Site
from .fitted import Taught, by_layer, check_heads
from .focus_directions import FocusDirections

if TYPE_CHECKING:
    from ...content import Message
    from ..lab import Lab, LabPrompt


@dataclass(frozen=True)
class Relevant:
    """A training item. ``parts``: which parts of the messages, counted from 0 over all of them, are relevant.

    ``reply``: a reply behind the prompt, whose rows are then looked at; without one, the prompt's last row is.
    """

    messages: tuple[Message, ...]
    parts: tuple[int, ...]
    reply: str | None = None


def contextual_scores(lab: Lab, items: Sequence[Relevant]) -> np.ndarray:
    """Return the mean attention (layers, heads) on the relevant tokens, over rows and items: one pass an item.

    Raises ``UsageError`` for no items and for parts that the messages do not have.
    """
    if not items:
        raise UsageError("there is no item to find contextual heads on")
    total: np.ndarray | None = None
    for item in items:
        prompt, rows = _encoded(lab, item)
        reader = RowsReader(rows, _relevant(lab, prompt, item).tolist(), each=True)
        lab.forward(prompt, readers=[reader])
        score = reader.table().sum(-1).mean(-1).numpy()
        total = score if total is None else total + score
    assert total is not None
    return total / len(items)


def contextual_heads(lab: Lab, items: Sequence[Relevant], top: int = 20) -> tuple[tuple[int, int], ...]:
    """Return the ``top`` heads (layer, head) by ``contextual_scores``, the first the best; 20 as published."""
    return best_heads(contextual_scores(lab, items), top)


def best_heads(scores: np.ndarray, top: int) -> tuple[tuple[int, int], ...]:
    """Return the (layer, head) of the ``top`` highest scores (layers, heads), the highest first."""
    if not 1 <= top <= scores.size:
        raise UsageError(f"the model has {scores.size} heads, not {top}")
    order = np.argsort(-scores, axis=None, kind="stable")[:top]
    return tuple((int(place) // scores.shape[1], int(place) % scores.shape[1]) for place in order)


def fit_focus(
    lab: Lab,
    items: Sequence[Relevant],
    heads: Sequence[tuple[int, int]],
    *,
    context: str = "observation",
    epochs: int = 10,
    rate: float = 1e-3,
    seed: int = 0,
    say: Callable[[str], None] | None = None,
) -> Learned:
    """Learn a query and a key direction a head: maximise the attention on the relevant tokens.

    As published: AdamW (``rate`` 1e-3), 10 epochs, one item a step, loss = minus the mean attention mass on the
    relevant tokens over the rows of the reply, each layer on the states of the unedited model, directions from 0.
    So one pass an item reads queries and keys, and the rest is arithmetic on them; the model is not run again and
    its weights stay as they are. Heads that are not named are not trained (published: all are, and unused ones are
    zeroed; they do not touch each other). With few items a rate of 1e-2 suits better: the published
    one moves a number by about 0.001 an item and epoch. ``context``: the label of the whole context. Memory: keys of the named
    heads for all items. Raises ``UsageError`` for no items, heads that do not exist, and prompts without the context.
    """
    if not items:
        raise UsageError("there is no item to fit on")
    heads = tuple(dict.fromkeys(heads))
    states = [_states(lab, item, heads, context) for item in items]
    width = states[0].query.shape[-1]
    queries = torch.zeros(len(heads), width, requires_grad=True)
    keys = torch.zeros(len(heads), width, requires_grad=True)
    adam = torch.optim.AdamW([queries, keys], lr=rate)
    random = torch.Generator().manual_seed(seed)
    masses = []
    for epoch in range(epochs):
        total = 0.0
        for index in torch.randperm(len(states), generator=random).tolist():
            adam.zero_grad()
            mass = states[index].mass(queries, keys)
            (-mass).backward()
            adam.step()
            total += float(mass.detach())
        masses.append(total / len(states))
        if say is not None:
            say(f"epoch {epoch + 1} of {epochs}: attention on what is relevant {masses[-1]:.4f}")
    about = {
        "method": FocusDirections.name,
        **origin(lab),
        "heads": [list(head) for head in heads],
        "context": context,
        "items": len(items),
        "epochs": epochs,
        "rate": rate,
        "seed": seed,
        "masses": [round(mass, 5) for mass in masses],
    }
    arrays = {"queries": queries.detach().numpy(), "keys": keys.detach().numpy()}
    return Learned(arrays, about)


@dataclass(frozen=True, eq=False)
class _States:
    """What some heads of one pass had: ``query`` (heads, rows, width), ``key`` (heads, columns, width), and masks."""

    query: torch.Tensor
    key: torch.Tensor
    hidden: torch.Tensor
    scales: torch.Tensor
    context: torch.Tensor
    relevant: torch.Tensor

    def mass(self, queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """Return the mean attention on the relevant columns under directions (heads, width)."""
        key = self.key + self.context[None, :, None] * keys[:, None]
        scores = (self.query + queries[:, None]) @ key.transpose(1, 2) * self.scales[:, None, None]
        weights = scores.masked_fill(self.hidden, float("-inf")).softmax(-1)
        return weights[..., self.relevant].sum(-1).mean()


@dataclass
class _StatesReader(Reader):
    """Keeps queries of rows, keys, and what the rows can't see, of the chosen heads of its layers."""

    rows: Sequence[int]
    chosen: dict[int, list[int]]
    kept: dict[int, tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    scales: dict[int, float] = field(default_factory=dict)

    def wants(self, layer: int) -> bool:
        return layer in self.chosen

    def read(self, site: Site) -> None:
        rows, heads = torch.tensor(list(self.rows)), self.chosen[site.layer]
        shared = site.query.shape[1] // site.key.shape[1]
        key = site.key[0, [head // shared for head in heads]]
        # A window hides columns too: what has no weight at all can't be seen, or is as good as hidden.
        hidden = site.weights(rows)[0, heads] == 0
        self.kept[site.layer] = (site.query[0, heads][:, rows], key, hidden)
        self.scales[site.layer] = site.scale


def _states(lab: Lab, item: Relevant, heads: Sequence[tuple[int, int]], context: str) -> _States:
    prompt, rows = _encoded(lab, item)
    target = lab.target(prompt)
    check_heads(target, heads)
    layers = by_layer(heads)
    reader = _StatesReader(
        rows, {layer: [heads[place][1] for place in places] for layer, places in layers.items()}
    )
    lab.forward(prompt, readers=[reader])
    # Back into the order of the heads; clones, since what inference gave can't be differentiated through.
    order = torch.tensor([place for places in layers.values() for place in places]).argsort()
    kept = [reader.kept[layer] for layer in layers]
    query, key, hidden = (torch.cat([part[i].clone() for part in kept])[order] for i in range(3))
    scales = torch.tensor([reader.scales[layer] for layer, _ in heads])
    inside = torch.zeros(len(prompt))
    inside[torch.from_numpy(target.find(context))] = 1.0
    relevant = torch.from_numpy(_relevant(lab, prompt, item))
    return _States(query.float(), key.float(), hidden, scales, inside, relevant)


def _encoded(lab: Lab, item: Relevant) -> tuple[LabPrompt, list[int]]:
    """Return the prompt, and the rows that are looked at."""
    if item.reply is None:
        prompt = lab.encode(item.messages)
        return prompt, [len(prompt) - 1]
    taught = Taught.of(lab, item.messages, item.reply)
    return taught.prompt, list(range(len(taught.prompt) - taught.count - 1, len(taught.prompt) - 1))


def _relevant(lab: Lab, prompt: LabPrompt, item: Relevant) -> np.ndarray:
    """Return the relevant tokens, ascending."""
    parts = lab.target(prompt).spans.parts
    wrong = [index for index in item.parts if not 0 <= index < len(parts)]
    if wrong or not item.parts:
        raise UsageError(
            f"there is no part {wrong[0] if wrong else '(none is named)'}",
            mend=f"the messages have parts 0 to {len(parts) - 1}",
        )
    tokens = np.unique(np.concatenate([parts[index].tokens for index in item.parts]))
    if not len(tokens):
        raise UsageError("the relevant part has no tokens: it is empty")
    return tokens
