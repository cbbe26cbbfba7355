"""Forward passes of a local model: prefill, cached steps, and prefixes that are kept between calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from ..attention.active import active, reallocating
from ..attention.architectures import text_card
from ..attention.compile import Plan, Row, compile_edits, make_plan, marks
from ..attention.edits import Edit
from ..attention.function import register
from ..attention.hooks import attach, rotary_bases
from ..attention.primitives import Primitive
from ..attention.reader import Reader
from ..attention.target import Target
from ..errors import UsageError
from .local_prefixes import KeyValues, Prefixes, PrefixFolder
from .local_prompt import Prompt

# A shorter shared prefix is not worth a pass in two pieces.
MIN_PREFIX = 32


class Cancelled(Exception):  # noqa: N818 - a signal, not an error
    """The caller no longer wants the result."""


@dataclass
class Job:
    """An encoded prompt and the edits that its call asked for, already prepared. Compiled once, by the engine."""

    prompt: Prompt
    edits: tuple[Edit, ...] = ()
    primitives: tuple[Primitive, ...] | None = field(default=None, repr=False)


@dataclass
class State:
    """A batch after its prefill.

    ``logits``: (batch, vocabulary) after the last token. ``mask``: (batch, columns) True at real tokens, None when
    there is no padding. ``next``: (batch) the next rotary position. ``used``: columns in the cache.
    """

    cache: DynamicCache
    logits: torch.Tensor
    mask: torch.Tensor | None
    next: torch.Tensor
    plan: Plan | None
    used: int


class Engine:
    """Runs one model. Not for several threads at once: its owner gives it one worker thread."""

    def __init__(self, module: Any, *, prefix_bytes: int) -> None:
        self.module = module
        self.text_config = module.config.get_text_config(decoder=True)
        self.context: int | None = getattr(self.text_config, "max_position_embeddings", None)
        card = text_card(self.text_config)
        self.card = card
        self.editable = card is not None
        self.layers = int(getattr(self.text_config, card.layers if card else "num_hidden_layers"))
        self.heads = int(getattr(self.text_config, card.heads if card else "num_attention_heads"))
        self.kv_heads = int(getattr(self.text_config, "num_key_value_heads", None) or self.heads)
        self.hidden = int(self.text_config.hidden_size)
        self.width = int(getattr(self.text_config, "head_dim", None) or self.hidden // self.heads)
        self.prefixes = Prefixes(prefix_bytes)
        self.folder: PrefixFolder | None = None
        self._hooked = False
        # Nothing here trains weights; what is differentiated (a latent, a factor) asks for its own gradient.
        module.requires_grad_(False)
        if self.editable:
            name = register()
            inner = self.text_config is not module.config
            # Set on the text tower alone: setting it on the whole would also check towers that know only eager.
            (module.get_decoder() if inner else module).set_attn_implementation(name)

    def target(self, prompt: Prompt) -> Target:
        """Return what the edits of a prompt are compiled against."""
        return Target(
            prompt.spans,
            len(prompt) - prompt.reply,
            self.layers,
            self.heads,
            self.kv_heads,
            self.width,
            self.hidden,
            rotary_bases(self.text_config),
        )

    def compiled(self, job: Job) -> tuple[Primitive, ...]:
        """Return the primitives of a job. Raises ``UsageError`` for an edit that can't apply to its prompt."""
        if job.primitives is None:
            job.primitives = compile_edits(job.edits, self.target(job.prompt))
        return job.primitives

    def check(self, jobs: Sequence[Job], room: int = 1) -> None:
        """Raise ``UsageError``, before any token, for an edit that can't apply or a prompt that is too long.

        ``room``: tokens that must fit after the prompt.
        """
        for job in jobs:
            self.compiled(job)
            if self.context is not None and len(job.prompt) + room > self.context:
                raise UsageError(
                    f"the prompt has {len(job.prompt)} tokens and the model takes {self.context}",
                    mend="shorten it, or use a model with a longer context",
                )

    def prefill(self, jobs: Sequence[Job], *, keep: bool = True) -> State:
        """Return the state after the prompts: one alone starts from a kept prefix, several are left-padded."""
        self.check(jobs)
        if len(jobs) == 1:
            return self._prefill_one(jobs[0], keep)
        width = max(len(job.prompt) for job in jobs)
        ids = torch.zeros(len(jobs), width, dtype=torch.long)
        mask = torch.zeros(len(jobs), width, dtype=torch.bool)
        axes = len(jobs[0].prompt.positions)
        positions = torch.zeros(axes, len(jobs), width, dtype=torch.long)
        rows = []
        for row, job in enumerate(jobs):
            pad = width - len(job.prompt)
            ids[row, pad:] = torch.from_numpy(job.prompt.ids)
            mask[row, pad:] = True
            positions[:, row, pad:] = torch.from_numpy(job.prompt.positions)
            rows.append(Row(self.compiled(job), self.target(job.prompt), pad))
        plan = make_plan(rows, width)
        padded = None if bool(mask.all()) else mask
        inputs = _stack([job.prompt.inputs for job in jobs])
        cache = DynamicCache()
        logits = self._forward(ids, positions, cache, padded, plan, inputs=inputs, last=1)[:, -1]
        return State(cache, logits, padded, positions.amax((0, 2)) + 1, plan, width)

    def step(self, state: State, ids: torch.Tensor) -> torch.Tensor:
        """Add tokens (batch, n) to a state; return the logits (batch, vocabulary) after the last of them."""
        count = ids.shape[1]
        positions = state.next[:, None] + torch.arange(count)[None]
        if state.mask is not None:
            state.mask = torch.nn.functional.pad(state.mask, (0, count), value=True)
        state.logits = self._forward(ids, self._axes(positions), state.cache, state.mask, state.plan, last=1)[
            :, -1
        ]
        state.next = state.next + count
        state.used += count
        return state.logits

    def branch(
        self, state: State, tokens: torch.Tensor, depths: torch.Tensor, sees: torch.Tensor
    ) -> torch.Tensor:
        """Return the logits (batch, n, vocabulary) of n tokens that branch off a state, which stays as it was.

        ``tokens``: (n) ids, the same after every prompt of the batch. ``depths``: (n) places after the prompt,
        from 0. ``sees``: (n, n) True where a token attends to another.
        """
        batch, count = state.next.shape[0], len(tokens)
        positions = state.next[:, None] + depths[None]
        before = torch.ones(batch, state.used, dtype=torch.bool) if state.mask is None else state.mask
        full = torch.cat(
            [
                before[:, None, None, :].expand(batch, 1, count, state.used),
                sees[None, None].expand(batch, 1, count, count),
            ],
            dim=-1,
        )
        cache = _cache_of(_pairs(state.cache))
        return self._forward(
            tokens[None].expand(batch, count),
            self._axes(positions),
            cache,
            self._windowed(full, state, depths),
            state.plan,
            last=count,
        )

    def run(
        self,
        job: Job,
        readers: Sequence[Reader] = (),
        *,
        last: int = 1,
        gradients: bool = False,
    ) -> torch.Tensor:
        """Return the logits (last, vocabulary) of one whole pass without a cache, under readers.

        ``gradients``: the pass can be differentiated by the tensors of the job's primitives.
        """
        self.check([job])
        plan = self.plan(job)
        self._attach(plan, readers)
        with torch.enable_grad() if gradients else torch.inference_mode(), reallocating(plan, readers):
            return self._call(
                torch.from_numpy(job.prompt.ids)[None],
                torch.from_numpy(job.prompt.positions)[:, None],
                None,
                None,
                job.prompt.inputs,
                last,
            )[0]

    def _attach(self, plan: Plan | None, readers: Sequence[Reader] = ()) -> None:
        """Attach the hooks when something needs them for the first time: an unedited model has none."""
        wanted = (plan is not None and plan.hooked) or any(reader.reads_hidden for reader in readers)
        if wanted and not self._hooked:
            assert self.card is not None
            attach(self.module.get_decoder(), self.card)
            self._hooked = True

    def _prefill_one(self, job: Job, keep: bool) -> State:
        prompt = job.prompt
        key = self._key(job)
        known, pairs = self._known(prompt, key)
        plan = self.plan(job)
        cache = _cache_of(pairs) if known else DynamicCache()
        inputs = prompt.inputs if prompt.image_tokens[known:].any() else {}
        logits = self._forward(
            torch.from_numpy(prompt.ids[known:])[None],
            torch.from_numpy(prompt.positions[:, known:])[:, None],
            cache,
            None,
            plan,
            inputs=inputs,
            last=1,
        )[:, -1]
        if keep:
            self.prefixes.keep(key, _pairs(cache))
        if self.folder is not None and prompt.kept > max(known, MIN_PREFIX):
            kept = [(k[:, :, : prompt.kept], v[:, :, : prompt.kept]) for k, v in _pairs(cache)]
            self.folder.put(key[: prompt.kept], kept)
        following = torch.tensor([int(prompt.positions.max()) + 1])
        return State(cache, logits, None, following, plan, len(prompt))

    def _known(self, prompt: Prompt, key: np.ndarray) -> tuple[int, KeyValues]:
        """Return how many leading tokens need no pass, and their keys and values: from memory, else from disk."""
        known, pairs = self.prefixes.longest(key)
        known = self._usable(prompt, known)
        if self.folder is not None and prompt.kept > max(known, MIN_PREFIX):
            found = self.folder.get(key[: prompt.kept])
            if found is not None:
                return prompt.kept, found
        return known, [(k[:, :, :known], v[:, :, :known]) for k, v in pairs]

    def _key(self, job: Job) -> np.ndarray:
        """Return (tokens, 2): ids, and marks that tell edits and pictures apart."""
        prompt = job.prompt
        mark = marks(self.compiled(job), len(prompt))
        for span in prompt.spans.parts:
            if span.image is not None:
                digest = np.frombuffer(bytes.fromhex(span.image.sha256)[:8], dtype=np.int64)[0]
                mark[span.tokens] ^= digest
        return np.stack([prompt.ids, mark], axis=1)

    def _usable(self, prompt: Prompt, known: int) -> int:
        """Return how much of a kept prefix can be used: the last token is run, and pictures run all or not at all."""
        known = min(known, len(prompt) - 1)
        if prompt.image_tokens[known:].any() and prompt.image_tokens[:known].any():
            known = int(np.argmax(prompt.image_tokens))
        return known if known >= MIN_PREFIX else 0

    def plan(self, job: Job) -> Plan | None:
        """Return the plan of one job alone, hooks attached."""
        target = self.target(job.prompt)
        plan = make_plan([Row(self.compiled(job), target)], target.tokens)
        self._attach(plan)
        return plan

    def _axes(self, positions: torch.Tensor) -> torch.Tensor:
        """Return text positions (batch, n) as (axes, batch, n)."""
        axes = 3 if hasattr(getattr(self.module, "model", None), "get_rope_index") else 1
        return positions[None].expand(axes, *positions.shape)

    def _windowed(self, full: torch.Tensor, state: State, depths: torch.Tensor) -> Any:
        """Return a branch's mask, one a layer type where some layers attend to a window of tokens only."""
        window = getattr(self.text_config, "sliding_window", None)
        kinds = set(getattr(self.text_config, "layer_types", None) or ())
        if not window or state.used + int(depths.max()) < window or kinds == {"full_attention"}:
            return full
        columns = torch.cat([torch.arange(state.used), state.used + depths])
        near = columns[None, :] > (state.used + depths)[:, None] - window
        narrow = full & near[None, None]
        return {"full_attention": full, "sliding_attention": narrow} if kinds else narrow

    def _forward(
        self,
        ids: torch.Tensor,
        positions: torch.Tensor,
        cache: DynamicCache,
        mask: Any,
        plan: Plan | None,
        *,
        last: int,
        inputs: dict[str, Any] | None = None,
    ) -> torch.Tensor:
        # Readers of an enclosing block go on reading, also in cached steps.
        outer = active()
        readers = () if outer is None else outer.readers
        self._attach(plan, readers)
        with torch.inference_mode(), reallocating(plan, readers):
            return self._call(ids, positions, cache, mask, inputs or {}, last)

    def _call(
        self,
        ids: torch.Tensor,
        positions: torch.Tensor,
        cache: DynamicCache | None,
        mask: Any,
        inputs: dict[str, Any],
        last: int,
    ) -> torch.Tensor:
        dtype = self.module.dtype
        pictures = {k: v.to(dtype) if v.is_floating_point() else v for k, v in inputs.items()}
        out = self.module(
            input_ids=ids,
            position_ids=positions[0] if len(positions) == 1 else positions,
            attention_mask=mask,
            past_key_values=cache,
            use_cache=cache is not None,
            logits_to_keep=last,
            **pictures,
        )
        return out.logits.float()


def _pairs(cache: DynamicCache) -> KeyValues:
    layers: list[Any] = cache.layers
    return [(layer.keys, layer.values) for layer in layers]


def _cache_of(pairs: KeyValues) -> DynamicCache:
    """Return a cache that starts with given keys and values (which it never changes: it grows by copying)."""
    cache = DynamicCache()
    for keys, values in pairs:
        layer = DynamicLayer()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values
        cache.layers.append(layer)
    return cache


def _stack(inputs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the picture tensors of several prompts as one set (joined along the first axis)."""
    names = dict.fromkeys(name for item in inputs for name in item)
    return {name: torch.cat([item[name] for item in inputs if name in item]) for name in names}
