"""The runner of attention evaluations: shares and gains, going on after a stop, what a model can't do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agentkit.attention import Boost
from agentkit.config import Settings
from agentkit.content import Message
from agentkit.contracts.evaluation import Evaluation
from agentkit.errors import UnsupportedCapability, UsageError
from agentkit.evals.attention.families import FAMILIES
from agentkit.evals.attention.family import Family, Item, Method
from agentkit.evals.attention.fits import fitted
from agentkit.evals.attention.rows import NAME, Rows
from agentkit.evals.attention.run import bench, evaluate, load_family, measure
from agentkit.evals.attention.table import metrics_of, table
from agentkit.evals.registry import BENCHES, EVALS
from agentkit.models import Model, load_model


class Letters(Family):
    """The right letter is always the first; even seeds are `even`, and choosing B is measured too."""

    name, title, role, count = "letters", "choose A", "decide", 4

    def item(self, seed: int) -> Item:
        return Item(seed, (Message.user(f"{seed}?"),), ("A", "B"), 0, stratum="odd" if seed % 2 else "even")

    def also(self, item: Item, answer: str) -> dict[str, bool]:
        return {"b": answer == "B"} if item.stratum == "even" else {}

    async def methods(self, model: Model) -> Sequence[Method]:
        return [Method("unedited", lambda item: ()), Method("same", lambda item: (), "nothing is changed")]


class Edited(Letters):
    async def methods(self, model: Model) -> Sequence[Method]:
        return [Method("unedited", lambda item: ()), Method("boost", lambda item: (Boost("instruction", 5),))]


def scripted(folder: Path, answers: str) -> Model:
    """Return a model that gives these answers in order, each A or B."""
    scores = {"A": [-1.0, -2.0], "B": [-2.0, -1.0]}
    path = folder / "script.jsonl"
    path.write_text("".join(json.dumps({"scores": scores[letter]}) + "\n" for letter in answers))
    return load_model(f"script:{path}")


async def test_scores_become_shares_paired_gains_and_strata(tmp_path: Path) -> None:
    rows = await measure(Letters(), scripted(tmp_path, "ABAB" + "AABB"))
    metrics = metrics_of(rows)
    assert [len(rows), metrics["letters.unedited.right"].mean, metrics["letters.same.right"].mean] == [
        8,
        0.5,
        0.5,
    ]
    assert metrics["letters.unedited.right.odd"].mean == 1
    assert metrics["letters.same.right.even"].mean == 0.5
    assert metrics["letters.same.gain"].mean == 0
    assert metrics["letters.same.gain.even"].mean == 0.5
    assert metrics["letters.unedited.b"].n == 2
    assert metrics["letters.same.b.gain"].mean == -0.5
    assert "letters.unedited.gain" not in metrics


async def test_a_stopped_evaluation_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    out = tmp_path / "out"
    model = scripted(tmp_path, "AAAABBBB")
    first = await measure(Letters(), model, store=Rows(out), items=2)
    with (out / NAME).open("a") as file:
        file.write('{"family": "letters", "meth')
    # Four answers are left: two new items, twice.
    again = await measure(Letters(), model, store=Rows(out))
    assert [row for row in again if row["seed"] <= 2] == first
    assert len((out / NAME).read_text().splitlines()) == 8
    third = await measure(Letters(), model, store=Rows(out))
    assert third == again


async def test_a_method_that_the_model_lacks_is_a_row_that_says_so(tmp_path: Path) -> None:
    lines: list[str] = []
    model = scripted(tmp_path, "AAAA")
    model.capabilities = replace(model.capabilities, attention=False)
    rows = await measure(Edited(), model, say=lines.append)
    assert [row["method"] for row in rows] == ["unedited"] * 4 + ["boost"]
    assert "attention" in rows[-1]["unsupported"]
    assert any("boost: not on this model" in line for line in lines)
    metrics = metrics_of(rows)
    assert "letters.boost.right" not in metrics
    text = table(Evaluation(name="attention", model="m", items=4, metrics=metrics, rows=rows))
    assert "| boost | 0 | not on this model" in text
    assert "even 100" in text


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(UsageError, match="no family 'nothing'"):
        load_family("nothing")
    with pytest.raises(UsageError, match="choice"):
        bench(Settings.load(), None, family=["nothing"])


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_whole(name: str) -> None:
    family = load_family(name)
    assert family.name == name
    assert family.title
    assert family.item(10_000) == family.item(10_000) or family.item(10_000).check is not None


async def test_the_bench_on_the_real_model(tmp_path: Path) -> None:
    found = await evaluate(Settings.load(), tmp_path, items=2)
    assert found.model == "smollm2"
    assert found.items == 2
    assert found.metrics["choice.boost15.gain"].n == 2
    assert "| choice | smollm2 | boost15 |" in (tmp_path / "table.md").read_text()


@pytest.mark.parametrize("name", ["manyshot", "injection"])
async def test_every_method_of_a_family_runs_on_a_local_model(name: str) -> None:
    rows = await measure(load_family(name), load_model("mini"), items=1)
    assert [row for row in rows if "unsupported" in row] == []
    assert {row["right"] for row in rows} <= {True, False}


async def test_a_method_that_nothing_can_be_fitted_for_says_so() -> None:
    async def make() -> Method:
        raise UsageError("no head helps")

    method = await fitted("fitted", make)
    with pytest.raises(UnsupportedCapability, match="no head helps"):
        method.edits(Letters().item(1))


async def test_a_model_without_scores_is_a_row_too(tmp_path: Path) -> None:
    class Nothing(Letters):
        async def items(self, model: Model, count: int, first: int = 1) -> list[Item]:
            raise UnsupportedCapability("can't screen")

    rows = await measure(Nothing(), scripted(tmp_path, "A"))
    assert [row["method"] for row in rows] == ["all"]


def test_every_registered_name_can_be_loaded() -> None:
    from importlib import import_module

    for place in (*EVALS.values(), *BENCHES.values()):
        module, _, name = place.partition(":")
        assert callable(getattr(import_module(module), name))
