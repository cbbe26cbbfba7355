"""The methods that several families compare."""

from __future__ import annotations

from collections.abc import Callable

from agentkit.attention import Boost, Buckets, Mute, Pasta
from agentkit.attention.methods.steering import Steer, fit_concept
from agentkit.models.base import Model

from .family import Family, Item, Method
from .fits import TRAINING_SEED, look, pasta_heads, without

# PASTA's alpha: published 0.01. Steering: training items, and a factor in the middle of InstABoost's grid.
ALPHA = 0.01
STEER_ITEMS, STEER = 24, 0.3


def unedited() -> Method:
    """Return the model as it is: the first method of every family."""
    return Method("unedited", lambda item: ())


def boosts(span: str, *factors: float) -> list[Method]:
    """Return InstABoost at several factors, all heads and layers."""
    return [
        Method(f"boost{factor:g}", lambda item, factor=factor: (Boost(span, factor),), f"factor {factor:g}")
        for factor in factors
    ]


def mutes(span: str, *factors: float) -> list[Method]:
    """Return the attention on a span reduced, at several factors."""
    return [
        Method(
            f"mute{factor:g}".replace(".", "_"),
            lambda item, factor=factor: (Mute(span, factor),),
            f"factor {factor:g}",
        )
        for factor in factors
    ]


def buckets() -> Method:
    """Return Attention Buckets with the published bases."""
    return Method("buckets", lambda item: (Buckets(),), "published bases, as multiples of the model's own")


async def pasta(model: Model, span: str) -> Method:
    """Return PASTA on a span, with heads profiled on training items of element choice for all families."""
    from .choice import ElementChoice

    choice = ElementChoice()
    items = [choice.item(TRAINING_SEED + number) for number in range(8)]
    heads = await pasta_heads(model, items, Pasta("instruction", ALPHA))
    note = f"alpha {ALPHA:g} as published, {len(heads)} heads of training items of element choice"
    return Method("pasta", lambda item: (Pasta(span, ALPHA, heads=heads),), note)


async def steering(
    model: Model, family: Family, label: str, key: Callable[[Item], str] = lambda item: item.stratum
) -> Method:
    """Return steering along the mean difference of training prompts with the parts of a label and without.

    One concept vector a stratum: what the items of a stratum have in common is what can be steered to.
    """
    items = [family.item(seed) for seed in range(TRAINING_SEED, TRAINING_SEED + STEER_ITEMS)]
    pairs = {key(item): [] for item in items}
    for item in items:
        pairs[key(item)].append((item.messages, without(item.messages, label)))
    learned = {
        name: await look(model, lambda lab, some=some: fit_concept(lab, some)) for name, some in pairs.items()
    }
    note = f"mean difference of {STEER_ITEMS} training prompts, middle fifth of the layers, factor {STEER:g}"
    return Method("steering", lambda item: (Steer(learned[key(item)], STEER),), note)
