"""When the web agent asks: what a task leaves open on a page, what a guess would cost, and what was said before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.web import WebAgent
from agentkit.agents.web.candidates import FINISH, Candidate
from agentkit.agents.web.follow_up import FollowUp
from agentkit.agents.web.known import is_general
from agentkit.agents.web.missing import Gap, concerns
from agentkit.agents.web.phrases import mentions
from agentkit.agents.web.prompt import View
from agentkit.agents.web.values import Source, Value, values_in
from agentkit.content import Box
from agentkit.contracts.result import Question
from agentkit.memory import UserFacts
from agentkit.models.embed import load_embedder
from agentkit.runtime.ask import Callback
from agentkit.tools.browser import Action, Element, Line, Snapshot
from tests.results import output_of, run_of

from .chooser import REGISTER, Chooser

ASKS = FollowUp()


def element(number: int, role: str, name: str, **more) -> Element:
    tags = {"textbox": "input", "button": "button", "link": "a", "combobox": "select"}
    if role == "textbox":
        more.setdefault("value", "")
    return Element(f"e{number}", role, name, tags.get(role, "div"), box=Box(0, 0, 9, 9), **more)


def page(*elements: Element, texts: dict[str, str] | None = None) -> Snapshot:
    """Return a page of one element a line, each below its text."""
    lines = []
    for item in elements:
        if texts and item.id in texts:
            lines.append(Line((texts[item.id],)))
        lines.append(Line(((item.id,),)))
    return Snapshot("http://host/", "Page", elements, tuple(lines))


def buttons(*names: str, role: str = "button", **more) -> Snapshot:
    return page(*(element(n, role, name, **more) for n, name in enumerate(names, 1)))


def open_on(task: str, snapshot: Snapshot, *said: Value, **more) -> list[Gap]:
    return ASKS.open(View(task, snapshot, [*values_in(task), *said], **more))


def asked_first(task: str, snapshot: Snapshot) -> str:
    gap = ASKS.first(open_on(task, snapshot))
    return gap.question()["missing"] if gap else ""


LOGIN = page(
    element(1, "textbox", "Username"),
    element(2, "textbox", "Password", states=("password",)),
    element(3, "button", "Login"),
)
MAILS = page(
    element(1, "clickable", "Ann Lunch on Friday"),
    element(2, "clickable", "trash"),
    element(3, "clickable", "Bob The invoice"),
    element(4, "clickable", "trash"),
)
CONTACTS = page(
    element(1, "link", "Ann"),
    element(2, "link", "Ann"),
    element(3, "link", "Bob"),
    texts={"e1": "Oslo office", "e2": "Hobart office", "e3": "Lima office"},
)
LISTS = page(
    element(1, "combobox", "From", value="", options=("Peru", "Chad")),
    element(2, "combobox", "Back", value="", options=("Peru", "Mali")),
    element(3, "button", "Go"),
)
FLIGHT = page(
    element(1, "textbox", "From:"),
    element(2, "textbox", "To:"),
    element(3, "textbox", "Departure Date", states=("readonly",)),
    element(4, "button", "Search"),
)


# ---- a value is missing ----


@pytest.mark.parametrize(
    ("task", "snapshot", "missing"),
    [
        ('Log in with the username "ada".', LOGIN, "Password"),
        ("Log in.", LOGIN, "Username"),
        ('Log in with the username "ada" and the password "x1".', LOGIN, ""),
        ("Book a flight to: Salem, OR on 11/29/2016.", FLIGHT, "From"),
        ("Book a flight from: Oslo on 11/29/2016.", FLIGHT, "To"),
        ("Book a flight from: Oslo to: Salem, OR.", FLIGHT, "Departure Date"),
        ("Book a flight from: Oslo to: Salem, OR tomorrow.", FLIGHT, ""),
        ("Forward Ann's email.", page(element(1, "textbox", "to"), element(2, "button", "send")), "to"),
        ("Forward Ann's email to Bob.", page(element(1, "textbox", "to"), element(2, "button", "send")), ""),
        ("Enter the date and submit.", page(element(1, "textbox", "tt", states=("date",))), "date"),
        ("Type the text below into the text field.", page(element(1, "textbox", "tt")), ""),
        ("Solve for x and type your answer into the textbox.", page(element(1, "textbox", "x =")), ""),
        (
            "Enter one of the values of the table into the text field.",
            page(element(1, "textbox", "tt")),
            "value",
        ),
        ("Search for films of a certain genre by Lang.", page(element(1, "textbox", "Genre")), "Genre"),
        ("Select a value with the slider.", page(element(1, "clickable", "slider handle")), "value"),
        ("Select 7 with the slider.", page(element(1, "clickable", "slider handle")), ""),
    ],
)
def test_a_value_that_the_task_needs_and_nobody_named_is_missing(
    task: str, snapshot: Snapshot, missing: str
) -> None:
    assert asked_first(task, snapshot) == missing


def test_a_field_that_repeats_another_is_not_asked_for_again() -> None:
    twice = page(
        element(1, "textbox", "Password", states=("password",)),
        element(2, "textbox", "Verify password", states=("password",)),
        element(3, "button", "Submit"),
    )
    task = "Enter the password into both text fields and press submit."
    assert [gap.field for gap in open_on(task, twice)] == ["Password"]
    assert open_on(task, twice, Value("x1", "user", "Password", "Password")) == []


def test_what_a_form_requires_is_asked_for_when_it_is_sent_and_not_before() -> None:
    form = page(element(1, "textbox", "Phone", states=("required",)), element(2, "button", "Go"))
    found = open_on("Press Go.", form)
    assert [(gap.field, gap.sending) for gap in found] == [("Phone", True)]
    assert ASKS.first(found) is None
    click = Candidate('click button "Go"', Action.on(form, "click", "e2"))
    gap = ASKS.before(found, click, ends=True)
    assert gap is not None
    assert "can't be sent" in gap.question()["why"]
    assert ASKS.before(found, click, ends=False) is None
    # Whoever ends the task sends no form.
    assert ASKS.before(found, FINISH, ends=True) is None
    assert ASKS.before_written(found, FINISH, ends=True) is None


def test_a_guess_for_a_field_that_nobody_named_a_value_for_is_asked_about_instead_of_typed() -> None:
    form = page(element(1, "textbox", "tt"), element(2, "button", "Submit"))
    found = open_on("Fill in the text field and press Submit.", form)

    def typing(text: str, source: Source) -> Candidate:
        return Candidate(f'type "{text}"', Action.on(form, "fill", "e1", text), Value(text, source, "word"))

    assert ASKS.before(found, typing("Fill", "task"), ends=False) == found[0]
    assert ASKS.before(found, typing("Ada", "user"), ends=False) is None


def test_a_form_is_not_sent_past_a_choice_that_is_open() -> None:
    form = page(
        *(element(number, "radio", name) for number, name in ((1, "red"), (2, "blue"), (3, "green"))),
        element(4, "button", "Submit"),
    )
    found = open_on("Select an option and click Submit.", form)
    send = Candidate('click button "Submit"', Action.on(form, "click", "e4"))
    assert ASKS.before(found, send, ends=True) == found[0]
    assert ASKS.before(found, send, ends=False) is None
    # What was chosen, by likelihood or by an answer, is not asked about again.
    assert ASKS.before(found, send, ends=True, done=['click radio "blue"']) is None


def test_a_group_that_must_be_chosen_from_is_asked_about_when_the_form_is_sent() -> None:
    def radio(number: int, name: str, group: str, *states: str) -> Element:
        return element(number, "radio", name, group=group, states=states)

    form = page(
        radio(1, "Standard", "Delivery", "required"),
        radio(2, "Express", "Delivery"),
        radio(3, "Blue", "Wrapping"),
        element(4, "button", "Go"),
    )
    (found,) = open_on("Press Go.", form)
    assert (found.field, found.choices) == ("Delivery", ("Standard", "Express"))
    assert ASKS.first([found]) is None
    send = Candidate('click button "Go"', Action.on(form, "click", "e4"))
    assert ASKS.before([found], send, ends=True, done=['click link "Standard"']) == found
    assert ASKS.before([found], send, ends=False) is None
    assert ASKS.before([found], FINISH, ends=True) is None
    # A model that writes may choose, and does not send past the choice.
    choose = Candidate('click radio "Standard"', Action.on(form, "click", "e1"))
    assert ASKS.before_written([found], choose, ends=False) is None
    assert ASKS.before_written([found], send, ends=True) == found
    for task in ("Have it sent express.", "Choose Standard, and press Go."):
        assert open_on(task, form) == []
    assert open_on("Press Go.", form, Value("Standard", "user", "Delivery", "Delivery")) == []
    chosen = page(radio(1, "Standard", "Delivery", "required"), radio(2, "Express", "Delivery", "checked"))
    assert open_on("Press Go.", chosen) == []


def test_what_one_form_requires_does_not_keep_another_from_being_sent() -> None:
    two = page(
        element(1, "textbox", "Search", owner="1"),
        element(2, "button", "Find", submits=True, owner="1"),
        element(3, "textbox", "Email", states=("required",), owner="2"),
        element(4, "button", "Subscribe", submits=True, owner="2"),
        element(5, "button", "Go on"),
    )
    (gap,) = open_on("Go on.", two)
    clicks = {id: Candidate("click", Action.on(two, "click", id)) for id in ("e2", "e4", "e5")}
    # What a button without a form of its own sends is not known.
    assert {id: concerns(gap, choice, two) for id, choice in clicks.items()} == {
        "e2": False,
        "e4": True,
        "e5": True,
    }
    enter = Candidate("press", Action.on(two, "press", "e1", "Enter"))
    assert not concerns(gap, enter, two)
    assert concerns(gap, None, two)


async def test_a_form_with_a_required_group_is_asked_about_and_sent(site, browser) -> None:
    questions: list[Question] = []

    def answer(question: Question) -> str:
        questions.append(question)
        return "Express"

    model = Chooser('click button "Go"', "finish")
    agent = WebAgent(model, memory="off", browser=browser, approve="auto", answers=[Callback(answer)])
    await agent.arun("Press Go.", url=f"{site.url}/radios.html")
    assert [(question.text, question.choices) for question in questions] == [
        ("Which Delivery?", ["Standard", "Express"])
    ]
    assert site.log.forms == [{"how": ["courier"]}]


# ---- two readings ----


@pytest.mark.parametrize(
    ("task", "snapshot", "missing", "choices"),
    [
        ("Click on the button.", buttons("yes", "no"), "button", ["yes", "no"]),
        ("Click on the button.", buttons("yes"), "", []),
        ('Click on the "no" button.', buttons("yes", "no"), "", []),
        ("Click any button.", buttons("yes", "no"), "", []),
        ("Click all the buttons.", buttons("yes", "no"), "", []),
        (
            "Click the blue one.",
            buttons("blue start", "blue stop", "red stop"),
            "one",
            ["blue start", "blue stop"],
        ),
        ("Click the red one.", buttons("blue start", "blue stop", "red stop"), "", []),
        ('Click on the link "Sed".', buttons("Et", "Quis", role="link"), "", []),
        ("Delete the email.", MAILS, "email", ["Ann Lunch on Friday", "Bob The invoice"]),
        ("Delete the email from Bob.", MAILS, "", []),
        ("Delete Bob's email.", MAILS, "", []),
        ("Delete the email from Cleo.", MAILS, "", []),
        ("Select the contact Ann.", CONTACTS, "contact", ["Ann: Oslo office", "Ann: Hobart office"]),
        ("Select the contact Bob.", CONTACTS, "", []),
        ("Select Peru.", LISTS, "list", ["From", "Back"]),
        ("Select Peru in the list Back.", LISTS, "", []),
        ("Select Mali.", LISTS, "", []),
        ("Select all the shades of one color.", buttons("blue 1", "blue 2", "red"), "color", ["blue", "red"]),
        ("Delete a file.", page(element(1, "clickable", "terminal")), "file", []),
    ],
)
def test_words_that_fit_several_things_are_asked_about(
    task: str, snapshot: Snapshot, missing: str, choices: list[str]
) -> None:
    gap = ASKS.first(open_on(task, snapshot))
    question = gap.question() if gap else {"missing": "", "choices": []}
    assert (question["missing"], question["choices"]) == (missing, choices)


NAMES = st.lists(st.from_regex(r"\A[b-df-hj-np-tv-z]{4,9}\Z"), min_size=2, max_size=6, unique=True)


@given(NAMES, st.data())
def test_a_button_that_the_task_names_is_never_asked_about_and_an_unnamed_one_always(names, data) -> None:
    snapshot, named = buttons(*names), data.draw(st.sampled_from(names))
    assert open_on(f'Click on the "{named}" button.', snapshot) == []
    (gap,) = open_on("Click on the button.", snapshot)
    assert list(gap.choices) == names
    assert gap.doubt == pytest.approx(1 - 1 / len(names))
    assert open_on("Click on the button.", snapshot, Value(named, "user", "button", "button")) == []


@given(st.text(max_size=120))
def test_any_text_can_be_read(text: str) -> None:
    for mention in mentions(text):
        assert mention.noun in text.lower() or mention.noun.removesuffix("y") in text.lower()
    open_on(text, LOGIN)


# ---- what a wrong guess costs, and what a model's scores leave of the doubt ----


def test_what_can_not_be_undone_is_asked_about_at_a_smaller_doubt() -> None:
    rows = page(
        element(1, "button", "Details"), element(2, "button", "Details"), texts={"e1": "Ann", "e2": "Bob"}
    )
    found = open_on('Click the "Details" button.', rows)
    click = Candidate("click", Action.on(rows, "click", "e1"))
    assert ASKS.before(found, click, ends=False) is None, "one of two twins will do"
    assert ASKS.before(found, click, ends=False, final=True) is found[0]


def test_a_model_that_is_sure_of_a_reading_takes_the_doubt_away() -> None:
    pair = buttons("yes", "no")
    found = open_on("Click on the button.", pair)
    click = Candidate("click", Action.on(pair, "click", "e1"))
    assert ASKS.before(found, click, ends=False, scores={"e1": -3.0, "e2": -3.1}) is not None
    assert ASKS.before(found, click, ends=False, scores={"e1": -3.0, "e2": -40.0}) is None
    other = Candidate("press Escape")
    assert ASKS.before(found, other, ends=False) is None, "it touches none of what is meant"


def test_who_knows_nothing_more_to_do_asks_about_anything_that_is_open() -> None:
    found = open_on(
        "Expand the sections to click on the link.",
        page(element(1, "tab", "Section 1", states=("collapsed",))),
    )
    assert ASKS.first(found) is None
    gap = ASKS.before(found, None, ends=False)
    assert gap is not None
    assert gap.question()["missing"] == "link"


def test_a_value_that_a_model_made_up_is_asked_for_and_its_choice_among_readings_is_its_own() -> None:
    found = open_on('Log in with the username "ada".', LOGIN)
    fill = Action.on(LOGIN, "fill", "e2", "hunter2")
    gap = ASKS.before_written(found, Candidate("type", fill, Value("hunter2", "model")), ends=False)
    assert gap is not None
    assert gap.field == "Password"
    pair = buttons("yes", "no")
    click = Candidate("click", Action.on(pair, "click", "e1"))
    assert ASKS.before_written(open_on("Click on the button.", pair), click, ends=False) is None
    assert ASKS.before_written(found, FINISH, ends=True) is found[0]


# ---- what was said before ----


@pytest.mark.parametrize(
    ("field", "general"),
    [
        ("City", True),
        ("Your e-mail address", True),
        ("Home airport", True),
        ("Date of birth", True),
        ("Password", False),
        ("Username", False),
        ("Date", False),
        ("From:", False),
        ("Card number", False),
        ("search text", False),
        ("link", False),
    ],
)
def test_only_what_stays_true_of_a_user_is_remembered(field: str, general: bool) -> None:
    assert is_general(field) is general


def notes(result) -> list[str]:
    lines = (Path(run_of(result)) / "events.jsonl").read_text().splitlines()
    return [event["text"] for event in map(json.loads, lines) if event["kind"] == "note"]


async def test_an_answer_is_remembered_with_its_source_and_not_asked_for_again(
    site, browser, tmp_path
) -> None:
    task, folder, asked = 'Enter the name "Ada" and the city, then register.', tmp_path / "kept", []

    def web() -> WebAgent:
        def answer(question):
            asked.append(question.missing)
            return "Paris"

        chooser = Chooser(
            'type "Ada" into textbox "Name"', 'type the city into textbox "City"', *REGISTER[1:]
        )
        return WebAgent(chooser, memory=folder, browser=browser, approve="auto", answers=[Callback(answer)])

    first = await web().arun(task, url=site.url)
    (fact,) = UserFacts(folder, embedder=load_embedder()).entries()
    assert (fact.attribute, fact.value, fact.trust, fact.standing) == ("city", "Paris", "trusted", "current")
    assert Path(run_of(first)).name.endswith(fact.run) or fact.run in run_of(first)
    second = await web().arun(task, url=site.url)
    assert asked == ["City"]
    assert site.received == [{"name": "Ada", "city": "Paris"}] * 2
    assert any(f"City: Paris, from what you said on {fact.created[:10]}" in text for text in notes(second))
    assert output_of(second)["task"].endswith("(city: Paris)")


async def test_who_does_not_know_is_not_asked_again(site, browser) -> None:
    asked = []

    def answer(question):
        asked.append(question.missing)
        return "I don't know"

    chooser = Chooser('type "Ada" into textbox "Name"', 'click button "Register"', "finish")
    web = WebAgent(chooser, memory="off", browser=browser, approve="auto", answers=[Callback(answer)])
    result = await web.arun('Enter the name "Ada" and the city, then register.', url=site.url)
    assert (result.status, asked) == ("done", ["City"])
    assert site.received == [{"name": "Ada"}]
