"""Models in this process, by transformers: ``mini``, ``smollm2`` and ``hf:``."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..content import Image
from ..contracts.result import Usage
from ..errors import UsageError
from . import local_loading
from .base import Capabilities, Chunk, Heat, Model, Reply, Request, Scores
from .card import VisionCard

if TYPE_CHECKING:
    from .local_engine import Job
    from .local_generation import Writing

T = TypeVar("T")
PREFIX_BYTES = 512 * 2**20


def load_local(reference: str, *, dtype: str = "float32", threads: int | None = None) -> LocalModel:
    """Load the model of a reference: ``mini``, ``smollm2``, ``hf:FOLDER``, ``hf:FILE.gguf`` or ``hf:Org/Name``.

    ``dtype``: number type of the weights. ``threads``: of torch, for the whole process; default
    ``AGENTKIT_THREADS``, else torch's own. Blocks for seconds: call it from a thread in async code.
    Raises ``UsageError``, ``MissingExtra`` or ``ModelError`` (see ``agentkit.models.local_loading``).
    """
    source = local_loading.find(reference)
    loaded = local_loading.load(source, dtype)
    import torch

    wanted = threads or int(os.environ.get("AGENTKIT_THREADS") or 0)
    if wanted and torch.get_num_threads() != wanted:
        torch.set_num_threads(wanted)
    return LocalModel(reference, loaded)


class LocalModel(Model):
    """A loaded model. Its work runs on one thread of its own, call after call; calls never share edits.

    ``module``, ``tokenizer``, ``processor``: the transformers objects. ``fingerprint``: digest of the weights' files,
    for keys of caches. A model of a folder with a ``card.json`` has that card.
    """

    free = True

    def __init__(self, reference: str, loaded: local_loading.Loaded) -> None:
        from ..attention.architectures import PICTURE
        from .local_constraints import Grammar
        from .local_engine import Engine
        from .local_generation import Writer
        from .local_prompt import Encoder

        self.reference = reference
        self.fingerprint = loaded.fingerprint
        self.module, self.tokenizer, self.processor = loaded.module, loaded.tokenizer, loaded.processor
        self.card = _card(loaded.folder)
        self.engine = Engine(self.module, prefix_bytes=PREFIX_BYTES)
        self.encoder = Encoder(self.tokenizer, self.processor, self.module)
        ends = _ends(self.module, self.tokenizer) | set(self.encoder.turn_end)
        config = self.engine.text_config
        self._grammar = Grammar.of(self.tokenizer, config.vocab_size, sorted(ends))
        self._writer = Writer(self.engine, self.encoder, frozenset(ends))
        self.capabilities = Capabilities(
            images=self.processor is not None and self.module.config.model_type in PICTURE,
            schema=self._grammar is not None,
            logprobs=True,
            scoring=True,
            attention=self.engine.editable,
            gradients=self.engine.editable,
            context=self.engine.context,
        )
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=f"model {reference}")

    @classmethod
    def load(cls, reference: str, **options: Any) -> LocalModel:
        """Load the model of a reference, as ``load_local`` does."""
        return load_local(reference, **options)

    async def aclose(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)
        self.engine.prefixes.clear()

    async def _generate(self, request: Request) -> Reply:
        (reply,) = await self._generate_each([request])
        return reply

    async def _generate_each(self, requests: Sequence[Request]) -> list[Reply]:
        stop = threading.Event()
        return await self._run(lambda: self._write_all(requests, stop), stop)

    async def _stream(self, request: Request) -> AsyncIterator[Chunk]:
        loop, queue, stop = asyncio.get_running_loop(), asyncio.Queue[str | None](), threading.Event()

        def put(item: str | None) -> None:
            # After a cancelled stream the loop may be closed: then nobody waits for the piece.
            if not loop.is_closed():
                loop.call_soon_threadsafe(queue.put_nowait, item)

        def work() -> Reply:
            try:
                return self._write_all([request], stop, put)[0]
            finally:
                put(None)

        task = asyncio.ensure_future(self._run(work, stop))
        try:
            while (piece := await queue.get()) is not None:
                yield Chunk(piece)
            yield Chunk(reply=await task)
        finally:
            stop.set()
            task.cancel()

    async def _score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        if not options:
            raise UsageError("there are no options to score")
        stop = threading.Event()
        return await self._run(lambda: self._score_all(requests, options, stop), stop)

    async def _attend(
        self,
        request: Request,
        query: str,
        keys: Image | str,
        layers: Sequence[int] | None,
        heads: Sequence[int] | None,
    ) -> Heat:
        return await self._run(lambda: self._read(request, query, keys, layers, heads))

    async def _run(self, work: Callable[[], T], stop: threading.Event | None = None) -> T:
        """Run work on the model's thread; a cancelled wait also stops the work at its next token."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, work)
        finally:
            if stop is not None:
                stop.set()

    def _job(self, request: Request) -> Job:
        from .local_engine import Job

        return Job(self.encoder.encode(request.messages), request.edits)

    def _write_all(
        self, requests: Sequence[Request], stop: threading.Event, say: Callable[[str], None] | None = None
    ) -> list[Reply]:
        from .local_generation import Writing
        from .local_scoring import batches

        jobs = [self._job(request) for request in requests]
        self.engine.check(jobs)
        writings = [Writing(request.sampling, self._constraint(request), say) for request in requests]
        seconds = [0.0] * len(jobs)
        for batch in batches(jobs):
            start = time.perf_counter()
            self._writer.write([jobs[i] for i in batch], [writings[i] for i in batch], stop.is_set)
            for i in batch:
                seconds[i] = (time.perf_counter() - start) / len(batch)
        return [
            self._reply(request, job, writing, took)
            for request, job, writing, took in zip(requests, jobs, writings, seconds, strict=True)
        ]

    def _constraint(self, request: Request) -> Any:
        if request.schema is None or self._grammar is None:
            return None
        return self._grammar.constraint(request.schema)

    def _reply(self, request: Request, job: Job, writing: Writing, seconds: float) -> Reply:
        from .schema import parse_reply

        finish = writing.finish or "length"
        data = None
        if request.schema is not None:
            data = parse_reply(writing.text, request.schema, self.reference, finish)
        logprobs = None
        if request.logprobs:
            pieces = [self.tokenizer.decode([token]) for token in writing.ids]
            logprobs = tuple(zip(pieces, writing.logprobs, strict=True))
        usage = self._usage(job, len(writing.ids), seconds)
        return Reply(writing.text, (), data, finish, usage, logprobs, self.reference)

    def _usage(self, job: Job, output: int, seconds: float) -> Usage:
        pictures = sum(part.image is not None for part in job.prompt.spans.parts)
        return Usage(
            calls=1,
            input_tokens=len(job.prompt),
            output_tokens=output,
            images=pictures,
            cost=0.0,
            seconds=seconds,
        )

    def _score_all(
        self, requests: Sequence[Request], options: tuple[str, ...], stop: threading.Event
    ) -> list[Scores]:
        from .local_scoring import score

        start = time.perf_counter()
        jobs = [self._job(request) for request in requests]
        replies = [self.encoder.encode_reply(option) for option in options]
        if any(not ids for ids in replies):
            raise UsageError("an empty option can't be scored by a model without an end-of-turn token")
        totals = score(self.engine, jobs, replies, stop.is_set)
        seconds = (time.perf_counter() - start) / max(len(jobs), 1)
        counts = tuple(len(ids) for ids in replies)
        return [
            Scores(options, tuple(total), counts, self._usage(job, 0, seconds))
            for job, total in zip(jobs, totals, strict=True)
        ]

    def _read(
        self,
        request: Request,
        query: str,
        keys: Image | str,
        layers: Sequence[int] | None,
        heads: Sequence[int] | None,
    ) -> Heat:
        from ..attention.compile import check_edits
        from ..attention.edits import Reweight
        from ..attention.reader import Reader

        job = self._job(request)
        spans = job.prompt.spans
        columns = spans.find(keys)
        grid = None
        if isinstance(keys, Image):
            span = spans.image(keys)
            grid = span.grid
            columns = span.tokens if grid is None else span.tokens[-grid[0] * grid[1] :]
        # The same bounds as for an edit.
        probe = Reweight(
            keys, 1.0, None if layers is None else tuple(layers), None if heads is None else tuple(heads)
        )
        check_edits([probe], spans, self.engine.layers, self.engine.heads)
        rows = [len(job.prompt) - 1] if query == "last" else spans.find(query).tolist()
        reader = Reader(rows, columns.tolist(), layers, heads)
        self.engine.read(job, reader)
        tokens = tuple(self.tokenizer.decode([int(job.prompt.ids[column])]) for column in columns)
        return Heat(reader.result().numpy(), grid, tokens)


def _card(folder: Path | None) -> VisionCard:
    path = None if folder is None else folder / "card.json"
    return VisionCard.load(path) if path is not None and path.is_file() else VisionCard()


def _ends(module: Any, tokenizer: Any) -> set[int]:
    """Return the tokens that end a reply by the model's own settings."""
    found = module.generation_config.eos_token_id if module.generation_config is not None else None
    ends = set(found) if isinstance(found, (list, tuple)) else {found}
    return {token for token in (*ends, tokenizer.eos_token_id) if token is not None}
