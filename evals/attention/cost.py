"""What an edit of the attention costs, as ratios to the unedited kernel.

    agentkit bench attention --cost [--decide hf:...] [--json]

Whole model and one layer's attention, 1,000 and 4,000 tokens, time and memory. Repetitions are interleaved in one
run and each is divided by the plain sdpa of its own round; medians, CPU time of one thread (so that a busy machine
changes little). Metrics: ``WAY.prefill`` and ``WAY.decode`` (whole model, 1,000 tokens), ``WAY.prefill.4k``,
``WAY.decode.4k``, ``WAY.layer.prefill`` and so on, and ``WAY.prefill.memory`` (what a pass needs beside the model at
its peak, keys and values included).
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from agentkit.attention.active import reallocating
from agentkit.attention.compile import Row, make_plan
from agentkit.attention.function import NAME, attention
from agentkit.attention.primitives import HeadScale, KeyBias, Primitive
from agentkit.attention.reader import Reader, RowsReader
from agentkit.config import Settings
from agentkit.content import Message, Text
from agentkit.contracts.evaluation import Evaluation
from agentkit.errors import UnsupportedCapability
from agentkit.models.base import INSTEAD

from ..intervals import median
from ..keep import keep
from .eager import EAGER_REWEIGHT, reweighting
from .memory import peak_bytes

FILLER = "the quick brown fox jumps over the lazy dog and reads a page about buttons. "
PLAIN, EAGER = "sdpa", "eager"
LN15 = 2.70805
# Sentences of filler, repetitions at prefill, steps at decode, by the suffix of the metrics.
LENGTHS: Mapping[str, tuple[int, int, int]] = {"": (64, 7, 60), ".4k": (262, 3, 24)}
LAYER_REPEATS = 25


@dataclass(frozen=True)
class Way:
    """One way to run the model: the attention function's name, what acts, and who reads."""

    kernel: str = NAME
    primitives: tuple[Primitive, ...] = ()
    readers: Callable[[], Sequence[Reader]] = tuple


def ways_of(target: Any) -> dict[str, Way]:
    """Return what is measured, by the names of the metrics."""
    layers, heads = target.layers, target.heads
    task, page = target.find("instruction"), target.find("untrusted")
    third = tuple(range(layers // 3, 2 * layers // 3))
    some = tuple(sorted({1 % heads, 4 % heads}))
    # Eight rows that a layer's last tokens are, over every key.
    rows, keys = range(target.tokens - 8, target.tokens), range(target.tokens)
    return {
        PLAIN: Way(PLAIN),
        "no_edit": Way(),
        "reweight": Way(primitives=(KeyBias(task, LN15),)),
        "reweight_heads": Way(primitives=(KeyBias(task, LN15, heads=some),)),
        "reweight_layers": Way(primitives=(KeyBias(task, LN15, layers=third),)),
        "reweight_page": Way(primitives=(KeyBias(page, -LN15),)),
        "head_scale": Way(primitives=(HeadScale(2.0, heads=tuple(range(heads // 2))),)),
        "read_rows": Way(readers=lambda: (LastRows(rows, keys),)),
        EAGER: Way(EAGER),
        "eager_reweight": Way(EAGER_REWEIGHT, (KeyBias(task, LN15),)),
    }


class LastRows(RowsReader):
    """Eight rows of a prefill; of a decoded token the one that there is."""

    def read(self, site: Any) -> None:
        count = site.query.shape[2]
        self._kept = [site.weights(torch.arange(max(0, count - 8), count))[0].mean(0)]


def bench(settings: Settings, out: Path | None, say: Callable[[str], None] = lambda line: None) -> Evaluation:
    """Measure the local model of ``settings.decide`` (default: smollm2). Takes about half an hour."""
    from agentkit.models.local import LocalModel, load_local

    torch.set_num_threads(1)
    model = load_local(settings.decide or settings.model or "smollm2", threads=1)
    if not isinstance(model, LocalModel) or not model.capabilities.attention:
        raise UnsupportedCapability(f"{model.reference} can't do 'attention'", mend=INSTEAD["attention"])
    return keep(measure(model, say=say), out)


def measure(
    model: Any,
    lengths: Mapping[str, tuple[int, int, int]] = LENGTHS,
    repeats: int = LAYER_REPEATS,
    *,
    say: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """Return the ratios to plain sdpa, with the range of the repetitions. A length beyond the context is left out."""
    ratios: dict[str, list[float]] = {}
    rows: list[dict[str, Any]] = []
    model.engine.prefixes.limit = 0  # kept prefixes would make the second prefill free
    for suffix, (words, prefills, steps) in lengths.items():
        prompt = _prompt(model, words)
        if model.engine.context is not None and len(prompt) + steps > model.engine.context:
            continue
        say(
            f"▸ {len(prompt)} tokens: {prefills} prefills and {steps} steps of every way  [{model.reference}]"
        )
        measured = _Whole(model, prompt).run(prefills, steps, say)
        measured |= _one_layer(model, prompt, repeats)
        for name, seconds in measured.items():
            way, _, what = name.partition(".")
            base = measured[f"{PLAIN}.{what}"]
            ratios[name + suffix] = [mine / plain for mine, plain in zip(seconds, base, strict=True)]
            middle = statistics.median(seconds)
            rows.append({"metric": name + suffix, "way": way, "tokens": len(prompt), "value": middle})
    metrics = {name: median(values) for name, values in ratios.items() if not name.startswith(PLAIN)}
    return Evaluation(name="attention", model=model.reference, items=len(rows), metrics=metrics, rows=rows)


def _prompt(model: Any, words: int) -> Any:
    page = Text(FILLER * words, "observation", "untrusted")
    task = Message.user("Press the second button, please.", page)
    return model.encoder.encode([Message.system("You use web pages."), task])


class _Whole:
    """The whole model on one prompt, every way in turn."""

    def __init__(self, model: Any, prompt: Any) -> None:
        self.module, self.engine, self.prompt = model.module, model.engine, prompt
        self.ways = ways_of(model.engine.target(prompt))
        config = model.module.config.get_text_config()
        self.inner = config is not model.module.config

    def run(self, prefills: int, steps: int, say: Callable[[str], None]) -> dict[str, list[float]]:
        """Return seconds of CPU a repetition: ``WAY.prefill``, ``WAY.decode``; bytes: ``WAY.prefill.memory``."""
        found: dict[str, list[float]] = {}
        for repetition in range(prefills + 1):
            for name, way in self.ways.items():
                seconds = self._timed(way, lambda way=way: self._prefill(way))
                if repetition:
                    found.setdefault(f"{name}.prefill", []).append(seconds)
            say(f"  prefill {repetition} of {prefills}")
        states: dict[str, Any] = {}
        for name, way in self.ways.items():
            self._use(way)
            with reallocating(None, way.readers()):
                peak = peak_bytes(lambda name=name, way=way: states.update({name: self._prefill(way)}))
            found[f"{name}.prefill.memory"] = [float(peak)]
        token = torch.tensor([[40]])
        for repetition in range(steps):
            for name, way in self.ways.items():
                seconds = self._timed(way, lambda name=name: self.engine.step(states[name], token))
                if repetition:
                    found.setdefault(f"{name}.decode", []).append(seconds)
        self._use(Way())
        return found

    def _prefill(self, way: Way) -> Any:
        from agentkit.models.local_engine import Job

        job = Job(self.prompt, (), () if way.kernel != NAME else way.primitives)
        return self.engine.prefill([job], keep=False)

    def _timed(self, way: Way, work: Callable[[], object]) -> float:
        self._use(way)
        with reallocating(None, way.readers()):
            return _thread_seconds(work)

    def _use(self, way: Way) -> None:
        tower = self.module.get_decoder() if self.inner else self.module
        tower.set_attn_implementation(way.kernel)
        columns = [primitive.tokens for primitive in way.primitives if isinstance(primitive, KeyBias)]
        reweighting(columns[0] if way.kernel == EAGER_REWEIGHT else None, 15.0)


def _one_layer(model: Any, prompt: Any, repeats: int) -> dict[str, list[float]]:
    """Return seconds of CPU of one layer's attention function alone, on random states."""
    engine, tokens = model.engine, len(prompt)
    block: Any = model.module.get_decoder().layers[0].self_attn
    ways = {name: way for name, way in ways_of(engine.target(prompt)).items() if way.kernel in (NAME, PLAIN)}
    found: dict[str, list[float]] = {}
    random = torch.Generator().manual_seed(0)
    for what, rows in (("layer.prefill", tokens), ("layer.decode", 1)):
        query = torch.randn(1, engine.heads, rows, engine.width, generator=random)
        key, value = (torch.randn(1, engine.kv_heads, tokens, engine.width, generator=random) for _ in "kv")
        plans = {
            name: make_plan([Row(way.primitives, engine.target(prompt))], tokens)
            for name, way in ways.items()
        }
        work = functools.partial(attention, block, query, key, value, None)
        for repetition in range(repeats):
            for name, way in ways.items():
                with torch.inference_mode(), reallocating(plans[name], way.readers()):
                    seconds = _thread_seconds(work)
                if repetition:
                    found.setdefault(f"{name}.{what}", []).append(seconds)
    return found


def _thread_seconds(work: Callable[[], object]) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start
