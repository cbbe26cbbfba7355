"""Models in this process, by transformers: ``mini``, ``smollm2`` and ``hf:``."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..content import Image
from ..contracts.result import Usage
from ..errors import UsageError
from . import local_loading
from .base import Capabilities, Chunk, Heat, Model, Reading, Reply, Request, Scores
from .card import VisionCard

if TYPE_CHECKING:
    from ..attention.edits import Edit
    from ..attention.lab import Lab
    from ..content import Message
    from .local_course import Merge
    from .local_engine import Job
    from .local_generation import Writing

T = TypeVar("T")
PREFIX_BYTES = 512 * 2**20


def load_local(
    reference: str, *, dtype: str = "float32", threads: int | None = None, prefixes: Path | None = None
) -> LocalModel:
    """Load the model of a reference: ``mini``, ``smollm2``, ``hf:FOLDER``, ``hf:FILE.gguf`` or ``hf:Org/Name``.

    ``dtype``: number type of the weights. ``threads``: of torch, for the whole process; default
    ``AGENTKIT_THREADS``, else torch's own. ``prefixes``: the folder for beginnings of prompts that are to be kept
    (``Message.keep``), None for none. Blocks for seconds: call it from a thread in async code.
    Raises ``UsageError``, ``MissingExtra`` or ``ModelError`` (see ``agentkit.models.local_loading``).
    """
    source = local_loading.find(reference)
    loaded = local_loading.load(source, dtype)
    import torch

    wanted = threads or int(os.environ.get("AGENTKIT_THREADS") or 0)
    if wanted and torch.get_num_threads() != wanted:
        torch.set_num_threads(wanted)
    model = LocalModel(reference, loaded)
    if prefixes is not None:
        from .local_prefixes import PrefixFolder

        model.engine.folder = PrefixFolder(prefixes, f"{loaded.fingerprint} {dtype}")
    return model


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
        from .local_lab import LocalLab
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
        self._lab = LocalLab(reference, self.fingerprint, self.engine, self.encoder)
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

    async def _attend(self, reading: Reading) -> Heat:
        return await self._run(lambda: self._read(reading))

    async def _run(self, work: Callable[[], T], stop: threading.Event | None = None) -> T:
        """Run work on the model's thread; a cancelled wait also stops the work at its next token."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, work)
        finally:
            if stop is not None:
                stop.set()

    async def work(self, method: Callable[[Lab], T]) -> T:
        """Run a method that looks at the model (fits, profiles, reads) on the model's own thread."""
        return await self._run(lambda: method(self._lab))

    @contextmanager
    def applied(self, messages: Sequence[Message], edits: Sequence[Edit]) -> Iterator[dict[str, Any]]:
        """Apply edits to transformers' own calls of ``module`` inside the block; yield the inputs of the prompt.

        For what agentkit does not do itself, such as beam search: ``module.generate(**inputs, num_beams=4)``, once:
        the inputs hold a new cache.
        Raises ``UsageError`` for an ensemble, which needs agentkit's own decoding.
        """
        import torch
        from transformers import DynamicCache

        from ..attention.active import reallocating

        ask = self._ask(Request(tuple(messages), edits=tuple(edits)))
        if ask.merge is not None:
            raise UsageError("an ensemble of variants can't run in transformers' own generate")
        (job,) = ask.jobs
        self.engine.check([job])
        inputs = dict(job.prompt.inputs) | {"input_ids": torch.from_numpy(job.prompt.ids)[None]}
        if "image_grid_thw" in inputs:
            inputs["mm_token_type_ids"] = torch.from_numpy(job.prompt.image_tokens)[None].long()
        # A cache that keeps every key: transformers' own for windowed models drops the first ones.
        inputs["past_key_values"] = DynamicCache()
        with reallocating(self.engine.plan(job)):
            yield inputs

    def _ask(self, request: Request) -> Ask:
        """Encode a request and let its edits look at the model; an ensemble gives several jobs."""
        from ..attention.edits import Ensemble

        ensembles = [edit for edit in request.edits if isinstance(edit, Ensemble)]
        if not ensembles:
            return Ask([self._lab.job(request.messages, request.edits)])
        if len(ensembles) > 1:
            names = " and ".join(edit.name for edit in ensembles)
            raise UsageError(f"one call runs one ensemble of variants, not {names}", mend="use one of them")
        (ensemble,) = ensembles
        others = tuple(edit for edit in request.edits if edit is not ensemble)
        variants = ensemble.variants(request.messages, others)
        jobs = [self._lab.job(variant.messages, variant.edits) for variant in variants]
        return Ask(jobs, ensemble.merge)

    def _write_all(
        self, requests: Sequence[Request], stop: threading.Event, say: Callable[[str], None] | None = None
    ) -> list[Reply]:
        from .local_generation import Writing

        asks = [self._ask(request) for request in requests]
        self.engine.check([job for ask in asks for job in ask.jobs])
        writings = [Writing(request.sampling, self._constraint(request), say) for request in requests]
        seconds = [0.0] * len(asks)
        for batch in _batches(asks):
            start = time.perf_counter()
            jobs = [job for index in batch for job in asks[index].jobs]
            chosen = [writings[index] for index in batch]
            self._writer.write(jobs, chosen, stop.is_set, asks[batch[0]].merge)
            for index in batch:
                seconds[index] = (time.perf_counter() - start) / len(batch)
        return [
            self._reply(request, ask, writing, took)
            for request, ask, writing, took in zip(requests, asks, writings, seconds, strict=True)
        ]

    def _constraint(self, request: Request) -> Any:
        if request.schema is None or self._grammar is None:
            return None
        return self._grammar.constraint(request.schema)

    def _reply(self, request: Request, ask: Ask, writing: Writing, seconds: float) -> Reply:
        from .schema import parse_reply

        finish = writing.finish or "length"
        data = None
        if request.schema is not None:
            data = parse_reply(writing.text, request.schema, self.reference, finish)
        logprobs = None
        if request.logprobs:
            pieces = [self.tokenizer.decode([token]) for token in writing.ids]
            logprobs = tuple(zip(pieces, writing.logprobs, strict=True))
        usage = self._usage(ask, len(writing.ids), seconds)
        return Reply(writing.text, (), data, finish, usage, logprobs, self.reference)

    def _usage(self, ask: Ask, output: int, seconds: float) -> Usage:
        parts = [part for job in ask.jobs for part in job.prompt.spans.parts]
        pictures = sum(part.image is not None for part in parts)
        return Usage(
            calls=1,
            input_tokens=sum(len(job.prompt) for job in ask.jobs),
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
        asks = [self._ask(request) for request in requests]
        replies = [self.encoder.encode_reply(option) for option in options]
        if any(not ids for ids in replies):
            raise UsageError("an empty option can't be scored by a model without an end-of-turn token")
        totals: list[list[float]] = [[] for _ in asks]
        plain = [index for index, ask in enumerate(asks) if ask.merge is None]
        jobs = [asks[index].jobs[0] for index in plain]
        for index, total in zip(plain, score(self.engine, jobs, replies, stop.is_set), strict=True):
            totals[index] = total
        for index, ask in enumerate(asks):
            if ask.merge is not None:
                (totals[index],) = score(self.engine, ask.jobs, replies, stop.is_set, ask.merge)
        seconds = (time.perf_counter() - start) / max(len(asks), 1)
        counts = tuple(len(ids) for ids in replies)
        return [
            Scores(options, tuple(total), counts, self._usage(ask, 0, seconds))
            for ask, total in zip(asks, totals, strict=True)
        ]

    def _read(self, reading: Reading) -> Heat:
        from ..attention.reader import RowsReader

        ask = self._ask(reading.request)
        if ask.merge is not None:
            said = "the attention of an ensemble of variants can't be read"
            raise UsageError(said, mend="read one variant")
        (job,) = ask.jobs
        target = self.engine.target(job.prompt)
        target.check(reading.layers, reading.heads)
        grid = view = None
        if isinstance(reading.keys, Image):
            span = job.prompt.spans.image(reading.keys)
            grid, view, columns = span.grid, span.view, span.cells
        else:
            columns = target.find(reading.keys)
        last = [len(job.prompt) - 1]
        rows = last if reading.query == "last" else target.find(reading.query).tolist()
        reader = RowsReader(rows, columns.tolist(), reading.layers, reading.heads, each=True)
        self.engine.run(job, [reader])
        tokens = tuple(self.tokenizer.decode([int(job.prompt.ids[column])]) for column in columns)
        by_head = reader.table().sum(-1).mean(-1).numpy()
        return Heat(reader.result().numpy(), grid, tokens, by_head, view)


@dataclass
class Ask:
    """A request, encoded: its job, or the jobs of the variants of an ensemble and how they are merged."""

    jobs: list[Job]
    merge: Merge | None = None


def _batches(asks: Sequence[Ask]) -> list[list[int]]:
    """Return the indices of asks in batches; an ensemble is a batch of its own."""
    from .local_scoring import batches

    plain = [index for index, ask in enumerate(asks) if ask.merge is None]
    grouped = batches([asks[index].jobs[0] for index in plain])
    alone = [[index] for index, ask in enumerate(asks) if ask.merge is not None]
    return [*([plain[place] for place in batch] for batch in grouped), *alone]


def _card(folder: Path | None) -> VisionCard:
    path = None if folder is None else folder / "card.json"
    return VisionCard.load(path) if path is not None and path.is_file() else VisionCard()


def _ends(module: Any, tokenizer: Any) -> set[int]:
    """Return the tokens that end a reply by the model's own settings."""
    found = module.generation_config.eos_token_id if module.generation_config is not None else None
    ends = set(found) if isinstance(found, (list, tuple)) else {found}
    return {token for token in (*ends, tokenizer.eos_token_id) if token is not None}
