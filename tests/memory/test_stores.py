"""What every memory store promises, over all of them, on a real Chroma with the real embedder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit.errors import OtherVersion, UsageError
from agentkit.memory import (
    BankStep,
    Entry,
    Exemplar,
    ExemplarMemory,
    Fact,
    MemoryBank,
    Step,
    Store,
    Tip,
    TipMemory,
    UserFacts,
)
from agentkit.models.embed import load_embedder

MINILM = load_embedder()
SUBJECTS = (
    "flights to Oslo",
    "the password of the bank",
    "pictures of cats",
    "a table of prices",
    "the weather",
)


@dataclass(frozen=True)
class Case:
    """A store and how to make its entries: ``make(subject, number)`` differ when either does."""

    store: type[Store[Any]]
    make: Callable[..., Entry]


def exemplar(subject: str, number: int = 0, **more: Any) -> Exemplar:
    step = Step(observation=f'button "Go {number}"', action=f'click button "Go {number}"')
    return Exemplar(task=f"Find {subject}", steps=(step,), family=subject, **more)


def tip(subject: str, number: int = 0, **more: Any) -> Tip:
    return Tip(text=f"Rule {number} about {subject}", task=f"Find {subject}", family=subject, **more)


def fact(subject: str, number: int = 0, **more: Any) -> Fact:
    return Fact(attribute=f"interest {number} in {subject}", value="yes", **more)


def bank_step(subject: str, number: int = 0, **more: Any) -> BankStep:
    return BankStep(
        conversation="c", instruction=f"Find {subject}", action=f"click {number}", number=number + 1, **more
    )


CASES = [
    Case(ExemplarMemory, exemplar),
    Case(TipMemory, tip),
    Case(UserFacts, fact),
    Case(MemoryBank, bank_step),
]


@pytest.fixture(params=CASES, ids=lambda case: case.store.ENTRY.KIND)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def filled(case: Case, **more: Any) -> Store[Any]:
    store = case.store(embedder=MINILM, **more)
    store.add_all([case.make(subject) for subject in SUBJECTS])
    return store


def test_what_is_added_is_there_once(case: Case) -> None:
    store = filled(case)
    assert len(store) == len(SUBJECTS)
    assert not store.add(case.make(SUBJECTS[0]))
    assert store.add(case.make(SUBJECTS[0], 1))
    assert {entry.id for entry in store.entries()} >= {case.make(subject).id for subject in SUBJECTS}


def test_the_nearest_comes_first(case: Case) -> None:
    found = filled(case).nearest(case.make(SUBJECTS[2]).key, 3)
    assert found[0].entry == case.make(SUBJECTS[2])
    assert found[0].similarity == pytest.approx(1.0, abs=1e-3)
    assert [m.similarity for m in found] == sorted((m.similarity for m in found), reverse=True)


def test_an_empty_store_finds_nothing_and_k_is_positive(case: Case) -> None:
    store = case.store(embedder=MINILM)
    assert store.nearest("anything", 3) == []
    assert store.entries() == []
    with pytest.raises(UsageError, match="at least 1"):
        store.nearest("anything", 0)


def test_a_folder_keeps_what_was_added(case: Case, tmp_path) -> None:
    case.store(tmp_path, embedder=MINILM).add_all([case.make(subject) for subject in SUBJECTS])
    again = case.store(tmp_path, embedder=MINILM)
    wanted = case.make(SUBJECTS[1])
    assert again.show(wanted.id[:9]) == wanted
    assert again.forget(wanted.id) == wanted
    assert wanted not in again.entries()
    with pytest.raises(UsageError, match=r"there is no \w+"):
        again.show(wanted.id)


def test_a_full_store_loses_the_oldest_and_keeps_what_is_new(case: Case) -> None:
    store = case.store(embedder=MINILM, capacity=3)
    dated = [
        case.make(SUBJECTS[0], number, created=f"2026-01-{number + 1:02}T00:00:00Z") for number in range(6)
    ]
    for entry in dated:
        store.add(entry)
        assert len(store) <= 3
        assert entry in store.entries()
    assert store.entries() == dated[-3:]


def test_a_store_of_no_room_is_refused(case: Case) -> None:
    with pytest.raises(UsageError, match="at least 1 entry"):
        case.store(capacity=0)


def test_export_and_import_lose_nothing(case: Case, tmp_path) -> None:
    store, file = filled(case), tmp_path / "out.jsonl"
    assert store.export(file) == len(SUBJECTS)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {(line["kind"], line["version"]) for line in lines} == {(case.store.ENTRY.KIND, 1)}
    other = case.store(embedder=MINILM)
    assert other.load(file) == len(SUBJECTS)
    assert other.load(file) == 0
    assert sorted(other.entries(), key=lambda e: e.id) == sorted(store.entries(), key=lambda e: e.id)


def test_marks_survive_export_and_import(case: Case, tmp_path) -> None:
    store, file = case.store(embedder=MINILM), tmp_path / "out.jsonl"
    store.add_all([case.make("x", trust="trusted"), case.make("y")])
    store.export(file)
    other = case.store(embedder=MINILM)
    other.load(file)
    assert sorted(entry.trust for entry in other.entries()) == ["trusted", "untrusted"]


def test_nothing_is_trusted_that_does_not_say_so(case: Case) -> None:
    assert case.make("x").trust == "untrusted"


@pytest.mark.parametrize("bad", ["{", "[1]", '{"kind": "dream"}', '{"version": "new"}', '{"version": 99}'])
def test_a_bad_line_is_named_and_nothing_is_taken(case: Case, tmp_path, bad: str) -> None:
    file = tmp_path / "in.jsonl"
    if bad.startswith('{"version"'):
        bad = json.dumps({**case.make("x").to_line(), **json.loads(bad)})
    file.write_text(json.dumps(case.make("y").to_line()) + "\n" + bad + "\n")
    store = case.store(embedder=MINILM)
    with pytest.raises(UsageError, match=r"in\.jsonl:2"):
        store.load(file)
    assert len(store) == 0


def test_a_newer_version_says_what_to_do(case: Case, tmp_path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(json.dumps({**case.make("x").to_line(), "version": 2, "new_field": 1}))
    with pytest.raises(OtherVersion, match=r"version 2.*versions up to 1.*newer one"):
        case.store(embedder=MINILM).load(file)


def test_ids_of_a_file_are_not_believed(case: Case, tmp_path) -> None:
    file, wanted = tmp_path / "in.jsonl", case.make("x")
    file.write_text(json.dumps({**wanted.to_line(), "id": "0" * 16}))
    store = case.store(embedder=MINILM)
    store.load(file)
    assert [entry.id for entry in store.entries()] == [wanted.id]


def test_a_folder_of_another_format_is_an_error_that_changes_nothing(
    case: Case, tmp_path, monkeypatch
) -> None:
    case.store(tmp_path, embedder=MINILM).add(case.make("x"))
    monkeypatch.setattr("agentkit.memory.collection.FORMAT", 2)
    with pytest.raises(OtherVersion, match=r"format 1.*reads 2.*export it"):
        case.store(tmp_path, embedder=MINILM).entries()
    monkeypatch.undo()
    assert case.store(tmp_path, embedder=MINILM).entries() == [case.make("x")]


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"]),
    min_size=1,
    max_size=80,
)


@given(text=TEXTS, other=TEXTS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_survives_a_line(case: Case, text: str, other: str) -> None:
    """Also line separators that are not line feeds, quotes, and other scripts."""
    makers: dict[str, Callable[[], Entry]] = {
        "exemplar": lambda: Exemplar(task=text, steps=(Step(observation=other, action=text),)),
        "tip": lambda: Tip(text=text, task=other),
        "fact": lambda: Fact(attribute=text, value=other),
        "step": lambda: BankStep(conversation=other, instruction=text, action=other),
    }
    entry = makers[case.store.ENTRY.KIND]()
    line = json.dumps(entry.to_line(), ensure_ascii=False)
    assert case.store.ENTRY.from_json(json.loads(line)) == entry


def test_line_separators_in_texts_do_not_tear_a_file(tmp_path) -> None:
    store, file = TipMemory(embedder=MINILM), tmp_path / "out.jsonl"
    odd = Tip(text="one\u2028two\x85three")
    store.add(odd)
    store.export(file)
    other = TipMemory(embedder=MINILM)
    assert other.load(file) == 1
    assert other.entries() == [odd]


def test_a_relative_folder_is_the_one_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, city in (("one", "Hobart"), ("two", "Oslo")):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        facts = UserFacts("memory")
        facts.set("home city", city)
        assert [fact.value for fact in facts.history("home city")] == [city]


def test_facts_of_one_second_keep_their_order(tmp_path: Path) -> None:
    facts = UserFacts(tmp_path)
    for city in ("Hobart", "Oslo", "Lima"):
        facts.learn(
            Fact(
                attribute="home", value=city, source="edited", trust="trusted", created="2026-11-23T10:00:00Z"
            )
        )
    standing = [fact.standing for fact in facts.history("home")]
    assert standing == ["past", "past", "current"]
    assert facts.history("home")[-1].value == "Lima"
