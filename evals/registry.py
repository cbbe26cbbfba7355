"""Evaluations and benchmarks by name: what ``agentkit eval`` and ``agentkit bench`` run.

Each is ``module:function``, a function of ``(settings, out)`` that returns an ``Evaluation`` (or an awaitable one).
Its keyword parameters are what it takes of the flags of those names (``family``, ``items``, ``cost``, ``tasks``,
``seeds``, ``policy``, ``memory``, ``workers``, ``data``, ``images``, ``strategy``, ``expert``,
``budgets``); ``say`` gets lines of progress.
"""

from __future__ import annotations

EVALS: dict[str, str] = {
    "ambiguous": "agentkit.evals.ambiguous.run:evaluate",
    "attention": "agentkit.evals.attention.run:evaluate",
    "calibration": "agentkit.evals.calibration:evaluate",
    "decisions": "agentkit.evals.miniwob.decisions:evaluate",
    "dynvqa": "agentkit.evals.dynvqa:evaluate",
    "hrbench": "agentkit.evals.vqa.run:evaluate_hrbench",
    "instructions": "agentkit.evals.instructions.run:evaluate",
    "mind2web": "agentkit.evals.mind2web.run:evaluate",
    "mini": "agentkit.evals.accuracy:evaluate",
    "miniwob": "agentkit.evals.miniwob.runner:evaluate",
    "pages": "agentkit.evals.pages:evaluate",
    "pope": "agentkit.evals.vqa.run:evaluate_pope",
    "research": "agentkit.evals.research.run:evaluate",
    "routing": "agentkit.evals.routing.run:evaluate",
    "vstar": "agentkit.evals.vqa.run:evaluate_vstar",
}
BENCHES: dict[str, str] = {
    "attention": "agentkit.evals.attention.run:bench",
    "index": "agentkit.evals.index_bench:bench",
    "observation": "agentkit.evals.observation:bench",
    "step": "agentkit.evals.miniwob.share:bench",
}
