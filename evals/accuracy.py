"""``agentkit eval mini``: how often a model of mini's kind is right on held-out crops, by kind of question."""

from __future__ import annotations

from pathlib import Path

from agentkit.config import Settings
from agentkit.contracts.evaluation import Evaluation, Metric
from agentkit.errors import UsageError
from agentkit.models.local_loading import find

from .keep import keep

SCENES = 1000


def evaluate(settings: Settings, out: Path | None, *, items: int | None = None) -> Evaluation:
    """Evaluate the model that sees (``mini`` unless another is chosen) as ``agentkit.evals.mini.evaluate`` does.

    ``items`` is the number of scenes. Raises ``UsageError`` for a model that is not of mini's kind: its questions and
    answers are words of mini's own, and its folder has a card with the temperature.
    """
    import torch

    from .mini.evaluate import measure

    reference = settings.see or settings.model or "mini"
    scenes = items or SCENES
    torch.set_num_threads(settings.threads or 1)
    result = measure(_folder(reference), scenes, tuning=False)
    found = Evaluation(
        name="mini",
        model=reference,
        items=scenes,
        metrics={name: Metric(**numbers) for name, numbers in result["numbers"].items()},
        rows=[{key: result[key] for key in ("calibration_error", "temperature")}],
    )
    return keep(found, out)


def _folder(reference: str) -> Path:
    kind = reference.partition(":")[0]
    folder = find(reference).folder if kind in ("mini", "hf") else None
    if folder is None or not (folder / "card.json").is_file():
        raise UsageError(
            f"{reference} is not a model of mini's kind", mend="mini, or hf: and the folder of a trained one"
        )
    return folder
