"""Heads that were found by ``fits`` on training seeds, by the digest of a model's weights and the method.

``python -m agentkit.evals.attention.tune`` finds them again.
"""

from __future__ import annotations

Places = tuple[tuple[int, int], ...]

# (weights, method) -> the heads that are added or steered, the heads that are taken off.
HEADS: dict[tuple[str, str], tuple[Places, Places]] = {
    ("e91a6ad39ffb", "pasta"): (
        (
            (22, 6),
            (22, 7),
            (23, 0),
            (23, 2),
            (23, 5),
            (23, 7),
            (23, 8),
            (24, 1),
            (24, 2),
            (24, 5),
            (24, 6),
            (24, 7),
        ),
        (),
    ),
}
