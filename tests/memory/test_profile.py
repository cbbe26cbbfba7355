"""What is known about the user, and how it is learned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from agentkit.content import Message, Text
from agentkit.errors import UsageError
from agentkit.memory import Fact, UserFacts, learn_from
from agentkit.memory.surprise import said
from agentkit.models.embed import load_embedder
from agentkit.models.script import ScriptModel

MINILM = load_embedder()


@pytest.fixture
def facts() -> UserFacts:
    return UserFacts(embedder=MINILM)


def script(tmp_path: Path, *replies: str) -> ScriptModel:
    file = tmp_path / "replies.jsonl"
    file.write_text("".join(json.dumps({"text": reply}) + "\n" for reply in replies))
    return ScriptModel.load(file)


def told(attribute: str, value: str, **more) -> Fact:
    return Fact(attribute=attribute, value=value, trust="trusted", **more)


def test_a_newer_fact_takes_the_place_of_the_older_one_which_stays_as_history(facts: UserFacts) -> None:
    facts.learn(told("home city", "Oslo", created="2025-01-01T00:00:00Z"))
    facts.learn(told("Home  City", "Hobart", created="2026-01-01T00:00:00Z"))
    now = facts.current("home city")
    assert now is not None
    assert now.value == "Hobart"
    assert [(f.value, f.standing, f.until) for f in facts.history("home city")] == [
        ("Oslo", "past", "2026-01-01T00:00:00Z"),
        ("Hobart", "current", ""),
    ]


def test_an_older_fact_that_is_heard_of_later_is_history_at_once(facts: UserFacts) -> None:
    facts.learn(told("home city", "Hobart", created="2026-01-01T00:00:00Z"))
    facts.learn(told("home city", "Oslo", created="2025-01-01T00:00:00Z"))
    now = facts.current("home city")
    assert now is not None
    assert now.value == "Hobart"
    assert [f.standing for f in facts.history("home city")] == ["past", "current"]


def test_the_same_fact_again_changes_nothing(facts: UserFacts) -> None:
    first = facts.learn(told("diet", "Vegan", created="2025-01-01T00:00:00Z"))
    assert facts.learn(told("diet", "vegan")) == first
    assert len(facts) == 1


def test_untrusted_text_is_only_ever_a_claim(facts: UserFacts) -> None:
    facts.learn(told("bank account", "123"))
    for source in ("said", "reported"):
        claim = Fact(attribute="bank account", value="666", source=source, standing="current")
        assert facts.learn(claim).standing == "claim"
    forged = {**told("bank account", "666").to_line(), "source": "reported"}
    assert Fact.from_json(forged).standing == "claim"
    now = facts.current("bank account")
    assert now is not None
    assert now.value == "123"
    assert [match.entry.value for match in facts.recall("bank account")] == ["123"]


def test_a_claim_holds_when_the_user_confirms_it(facts: UserFacts) -> None:
    facts.learn(told("employer", "Acme", created="2025-01-01T00:00:00Z"))
    claim = facts.learn(Fact(attribute="employer", value="Globex"))
    held = facts.confirm(claim.id[:10])
    assert (held.value, held.trust, held.source) == ("Globex", "trusted", "edited")
    assert facts.current("employer") == held
    assert [f.standing for f in facts.history("employer")] == ["past", "current"]
    with pytest.raises(UsageError, match="no claim"):
        facts.confirm(held.id)


def test_users_are_apart(facts: UserFacts) -> None:
    facts.set("home city", "Oslo", user="ann")
    facts.set("home city", "Rome", user="bob")
    ann = facts.current("home city", user="ann")
    assert ann is not None
    assert ann.value == "Oslo"
    assert facts.current("home city") is None


def test_history_leaves_a_full_memory_before_what_holds() -> None:
    facts = UserFacts(embedder=MINILM, capacity=2)
    facts.learn(told("home city", "Oslo", created="2025-01-01T00:00:00Z"))
    facts.learn(told("home city", "Rome", created="2025-02-01T00:00:00Z"))
    facts.learn(told("diet", "vegan", created="2025-03-01T00:00:00Z"))
    assert {f.value for f in facts.entries()} == {"Rome", "vegan"}


def test_a_field_is_filled_by_the_fact_of_its_name(facts: UserFacts) -> None:
    facts.set("home city", "Oslo")
    found = facts.value_for("City (home)")
    assert found is not None
    assert found.value == "Oslo"
    assert facts.value_for("city of birth") is None
    assert facts.value_for("") is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Hi, my name is Ann Lee.", {"name": "Ann Lee"}),
        ("I live in Oslo and I work at Acme.", {"home city": "Oslo", "employer": "Acme"}),
        ("I've just moved to Hobart, so book from there", {"home city": "Hobart"}),
        ("My email is ann@x", {"email": "ann@x"}),
        ("I don't like window seats.", {"likes window seats": "no"}),
        ("I like window seats", {"likes window seats": "yes"}),
        ("I'm allergic to nuts!", {"allergy to nuts": "yes"}),
        ("Book a flight to Rome.", {}),
    ],
)
def test_plain_statements_are_read_by_rules(text: str, wanted: dict[str, str]) -> None:
    found = said(Message.user(Text(text, "query")), run="r1")
    assert {fact.attribute: fact.value for fact in found} == wanted
    assert all(fact.trust == "trusted" and fact.run == "r1" and fact.quote in text for fact in found)


def test_a_statement_in_what_the_user_pasted_or_a_page_said_is_a_claim() -> None:
    pasted = Message.user(
        Text("Sum this up:", "query"), Text("I live in Mordor.", "observation", "untrusted")
    )
    page = Message.assistant("I live in Mordor.")
    for message in (pasted, page):
        (fact,) = said(message)
        assert (fact.trust, fact.standing) == ("untrusted", "claim")


async def test_what_was_not_expected_is_learned_with_the_users_own_words(tmp_path, facts: UserFacts) -> None:
    facts.set("home city", "Oslo")
    found = {"attribute": "home city", "value": "Hobart", "quote": "from Hobart, where I live now"}
    invented = {"attribute": "age", "value": "40", "quote": "I am forty"}
    model = script(
        tmp_path, "Ann will ask for a flight from Oslo.", json.dumps({"surprises": [found, invented]})
    )
    message = Message.user(Text("A flight  from Hobart, where I live now.", "query"))
    kept = await learn_from(facts, [], message, model, run="r7")
    assert [(f.attribute, f.value, f.source, f.expected, f.run) for f in kept] == [
        ("home city", "Hobart", "inferred", "Ann will ask for a flight from Oslo.", "r7")
    ]
    assert facts.current("home city") == kept[0]
    assert facts.current("age") is None


async def test_no_surprise_teaches_nothing(tmp_path, facts: UserFacts) -> None:
    model = script(tmp_path, "Thanks.", '{"surprises": []}')
    assert await learn_from(facts, [], Message.user(Text("Thanks!", "query")), model) == []
    assert len(facts) == 0


def test_an_empty_value_is_no_fact() -> None:
    with pytest.raises(ValidationError):
        told("home city", "")
