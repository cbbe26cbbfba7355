"""The research benchmark: its questions, its metrics, the reward, Dyn-VQA, the arms on a small corpus."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.research import PromptedCritic, TrainedCritic
from agentkit.agents.research.critic import Draft, critic_of, fit, worth
from agentkit.agents.research.features import NAMES, features
from agentkit.agents.research.words import plain
from agentkit.config import Settings
from agentkit.contracts.script import ScriptLine
from agentkit.errors import UsageError
from agentkit.evals import dynvqa
from agentkit.evals.research.corpus import documents
from agentkit.evals.research.metrics import auroc, exact, f1, f1_recall, ndcg_at, recall_at
from agentkit.evals.research.practice import measure
from agentkit.evals.research.questions import EVALUATION, make, questions
from agentkit.evals.research.reward import read_turn, reward
from agentkit.evals.research.run import summary, table
from agentkit.models.script import ScriptModel
from agentkit.tools.retrieval import Capability, Passage, Query


def test_three_hundred_questions_are_mixed_as_promised() -> None:
    asked = questions(300)
    assert len({(item.question, item.picture) for item in asked}) == 300
    assert sum(item.picture is not None for item in asked) == 100
    assert sum(not item.answerable for item in asked) == 60
    assert sum(item.answerable and item.searches == 0 for item in asked) == 60
    assert sum(item.as_of is not None for item in asked) == 20
    hops = Counter(item.searches for item in asked if item.answerable)
    assert set(hops) == {0, 1, 2, 3}
    subset = questions(60)
    assert [item.question for item in subset[:30]] == [item.question for item in asked[:30]]


def test_half_of_what_the_evaluation_asks_is_worded_as_no_other_seed_is() -> None:
    asked = [item for item in questions(300) if item.answerable and item.searches]
    new = [item for item in asked if item.new_wording]
    assert 0.2 < len(new) / len(asked) < 0.6
    assert len({item.family for item in new}) >= 6
    assert not any(item.new_wording for item in [*questions(60, 10_000), *questions(60, 100_000)])


def test_gold_chains_are_in_the_corpus() -> None:
    texts = {document.id: document.text for document in documents()}
    for item in [*questions(120), *questions(60, 100_000)]:
        for hop in item.hops:
            said = plain(" ".join(texts[name] for name in hop.documents))
            assert hop.kind == "compute" or plain(hop.answer) in said, (item.question, hop)
        if item.missing is not None and item.picture is None:
            assert item.missing in item.question.lower()


def test_a_seed_is_a_question_and_the_splits_ask_about_different_things() -> None:
    assert make(7) == make(7)
    asked = {
        item.question
        for item in questions(300)
        if item.picture is None and item.family != "no search: arithmetic"
    }
    trained = {item.question for item in questions(300, 100_000)}
    assert not asked & trained
    assert EVALUATION == 10_000


def test_metrics_by_hand() -> None:
    assert exact("The Beatles!", ["beatles"]) == 1.0
    assert f1("Sir Humphrey Davy", ["Humphrey Davy"]) == pytest.approx(0.8)
    assert f1("", ["x"]) == 0.0
    assert f1_recall("It was the two dogs, I think.", ["2 dogs"]) == 1.0
    # The published quirk: number words of the gold answer stay words.
    assert f1_recall("two dogs", ["two dogs"]) == 0.5
    assert f1_recall("答案是北京", ["北京"]) == 1.0
    assert f1_recall("", ["x"]) == 0.0
    assert recall_at(["a", "b", "c"], ["b", "d"], 2) == 0.5
    assert ndcg_at(["a", "b"], ["b"], 2) == pytest.approx(0.6309, abs=1e-4)
    assert ndcg_at(["b", "b", "a"], ["a", "b"], 2) == 1.0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=30))
def test_auroc_is_how_often_a_right_one_scores_higher(rows: list[tuple[float, bool]]) -> None:
    scores, right = [score for score, _ in rows], [is_right for _, is_right in rows]
    value = auroc(scores, right)
    assert 0.0 <= value <= 1.0
    assert auroc([-score for score in scores], right) == pytest.approx(1 - value)


ANSWER = "<reason>It is known.</reason><answer>Paris</answer>"
TEXT = "<reason>Search.</reason><text_search>capital of France</text_search>"
IMAGE = "<reason>Look.</reason><search><img></search>"


@pytest.mark.parametrize(
    ("turns", "total"),
    [
        ([ANSWER], 1.0),
        ([TEXT, ANSWER], 0.91),
        ([IMAGE, TEXT, ANSWER], 0.91),
        ([TEXT, ANSWER.replace("Paris", "Rome")], 0.1),
        # Two text searches fit the budget, but not the form.
        ([TEXT, TEXT, ANSWER], 0.81),
        # A second image search is over the budget: the trajectory ends without an answer.
        ([IMAGE, IMAGE, ANSWER], 0.0),
        (["<answer>Paris</answer>"], 0.0),
        ([ANSWER + " and more"], 0.0),
        ([], 0.0),
    ],
)
def test_the_reward_is_the_papers(turns: list[str], total: float) -> None:
    assert reward(turns, ["paris"]).total == pytest.approx(total)


def test_a_turn_has_one_action_at_its_end() -> None:
    assert read_turn(TEXT).said == "capital of France"
    assert read_turn(TEXT + ANSWER).kind == "malformed"
    assert reward([ANSWER.replace("Paris", "It is Paris.")], ["Paris"], match="substring").score == 1.0


def test_a_critic_learns_keeps_and_tells_what_it_cannot_read(tmp_path: Path) -> None:
    rows = [dict.fromkeys(NAMES, 0.0) | {"covers": n / 40, "gap": (n * 7 % 11) / 11} for n in range(40)]
    right = [n >= 20 for n in range(40)]
    weights, bias, mean, spread = fit(rows, right, NAMES)
    critic = TrainedCritic(NAMES, tuple(weights), bias, tuple(mean), tuple(spread))
    assert auroc([critic.probability(row) for row in rows], right) > 0.95
    critic.save(tmp_path / "critic.json")
    again = critic_of(f"trained:{tmp_path / 'critic.json'}")
    assert isinstance(again, TrainedCritic)
    assert again.probability(rows[30]) == pytest.approx(critic.probability(rows[30]), abs=1e-3)
    (tmp_path / "other.json").write_text('{"format": 99}')
    with pytest.raises(UsageError, match="format 99"):
        TrainedCritic.load(tmp_path / "other.json")
    with pytest.raises(UsageError, match="no stored critic"):
        TrainedCritic.load(tmp_path / "none.json")


def test_the_shipped_critic_prefers_what_the_sources_say() -> None:
    critic = TrainedCritic.load()
    nothing = features("Who?", None, [], open_parts=1)
    assert set(critic.names) <= set(nothing)
    sure = dict.fromkeys(NAMES, 0.5) | {
        "covers": 1.0,
        "covers_least": 1.0,
        "question_covered": 1.0,
        "echo": 0.0,
    }
    unsure = sure | {"covers": 0.3, "covers_least": 0.3, "question_covered": 0.5}
    assert critic.probability(sure) > critic.probability(unsure)


def test_another_search_is_worth_its_price_only_when_it_may_bring_more() -> None:
    critic = PromptedCritic(accept=0.7)
    assert worth(critic, 0.3, price=0.1)
    assert not worth(critic, 0.65, price=0.1)
    assert not worth(critic, 0.3, price=0.5)


async def test_the_prompted_critic_asks_the_model() -> None:
    model = ScriptModel([ScriptLine(scores=[-0.1, -2.4])], "script:test")
    assert await PromptedCritic().judge(model, Draft("Who?", "Ann", [], {})) == pytest.approx(0.909, abs=0.01)
    assert await PromptedCritic().judge(model, Draft("Who?", None, [], {})) == 0.0


def test_a_critic_is_measured_by_questions() -> None:
    critic = TrainedCritic.load()
    base = dict.fromkeys(NAMES, 0.5)
    rows = [
        {
            "seed": n,
            "round": 1,
            "draft": "x",
            "right": n % 2 == 0,
            "features": base | {"covers": float(n % 2 == 0)},
        }
        for n in range(20)
    ]
    found = measure(critic, rows, "critic", Settings.load())
    assert found.metrics["AUROC"].mean == 1.0
    assert found.items == 20


def test_the_summary_pairs_arms_and_counts_refusals() -> None:
    def row(arm: str, seed: int, f1_: float, **more: object) -> dict:
        base = {
            "arm": arm,
            "seed": seed,
            "f1": f1_,
            "exact": f1_,
            "answerable": True,
            "refused": False,
            "named": False,
        }
        rest = {"sourced": True, "searches": 2, "would_do": 1, "recall": 1.0, "ndcg": 1.0, "reward": f1_}
        return {**base, **rest, "tokens": 10, "seconds": 1.0, **more}

    rows = [row("two steps", n, 0.0) for n in range(10)] + [
        row("planner", n, 1.0, searches=1) for n in range(10)
    ]
    rows += [row("planner", 99, 1.0, answerable=False, refused=True, named=True, would_do=0, reward=None)]
    metrics = summary(rows)
    assert metrics["planner/F1 gain over two steps"].mean == 1.0
    assert metrics["planner/refused and missing named"].mean == 1.0
    assert metrics["planner/searches, none or one needed"].mean == 1.0
    assert "| searches | 2.00 (2.00 to 2.00) | 1.09" in table(metrics)


class Counting:
    """A source with one passage that counts its searches."""

    name = "counting"
    capabilities: frozenset[Capability] = frozenset({"text->text"})

    def __init__(self) -> None:
        self.searches = 0

    async def search(self, query: Query, k: int = 5) -> list[Passage]:
        self.searches += 1
        text = "The capital of Peru is Lima."
        return [Passage(id="1", source="counting", text=text, title="Peru", document="peru.txt")]


def test_dynvqa_reads_the_published_keys(tmp_path: Path) -> None:
    lines = [
        {
            "image_url": "https://example.org/none.jpg",
            "question": "What is the capital of Peru?",
            "question_id": name,
            "answer": ["Lima"],
            spelled: "capital of Peru",
            "extra": 1,
        }
        for name, spelled in (("en1", "gloden_query"), ("zh1", "golden_query"))
    ]
    data = tmp_path / "data.jsonl"
    data.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    assert [line.query for line in dynvqa.load(data)] == ["capital of Peru"] * 2
    data.write_text(data.read_text("utf-8") + "\n{}", "utf-8")
    with pytest.raises(UsageError, match=r"data\.jsonl:3"):
        dynvqa.load(data)


async def test_dynvqa_is_scored_and_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    line = {"image_url": "a.jpg", "question": "What is the capital of Peru?", "answer": ["Lima"]}
    data = tmp_path / "data.jsonl"
    data.write_text("\n".join(json.dumps(line | {"question_id": f"en{n}"}) for n in (1, 2)), "utf-8")
    settings = Settings.load(runs=tmp_path / "runs")
    source = Counting()
    first = await dynvqa.evaluate(settings, tmp_path / "out", data=data, items=1, sources=[source])
    assert (first.items, first.metrics["F1-recall"].mean) == (1, 1.0)
    both = await dynvqa.evaluate(settings, tmp_path / "out", data=data, sources=[source])
    assert (both.items, both.metrics["en/F1-recall"].mean) == (2, 1.0)
    # What was searched for is kept: the second question is the first again.
    assert source.searches == 1
    with (tmp_path / "out" / "rows.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"question_id": "en2", "f1_rec')
    again = await dynvqa.evaluate(settings, tmp_path / "out", data=data, sources=[source])
    assert again.rows == both.rows
    with pytest.raises(UsageError, match="made with the model 'smollm2', not with 'mini'"):
        await dynvqa.evaluate(Settings.load(model="mini"), tmp_path / "out", data=data, sources=[source])
