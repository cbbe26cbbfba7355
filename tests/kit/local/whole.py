"""A prompt and the tokens after it, run whole: no cache, positions and masks as transformers makes them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from agentkit.models.local import LocalModel
from agentkit.models.local_prompt import Prompt


def run_whole(model: LocalModel, prompt: Prompt, after: Sequence[int] = ()) -> torch.Tensor:
    """Return the logits (tokens, vocabulary)."""
    ids = torch.tensor([[*prompt.ids.tolist(), *after]])
    inputs = dict(prompt.inputs)
    if "image_grid_thw" in inputs:
        types = torch.zeros_like(ids)
        types[0, : len(prompt)] = torch.from_numpy(prompt.image_tokens).long()
        inputs["mm_token_type_ids"] = types
    try:
        with torch.no_grad():
            return model.module(input_ids=ids, use_cache=False, **inputs).logits[0]
    finally:
        if hasattr(getattr(model.module, "model", None), "rope_deltas"):
            model.module.model.rope_deltas = None
