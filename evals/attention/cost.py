"""What an edit of the attention costs: the whole model, as ratios to the unedited kernel.

    agentkit bench attention [--decide hf:...] [--json]

Interleaved repetitions in one run, medians, CPU time of one thread (so that a busy machine changes little).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentkit.attention import Boost, Edit, Mute
from agentkit.config import Settings
from agentkit.content import Message, Text
from agentkit.contracts.evaluation import Evaluation
from agentkit.errors import UnsupportedCapability
from agentkit.models.base import INSTEAD

from ..intervals import median
from ..keep import keep

FILLER = "the quick brown fox jumps over the lazy dog and reads a page about buttons. "
PLAIN, EAGER, OURS = "sdpa", "eager", "agentkit"
PREFILLS, STEPS = 7, 60


def edits_of(layers: int, heads: int) -> dict[str, tuple[Edit, ...]]:
    """Return the edits that are measured, by the names of their metrics."""
    third = tuple(range(layers // 3, 2 * layers // 3))
    return {
        "no_edit": (),
        "reweight": (Boost("instruction", 15.0),),
        "reweight_heads": (Boost("instruction", 15.0, heads=(1 % heads, 4 % heads)),),
        "reweight_layers": (Boost("instruction", 15.0, layers=third),),
        "reweight_page": (Mute("untrusted", 0.1),),
    }


def bench(settings: Settings, out: Path | None) -> Evaluation:
    """Measure the local model of ``settings.decide`` (default: smollm2). Takes minutes."""
    import torch

    from agentkit.models.local import LocalModel, load_local

    torch.set_num_threads(1)
    model = load_local(settings.decide or settings.model or "smollm2", threads=1)
    if not isinstance(model, LocalModel) or not model.capabilities.attention:
        raise UnsupportedCapability(f"{model.reference} can't do 'attention'", mend=INSTEAD["attention"])
    return keep(measure(model), out)


def measure(model: Any, *, words: int = 64, prefills: int = PREFILLS, steps: int = STEPS) -> Evaluation:
    """Return the ratios to plain sdpa: ``NAME.prefill`` and ``NAME.decode``, with the range of the repetitions."""
    import torch

    from agentkit.models.local_engine import Job

    engine, module = model.engine, model.module
    # Kept prefixes would make the second prefill free.
    engine.prefixes.limit = 0
    page = Text(FILLER * words, "observation", "untrusted")
    prompt = model.encoder.encode(
        [Message.system("You use web pages."), Message.user("Press the second button, please.", page)]
    )
    config = module.config.get_text_config()
    edits = edits_of(config.num_hidden_layers, config.num_attention_heads)

    def prefill(edit: tuple[Edit, ...]) -> Any:
        return engine.prefill([Job(prompt, edit)], keep=False)

    runs: dict[str, list[float]] = {}
    for repetition in range(prefills + 1):
        for name in (PLAIN, EAGER, *edits):
            module.set_attn_implementation(name if name in (PLAIN, EAGER) else OURS)
            seconds = _thread_seconds(lambda name=name: prefill(edits.get(name, ())))
            if repetition:
                runs.setdefault(f"{name}.prefill", []).append(seconds)
    module.set_attn_implementation(OURS)
    states = {name: prefill(edit) for name, edit in edits.items()}
    states[PLAIN] = prefill(())
    token = torch.tensor([[40]])
    for repetition in range(steps):
        for name, state in states.items():
            module.set_attn_implementation(PLAIN if name == PLAIN else OURS)
            seconds = _thread_seconds(lambda state=state: engine.step(state, token))
            if repetition:
                runs.setdefault(f"{name}.decode", []).append(seconds)
    module.set_attn_implementation(OURS)
    metrics = {}
    for name, seconds in runs.items():
        base = statistics.median(runs[f"{PLAIN}.{name.rpartition('.')[2]}"])
        metrics[name] = median([value / base for value in seconds])
    rows = [{"metric": name, "seconds": statistics.median(seconds)} for name, seconds in runs.items()]
    return Evaluation(name="attention", model=model.reference, items=len(prompt), metrics=metrics, rows=rows)


def _thread_seconds(work: Callable[[], object]) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start
