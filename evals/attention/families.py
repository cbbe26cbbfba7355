"""The families of ``agentkit bench attention`` by name, in the order of the table."""

from __future__ import annotations

FAMILIES: dict[str, str] = {
    "choice": "agentkit.evals.attention.choice:ElementChoice",
    "rules": "agentkit.evals.attention.rules:FormatRules",
    "needle": "agentkit.evals.attention.needle:Needle",
    "manyshot": "agentkit.evals.attention.manyshot:ManyShot",
    "conflict": "agentkit.evals.attention.conflict:Conflict",
    "injection": "agentkit.evals.attention.injection:Injection",
    "referring": "agentkit.evals.attention.referring:Referring",
    "pope": "agentkit.evals.attention.pope:Pope",
    "pictures": "agentkit.evals.attention.pictures:Pictures",
}
