"""The parts of a decision: values, candidates, gaps, order, prompts. No browser, no model."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.web import WebAgent
from agentkit.agents.web.candidates import INFEASIBLE, Candidate, candidates_of
from agentkit.agents.web.generate import Writing, action_schema, generate, generation_prompt
from agentkit.agents.web.missing import gaps
from agentkit.agents.web.naming import naming
from agentkit.agents.web.order import named, sends_last
from agentkit.agents.web.page import load_snapshot, name_of, page_text
from agentkit.agents.web.prompt import View, ranking_prompt
from agentkit.agents.web.rank import Ranking
from agentkit.agents.web.values import Value, typed, values_in
from agentkit.content import Box, Text
from agentkit.contracts.runfile import BudgetLimits
from agentkit.contracts.script import ScriptLine
from agentkit.errors import ToolError
from agentkit.memory import Exemplar, Step
from agentkit.models.script import ScriptModel
from agentkit.tools.browser import Element, Line, Snapshot

from .chooser import Chooser
from .writer import Writer, id_of


def page(*elements: Element) -> Snapshot:
    lines = tuple(Line(((element.id,),)) for element in elements)
    return Snapshot("http://host/", "Page", elements, lines)


def element(number: int, role: str, name: str, **more) -> Element:
    tags = {"textbox": "input", "button": "button", "link": "a", "combobox": "select"}
    if role == "textbox":
        more.setdefault("value", "")
    return Element(f"e{number}", role, name, tags.get(role, "div"), box=Box(0, 0, 9, 9), **more)


LOGIN = page(
    element(1, "textbox", "Username"),
    element(2, "textbox", "Password", states=("password",)),
    element(3, "button", "Login"),
)
LIST = page(
    element(1, "combobox", "Country", value="", options=("", "Peru", "Chad")), element(2, "button", "Submit")
)


def words(snapshot: Snapshot, task: str, **more) -> list[str]:
    return [c.words for c in candidates_of(snapshot, task, values_in(task), **more)]


# ---- values ----


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ('Enter "Ada Lovelace" and press OK.', ["Ada Lovelace"]),
        ("Enter 12/29/2017 as the date and hit submit.", ["12/29/2017"]),
        ("Set the time to 8:42 PM.", ["8:42 PM"]),
        ("Write to ada@example.org", ["ada@example.org"]),
    ],
)
def test_values_are_found_in_the_task(task: str, expected: list[str]) -> None:
    assert [value.text for value in values_in(task)][: len(expected)] == expected


@given(
    st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), min_size=1)
    .map(str.strip)
    .filter(bool)
)
def test_what_stands_in_quotes_is_a_value(text: str) -> None:
    assert text in [value.text for value in values_in(f'Enter "{text}" here')]


@given(st.text())
def test_any_task_gives_each_value_once_and_from_its_own_words(task: str) -> None:
    found = [value.text for value in values_in(task)]
    assert len(found) == len(set(found))
    assert all(text and text in task for text in found)


@given(st.dates(), st.booleans())
def test_dates_are_typed_as_a_date_field_wants_them(day, slashed: bool) -> None:
    text = f"{day.month:02d}/{day.day:02d}/{day.year:04d}" if slashed else day.isoformat()
    assert typed(Value(text), ("date",)) == day.isoformat()
    assert typed(Value(text), ()) == text


@pytest.mark.parametrize(
    ("text", "time"), [("8:42 PM", "20:42"), ("12:05 AM", "00:05"), ("12:00 PM", "12:00"), ("7:30", "07:30")]
)
def test_times_are_typed_as_a_time_field_wants_them(text: str, time: str) -> None:
    assert typed(Value(text), ("time",)) == time


# ---- candidates ----


def test_values_go_where_the_task_says() -> None:
    found = words(LOGIN, 'Enter the username "ada" and the password "x1" and press login.')
    assert 'type "ada" into textbox "Username"' in found
    assert 'type "x1" into textbox "Password"' in found
    assert 'type "x1" into textbox "Username"' not in found
    assert found[-1] == 'click button "Login"'


def test_disabled_read_only_and_filled_fields_are_left_alone() -> None:
    snapshot = page(
        element(1, "textbox", "A", states=("disabled",)),
        element(2, "textbox", "B", states=("readonly",)),
        element(3, "textbox", "C", value="v"),
    )
    assert not [w for w in words(snapshot, 'Enter "v".') if w.startswith("type")]


def test_twins_are_told_apart() -> None:
    snapshot = page(element(1, "button", "Like"), element(2, "button", "Like"))
    assert words(snapshot, "Like it.") == ['click button "Like" (1)', 'click button "Like" (2)']
    assert name_of(snapshot, snapshot.elements[1]) == 'button "Like" (2)'


def test_options_of_a_list_are_candidates_with_their_source() -> None:
    found = candidates_of(LIST, "Select Peru.", [])
    chosen = next(c for c in found if c.words == 'select "Peru" in combobox "Country"')
    assert chosen.value is not None
    assert chosen.value.source == "page"


@given(st.integers(1, 200), st.integers(1, 60))
def test_the_cap_keeps_order_and_what_the_task_names(count: int, limit: int) -> None:
    snapshot = page(*(element(i, "button", f"name{i}") for i in range(count)))
    last = f'click button "name{count - 1}"'
    found = words(snapshot, f"Press name{count - 1}.", limit=limit)
    assert len(found) == min(count, limit)
    assert last in found
    assert found == sorted(found, key=lambda item: int(item.split("name")[1].rstrip('"')))


def test_a_candidate_survives_the_state_of_the_graph() -> None:
    for candidate in candidates_of(LOGIN, 'Enter "ada".', values_in('Enter "ada".'), finish=True):
        assert Candidate.from_json(candidate.to_json()) == candidate


def test_a_snapshot_survives_the_state_of_the_graph() -> None:
    for snapshot in (LOGIN, LIST):
        assert load_snapshot(snapshot.to_json()) == snapshot


def test_page_text_has_no_ids() -> None:
    assert page_text(LOGIN) == 'textbox "Username"\ntextbox "Password" password\nbutton "Login"'


# ---- order and gaps ----


def test_a_form_is_not_sent_before_it_is_filled() -> None:
    task = 'Enter the username "ada" and the password "x1" and press login.'
    found = sends_last(candidates_of(LOGIN, task, values_in(task)), LOGIN, task)
    assert 'click button "Login"' not in [c.words for c in found]
    filled = page(
        element(1, "textbox", "Username", value="ada"),
        element(2, "textbox", "Password", value="**", states=("password",)),
        element(3, "button", "Login"),
    )
    found = sends_last(candidates_of(filled, task, values_in(task)), filled, task)
    assert 'click button "Login"' in [c.words for c in found]


def test_a_repeated_password_is_typed_before_the_form_is_sent() -> None:
    snapshot = page(
        element(1, "textbox", "Password", value="**", states=("password",)),
        element(2, "textbox", "Verify password", states=("password",)),
        element(3, "button", "Submit"),
    )
    task = 'Enter the password "x1" into both text fields and press submit.'
    found = [c.words for c in sends_last(candidates_of(snapshot, task, values_in(task)), snapshot, task)]
    assert 'type "x1" into textbox "Verify password"' in found
    assert 'click button "Submit"' not in found


def test_a_quoted_button_is_not_a_value_to_fill_in_first() -> None:
    snapshot = page(element(1, "textbox", "x"), element(2, "button", "Submit"))
    task = 'Click on the "Submit" button.'
    assert 'click button "Submit"' in [
        c.words for c in sends_last(candidates_of(snapshot, task, values_in(task)), snapshot, task)
    ]


@pytest.mark.parametrize(
    ("name", "task", "expected"),
    [("tB", "Select tB and go", True), ("on", "click on it", False), ("ten", "attend", False)],
)
def test_names_are_whole_words_of_the_task(name: str, task: str, expected: bool) -> None:
    assert named(name, task) is expected


@pytest.mark.parametrize(
    ("task", "missing"),
    [
        ('Enter the username "ada" and the password "x1" and press login.', []),
        ('Enter the username "ada" and the password, then press login.', ["Password"]),
        ("Enter the username and the password and press login.", ["Username", "Password"]),
        ("Click the Login button.", []),
    ],
)
def test_gaps_are_fields_that_the_task_demands_and_names_no_value_for(task: str, missing: list[str]) -> None:
    assert [gap.field for gap in gaps(task, LOGIN, values_in(task))] == missing


def test_an_answer_fills_its_own_gap_and_no_other() -> None:
    task = "Enter the username and the password and press login."
    values = [*values_in(task), Value("ada", "user", "Username", "Username")]
    assert [gap.field for gap in gaps(task, LOGIN, values)] == ["Password"]
    assert (
        next(c.words for c in candidates_of(LOGIN, task, values) if c.words.startswith("type"))
        == 'type "ada" into textbox "Username"'
    )


def test_a_choice_is_asked_with_the_choices_of_the_page() -> None:
    (gap,) = gaps("Select a country from the list and click Submit.", LIST, [])
    assert gap.question()["choices"] == ["Peru", "Chad"]
    assert gaps("Select Peru from the list and click Submit.", LIST, []) == []


def test_a_nameless_field_is_asked_about_when_it_is_the_only_one() -> None:
    snapshot = page(element(1, "textbox", "tt"), element(2, "button", "Submit"))
    (gap,) = gaps("Enter the text into the text field and press Submit.", snapshot, [])
    assert "text" in gap.question()["text"]
    task = 'Enter "Ada" into the text field and press Submit.'
    assert gaps(task, snapshot, values_in(task)) == []


# ---- deciding ----

VIEW = View('Enter the username "ada".', LOGIN, values_in('Enter the username "ada".'))


def test_page_text_is_untrusted_and_the_task_is_the_instruction() -> None:
    exemplar = Exemplar(task="t", steps=(Step(observation="o", action="click x"),))
    view = View(VIEW.task, LOGIN, exemplars=[exemplar])
    marks = {(part.label, part.trust) for message in ranking_prompt(view) for part in message.parts}
    assert ("observation", "untrusted") in marks
    assert ("exemplar", "untrusted") in marks
    instruction = [p for m in ranking_prompt(view) for p in m.parts if p.label == "instruction"]
    assert instruction == [Text(f"Task: {VIEW.task}", "instruction", "trusted")]


def test_a_long_exemplar_shows_its_beginning_and_its_end() -> None:
    steps = tuple(Step(observation="x" * 300, action=f"click {i}") for i in range(30))
    shown = [
        m.text
        for m in ranking_prompt(View("t", LOGIN, exemplars=[Exemplar(task="t", steps=steps)]))
        if m.role == "assistant"
    ]
    assert shown[0] == "click 0"
    assert shown[-1] == "click 29"
    assert len(shown) < 8


async def test_the_ranking_takes_the_likeliest() -> None:
    options = candidates_of(LOGIN, VIEW.task, VIEW.values)
    wanted = options[-1].words
    choice, decided = await Ranking().choose(Chooser(wanted), VIEW, options)
    assert choice.words == decided.choice == wanted


async def written(reply: str):
    return await generate(ScriptModel([ScriptLine(text=reply)], "script:test"), VIEW)


async def test_generated_actions_become_candidates_with_their_source() -> None:
    choice, _ = await written('{"action": "fill", "element": "textbox Username [e1]", "value": "ada"}')
    assert choice.words == 'type "ada" into textbox "Username"'
    assert choice.value is not None
    assert choice.value.source == "task"
    choice, _ = await written('{"action": "fill", "element": "textbox Username [e1]", "value": "eve"}')
    assert choice.value is not None
    assert choice.value.source == "model"
    choice, text = await written('{"action": "finish", "answer": "done"}')
    assert (choice.kind, text) == ("finish", "done")
    choice, text = await written('{"action": "report_infeasible", "reason": "no such page"}')
    assert (choice, text) == (INFEASIBLE, "no such page")
    choice, text = await written('{"action": "ask", "missing": "password"}')
    assert (choice.kind, text) == ("ask", "password")


def test_the_schema_names_only_elements_of_the_page() -> None:
    kinds = {
        kind["properties"]["action"]["const"]: kind["properties"]
        for kind in action_schema(View("t", LOGIN))["anyOf"]
    }
    fields = ["textbox Username [e1]", "textbox Password [e2]"]
    assert kinds["click"]["element"]["enum"] == [*fields, "button Login [e3]"]
    assert kinds["fill"]["element"]["enum"] == fields
    on_elements = {name for name, fields in kinds.items() if "element" in fields}
    assert on_elements == {"click", "fill", "press"}
    assert {"ask", "report_infeasible", "finish"} <= set(kinds)


def test_whatever_the_page_lets_one_act_on_can_be_clicked() -> None:
    odd = page(
        element(1, "combobox", "Size", states=("popup", "collapsed")),
        element(2, "slider", "Volume", value="3 (0 to 10)"),
        element(3, "textbox", "Date", states=("readonly",)),
        element(4, "dialog", "Settings"),
    )
    assert words(odd, "t") == ['click combobox "Size"', 'click slider "Volume"', 'click textbox "Date"']
    clicks = next(
        k for k in action_schema(View("t", odd))["anyOf"] if k["properties"]["action"]["const"] == "click"
    )
    named = clicks["properties"]["element"]["enum"]
    assert named == ["combobox Size [e1]", "slider Volume [e2]", "textbox Date [e3]"]


async def test_a_model_that_sends_too_early_is_told_what_comes_first_and_may_insist(site, browser) -> None:
    def hasty(prompt: str) -> dict[str, str]:
        told = prompt.rpartition("Do one of these first:")[2]
        if "Thank you" in prompt:
            return {"action": "finish", "answer": "registered"}
        if told != prompt and '"value": "Ada"' in told:
            return json.loads(next(line for line in told.splitlines() if '"Ada"' in line))
        return {"action": "click", "element": id_of(prompt, 'button "Register"')}

    writer = Writer(hasty)
    web = WebAgent(
        writer,
        memory="off",
        policy="generate",
        browser=browser,
        approve="auto",
        budget=BudgetLimits(steps=4),
    )
    await web.arun('Enter the name "Ada" and the city "Rome", then register.', url=site.url)
    # The name it took up; about the city it did not listen, and the form was sent.
    assert site.received[0] == {"name": "Ada"}
    told = [prompt for prompt in writer.prompts if "Do one of these first" in prompt]
    rest = told[-1].rpartition("Do one of these first:")[2]
    assert '{"action": "fill", "element": "textbox City [e2]", "value": "Rome"}' in rest
    assert "Ada" not in rest


async def test_what_opens_a_menu_can_be_pointed_at() -> None:
    menu = page(element(1, "menuitem", "Ada", states=("popup",)), element(2, "link", "More"))
    assert words(menu, "t") == [
        'click menuitem "Ada"',
        'hover menuitem "Ada"',
        'click link "More"',
    ]
    reply = ScriptModel(
        [ScriptLine(text='{"action": "hover", "element": "menuitem Ada [e1]"}')], "script:test"
    )
    choice, _ = await generate(reply, View("t", menu))
    assert choice.words == 'hover menuitem "Ada"'


@pytest.mark.parametrize("finish", [True, False])
def test_the_prompt_shows_every_action_that_the_schema_allows(finish) -> None:
    # A server that follows a schema need not show it to the model.
    kinds = {
        kind["properties"]["action"]["const"]
        for kind in action_schema(View("t", LOGIN), Writing(finish=finish))["anyOf"]
    }
    shown = generation_prompt(View("t", LOGIN), Writing(finish=finish))[0].text
    assert set(re.findall(r'"action": "(\w+)"', shown)) == kinds
    assert ("finish" in kinds) is finish


async def test_an_id_that_is_not_there_is_an_error() -> None:
    with pytest.raises((ToolError, Exception)):
        await written('{"action": "click", "element": "e99"}')


def test_a_task_names_candidates_wholly_or_by_a_word_that_tells() -> None:
    mails = page(
        element(1, "link", "Kari Dignissim arcu"),
        element(2, "link", "Molli Nulla libero"),
        element(3, "link", "Reply"),
        element(4, "link", "More"),
    )
    found = dict(
        zip(
            words(mails, "Reply to the mail of Kari."),
            naming(candidates_of(mails, "t", []), "Reply to Kari."),
            strict=True,
        )
    )
    assert found['click link "Reply"'] == 1
    assert 0 < found['click link "Kari Dignissim arcu"'] < 1
    assert found['click link "Molli Nulla libero"'] == found['click link "More"'] == 0


NAMES = st.text("abc ", max_size=6)


@given(st.lists(NAMES, max_size=6), st.text("abc ", max_size=12))
def test_naming_is_a_share(names, task) -> None:
    options = candidates_of(page(*(element(i + 1, "link", name) for i, name in enumerate(names))), task, [])
    assert all(0 <= share <= 1 for share in naming(options, task))
