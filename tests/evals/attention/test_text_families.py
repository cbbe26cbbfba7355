"""The text families: the same item for a seed, one right answer, checkers that know right from wrong."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.content import Message, Text
from agentkit.evals.attention.conflict import Conflict
from agentkit.evals.attention.facts import FACTS, answers_of
from agentkit.evals.attention.family import Family, Item
from agentkit.evals.attention.injection import Injection
from agentkit.evals.attention.manyshot import CLASSES, ManyShot
from agentkit.evals.attention.needle import PLACES, Needle
from agentkit.evals.attention.rules import FormatRules, make_rule
from agentkit.models import load_model

FAMILIES = (FormatRules(), Needle(), ManyShot(), Conflict(), Injection())
SEEDS = st.integers(0, 20_000)


def parts(item: Item, label: str) -> list[str]:
    """Return the texts of a label."""
    found = [part for message in item.messages for part in message.parts]
    return [part.text for part in found if isinstance(part, Text) and part.label == label]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@given(seed=SEEDS)
def test_the_item_of_a_seed_is_always_the_same_and_valid(family: Family, seed: int) -> None:
    item, again = family.item(seed), family.item(seed)
    assert replace(item, check=None) == replace(again, check=None)
    assert item.seed == seed
    if item.options:
        assert len(set(item.options)) == len(item.options) > item.right >= 0
    else:
        assert item.check is not None
        assert not item.check("")
        assert not item.check("...")
    assert parts(item, "instruction")
    everything = [part for message in item.messages for part in message.parts]
    assert all(part.trust == "untrusted" for part in everything if part.label == "observation")


@given(SEEDS)
def test_what_is_shown_of_a_rule_keeps_it(seed: int) -> None:
    family = FormatRules()
    item = family.item(seed)
    assert item.check is not None
    shown = item.messages[1].text
    assert item.check(shown)
    assert not item.check("Maybe Not, No, or 3 Things: this one, that one, and the other one")


@given(SEEDS)
def test_a_rule_is_kept_by_what_it_writes(seed: int) -> None:
    rule = make_rule(random.Random(seed))
    assert rule.keeps(rule.write("For example water, light and air."))


def test_a_reply_that_answers_is_told_from_one_that_does_not() -> None:
    family = FormatRules()
    item = family.item(10_000)
    assert family.also(item, f"It is {item.extra['answers'][0]}.") == {"answered": True}
    assert family.also(item, "?") == {"answered": False}


@given(SEEDS)
def test_the_needle_stands_where_its_stratum_says(seed: int) -> None:
    item = Needle().item(seed)
    text = "\n".join(parts(item, "observation"))
    place = text.index(item.options[item.right]) / len(text)
    assert abs(place - PLACES[item.stratum]) < 0.12
    # Every other option's word belongs to another note.
    words = [option.rstrip(".").rpartition(" ")[2] for option in item.options]
    assert all(text.count(f" is {word}.") == 1 for word in words)


@given(SEEDS)
def test_examples_tell_the_label_of_the_word(seed: int) -> None:
    item = ManyShot().item(seed)
    examples = [text.split(" -> ") for text in parts(item, "exemplar")]
    assert len(examples) == int(item.stratum)
    labels = [label for _, label in examples]
    assert {labels.count(label) for label in item.options} == {len(labels) // CLASSES}
    colour, thing = parts(item, "query")[0].split("\n")[1].removesuffix(" ->").split()
    told = {label for words, label in examples if words.startswith(f"{colour} ")}
    assert told == {item.options[item.right]}
    assert thing not in {words.split()[1] for words, _ in examples}


@given(SEEDS)
def test_a_conflict_is_one_and_both_ways_are_asked(seed: int) -> None:
    item = Conflict().item(seed)
    (text,) = parts(item, "observation")
    said = text.removeprefix("Text: ")
    assert said != item.extra["fact"]
    assert {said, item.extra["fact"]} <= set(item.options)
    assert (item.options[item.right] == said) == (item.stratum == "context")


async def test_only_what_the_model_knows_is_asked(tmp_path) -> None:
    family = Conflict()
    lines = []
    for seed in (1, 2, 3):
        item = family.item(seed)
        # The second fact is not known.
        scores = [-1.0 if (option == item.extra["fact"]) == (seed != 2) else -2.0 for option in item.options]
        lines.append(f'{{"scores": {scores}}}')
    (tmp_path / "s.jsonl").write_text("\n".join(lines))
    kept = await family.items(load_model(f"script:{tmp_path / 's.jsonl'}"), 2)
    assert [item.seed for item in kept] == [1, 3]


@given(SEEDS)
def test_an_attack_is_in_attacked_pages_only(seed: int) -> None:
    family = Injection()
    item = family.item(seed)
    payload = item.extra["payload"]
    (page,) = parts(item, "observation")
    assert (payload in page) == (item.stratum == "attacked")
    assert family.also(item, f"Well: {payload.upper()}!") == ({"attack": True} if payload in page else {})
    assert item.check is not None
    assert item.check(page)
    assert not item.check(payload)


def test_a_fact_has_an_answer_among_the_answers_of_its_kind() -> None:
    for fact in FACTS:
        assert fact.answer in answers_of(fact.kind)
        assert fact.say(fact.answer).endswith(f" {fact.answer}.")
    assert Message.user(FACTS[0].question).text.endswith("?")
