"""The methods that several families compare."""

from __future__ import annotations

from agentkit.attention import Boost, Mute

from .family import Method


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
