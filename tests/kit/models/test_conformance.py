"""The conformance suite over every implementation (local models have more tests of their own)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from agentkit.config import ModelSettings, RequestSettings, Settings
from agentkit.errors import MissingExtra, ModelError
from agentkit.models import Model, load_model
from agentkit.models.cache import CachedModel, ReplyStore
from agentkit.models.fallback import FallbackModel
from agentkit.models.openai_api import Endpoint, OpenAIModel
from agentkit.models.retry import RetryPolicy
from agentkit.models.script import ScriptModel

from .conformance import CHECKS, follows_a_schema, scores
from .server import Server, follow_schema, serving, status

# Embedded models join where their weights are installed.
LOCAL = ["smollm2", "mini"]
IMPLEMENTATIONS = ["script", "openai", "openai-without-extras", "cached", "fallback", *LOCAL]


def script_for(check: object) -> list[dict[str, object]]:
    if check is scores:
        return [{"scores": [-1.0, -2.0, -0.5]}]
    if check is follows_a_schema:
        return [{"text": json.dumps({"word": "x", "yes": True})}]
    return [{"text": f"reply number {i}"} for i in range(4)]


def served(server: Server, **declared: object) -> OpenAIModel:
    settings = ModelSettings.model_validate(declared)
    endpoint = Endpoint.parse(f"{server.url}#served", settings)
    return OpenAIModel(endpoint, settings, RequestSettings.model_validate({}), RetryPolicy(retries=0))


@pytest.fixture(scope="session")
def local() -> Callable[[str], Model]:
    """Loads a local model once."""

    @cache
    def load(reference: str) -> Model:
        try:
            # One thread: other work shares the machine, and two torch processes with two threads thrash.
            return load_model(reference, Settings.load(threads=1))
        except (MissingExtra, ModelError) as error:
            pytest.skip(str(error))

    return load


@pytest.fixture
async def model(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Model]:
    kind, check = request.param
    if kind in LOCAL:
        yield request.getfixturevalue("local")(kind)
        return
    with ExitStack() as stack:
        if kind == "script":
            file = tmp_path / "script.jsonl"
            file.write_text("\n".join(map(json.dumps, script_for(check))))
            yield ScriptModel.load(file)
            return
        server = stack.enter_context(serving())
        server.default = follow_schema()
        if kind == "openai":
            model: Model = served(server)
        elif kind == "openai-without-extras":
            model = served(server, images=False, tools=False, schema=False, logprobs=False)
        elif kind == "cached":
            model = CachedModel(served(server), ReplyStore(tmp_path / "cache.sqlite"))
        else:
            dead = stack.enter_context(serving())
            dead.default = status(500)
            model = FallbackModel(served(dead), served(server), lambda _: None)
        yield model
        await model.aclose()


@pytest.mark.parametrize(
    ("model", "check"),
    [((kind, check), check) for kind in IMPLEMENTATIONS for check in CHECKS],
    indirect=["model"],
    ids=[f"{kind}-{check.__name__}" for kind in IMPLEMENTATIONS for check in CHECKS],
)
async def test_conforms(model: Model, check) -> None:
    await check(model)
