"""The exemplar memory, with the real index and the real embedder."""

from __future__ import annotations

import json
import time

import pytest

from agentkit.contracts.result import Result, Status
from agentkit.contracts.run import RunInfo
from agentkit.errors import RunError, UsageError
from agentkit.evals.miniwob.tasks import UNDEMONSTRATED
from agentkit.memory import Exemplar, ExemplarMemory, Match, Step, remember_run, shipped
from agentkit.memory.exemplars import default_folder, vote
from agentkit.memory.precomputed import with_shipped
from agentkit.models.embed import Embedder, load_embedder
from agentkit.runs.folder import EVENTS, RunFolder

MINILM = load_embedder()


def exemplar(task: str, family: str = "", action: str = 'click button "OK"', **more) -> Exemplar:
    steps = (
        Step(observation='button "OK" button "Cancel"', action=action),
        Step(observation="", action="finish"),
    )
    return Exemplar(task=task, family=family, steps=steps, **more)


FLIGHTS = [exemplar(f"Book the cheapest flight to {city}", "flights") for city in ("Oslo", "Hobart", "Lima")]
LOGINS = [exemplar(f"Log in as {name} with password {name}1", "login") for name in ("ann", "bob", "eve")]


@pytest.fixture
def memory() -> ExemplarMemory:
    found = ExemplarMemory(embedder=MINILM)
    found.add_all([*FLIGHTS, *LOGINS])
    return found


def test_the_same_content_is_kept_once_whenever_it_happened(memory: ExemplarMemory) -> None:
    again = FLIGHTS[0].model_copy(update={"run": "abc", "created": "2026-01-01T00:00:00Z"})
    assert not memory.add(again)
    assert memory.add(exemplar(FLIGHTS[0].task, "flights", action='click button "Cancel"'))
    assert len(memory) == 7


def test_retrieval_gives_the_nearest_first_with_similarity(memory: ExemplarMemory) -> None:
    found = memory.retrieve("Book the cheapest flight to Lima", FLIGHTS[0].steps[0].observation, k=4)
    assert found[0].entry == FLIGHTS[2]
    assert found[0].similarity == pytest.approx(1.0, abs=1e-3)
    assert [m.similarity for m in found] == sorted((m.similarity for m in found), reverse=True)


def test_recall_votes_and_gives_the_whole_family(memory: ExemplarMemory) -> None:
    found = memory.recall("Please log in as zoe with the password 77x", k=3)
    assert {m.entry.family for m in found} == {"login"}
    assert len(found) == 3
    assert len(memory.recall("Log in as zoe", most=2)) == 2


def test_a_tie_goes_to_the_family_of_the_nearest() -> None:
    near = [Match(exemplar("a", "x"), 0.9), Match(exemplar("b", "y"), 0.8)]
    assert vote(near) == "x"
    assert vote([*near, Match(exemplar("c", "y"), 0.1)]) == "y"


def test_failures_are_not_retrieved_unless_asked_for(memory: ExemplarMemory) -> None:
    memory.add(exemplar("Book a flight to Rome", "flights", outcome="failed"))
    assert all(m.entry.outcome == "done" for m in memory.retrieve("Book a flight to Rome", k=20))
    assert memory.retrieve("Book a flight to Rome", k=1, outcome=None)[0].entry.outcome == "failed"


def test_an_empty_memory_recalls_nothing() -> None:
    assert ExemplarMemory(embedder=MINILM).recall("anything") == []


def test_two_memories_in_one_process_are_apart(memory: ExemplarMemory) -> None:
    assert len(ExemplarMemory(embedder=MINILM)) == 0


def test_a_folder_keeps_what_was_added(tmp_path) -> None:
    first = ExemplarMemory(tmp_path / "m", embedder=MINILM)
    first.add_all(FLIGHTS)
    again = ExemplarMemory(tmp_path / "m", embedder=MINILM)
    assert {item.id for item in again.entries()} == {item.id for item in FLIGHTS}
    assert again.show(FLIGHTS[1].id[:8]) == FLIGHTS[1]
    assert again.forget(FLIGHTS[1].id) == FLIGHTS[1]
    with pytest.raises(UsageError, match="no exemplar"):
        again.show(FLIGHTS[1].id)


def test_page_text_stays_marked_through_export_and_import(tmp_path, memory: ExemplarMemory) -> None:
    file = tmp_path / "out.jsonl"
    assert memory.export(file) == 6
    other = ExemplarMemory(embedder=MINILM)
    assert other.load(file) == 6
    assert other.load(file) == 0
    assert {item.trust for item in other.entries()} == {"untrusted"}
    assert {item.id for item in other.entries()} == {item.id for item in memory.entries()}


def test_an_import_names_the_bad_line_and_does_not_believe_ids(tmp_path) -> None:
    file = tmp_path / "in.jsonl"
    forged = {**FLIGHTS[0].model_dump(), "id": "0" * 16}
    file.write_text(json.dumps(forged) + "\n")
    memory = ExemplarMemory(embedder=MINILM)
    memory.load(file)
    assert memory.entries()[0].id == FLIGHTS[0].id
    for bad in ("{", '{"task": "x"}', "[1]"):
        file.write_text(json.dumps(forged) + "\n" + bad + "\n")
        with pytest.raises(UsageError, match=r"in\.jsonl:2"):
            memory.load(file)


class Other:
    """Another embedder of the same shape."""

    reference = "hf:other"
    dimension = 384

    def embed(self, texts):
        return MINILM.embed(texts)


def test_vectors_of_another_embedder_are_refused_but_can_be_exported(tmp_path) -> None:
    ExemplarMemory(tmp_path / "m", embedder=MINILM).add_all(FLIGHTS)
    other = ExemplarMemory(tmp_path / "m", embedder=Other())
    for use in (lambda: other.retrieve("x"), lambda: other.add(LOGINS[0])):
        with pytest.raises(UsageError, match="embedded by minilm"):
            use()
    assert other.export(tmp_path / "out.jsonl") == 3


def test_the_folder_beside_the_runs_is_the_default(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AGENTKIT_RUNS", str(tmp_path / "runs"))
    assert default_folder() == tmp_path / "agentkit-memory"
    monkeypatch.setenv("AGENTKIT_MEMORY", str(tmp_path / "elsewhere"))
    assert default_folder() == tmp_path / "elsewhere"


def finished(path, status: Status = "done", output=None) -> RunFolder:
    folder = RunFolder.create(RunInfo(id="r1", agent="web", task="Press OK", created=time.time()), path)
    folder.info.result = Result(status=status, output=output)
    folder.save()
    return folder


TRAJECTORY = {
    "site": "localhost",
    "family": "ok",
    "steps": [{"observation": "o", "action": 'click button "OK"'}],
}


def test_a_finished_run_is_remembered_with_its_source(tmp_path) -> None:
    folder = finished(tmp_path / "r", output=TRAJECTORY)
    memory = ExemplarMemory(embedder=MINILM)
    kept = remember_run(memory, folder.path)
    assert memory.entries() == [kept]
    assert (kept.task, kept.run, kept.family, kept.trust) == ("Press OK", "r1", "ok", "untrusted")
    assert folder.lines(EVENTS)[-1]["kind"] == "remembered"
    assert memory.retrieve("Press OK")[0].entry.id == folder.lines(EVENTS)[-1]["id"]


@pytest.mark.parametrize(
    ("status", "output"), [("failed", TRAJECTORY), ("done", None), ("done", {"steps": [{"nonsense": 1}]})]
)
def test_a_run_without_a_good_trajectory_is_not_remembered(tmp_path, status, output) -> None:
    folder = finished(tmp_path / "r", status, output)
    memory = ExemplarMemory(embedder=MINILM)
    with pytest.raises((UsageError, RunError)):
        remember_run(memory, folder.path)
    assert len(memory) == 0


class Asked:
    """An embedder that notes what it is asked for."""

    reference = "minilm"
    dimension = 384

    def __init__(self, embedder: Embedder) -> None:
        self.embedder, self.texts = embedder, []

    def embed(self, texts):
        self.texts += texts
        return self.embedder.embed(texts)


def test_what_ships_can_be_read() -> None:
    found = shipped()
    assert len({item.family for item in found}) >= 20
    assert all(item.outcome == "done" and item.steps and item.trust == "untrusted" for item in found)


def test_the_vectors_of_what_ships_are_at_hand_and_are_the_embedders_own() -> None:
    keys = [item.key for item in shipped()]
    unasked = Asked(MINILM)
    vectors = with_shipped(unasked).embed([keys[0], "something else", *keys[1:]])
    assert unasked.texts == ["something else"]
    few = [0, 1, 2, len(keys)]
    made = MINILM.embed([[keys[0], "something else", *keys[1:]][row] for row in few])
    assert (vectors[few] * made).sum(axis=1) == pytest.approx(1, abs=1e-4)


def test_another_embedder_makes_its_own_vectors() -> None:
    class Other(Asked):
        reference = "hf:other"

    other = Other(MINILM)
    assert with_shipped(other) is other


def test_the_tasks_that_are_never_demonstrated_are_not_in_what_ships() -> None:
    assert not {item.family for item in shipped()} & set(UNDEMONSTRATED)
