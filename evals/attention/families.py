"""The families of ``agentkit bench attention`` by name, in the order of the table."""

from __future__ import annotations

FAMILIES: dict[str, str] = {
    "choice": "agentkit.evals.attention.choice:ElementChoice",
}
