"""What methods learn of a model before an evaluation, always on training seeds (10,000 to 19,999).

What takes minutes is kept in ``known`` by the model's weights, so that a bench of a known model starts at once;
another model is fitted when it is asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from agentkit.attention import JuICE, Pasta
from agentkit.content import Message
from agentkit.errors import UnsupportedCapability, UsageError
from agentkit.models.base import INSTEAD, Model
from agentkit.models.wrapper import WrapperModel, fingerprint_of

from .family import Item, Method
from .known import HEADS

if TYPE_CHECKING:
    from agentkit.attention.lab import Lab
    from agentkit.attention.methods.juice_fit import Conflict

T = TypeVar("T")
Places: TypeAlias = tuple[tuple[int, int], ...]

TRAINING_SEED = 10_000
# PASTA: training items (right against one wrong option, without exemplars), the best layers, and heads of them. The
# paper profiles all heads on 1,000 items; layers first is what a CPU can do.
PASTA_ITEMS, PASTA_LAYERS, PASTA_HEADS = 4, 3, 12
# JuICE: one strength each way out of the published ones, heads of the upper two thirds, published top 5.
JUICE_STRONGER, JUICE_WEAKER, JUICE_TOP = (3.0,), (-1.0,), 5


async def look(model: Model, method: Callable[[Lab], T]) -> T:
    """Run a method on the local model's own thread. Raises ``UnsupportedCapability`` for a model behind an API."""
    while isinstance(model, WrapperModel):
        model = model.inner
    work: Callable[[Callable[[Lab], T]], Awaitable[T]] | None = getattr(model, "work", None)
    if work is None or not model.capabilities.attention:
        raise UnsupportedCapability(f"{model.reference} can't do 'attention'", mend=INSTEAD["attention"])
    return await work(method)


async def fitted(name: str, make: Callable[[], Awaitable[Method]]) -> Method:
    """Return a method that must be fitted; where nothing can be fitted, it says so for every item."""
    try:
        return await make()
    except UsageError as error:
        reason = str(error)

    def refuse(item: Item) -> tuple[()]:
        raise UnsupportedCapability(reason)

    return Method(name, refuse)


async def pasta_heads(model: Model, items: Sequence[Item], edit: Pasta) -> Places:
    """Return the heads that PASTA should steer: the known ones, else found now."""
    known = HEADS.get((fingerprint_of(model)[:12], "pasta"))
    return known[0] if known is not None else await find_pasta(model, items, edit)


async def find_pasta(model: Model, items: Sequence[Item], edit: Pasta) -> Places:
    """Find the heads that PASTA should steer, profiled on training items with options."""
    from agentkit.attention.methods.pasta_fit import best_layers, profile, profile_layers, ranked

    pairs = [_short(item) for item in items[:PASTA_ITEMS]]

    def search(lab: Lab) -> Places:
        layers = best_layers(profile_layers(lab, pairs, edit), PASTA_LAYERS)
        target = lab.target(lab.encode(pairs[0].messages))
        tried = [(layer, head) for layer in layers for head in range(target.heads)]
        found = ranked(profile(lab, pairs, edit, tried))[:PASTA_HEADS]
        if not found:
            raise UnsupportedCapability("no head that PASTA steers helped on training items")
        return tuple(sorted(found))

    return await look(model, search)


async def juice(model: Model, way: str, samples: Sequence[Conflict], items: Sequence[Item]) -> JuICE:
    """Return JuICE for one way to settle a conflict: known heads, else found now; strengths of training items."""
    from agentkit.attention.methods.juice_fit import choose_strengths

    known = HEADS.get((fingerprint_of(model)[:12], f"juice.{way}"))
    heads, against = known if known is not None else await find_juice(model, samples)
    return await choose_strengths(
        model, items, JuICE(heads, against), alphas=(0.0, 1.0, 3.0), betas=(0.0, 1.0, 2.0)
    )


async def find_juice(model: Model, samples: Sequence[Conflict]) -> tuple[Places, Places]:
    """Find the heads that JuICE should add, and those that it should take off."""
    from agentkit.attention.methods.juice_fit import find_heads, kept_heads

    def search(lab: Lab) -> tuple[Places, Places]:
        target = lab.target(lab.encode(samples[0].clean))
        upper = range(target.layers // 3, target.layers)
        tried = [(layer, head) for layer in upper for head in range(target.heads)]
        found = find_heads(lab, samples, tried, stronger=JUICE_STRONGER, weaker=JUICE_WEAKER)
        return kept_heads(found, JUICE_TOP)

    return await look(model, search)


def without(messages: Sequence[Message], label: str) -> tuple[Message, ...]:
    """Return messages without the parts of a label."""
    kept = (replace(m, parts=tuple(part for part in m.parts if part.label != label)) for m in messages)
    return tuple(message for message in kept if message.parts)


def _short(item: Item) -> Item:
    wrong = (item.right + 1) % len(item.options)
    options = (item.options[item.right], item.options[wrong])
    return replace(item, messages=without(item.messages, "exemplar"), options=options, right=0)
