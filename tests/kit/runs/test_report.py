"""The report: complete, harmless whatever it holds, and usable in a real browser without a network."""

from __future__ import annotations

import json

import pytest
import recorded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import HOSTILE, harmless, open_report, report

from agentkit.contracts import event as ev
from agentkit.contracts.result import Question
from agentkit.errors import RunError, UsageError
from agentkit.runs.report import write_report
from agentkit.runs.report_view import Entry, Span, chips_of, timeline


def test_everything_hostile_is_escaped(tmp_path):
    page = report(recorded.web_run(tmp_path / "r", HOSTILE))
    harmless(page)
    assert page.text.count("window.hit=1") > 20
    assert "{{7*7}}" in page.text


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_any_text_is_harmless(tmp_path_factory, words):
    page = report(recorded.web_run(tmp_path_factory.mktemp("r") / "r", words, steps=1))
    harmless(page)


def test_a_report_says_what_happened(tmp_path):
    page = report(recorded.web_run(tmp_path / "r"))
    for piece in (
        "Book Luigi's",
        "done",
        "untrusted",
        "reweight",
        "of 20",
        "Questions",
        "Memory",
    ):
        assert piece in page.text
    # What a model finds likeliest, and what was decided.
    assert "Luigi's 73.1% of 2" in page.text
    assert "decided on b 81.8% of 2" in page.text
    # Data is shown as it is, escaped once.
    assert '"x": "Luigi\'s"' in page.text
    assert "&#" not in page.text
    page = report(recorded.search_run(tmp_path / "s"))
    assert "Search for red thing" in page.text
    assert "(1700, 900, 1780, 980)" in page.text
    assert "All 4 regions in words" in page.text


def test_a_killed_run_has_a_report(tmp_path):
    run = recorded.web_run(tmp_path / "r", kill=True)
    with (run.folder.path / "events.jsonl").open("a") as file:
        file.write('{"kind":"note","te')
    before = (run.folder.path / "events.jsonl").read_bytes()
    page = report(run)
    assert "unfinished" in page.text
    assert "pending" in page.text
    assert "not ended" in page.text
    # A report is only a look: a run that is still going on must not be touched.
    assert (run.folder.path / "events.jsonl").read_bytes() == before


def test_a_run_without_events_has_a_report(tmp_path):
    run = recorded.start(tmp_path / "r")
    (run.folder.path / "events.jsonl").unlink()
    assert "Nothing happened yet" in report(run).text


def test_lost_pictures_are_said_to_be_lost(tmp_path):
    run = recorded.search_run(tmp_path / "r")
    for path in (run.folder.path / "images").iterdir():
        path.unlink()
    assert "is not in the run folder" in report(run).text


def test_damaged_pictures_do_not_stop_it(tmp_path):
    run = recorded.search_run(tmp_path / "r")
    for path in (run.folder.path / "images").iterdir():
        path.write_bytes(path.read_bytes()[:200])
    assert "is not in the run folder" in report(run).text


def test_unknown_events_and_no_folder_are_errors(tmp_path):
    run = recorded.web_run(tmp_path / "r")
    with (run.folder.path / "events.jsonl").open("a") as file:
        file.write(json.dumps({"kind": "dreamt", "seq": 1}) + "\n")
    with pytest.raises(RunError, match="does not know"):
        write_report(run.folder.path)
    with pytest.raises(UsageError, match="not a run folder"):
        write_report(tmp_path)


def test_each_picture_is_embedded_once_and_small_regions_are_sharp(tmp_path):
    run = recorded.search_run(tmp_path / "r", size=(6000, 4000), found=(4700, 2900, 4760, 2960))
    text = write_report(run.folder.path).read_text()
    places = text.split("<image ")[1:]
    assert len(places) == len({place.split(" preserve")[0] for place in places})
    assert any('width="60" height="60"' in place for place in places)
    assert len(text) < 1_500_000


def test_a_large_run_stays_small(tmp_path):
    run = recorded.web_run(tmp_path / "r", "words " * 40, steps=250)
    assert len((run.folder.path / "events.jsonl").read_text().splitlines()) > 2000
    path = write_report(run.folder.path)
    assert path.stat().st_size < 8_000_000


def test_runs_inside_are_linked(tmp_path):
    outer = recorded.start(tmp_path / "r")
    recorded.web_run(tmp_path / "r" / "step-1")
    page = report(outer)
    assert "step-1/report.html" in page.addresses
    assert (tmp_path / "r" / "step-1" / "report.html").is_file()


def test_the_report_can_go_elsewhere(tmp_path):
    recorded.web_run(tmp_path / "r")
    assert write_report(tmp_path / "r", tmp_path / "x.html") == tmp_path / "x.html"
    with pytest.raises(RunError, match="can't write"):
        write_report(tmp_path / "r", tmp_path / "none" / "x.html")


def test_spans_nest_and_ends_replace_beginnings():
    events = [
        ev.NodeStarted(node="outer", step=1, span="1:outer", time=1),
        ev.NodeStarted(node="inner", step=1, span="1:outer/1:inner", parent="1:outer", time=2),
        ev.Acted(action="x", state="pending", span="1:outer/1:inner", time=3),
        ev.Acted(action="x", state="done", span="1:outer/1:inner", time=4),
        ev.NodeEnded(node="inner", step=1, seconds=2, span="1:outer/1:inner", time=4),
        ev.Asked(question=Question(id="q", text="?"), time=5),
    ]
    outer, asked = timeline(events, 1)
    assert isinstance(outer, Span)
    (inner,) = outer.items
    assert isinstance(inner, Span)
    (acted,) = inner.items
    assert isinstance(acted, Entry)
    assert isinstance(acted.event, ev.Acted)
    assert (acted.event.state, acted.at, inner.seconds, outer.seconds) == ("done", 2, 2, None)
    assert asked.kind == "asked"
    assert chips_of([acted.event]) == [("acted done", "x")]


async def test_in_a_browser_nothing_runs_but_the_report(page, tmp_path):
    await open_report(page, recorded.web_run(tmp_path / "r", HOSTILE))
    assert await page.evaluate("window.hit") is None
    await page.get_by_role("button", name="open all").click()
    assert await page.evaluate("window.hit") is None


async def test_filters_folds_and_large_pictures(page, tmp_path):
    await open_report(page, recorded.web_run(tmp_path / "r"))
    rows = page.locator(".events > li:visible")
    before = await rows.count()
    await page.get_by_label("actions").uncheck()
    assert await rows.count() == before - 2
    await page.get_by_role("button", name="open all").click()
    assert await page.locator(".screen").first.is_visible()
    await page.locator(".strip svg").first.click()
    assert await page.locator("dialog svg").is_visible()
    await page.locator("dialog").click()
    assert not await page.locator("dialog").is_visible()


def test_pieces_of_an_answer_are_one_entry():
    pieces = [ev.Said(text=text, span="1:answer", time=n) for n, text in enumerate(("Good ", "morning", "."))]
    (span,) = timeline([ev.NodeStarted(node="answer", step=1, span="1:answer"), *pieces], 0)
    assert isinstance(span, Span)
    (entry,) = span.items
    assert isinstance(entry, Entry)
    assert isinstance(entry.event, ev.Said)
    assert entry.event.text == "Good morning."


def test_where_a_model_looked_is_drawn_over_the_picture(tmp_path):
    run = recorded.start(tmp_path / "run", agent="search", task="what colour is it?")
    shown = recorded.picture(run, (400, 200))
    heat = ev.HeatMap(
        image=shown,
        grid=(2, 3),
        view=(0.0, -100.0, 400.0, 300.0),
        cells=[0.1, 0, 0, 0.2, 0.1, 0],
        heads=[[0.4, 0.2]],
    )
    edits = [
        {"edit": "reweight", "span": "instruction", "factor": 15.0, "layers": None, "heads": None},
        {"edit": "controlmllm", "region": {"image": "ab", "region": "box"}, "descent": {"rate": 0.2}},
        {"edit": "vcd", "alpha": 1.0, "mode": "x"},
    ]
    recorded.node(
        run, "look", 1, ev.ModelCalled(role="see", model="mini", call="attend", edits=edits, heat=heat)
    )
    recorded.end(run, answer="red")
    page = report(run)
    text = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert text.count('class="cell"') == 6
    assert 'y="-100.0" width="133.33" height="200.0"' in text
    assert "40.0% of the attention lies on the picture" in page.text
    assert "1 layers × 2" in page.text
    assert "reweight instruction × 15" in page.text
    assert "controlmllm box descent" in page.text
    assert "vcd alpha 1 mode x" in page.text
