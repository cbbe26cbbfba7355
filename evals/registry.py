"""Evaluations and benchmarks by name: what ``agentkit eval`` and ``agentkit bench`` run.

Each is ``module:function``, a function of ``(settings, out)`` that returns an ``Evaluation`` (or an awaitable one).
"""

from __future__ import annotations

EVALS: dict[str, str] = {
    "attention": "agentkit.evals.attention.choice:evaluate",
    "miniwob": "agentkit.evals.miniwob.runner:evaluate",
    "search": "agentkit.evals.search:evaluate",
}
BENCHES: dict[str, str] = {"attention": "agentkit.evals.attention.cost:bench"}
