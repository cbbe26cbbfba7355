"""Wrappers pass everything on, and importing the models loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from agentkit.attention import Boost, Edit
from agentkit.content import Message
from agentkit.errors import UnsupportedCapability
from agentkit.models import (
    Capabilities,
    Chunk,
    Heat,
    Model,
    Reading,
    Reply,
    Request,
    Scores,
    VisionCard,
    WrapperModel,
)

ASK = [Message.user("Look.")]


class Noting(Model):
    """Notes the edits of every request."""

    reference = "noting"
    capabilities = Capabilities(attention=True, scoring=True)
    card = VisionCard()
    fingerprint = "f"

    def __init__(self) -> None:
        self.edits: list[tuple[Edit, ...]] = []
        self.closed = False

    async def _generate(self, request: Request) -> Reply:
        self.edits.append(request.edits)
        return Reply("seen")

    async def _stream(self, request: Request) -> AsyncIterator[Chunk]:
        self.edits.append(request.edits)
        yield Chunk("seen")
        yield Chunk(reply=Reply("seen"))

    async def _score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        self.edits += [request.edits for request in requests]
        return [Scores(options, (0.0,) * len(options), (1,) * len(options)) for _ in requests]

    async def _attend(self, reading: Reading) -> Heat:
        self.edits.append(reading.request.edits)
        return Heat(np.ones((1, 2)), None)

    async def aclose(self) -> None:
        self.closed = True


async def test_edits_arrive_once_through_any_number_of_wrappers() -> None:
    inner = Noting()
    model = WrapperModel(WrapperModel(inner))
    outer, own = Boost("instruction", 2.0), Boost("query", 3.0)
    with model.edit(outer):
        await model.generate(ASK, edits=[own])
        async for _ in model.stream(ASK, edits=[own]):
            pass
        await model.score(ASK, ["a", "b"], edits=[own])
        await model.generate_each([ASK], edits=[own])
        await model.attend(ASK, keys="instruction", edits=[own])
    assert inner.edits == [(outer, own)] * 5
    await model.generate(ASK)
    assert inner.edits[-1] == ()
    assert model.fingerprint == "f"
    await model.aclose()
    assert inner.closed


async def test_a_wrapper_can_declare_less() -> None:
    class Blind(WrapperModel):
        def __init__(self, inner: Model) -> None:
            super().__init__(inner)
            self.capabilities = Capabilities()

    with pytest.raises(UnsupportedCapability, match="attention"):
        await Blind(Noting()).attend(ASK, keys="instruction")


def test_importing_the_models_loads_nothing_heavy() -> None:
    code = (
        "import sys, agentkit.models\n"
        "heavy = {'torch', 'transformers', 'openai', 'chromadb', 'pydantic_settings', 'jsonschema'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
