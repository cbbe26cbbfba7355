"""Actions, their effects, and actions as data."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.errors import OutcomeUnknown, ToolError, UsageError
from agentkit.tools.browser import (
    ACTIONS,
    Action,
    ActionSet,
    BrowserSession,
    Descriptor,
    Effect,
    irreversible,
    observe,
    perform,
    replay,
    replayable,
    resolve,
)
from agentkit.tools.browser import actions as act

from .conftest import look, named


async def test_a_form_is_filled_and_sent_once(visit, site):
    session = await visit("/form.html")
    page = await observe(session)
    for name, element, value in [
        ("fill", "Name", "Ada Lovelace"),
        ("fill", "When", "2026-11-23"),
        ("select_option", "Size", "Large"),
        ("select_option", "Extras", "Milk"),
        ("select_option", "Extras", "Cream"),
        ("check", "It is a gift", None),
        ("click", "Cash", None),
    ]:
        effect = await perform(session, Action.on(page, name, named(page, element).id, value))
        assert effect.changed, (name, element)
        assert not effect.navigated
    effect = await perform(session, Action.on(page, "click", named(page, "Place order").id))
    assert effect.navigated
    assert effect.url_after.endswith("/submit")
    assert "Thank you" in (await observe(session)).text()
    assert site.log.forms == [
        {
            "name": ["Ada Lovelace"],
            "secret": ["hunter2"],
            "when": ["2026-11-23"],
            "size": ["L"],
            "extras": ["Milk", "Cream"],
            "gift": ["yes"],
            "pay": ["cash"],
        }
    ]


async def test_a_tuple_replaces_what_is_chosen(visit):
    session = await visit("/form.html")
    extras = await look(session, "Extras")
    await act.select_option(session, extras, ("Milk", "Sugar"))
    await act.select_option(session, extras, ("Cream",))
    assert named(await observe(session), "Extras").value == "Cream"


async def test_an_option_that_is_not_there_is_named_with_those_that_are(visit):
    session = await visit("/form.html")
    with pytest.raises(ToolError, match=r"Small \| Medium \| Large"):
        await act.select_option(session, await look(session, "Size"), "Huge")


async def test_keys_typing_and_clearing(visit, site):
    session = await visit("/form.html")
    name = await look(session, "Name")
    await act.fill(session, name, "Bob")
    await act.type_text(session, " and Eve", name)
    assert named(await observe(session), "Name").value == "Bob and Eve"
    await act.press(session, "Control+a", name)
    await act.press(session, "Backspace")
    assert named(await observe(session), "Name").value == ""
    await act.fill(session, name, "x")
    await act.clear(session, name)
    assert named(await observe(session), "Name").value == ""
    await act.fill(session, name, "by key")
    effect = await act.press(session, "Enter", name)
    assert effect.navigated
    assert site.log.forms[0]["name"] == ["by key"]
    with pytest.raises(ToolError):
        await act.press(session, "NoSuchKey")


async def test_filling_types_the_last_character_with_a_real_key(visit):
    session = await visit("/dynamic.html")
    await act.fill(session, await look(session, "Type here"), "hello")
    assert "Typed hello" in (await observe(session)).text()


async def test_an_action_waits_for_what_it_began(visit):
    session = await visit("/dynamic.html")
    await act.click(session, await look(session, "Load"))
    assert "Loaded" in (await observe(session)).text()
    await act.click(session, await look(session, "Grow"))
    assert "Grown" in (await observe(session)).text()


async def test_a_page_that_never_rests_is_waited_for_only_so_long(visit):
    session = await visit("/dynamic.html", settle_timeout=0.5)
    start = time.monotonic()
    effect = await act.click(session, await look(session, "Restless"))
    assert effect.changed
    assert time.monotonic() - start < 5


async def test_a_click_without_effect_says_so(visit):
    session = await visit("/form.html")
    page = await observe(session)
    await act.click(session, named(page, "Card").id)
    effect = await act.click(session, named(page, "Card").id)
    assert not effect.changed
    assert "nothing changed" in effect.text


async def test_an_element_that_left_is_an_error_for_the_model(visit):
    session = await visit("/dynamic.html")
    page = await observe(session)
    await act.click(session, named(page, "Remove victim").id)
    with pytest.raises(ToolError, match="no longer"):
        await act.click(session, named(page, "Victim").id)
    for wrong in ("e9999", "nonsense", "12;drop"):
        with pytest.raises(ToolError):
            await act.click(session, wrong)


async def test_ids_of_an_earlier_page_do_not_hit_the_next_one(visit, site):
    session = await visit("/dynamic.html")
    old = await look(session, "Add")
    await act.goto(session, site.url + "/form.html")
    with pytest.raises(ToolError):
        await act.click(session, old)


async def test_covered_and_disabled_elements_can_not_be_clicked(visit):
    session = await visit("/form.html")
    with pytest.raises(ToolError):
        await act.click(session, await look(session, "Not yet"))
    name = await look(session, "Name")
    await session.page.evaluate(
        "() => { const d = document.createElement('div'); d.id = 'veil';"
        " d.style = 'position:fixed;inset:0;z-index:9'; document.body.append(d) }"
    )
    # Ids of the last look are still known: what covers the element since is found when it is clicked.
    with pytest.raises(ToolError, match="veil"):
        await act.click(session, name)


async def test_scrolling_the_page_and_an_inner_scroller(visit):
    session = await visit("/widgets.html")
    assert (await observe(session)).scroll[0] == 0
    effect = await act.scroll(session, "down")
    assert effect.changed
    page = await observe(session)
    assert page.scroll[0] > 300
    await act.scroll(session, "-10000")
    assert (await observe(session)).scroll[0] == 0
    await act.scroll(session, "200", named(page, "Top row").id)
    await act.click(session, await look(session, "Bottom row"))
    assert "Clicked row" in (await observe(session)).text()
    assert not (await act.scroll(session, "up")).changed
    with pytest.raises(ToolError):
        await act.scroll(session, "sideways")


async def test_an_endless_feed_is_scrolled_until_it_ends(visit):
    session = await visit("/feed")
    page = await observe(session)
    third = named(page, "Like post 3").id
    assert page.scroll[1] > 0
    scrolled = 0
    while "That was all" not in page.text():
        # Scrolling waits for what it makes the page fetch, so each look sees more.
        await act.scroll(session, "bottom")
        page, scrolled = await observe(session), scrolled + 1
        assert scrolled <= 10
        if scrolled == 1:
            assert named(page, "Like post 3").id == third
    assert any(element.name == "Like post 59" for element in page.elements)
    assert third not in {element.id for element in page.elements}
    with pytest.raises(ToolError, match=f"no element {third}"):
        await act.click(session, third)
    await act.click(session, named(page, "Like post 45").id)
    assert "Liked 45" in (await observe(session)).text()


async def test_shapes_and_coordinates(visit):
    session = await visit("/widgets.html")
    square = named(await observe(session), "blue square")
    x, y = square.box.center
    await act.click_at(session, f"{x},{y}")
    assert named(await observe(session), "green square").id == square.id
    with pytest.raises(ToolError):
        await act.click_at(session, "here")


async def test_going_back_forward_and_waiting(visit):
    session = await visit()
    await act.click(session, await look(session, "Form"))
    assert (await act.back(session)).url_after.endswith("/index.html")
    assert (await act.forward(session)).url_after.endswith("/form.html")
    assert (await act.reload(session)).navigated
    assert not (await act.wait(session, "0.1")).changed
    with pytest.raises(ToolError):
        await act.wait(session, "long")


async def test_a_slow_page_is_waited_for(visit):
    session = await visit()
    effect = await act.click(session, await look(session, "Slow page"))
    assert effect.navigated
    assert "Here at last" in (await observe(session)).text()


async def test_a_page_is_waited_for_beyond_the_bound_of_other_effects(visit):
    session = await visit(settle_timeout=0.1)
    effect = await act.click(session, await look(session, "Slow page"))
    assert effect.navigated
    assert "/slow" in effect.url_after


async def test_a_form_that_is_not_answered_is_in_doubt(visit, site):
    session = await visit("/form.html", settle_timeout=0.1, load_timeout=1.0)
    await session.page.evaluate("document.forms[1].action = '/never'")
    with pytest.raises(ToolError, match="has not answered"):
        await act.click(session, await look(session, "Find"))
    assert any(path.startswith("/never") for _, path in site.log.requests)


async def test_what_a_script_sends_is_waited_for_beyond_the_bound_of_other_effects(visit, site):
    session = await visit("/send.html", settle_timeout=0.1)
    effect = await act.click(session, await look(session, "Like"))
    assert effect.sent
    assert "Sent" in (await observe(session)).text()
    effect = await act.click(session, await look(session, "Read"))
    assert not effect.sent


async def test_what_a_script_sends_without_an_answer_is_in_doubt(visit, site):
    session = await visit("/send.html", settle_timeout=0.1, send_timeout=0.5)
    with pytest.raises(OutcomeUnknown, match="has not answered"):
        await act.click(session, await look(session, "Hold"))
    assert site.log.paths().count("/send?wait=20") == 1


async def test_a_page_that_asks_its_server_again_and_again_is_no_doubt(visit, site):
    session = await visit("/send.html#poll", settle_timeout=0.1, send_timeout=0.6)
    effect = await act.click(session, await look(session, "Read"))
    assert not effect.sent


async def test_a_journal_is_replayed_on_a_fresh_session(visit, site):
    first = await visit("/form.html")
    page = await observe(first)
    journal = [
        Action.on(page, "fill", named(page, "Name").id, "Ada"),
        Action.on(page, "select_option", named(page, "Size").id, "Small"),
        Action.on(page, "click", named(page, "It is a gift").id),
    ]
    stored = [action.to_json() for action in journal]
    second = await visit("/widgets.html")
    await observe(second)
    await act.goto(second, site.url + "/form.html")
    for data in stored:
        await replay(second, Action.from_json(data))
    page = await observe(second)
    assert named(page, "Name").value == "Ada"
    assert named(page, "Size").value == "Small"
    assert "checked" in named(page, "It is a gift").states
    assert site.log.forms == []


async def test_a_description_finds_the_same_among_twins_or_says_that_it_is_gone(visit):
    session = await visit("/form.html")
    page = await observe(session)
    for element in page.elements:
        found = await resolve(session, Descriptor.of(page, element))
        assert found.id == element.id
    with pytest.raises(ToolError, match="no button"):
        await resolve(session, Descriptor("button", "No such", "button"))


async def test_what_may_be_irreversible(visit):
    page = await observe(await visit("/form.html"))

    def judge(name: str, element: str | None = None, value: str | None = None, **kw: bool) -> str | None:
        return irreversible(
            page, Action.on(page, name, named(page, element).id if element else None, value), **kw
        )

    assert judge("click", "Place order")
    assert judge("press", "Name", "Enter")
    assert judge("press", "Name", "Control+Enter")
    assert judge("type", "Name", "Ada\n")
    assert not judge("type", "Name", "Ada")
    assert judge("click_at", None, "2,2")
    assert judge("reload")
    assert judge("answer_dialog", None, "accept")
    assert not judge("answer_dialog", None, "dismiss")
    assert not judge("click", "Place order", sandbox=True)
    assert not judge("fill", "Name", "delete")
    assert not judge("click", "It is a gift")
    assert not judge("click", "Find")
    assert not judge("press", "Name", "a")
    assert not judge("scroll")


async def test_a_replayed_action_is_judged_by_its_description_not_by_its_id(visit):
    page = await observe(await visit("/form.html"))
    order = named(page, "Place order")
    for id in ("e1", "e999"):
        action = Action("click", id, target=Descriptor.of(page, order))
        assert irreversible(page, action)
    elsewhere = Action("click", order.id, target=Descriptor("button", "Send message", "button"))
    assert "send" in (irreversible(page, elsewhere) or "")
    assert irreversible(page, Action("click", named(page, "Find").id)) is None


# ---- actions as data ----

texts = st.text(max_size=20)
descriptors = st.builds(Descriptor, texts, texts, texts, st.integers(0, 9), texts)
actions = st.one_of(
    st.builds(
        Action,
        st.sampled_from(["click", "fill", "press", "select_option", "scroll"]),
        st.from_regex(r"e[1-9][0-9]?", fullmatch=True),
        st.one_of(st.none(), texts, st.lists(texts, min_size=1).map(tuple)),
        target=st.one_of(st.none(), descriptors),
    ),
    st.builds(Action, st.sampled_from(["back", "wait", "goto", "scroll"]), value=st.one_of(st.none(), texts)),
)


@given(actions)
def test_an_action_survives_json(action):
    import json

    assert Action.from_json(json.loads(json.dumps(action.to_json()))) == action
    assert action.name in action.describe()
    assert isinstance(replayable(action), bool)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"name": "explode"},
        {"name": "click"},
        {"name": "back", "element": "e1"},
        {"name": "click", "elem": "e1"},
    ],
)
def test_what_is_no_action_is_a_usage_error(data):
    with pytest.raises(UsageError):
        ACTIONS.check(Action.from_json(data))


def test_an_action_reads_well():
    target = Descriptor("button", "Submit", "button")
    assert Action("click", "e12", target=target).describe() == "click e12 button 'Submit'"
    assert Action("goto", value="http://x/").describe() == "goto 'http://x/'"


# ---- sets of actions ----


async def test_a_function_is_an_action_and_a_subset_is_a_list(visit):
    async def twice(session: BrowserSession, element: str, word: str = "again") -> Effect:
        """Click twice, with a word."""
        await act.click(session, element)
        return await act.click(session, element)

    mine = ACTIONS.only(["click", "fill"]) | {"twice": twice}
    assert list(mine) == ["click", "fill", "twice"]
    assert "twice(element, word?): Click twice, with a word." in mine.describe().splitlines()
    session = await visit("/form.html")
    page = await observe(session)
    gift = named(page, "It is a gift").id
    await ActionSet.of(twice).perform(session, Action.on(page, "twice", gift))
    assert "checked" not in named(await observe(session), "It is a gift").states
    with pytest.raises(ToolError, match="no action 'goto'"):
        await mine.perform(session, Action("goto", value="about:blank"))
    with pytest.raises(UsageError, match="no action 'nope'"):
        ACTIONS.only(["nope"])


def test_what_can_not_be_an_action_is_refused():
    async def silent(session: BrowserSession) -> Effect:
        return Effect("", "", changed=False)

    async def two_values(session: BrowserSession, a: str, b: str) -> Effect:
        """Take two."""
        return Effect("", "", changed=False)

    for wrong in (silent, two_values, len):
        with pytest.raises(UsageError):
            ActionSet.of(wrong)  # type: ignore[arg-type]


def refusal(action: Action) -> str:
    try:
        ACTIONS.check(action)
    except UsageError as error:
        return str(error)
    return ""


@given(st.sampled_from(sorted(ACTIONS)), st.booleans(), st.booleans(), st.booleans())
def test_an_action_fits_its_function_or_the_error_says_why(name, element, to, value):
    why = refusal(Action(name, "e1" if element else None, "x" if value else None, "e2" if to else None))
    assert why.startswith(name) or (not why and (name == "drag_and_drop") == to)


# ---- files, pictures, text, tabs ----


async def test_only_files_that_the_user_named_are_uploaded(visit, site, tmp_path):
    notes, other = tmp_path / "notes.txt", tmp_path / "other.txt"
    notes.write_text("hello")
    other.write_text("secret")
    session = await visit("/files.html", uploads=(notes,))
    await act.upload_file(session, await look(session, "Attachment"), "notes.txt")
    assert named(await observe(session), "Attachment").value == "notes.txt"
    effect = await act.upload_file(session, await look(session, "Pick a file"), "notes.txt")
    assert "gave notes.txt" in effect.text
    assert "picked notes.txt of 5 bytes" in (await observe(session)).text()
    for name in (str(other), "other.txt", "../notes.txt", "/etc/passwd"):
        with pytest.raises(ToolError, match=r"may not be uploaded; these may: notes\.txt"):
            await act.upload_file(session, await look(session, "Attachment"), name)


async def test_a_picture_is_kept_where_downloads_go(visit, tmp_path):
    session = await visit("/files.html", downloads=tmp_path / "kept")
    await act.screenshot(session)
    await act.screenshot(session, "../../button", await look(session, "Pick a file"))
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["button.png", "screenshot.png"]
    with pytest.raises(ToolError, match="no folder"):
        await act.screenshot(await visit("/files.html"))


async def test_text_is_extracted_at_length(visit):
    session = await visit("/files.html")
    effect = await act.extract(session)
    assert "The last words of a long text" in effect.text
    assert not effect.changed


async def test_a_tab_is_opened_and_the_number_of_tabs_is_bounded(visit, site):
    session = await visit("/index.html", max_tabs=2)
    effect = await act.new_tab(session, site.url + "/form.html")
    assert effect.url_after.endswith("/form.html")
    with pytest.raises(ToolError, match="no more are allowed"):
        await act.new_tab(session)
    await act.switch_tab(session, "0")
    assert session.url.endswith("/index.html")


async def test_clicks_with_another_button_and_scrolling_sideways(visit):
    session = await visit("/files.html")
    await act.click(session, await look(session, "Context"), "right")
    assert "Opened its menu" in (await observe(session)).text()
    await act.click(session, await look(session, "Shifted"), "Shift+left")
    assert "Clicked with shift" in (await observe(session)).text()
    with pytest.raises(ToolError):
        await act.click(session, await look(session, "Context"), "sideways")
    edge = next(e for e in (await observe(session)).elements if e.name == "First column")
    await act.scroll(session, "right", edge.id)
    assert named(await observe(session), "Last column").in_view
