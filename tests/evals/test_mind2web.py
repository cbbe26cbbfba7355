"""Mind2Web and its kin: small files in the published format, the metrics by hand, the policies for real."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.config import Settings
from agentkit.errors import UsageError
from agentkit.evals.mind2web import Answer, Candidate, Operation, Step, judge, load, token_f1
from agentkit.evals.mind2web.dom import ID, Node, abstracted, parse
from agentkit.evals.mind2web.metrics import ask_metrics, metrics_of
from agentkit.evals.mind2web.page import snapshot_of
from agentkit.evals.mind2web.policy import Trained, exemplar_of
from agentkit.evals.mind2web.run import evaluate
from agentkit.evals.mind2web.scores import Ranks
from agentkit.models.embed import load_embedder

MINILM = load_embedder()
PAGE = (
    '<html backend_node_id="1"><body backend_node_id="2"><div backend_node_id="3" class="top">'
    '<a backend_node_id="10" title="Start">Home</a>'
    '<input backend_node_id="11" type="text" placeholder="Destination" />'
    '<select backend_node_id="12" name="class"><option backend_node_id="20" value="e">Economy</option>'
    '<option backend_node_id="21" value="b">Business</option></select>'
    '<button backend_node_id="13" type="submit"><span backend_node_id="14">Search flights</span></button>'
    '<p backend_node_id="15">Fares from 20</p></div></body></html>'
)


def render(node: Node) -> str:
    """Return a tree as compact HTML: ids as ``id=``, no closing tag for elements without anything in them."""
    if not node.tag:
        return node.text
    inner = " ".join(filter(None, map(render, node.children)))
    if node.tag == "root":
        return inner
    named = {("id" if name == ID else name): value for name, value in node.attributes.items()}
    head = " ".join([node.tag, *(f'{name}="{value}"' for name, value in named.items())])
    return f"<{head}>{inner}</{node.tag}>" if inner else f"<{head}>"


def candidates(*ids: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"backend_node_id": str(i), "tag": "x", "attributes": json.dumps({"backend_node_id": str(i)}), **more}
        for i in ids
    ]


def action(uid: str, op: str, value: str, right: int) -> dict[str, Any]:
    wrong = [i for i in (10, 11, 12, 13) if i != right]
    return {
        "action_uid": uid,
        "raw_html": PAGE,
        "cleaned_html": PAGE,
        "operation": {"original_op": op, "op": op, "value": value},
        "pos_candidates": candidates(right, is_original_target=True),
        "neg_candidates": candidates(*wrong),
    }


def sample(id: str, task: str = 'Search flights to "Oslo" in Business', **more: Any) -> dict[str, Any]:
    return {
        "annotation_id": id,
        "website": "airline",
        "domain": "Travel",
        "subdomain": "Airlines",
        "confirmed_task": task,
        "action_reprs": [
            "[textbox] Destination -> TYPE: Oslo",
            "[combobox] class -> SELECT: Business",
            "[button] Search flights -> CLICK",
        ],
        "actions": [
            action("a", "TYPE", "Oslo", 11),
            action("b", "SELECT", "Business", 12),
            action("c", "CLICK", "", 13),
        ],
        **more,
    }


def write(path: Path, items: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps(items))
    return path


def test_the_published_layout_is_read(tmp_path) -> None:
    write(tmp_path / "test_task_0.json", [sample("one"), sample("two")])
    as_text = sample("three")
    as_text["actions"][0]["pos_candidates"] = [
        json.dumps(item) for item in as_text["actions"][0]["pos_candidates"]
    ]
    write(tmp_path / "test_task_1.json", [as_text])
    found = load(tmp_path)
    assert [conversation.id for conversation in found] == ["one", "two", "three"]
    (turn,) = found[2].turns
    assert [step.operation for step in turn.steps] == [
        Operation("TYPE", "Oslo"),
        Operation("SELECT", "Business"),
        Operation("CLICK", ""),
    ]
    assert turn.steps[0].positives == (Candidate("11"),)
    assert turn.specifier.startswith("Website: airline\nDomain: Travel\nSubdomain: Airlines\nTask: Search")


@pytest.mark.parametrize(
    "bad", ["{}", "[1]", "[{}]", "nonsense", json.dumps([{**sample("x"), "action_reprs": []}]), "[]"]
)
def test_what_is_not_in_the_layout_is_named(tmp_path, bad) -> None:
    (tmp_path / "bad.json").write_text(bad)
    with pytest.raises(UsageError, match=r"bad\.json|holds no sample"):
        load(tmp_path)
    with pytest.raises(UsageError, match="no file or folder"):
        load(tmp_path / "nowhere")


def test_ranks_come_from_the_rankers_pickle_and_code_in_it_is_not_run(tmp_path) -> None:
    ranks = {"one_a": {"11": np.int64(3), "10": 0, "12": 1, "13": 2}}
    file = tmp_path / "scores_all_data.pkl"
    file.write_bytes(pickle.dumps({"scores": {"one_a": {"11": np.float32(0.5)}}, "ranks": ranks}))
    write(tmp_path / "data.json", [sample("one")])
    step = load(tmp_path, Ranks.load(file))[0].turns[0].steps[0]
    assert step.positives == (Candidate("11", 3),)
    assert step.reachable(4)
    assert not step.reachable(3)
    assert [c.id for c in step.shown(4)] == ["11", "10", "12", "13"]
    assert [c.id for c in step.shown(3)] == ["10", "12", "13"]

    class Attack:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "hacked",))

    file.write_bytes(pickle.dumps({"ranks": Attack()}))
    with pytest.raises(UsageError, match="do not need"):
        Ranks.load(file)
    assert not (tmp_path / "hacked").exists()


def test_abstraction_keeps_candidates_with_what_explains_them() -> None:
    text = render(abstracted(parse(PAGE), {"13"}))
    assert '<button type="submit" id="13">Search flights</button>' in text
    assert "Fares from 20" in text
    assert 'id="12"' not in text


def test_abstraction_has_the_published_limits() -> None:
    words = " ".join(f"w{n}" for n in range(60))
    long = "x" * 15
    page = f'<div><b backend_node_id="1" title="{long} {words}">{words}</b>' + "<i>far</i>" * 8 + "</div>"
    text = render(abstracted(parse(page), {"1"}))
    assert '<b title="w0 w1 w2 w3 w4" id="1">' in text
    assert "w19</b>" in text
    assert text.count("far") == 3
    deep = '<div backend_node_id="1">' + "<u title='t'>" * 9 + "deep" + "</u>" * 9 + "</div>"
    assert render(abstracted(parse(deep), {"1"})).count("<u") == 5
    wide = '<div backend_node_id="1">' + '<i title="t">x</i>' * 80 + "</div>"
    assert render(abstracted(parse(wide), {"1"})).count("<i") == 50


@given(st.text("<>/ab =\"'!-", max_size=60))
def test_any_text_has_a_tree(text: str) -> None:
    root = parse(text)
    assert render(abstracted(root, {"1"})) == "" or '"1"' in text


def test_a_deep_page_does_not_end_in_an_error() -> None:
    page = "<div title='x'>" * 5000 + '<b backend_node_id="7">here</b>' + "</div>" * 5000
    snapshot = snapshot_of(page, {"7"})
    assert [element.id for element in snapshot.elements] == ["e7"]


def test_a_page_is_a_snapshot_of_its_candidates() -> None:
    snapshot = snapshot_of(PAGE, {"10", "11", "12", "13"})
    lines = {element.line() for element in snapshot.elements}
    assert lines == {
        '[e10] link "Home"',
        '[e11] textbox "Destination"',
        '[e12] combobox "class" options: Economy | Business',
        '[e13] button "Search flights"',
    }
    assert "Fares from 20" in snapshot.text()
    assert snapshot.text().count("Search flights") == 1


@pytest.mark.parametrize(
    ("ours", "theirs", "f1"),
    [
        ("CLICK", "CLICK", 1),
        ("", "", 1),
        ("", "CLICK", 0),
        ("TYPE New York", "TYPE New York", 1),
        ("TYPE York", "TYPE New York", 0.8),
        ("TYPE New , York", "TYPE New York", 1),
        ("SELECT a", "TYPE b", 0),
        ("- !", "", 1),
    ],
)
def test_action_f1_is_of_sets_of_words(ours, theirs, f1) -> None:
    assert token_f1(ours, theirs) == pytest.approx(f1)


@given(st.text("abc ,", max_size=12), st.text("abc ,", max_size=12))
def test_f1_is_symmetric_bounded_and_1_for_equals(one: str, other: str) -> None:
    assert token_f1(one, other) == token_f1(other, one)
    assert 0 <= token_f1(one, other) <= 1
    assert token_f1(one, one) == 1


def a_step(*positives: Candidate, op: str = "TYPE", value: str = "New York") -> Step:
    return Step("u", PAGE, Operation(op, value), positives, (Candidate("99", 0),))


def test_the_two_published_rules_differ_as_published() -> None:
    step = a_step(Candidate("1", 7), Candidate("2", 1))
    second = Answer("2", Operation("TYPE", "York New"))
    assert judge(second, step, top=5, rule="first").element == 0
    any_rule = judge(second, step, top=5, rule="any")
    assert (any_rule.element, any_rule.f1, any_rule.success) == (1, 1, 1)
    first = judge(Answer("1", Operation("TYPE", "York New")), step, top=5, rule="first")
    assert (first.element, first.f1, first.success) == (1, 1, 0), "success needs the very value"
    assert judge(Answer("1", Operation("TYPE", "New York")), step, top=5, rule="any").element == 0
    exact = judge(Answer("1", Operation("TYPE", " New  York")), step, top=5, rule="first")
    assert exact.success == 1


def test_a_step_that_the_ranker_missed_scores_nothing() -> None:
    step = a_step(Candidate("1", 50))
    judged = judge(Answer("1", Operation("TYPE", "New York")), step, top=50, rule="any")
    assert (judged.element, judged.f1, judged.success) == (0, 0, 0)
    assert judge(Answer(ask="What?"), a_step(Candidate("1")), top=5, rule="any").f1 == 0


def row(conversation: str, turn: int, success: float) -> dict[str, Any]:
    return {
        "conversation": conversation,
        "turn": turn,
        "element": success,
        "f1": success,
        "success": success,
        "reachable": True,
    }


def test_averages_are_macro_and_success_is_of_whole_tasks_and_turns() -> None:
    rows = [row("a", 1, 1), row("a", 1, 1), row("a", 1, 1), row("a", 2, 0), row("b", 1, 1), row("b", 2, 1)]
    single = metrics_of(rows)
    assert single["element"].mean == pytest.approx((1 + 0 + 1 + 1) / 4)
    assert single["micro/element"].mean == pytest.approx(5 / 6)
    assert single["task"].mean == 0.5
    turns = metrics_of(rows, turns=True)
    assert turns["turn"].mean == pytest.approx((0.5 + 1) / 2)
    assert turns["step"].mean == pytest.approx((0.75 + 1) / 2)
    assert (turns["turn"].n, turns["element"].n) == (2, 4)
    assert turns["turn"].low <= turns["turn"].mean <= turns["turn"].high


def test_asking_is_measured_apart_from_acting() -> None:
    rows = [
        {"asked": True, "needed": True, "similarity": 0.8},
        {"asked": True, "needed": False, "similarity": 0.0},
        {"asked": False, "needed": True, "similarity": 0.0},
        {"asked": False, "needed": False, "similarity": 0.0},
    ]
    found = ask_metrics(rows)
    assert found["ask/precision"].mean == 0.5
    assert found["ask/recall"].mean == 0.5
    assert found["ask/needless"].mean == 0.5
    assert (found["ask/content"].mean, found["ask/content"].n) == (0.8, 1)


def test_training_tasks_are_exemplars_found_by_site_and_task(tmp_path) -> None:
    items = [sample("one"), {**sample("two", "Rent a car in Rome"), "domain": "Cars"}, sample("three")]
    samples = [c.turns[0] for c in load(write(tmp_path / "d.json", items))]
    near = Trained(samples, MINILM).nearest(samples[0], 2)
    assert [exemplar.run for exemplar in near] == ["mind2web/three", "mind2web/two"]
    first = exemplar_of(samples[0])
    assert [step.action for step in first.steps] == [
        'type "Oslo" into textbox "Destination"',
        'select "Business" in combobox "class"',
        'click button "Search flights"',
    ]
    assert first.trust == "untrusted"


def settings(tmp_path: Path, replies: list[dict[str, Any]]) -> Settings:
    file = tmp_path / "replies.jsonl"
    file.write_text("".join(json.dumps({"text": json.dumps(reply)}) + "\n" for reply in replies))
    return Settings.load(decide=f"script:{file}")


FILL = {"action": "fill", "element": "textbox Destination [e11]", "value": "Oslo"}
SELECT = {"action": "select_option", "element": "combobox class [e12]", "value": "Business"}
CLICK = {"action": "click", "element": "button Search flights [e13]"}
WRONG = {"action": "click", "element": "link Home [e10]"}


async def test_a_task_is_judged_step_by_step_and_goes_on_after_a_kill(tmp_path) -> None:
    data = write(tmp_path / "d.json", [sample("one"), sample("two")])
    script = settings(tmp_path, [FILL, SELECT, WRONG, FILL, SELECT, CLICK])
    found = await evaluate(script, tmp_path / "out", data=data, policy="generate")
    assert found.items == 2
    assert found.metrics["step"].mean == pytest.approx(5 / 6)
    assert found.metrics["task"].mean == 0.5
    assert [row["success"] for row in found.rows] == [1, 1, 0, 1, 1, 1]

    rows = (tmp_path / "out" / "rows.jsonl").read_text().splitlines()
    (tmp_path / "out" / "rows.jsonl").write_text("\n".join(rows[:5]) + "\n" + rows[5][:20])
    again = await evaluate(settings(tmp_path, [CLICK]), tmp_path / "out", data=data, policy="generate")
    assert again.metrics == found.metrics


async def test_what_the_model_writes_wrongly_is_a_wrong_answer(tmp_path) -> None:
    data = write(tmp_path / "d.json", [sample("one")])
    script = settings(tmp_path, [{"action": "ask", "missing": "x"}, {"nonsense": 1}, CLICK])
    found = await evaluate(script, None, data=data, policy="generate")
    assert [row["success"] for row in found.rows] == [0, 0, 1]


async def test_turns_of_a_conversation_are_remembered_and_judged(tmp_path) -> None:
    turns = [sample("t1"), sample("t2", "Now search for Rome")]
    item = {"task_id": "c1", "website": "airline", "domain": "T", "subdomain": "A", "turns": turns}
    data = write(tmp_path / "conversation.json", [item])
    replies = [FILL, SELECT, CLICK, FILL, SELECT, WRONG]
    found = await evaluate(settings(tmp_path, replies), None, data=data, policy="generate", memory="on")
    assert found.metrics["turn"].mean == 0.5
    assert found.metrics["element"].n == 2
    assert [row["turn"] for row in found.rows] == [1, 1, 1, 2, 2, 2]


async def test_the_two_streams_of_an_ambiguous_task(tmp_path) -> None:
    item = sample(
        "one",
        ambiguous_task="Search flights in Business",
        follow_ups=[{"step": 0, "question": "What is the destination?", "answer": "Oslo"}],
    )
    data = write(tmp_path / "naviplus.json", [item])
    asks = {"action": "ask", "missing": "the destination"}
    # Asks at the first step and, needlessly, at the third; acts right wherever it acts.
    replies = [asks, FILL, SELECT, asks, CLICK]
    found = await evaluate(settings(tmp_path, replies), None, data=data, policy="generate")
    assert found.metrics["ask/recall"].mean == 1
    assert found.metrics["ask/precision"].mean == 0.5
    assert found.metrics["ask/content"].mean > 0.8
    assert found.metrics["task"].mean == 1, "asking is no error of the trajectory"


async def test_smollm2_ranks_the_steps_of_a_task(tmp_path) -> None:
    data = write(tmp_path / "d.json", [sample("one")])
    training = write(tmp_path / "train.json", [sample("two", 'Search flights to "Rome" in Economy')])
    found = await evaluate(Settings.load(), None, data=data, memory=str(training))
    assert found.model == "smollm2"
    assert [row["op"] for row in found.rows if row["element"]] == [
        row["op"] for row in found.rows if row["success"]
    ]
    assert found.metrics["reachable"].mean == 1
    assert all(row["answer"] in ("10", "11", "12", "13") for row in found.rows)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"policy": "experts"}, "no policy"),
        ({"memory": "on"}, "training"),
        ({"data": None}, "needs its data"),
    ],
)
async def test_wrong_use_is_told(tmp_path, wrong, told) -> None:
    data = write(tmp_path / "d.json", [sample("one")])
    with pytest.raises(UsageError, match=told):
        await evaluate(Settings.load(), None, **{"data": data, **wrong})
