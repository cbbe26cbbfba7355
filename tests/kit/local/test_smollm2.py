"""SmolLM2, whole: what agents use it for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from agentkit.attention import Boost, Mute
from agentkit.content import Message, Text
from agentkit.models import Sampling
from agentkit.models.local import LocalModel
from agentkit.models.local_engine import Job
from agentkit.models.local_prefixes import PrefixFolder

CITY = [Message.system("You are a helpful assistant."), Message.user("What is the capital of France?")]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "river": {"type": "string", "maxLength": 20}},
    "required": ["city", "river"],
    "additionalProperties": False,
}


async def test_it_answers_and_declares_what_it_can(smollm2: LocalModel) -> None:
    reply = await smollm2.generate(CITY, sampling=Sampling(max_tokens=20))
    assert "Paris" in reply.text
    assert reply.finish == "stop"
    can = smollm2.capabilities
    assert can.scoring
    assert can.schema
    assert can.attention
    assert not can.images
    assert not can.tools
    assert can.context == 8192
    assert len(smollm2.fingerprint) == 64


async def test_the_likeliest_of_several_answers(smollm2: LocalModel) -> None:
    scores = await smollm2.score(
        CITY, ["The capital is London.", "The capital is Paris.", "The capital is Rome."]
    )
    assert scores.best() == 1
    # The end of the turn counts: an answer that is only begun is unlikely.
    begun = await smollm2.score(CITY, ["The capital of France is", "The capital of France is Paris."])
    assert begun.best("sum") == 1


async def test_a_score_is_the_likelihood_of_generating_it(smollm2: LocalModel) -> None:
    reply = await smollm2.generate(CITY, sampling=Sampling(max_tokens=20), logprobs=True)
    assert reply.logprobs is not None
    scores = await smollm2.score(CITY, [reply.text])
    prompt = smollm2.encoder.encode(CITY)
    state = smollm2.engine.prefill([Job(prompt)])
    ids = smollm2.encoder.encode_reply(reply.text)
    for token in ids[:-1]:
        smollm2.engine.step(state, torch.tensor([[token]]))
    end = float(state.logits.log_softmax(-1)[0, ids[-1]])
    assert scores.logprobs[0] == pytest.approx(sum(v for _, v in reply.logprobs) + end, abs=1e-3)


async def test_it_follows_a_schema(smollm2: LocalModel) -> None:
    reply = await smollm2.generate(CITY, schema=SCHEMA, sampling=Sampling(max_tokens=60))
    assert set(reply.data) == {"city", "river"}


async def test_attention_moves_what_it_attends_to(smollm2: LocalModel) -> None:
    messages = [
        Message.user(Text("The code word is amber. " * 4, "observation", "untrusted"), "Say a colour.")
    ]
    plain, boosted, muted = [
        float((await smollm2.attend(messages, keys="untrusted", edits=edits)).weights.sum())
        for edits in ((), (Boost("untrusted", 5.0),), (Mute("untrusted", 0.01),))
    ]
    assert muted < plain / 5 < plain < boosted
    options = ["amber", "green"]
    by_edit = [
        (await smollm2.score(messages, options, edits=edits)).probabilities("sum")[0]
        for edits in ((), (Mute("untrusted", 0.001),))
    ]
    assert by_edit[1] < by_edit[0]


async def test_kept_prefixes_give_the_same_scores(smollm2: LocalModel) -> None:
    page = Text("button one, button two, link three. " * 20, "observation", "untrusted")
    prompts = [
        [Message.system("Choose."), Message.user(page, task)] for task in ("Press one.", "Open three.")
    ]
    options = ["button one", "button two", "link three"]
    kept = await smollm2.score_each(prompts, options, edits=[Boost("instruction", 15.0)])
    for prompt, scores in zip(prompts, kept, strict=True):
        smollm2.engine.prefixes.clear()
        alone = await smollm2.score(prompt, options, edits=[Boost("instruction", 15.0)])
        assert scores.logprobs == pytest.approx(alone.logprobs, rel=1e-5)


async def test_a_beginning_that_is_to_be_kept_is_read_by_another_process(
    smollm2: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Text("button one, button two, link three. " * 20, "exemplar")
    start = [Message.system("Choose."), replace(Message.user(shown), keep=True)]
    prompts = [[*start, Message.user(Text(task, "instruction"))] for task in ("Press one.", "Open three.")]
    options = ["button one", "button two", "link three"]
    edits = [Boost("instruction", 15.0)]
    smollm2.engine.prefixes.clear()
    plain = await smollm2.score_each(prompts, options, edits=edits)
    file = tmp_path
    for attempt in range(3):
        # As in a fresh process: nothing in memory.
        smollm2.engine.prefixes.clear()
        monkeypatch.setattr(smollm2.engine, "folder", PrefixFolder(tmp_path / "kept", "smollm2"))
        found = await smollm2.score_each(prompts, options, edits=edits)
        for scores, same in zip(found, plain, strict=True):
            assert scores.logprobs == pytest.approx(same.logprobs, rel=1e-4)
        (file,) = (tmp_path / "kept").iterdir()
        if attempt == 1:
            file.write_bytes(file.read_bytes()[:-100])
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    # It is what the file holds that is used.
    save_file({name: torch.zeros_like(value) for name, value in load_file(file).items()}, file)
    smollm2.engine.prefixes.clear()
    (other, _) = await smollm2.score_each(prompts, options, edits=edits)
    assert other.logprobs != pytest.approx(plain[0].logprobs, rel=1e-2)
    # Edits of what is kept make it another beginning.
    smollm2.engine.prefixes.clear()
    await smollm2.score_each(prompts, options, edits=[Boost("exemplar", 2.0)])
    assert len(list((tmp_path / "kept").iterdir())) == 2
    small = PrefixFolder(tmp_path / "kept", "smollm2", limit=file.stat().st_size + 1000)
    smollm2.engine.prefixes.clear()
    monkeypatch.setattr(smollm2.engine, "folder", small)
    await smollm2.score_each(prompts, options, edits=[Boost("exemplar", 3.0)])
    assert len(list((tmp_path / "kept").iterdir())) == 1
    smollm2.engine.prefixes.clear()
