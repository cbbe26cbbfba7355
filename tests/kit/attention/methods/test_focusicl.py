"""FocusICL: batches equal attention in groups that is merged explicitly; the filter masks what it says."""

from __future__ import annotations

import math

import eager_reference
import numpy as np
import pytest
import torch
from local_samples import picture
from method_checks import Load, equal
from tiny_models import PICTURE_KINDS, TEXT_KINDS

from agentkit.attention import Boost, FocusICL
from agentkit.attention.edits import Edit
from agentkit.attention.methods.focusicl import Trivial, demonstrations, groups, search
from agentkit.content import Message, Text
from agentkit.errors import UsageError
from agentkit.models.local import LocalModel
from agentkit.models.local_prompt import Prompt

WORDS = ("quick fox", "lazy dog", "red button", "over the", "jumps click", "while says", "brown button")


def shots(model: LocalModel, count: int = 7) -> tuple[list[Message], int]:
    """Return demonstrations as chat turns with a query, and the parts that each has."""
    if model.capabilities.images:
        messages = []
        for seed, words in enumerate(WORDS[: min(count, 3)]):
            messages += [
                Message.user(picture(seed), words, label="exemplar"),
                Message.assistant(Text("yes" if seed % 2 else "no", "exemplar")),
            ]
        return [*messages, Message.user(picture(99), "what is it?", label="query")], 3
    texts = [
        Text(f"{words} is {'left' if i % 2 else 'right'}", "exemplar")
        for i, words in enumerate(WORDS[:count])
    ]
    return [
        Message.system("be kind"),
        Message.user("answer in one word", *texts, Text("what is it?", "query")),
    ], 1


def merged(layer: eager_reference.Layer, scores: torch.Tensor, group: np.ndarray) -> torch.Tensor:
    """Return attention of every row to each group apart (with what all share), merged by log-sum-exp."""
    total = scores.shape[-1]
    numbers = torch.full((total,), -1)
    numbers[: len(group)] = torch.from_numpy(group)
    outs, masses = [], []
    for number in sorted(set(group[group >= 0].tolist())):
        seen = (numbers == number) | (numbers < 0)
        mine = (scores + layer.mask).masked_fill(~seen[None, None, :], -math.inf)
        outs.append(mine.softmax(-1) @ layer.value)
        masses.append(mine.logsumexp(-1))
    weights = torch.stack(masses).softmax(0)
    # A demonstration's row belongs to its own group alone.
    for place, number in enumerate(sorted(set(group[group >= 0].tolist()))):
        weights[:, :, numbers == number] = 0.0
        weights[place, :, numbers == number] = 1.0
    return (weights[..., None] * torch.stack(outs)).sum(0)


@pytest.mark.parametrize(
    ("kind", "share"),
    [*((kind, 0.3) for kind in (*TEXT_KINDS, *PICTURE_KINDS)), ("llama", 0.0), ("llava", 0.0)],
)
def test_it_equals_attention_in_groups_merged_explicitly(tiny: Load, kind: str, share: float) -> None:
    model = tiny(kind)
    messages, parts = shots(model)
    # A filter that is given, so that near ties of the attention read do not matter here.
    edits: list[Edit] = [FocusICL(0.0, 2, parts)]
    masked: list[list[int]] = [[], [], []]
    if share:
        tokens = model.encoder.encode(messages).spans.find("exemplar")
        random = np.random.default_rng(1)
        masked = [np.sort(random.permutation(tokens)[: int(share * len(tokens))]).tolist() for _ in range(3)]
        edits.append(Trivial(tuple(tuple(each) for each in masked)))

    def formula(prompt: Prompt) -> eager_reference.Formula:
        target = model.engine.target(prompt)
        group = groups(target, demonstrations(target, parts), 2)

        def attention(layer: eager_reference.Layer) -> torch.Tensor:
            scores = layer.scores()
            scores[..., masked[layer.index]] -= 100.0
            return merged(layer, scores, group)

        return attention

    equal(model, messages, edits, formula)


def test_groups_are_batches_of_whole_demonstrations(tiny: Load) -> None:
    model = tiny("llava")
    messages, parts = shots(model)
    prompt = model.encoder.encode(messages)
    target = model.engine.target(prompt)
    group = groups(target, demonstrations(target, parts), 2)
    spans = prompt.spans.parts
    assert [int(group[span.tokens[0]]) for span in spans] == [0] * 6 + [1] * 3 + [-1] * 2
    assert all(len(set(group[span.tokens])) == 1 for span in spans)
    assert set(group[: spans[0].tokens[0]]) <= {-1}
    # What is asked, and all behind it, is shared; template tokens between demonstrations are not.
    last = int(spans[8].tokens[-1])
    assert set(group[last + 1 :]) == {-1}
    assert set(group[spans[0].tokens[0] : last + 1]) == {0, 1}


def test_an_instruction_between_demonstrations_is_shared(tiny: Load) -> None:
    model = tiny("llama")
    shot = [Text(words, "exemplar") for words in WORDS[:4]]
    prompt = model.encoder.encode([Message.user(*shot[:2], "click the red button", *shot[2:], "what?")])
    target = model.engine.target(prompt)
    group = groups(target, demonstrations(target, 1), 1)
    assert set(group[prompt.spans.parts[2].tokens]) == {-1}
    assert [set(group[prompt.spans.parts[i].tokens]) for i in (0, 1, 3, 4)] == [{0}, {1}, {2}, {3}]


def test_one_batch_without_a_filter_is_the_model_itself(tiny: Load) -> None:
    model = tiny("llama")
    target = model.engine.target(model.encoder.encode(shots(model)[0]))
    assert FocusICL(0.0, None).compile(target) == ()
    assert FocusICL(0.0, 7).compile(target) == ()
    assert len(FocusICL(0.0, 6).compile(target)) == 1


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma3_text windowed", "qwen2_5_vl"])
async def test_the_filter_masks_what_is_attended_to_least(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    messages, parts = shots(model)
    before = (Boost("query", 3.0),)
    edit = FocusICL(0.4, 2, parts)
    edits = await model.work(lambda lab: edit.prepare(lab, messages, before))
    assert edits[0] == FocusICL(0.0, 2, parts)
    trivial = edits[1]
    assert isinstance(trivial, Trivial)
    prompt = model.encoder.encode(messages)
    tokens = prompt.spans.find("exemplar")
    rows = range(int(tokens[-1]) + 1, len(prompt))
    for layer, masked in enumerate(trivial.tokens):
        assert set(masked) <= set(tokens.tolist())
        assert len(masked) == int(0.4 * len(tokens))
        read = await model.work(
            lambda lab, layer=layer: table(lab, messages, (*before, edits[0]), rows, layer)
        )
        assert max(read[masked,]) <= min(read[[token for token in tokens if token not in masked]]) + 1e-7


def table(lab, messages, edits, rows, layer) -> np.ndarray:
    from agentkit.attention.reader import RowsReader

    prompt = lab.encode(messages)
    reader = RowsReader(list(rows), range(len(prompt)), layers=[layer])
    lab.forward(prompt, edits, [reader])
    return reader.result().mean(0).numpy()


async def test_the_search_takes_the_lowest_perplexity(tiny: Load) -> None:
    model = tiny("qwen2")
    examples = []
    for index in range(3):
        messages, _ = shots(model, 6)
        examples.append((messages, ("left", "right")[index % 2]))
    said: list[str] = []
    found = await model.work(
        lambda lab: search(lab, examples, shares=(0.0, 0.3, 0.6), batches=(None, 1, 2, 3), say=said.append)
    )
    assert len(said) == len(found.tried) == 6
    values = {(share, batch): value for share, batch, value in found.tried}
    assert values[found.edit.share, found.edit.batch] == min(values.values())
    assert len({round(value, 6) for value in values.values()}) == 6


async def test_a_reply_is_written_and_scored_under_it(tiny: Load) -> None:
    model = tiny("llama")
    messages, _ = shots(model)
    plain = await model.score(messages, ["left", "right"])
    ours = await model.score(messages, ["left", "right"], edits=[FocusICL(0.2, 2)])
    assert plain.logprobs != ours.logprobs
    assert (await model.generate(messages, edits=[FocusICL(0.2, 2)])).usage.output_tokens


async def test_what_it_cannot_do_is_said_before_any_token(tiny: Load) -> None:
    for wrong in ((1.0, 4, 1), (-0.1, 4, 1), (0.2, 0, 1), (0.2, 4, 0), (math.nan, 4, 1)):
        with pytest.raises(UsageError):
            FocusICL(*wrong)
    model = tiny("llama")
    messages, _ = shots(model)
    for said, edit, asked in (
        ("labelled 'exemplar'", FocusICL(), [Message.user("hello")]),
        ("7 parts", FocusICL(parts=2), messages),
        ("another prompt", Trivial(((900,), (), ())), messages),
        ("another prompt", Trivial(((0,),)), messages),
    ):
        with pytest.raises(UsageError, match=said):
            await model.generate(asked, edits=[edit])
    with pytest.raises(UsageError, match="looked at first"):
        FocusICL(0.5).compile(model.engine.target(model.encoder.encode(messages)))
    with pytest.raises(UsageError, match="examples"):
        await model.work(lambda lab: search(lab, []))
