"""Heads that were found by ``fits`` on training seeds, by the digest of a model's weights and the method.

``python -m agentkit.evals.attention.tune`` finds them again.
"""

from __future__ import annotations

Places = tuple[tuple[int, int], ...]

# (weights, method) -> the heads that are added or steered, the heads that are taken off.
HEADS: dict[tuple[str, str], tuple[Places, Places]] = {}
