"""Evaluations and benchmarks by name: what ``agentkit eval`` and ``agentkit bench`` run.

Each is ``module:function``, a function of ``(settings, out)`` that returns an ``Evaluation`` (or an awaitable one).
Its keyword parameters are what it takes of the flags of those names (``family``, ``items``, ``cost``, ``tasks``,
``seeds``, ``policy``, ``memory``, ``workers``); ``say`` gets lines of progress.
"""

from __future__ import annotations

EVALS: dict[str, str] = {
    "attention": "agentkit.evals.attention.run:evaluate",
    "mini": "agentkit.evals.accuracy:evaluate",
    "miniwob": "agentkit.evals.miniwob.runner:evaluate",
    "pages": "agentkit.evals.pages:evaluate",
    "search": "agentkit.evals.search:evaluate",
}
BENCHES: dict[str, str] = {"attention": "agentkit.evals.attention.run:bench"}
