"""What methods may do with a local model, on its own thread (``agentkit.attention.lab.Lab``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..attention.edits import Edit
from ..attention.primitives import Primitive
from ..attention.reader import Reader
from ..attention.target import Target
from .local_engine import Engine, Job
from .local_prompt import Encoder, Prompt

if TYPE_CHECKING:
    from ..attention.lab import LabPrompt
    from ..content import Message


class LocalLab:
    """Encodes and runs single prompts, without a cache."""

    def __init__(self, reference: str, weights: str, engine: Engine, encoder: Encoder) -> None:
        self.reference, self.weights = reference, weights
        self.engine, self.encoder = engine, encoder
        self.tokenizer = encoder.tokenizer

    def encode(self, messages: Sequence[Message], reply: str | None = None) -> Prompt:
        """Return the prompt of messages; with ``reply``, its tokens (and the end of the turn) follow."""
        prompt = self.encoder.encode(messages)
        if reply is None:
            return prompt
        after = np.asarray(self.encoder.encode_reply(reply), dtype=np.int64)
        following = int(prompt.positions.max()) + 1 + np.arange(len(after), dtype=np.int64)
        return replace(
            prompt,
            ids=np.concatenate([prompt.ids, after]),
            positions=np.concatenate(
                [prompt.positions, np.broadcast_to(following, (len(prompt.positions), len(after)))], axis=1
            ),
            image_tokens=np.concatenate([prompt.image_tokens, np.zeros(len(after), dtype=bool)]),
            reply=len(after),
        )

    def target(self, prompt: LabPrompt) -> Target:
        """Return what edits compile against; the spans are those of the messages."""
        assert isinstance(prompt, Prompt)
        return self.engine.target(prompt)

    def forward(
        self,
        prompt: LabPrompt,
        edits: Sequence[Edit] = (),
        readers: Sequence[Reader] = (),
        *,
        primitives: Sequence[Primitive] = (),
        last: int = 1,
        gradients: bool = False,
    ) -> torch.Tensor:
        """Return the logits (last, vocabulary) of one prompt's last tokens, read on the way."""
        assert isinstance(prompt, Prompt)
        job = Job(prompt, tuple(edits))
        job.primitives = (*self.engine.compiled(job), *primitives)
        return self.engine.run(job, readers, last=last, gradients=gradients)

    def prepared(self, messages: Sequence[Message], edits: Sequence[Edit]) -> tuple[Edit, ...]:
        """Return the edits after each has looked at the model if it wants to, in their order."""
        result: tuple[Edit, ...] = ()
        for edit in edits:
            result = (*result, *edit.prepare(self, messages, result))
        return result

    def job(self, messages: Sequence[Message], edits: Sequence[Edit]) -> Job:
        """Return the job of messages under edits, prepared."""
        return Job(self.encoder.encode(messages), self.prepared(messages, edits))
