"""What calls cost: a dated table in the package, which settings override. Unknown is None, never zero."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from ..config import ModelSettings


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens. ``cached`` is the rate of input that the server had cached."""

    input: float
    output: float
    cached: float | None = None

    def cost(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        """Return the price of a call in US dollars; ``cached_tokens`` are a part of ``input_tokens``."""
        rate = self.input if self.cached is None else self.cached
        fresh = input_tokens - cached_tokens
        return (fresh * self.input + cached_tokens * rate + output_tokens * self.output) / 1_000_000


@dataclass(frozen=True)
class PriceTable:
    """The prices of the package, by reference, and the day on which they were read."""

    date: str
    source: str
    prices: Mapping[str, Price]


@cache
def price_table() -> PriceTable:
    """Return the table of the package."""
    data = tomllib.loads(resources.files("agentkit.models").joinpath("prices.toml").read_text("utf-8"))
    prices = {reference: Price(**price) for reference, price in data["models"].items()}
    return PriceTable(data["date"], data["source"], MappingProxyType(prices))


def price_of(reference: str, declared: ModelSettings | None = None) -> Price | None:
    """Return the price of a model: what settings declare, else the table's, else None.

    One declared price alone replaces that one of the table; without the other it is not a price.
    """
    listed = price_table().prices.get(reference)
    if declared is None or (declared.input_price is None and declared.output_price is None):
        return listed
    entry, exit_ = declared.input_price, declared.output_price
    if entry is None and listed is not None:
        entry = listed.input
    if exit_ is None and listed is not None:
        exit_ = listed.output
    return None if entry is None or exit_ is None else Price(entry, exit_)
