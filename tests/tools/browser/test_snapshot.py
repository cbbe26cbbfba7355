"""What a snapshot holds, on real pages."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageChops

from agentkit.content import Box
from agentkit.errors import ToolError
from agentkit.tools.browser import Element, Line, Snapshot, draw_marks, observe
from agentkit.tools.browser import actions as act

from .conftest import look, named


def names(snapshot: Snapshot) -> list[str]:
    return [element.name for element in snapshot.elements]


async def test_a_form_is_read_with_names_values_states_and_options(visit):
    snapshot = await observe(await visit("/form.html"))
    assert named(snapshot, "Name").states == ("required",)
    assert named(snapshot, "Secret").value == "*" * 7
    assert named(snapshot, "When").states == ("date",)
    size = named(snapshot, "Size")
    assert (size.role, size.value, size.options) == ("combobox", "Medium", ("Small", "Medium", "Large"))
    assert named(snapshot, "Extras").role == "listbox"
    assert "multiple" in named(snapshot, "Extras").states
    assert named(snapshot, "It is a gift").role == "checkbox"
    assert named(snapshot, "Card").states == ("checked",)
    assert named(snapshot, "Not yet").states == ("disabled",)
    order = named(snapshot, "Place order")
    assert (order.form, order.submits) == ("post", True)
    assert named(snapshot, "Find").form == "get"
    assert "hunter2" not in snapshot.text() + json.dumps(snapshot.to_json())


async def test_radio_buttons_tell_their_group_and_whether_it_must_be_chosen_from(visit):
    session = await visit("/radios.html")
    seen = await observe(session)
    radios = [(e.group, e.name, "required" in e.states) for e in seen.elements if e.role == "radio"]
    assert radios == [
        ("Delivery", "Standard", True),
        ("Delivery", "Express", True),
        ("Wrapping", "Brown", False),
        ("Wrapping", "Blue", False),
        ("Size", "Small", True),
        ("Size", "Large", True),
    ]


async def test_what_is_hidden_covered_or_out_of_reach_has_no_reference(visit):
    snapshot = await observe(await visit("/widgets.html"))
    assert not {"Hidden one", "Invisible one", "Away one", "Covered one", "Cut off", "Buried below"} & set(
        names(snapshot)
    )
    assert {"Half covered", "Cut in", "Bottom row", "Far below"} <= set(names(snapshot))
    assert not named(snapshot, "Bottom row").in_view
    assert not named(snapshot, "Far below").in_view
    assert named(snapshot, "Half covered").in_view


async def test_everything_that_reacts_is_found(visit):
    snapshot = await observe(await visit("/widgets.html"))
    found = {(e.role, e.name) for e in snapshot.elements}
    assert {
        ("clickable", "Only listens"),
        ("clickable", "Looks clickable"),
        ("switch", "Wifi"),
        ("textbox", "Note"),
        ("button", "More"),
        ("checkbox", "Custom tick"),
        ("clickable", "trash"),
        ("shape", "blue square"),
    } <= found
    assert named(snapshot, "Note").value == "Write here"
    assert "red circle 20x20" in snapshot.text()


async def test_frames_are_read_in_their_place_across_sites(visit, site):
    url = f"/frames.html?other={site.localhost}/inner.html"
    session = await visit(url, allow=(site.localhost,))
    snapshot = await observe(session)
    buttons = [e for e in snapshot.elements if e.name == "Frame button"]
    assert len(buttons) == 2
    text = snapshot.text()
    assert (
        text.index("Above")
        < text.index("Inside a frame")
        < text.index("Between")
        < text.rindex("Inside a frame")
    )
    # Boxes are those of the tab: the second frame lies lower.
    assert buttons[1].box.top > buttons[0].box.top + 100
    for button in buttons:
        await act.click(session, button.id)
    assert names(await observe(session)).count("Pressed") == 2


async def test_a_frame_that_is_not_allowed_stays_empty(visit, elsewhere):
    session = await visit(f"/frames.html?other={elsewhere.url}/inner.html")
    assert names(await observe(session)).count("Frame button") == 1
    assert elsewhere.log.requests == []


async def test_shadow_roots_are_open_to_it(visit):
    session = await visit("/shadow.html")
    snapshot = await observe(session)
    assert {"Button in open", "Button in closed"} <= set(names(snapshot))
    assert "Words in the closed root" in snapshot.text()
    for mode in ("open", "closed"):
        await act.click(session, await look(session, f"Button in {mode}"))
    assert {"Clicked open", "Clicked closed"} <= set(names(await observe(session)))


async def test_looking_leaves_the_dom_as_it_is(visit):
    session = await visit("/widgets.html")
    before = await session.page.evaluate("document.documentElement.outerHTML")
    for _ in range(3):
        await observe(session)
    assert await session.page.evaluate("document.documentElement.outerHTML") == before
    assert await session.page.evaluate("EventTarget.prototype.addEventListener.name") == "addEventListener"
    assert "native code" in await session.page.evaluate("EventTarget.prototype.addEventListener.toString()")


async def test_ids_stay_with_their_elements_and_are_never_given_again(visit, site):
    session = await visit("/dynamic.html")
    first = await observe(session)
    await act.click(session, named(first, "Remove victim").id)
    await act.click(session, named(first, "Add").id)
    second = await observe(session, first)
    for element in first.elements:
        if element.name != "Victim":
            assert named(second, element.name).id == element.id
    fresh = named(second, "Fresh")
    assert fresh.new
    assert f"*[{fresh.id}]" in second.text()
    assert fresh.id not in first
    change = second.diff(first)
    assert change.added == (fresh.id,)
    assert change.removed == (named(first, "Victim").id,)
    await act.goto(session, site.url + "/form.html")
    third = await observe(session, second)
    assert not {e.id for e in third.elements} & {e.id for e in second.elements}
    assert not any(e.new for e in third.elements)


async def test_a_changed_element_is_marked(visit):
    session = await visit("/form.html")
    first = await observe(session)
    await act.check(session, named(first, "It is a gift").id)
    second = await observe(session, first)
    gift = named(second, "It is a gift")
    assert gift.changed
    assert not gift.new
    assert gift.id in second.diff(first).changed


async def test_the_same_page_gives_the_same_text(visit):
    one = await observe(await visit("/widgets.html"))
    two = await observe(await visit("/widgets.html"))
    assert one.text() == two.text()
    assert [e.to_json() for e in one.elements] == [e.to_json() for e in two.elements]


async def test_page_text_can_not_pass_for_an_element(visit):
    session = await visit("/hostile.html")
    snapshot = await observe(session)
    lines = snapshot.text().splitlines()
    real = [line for line in lines if line.startswith("[e")]
    assert len(real) == len(snapshot.elements) == 1
    assert not any(line.startswith(("[e99]", "[e98]")) for line in lines)
    assert "\n[e77]" not in snapshot.text()


async def test_root_and_ignore_select_what_is_read(visit):
    session = await visit("/form.html", root="form", ignore="select, h1")
    snapshot = await observe(session)
    assert "Find" not in names(snapshot)
    assert "Size" not in names(snapshot)
    assert "Place order" in names(snapshot)


async def test_what_lies_beyond_a_scroller_and_the_view_is_told(visit):
    session = await visit("/kinds.html")
    text = (await observe(session)).text()
    assert "(scrolls: 240 px below)" in text
    assert "(the page goes on: 0 px above, " in text.splitlines()[-1]
    row = await look(session, "First row")
    await act.scroll(session, "bottom", row)
    assert "(scrolls: 240 px above)" in (await observe(session)).text()
    await act.scroll(session, "bottom")
    assert " 0 px below)" in (await observe(session)).text().splitlines()[-1]


async def test_canvases_popups_custom_dropdowns_and_icons_are_told_as_what_they_are(visit):
    session = await visit("/kinds.html")
    snapshot = await observe(session)
    assert named(snapshot, "board").role == "canvas"
    assert f'[{named(snapshot, "board").id}] canvas "board" 120x60 at ' in snapshot.text()
    assert {"popup", "collapsed"} <= set(named(snapshot, "Size").states)
    assert named(snapshot, "trash").role == "button"
    await act.click(session, named(snapshot, "Size").id)
    opened = await observe(session, snapshot)
    assert "expanded" in named(opened, "Size").states
    assert [e.name for e in opened.elements if e.new] == ["Small", "Large"]
    await act.click(session, named(opened, "Large").id)
    assert named(await observe(session), "Large", "button").tag == "div"
    await act.click(session, named(opened, "board").id)
    assert "Drew on it" in (await observe(session)).text()


async def test_who_is_meant_by_a_listener_at_the_root_is_told(visit):
    session = await visit("/kinds.html")
    snapshot = await observe(session)
    assert not [e for e in snapshot.elements if "Only words" in e.name]
    await act.click(session, named(snapshot, "Counted at the root").id)
    assert "Counted" in [line.words for line in (await observe(session)).lines]


async def test_an_edge_that_is_left_free_can_be_clicked(visit):
    session = await visit("/kinds.html")
    await act.click(session, await look(session, "Nearly covered"))
    assert "Found the edge" in (await observe(session)).text()


async def test_a_label_of_pieces_is_whole_and_a_piece_of_a_text_is_no_label(visit):
    snapshot = await observe(await visit("/kinds.html"))
    assert named(snapshot, "bSnx").role == "textbox"
    assert named(snapshot, "code").role == "textbox"
    below = [e.name for e in snapshot.elements if "below" in e.name]
    assert below == ["Label below", "Other below"]
    assert "A long text that says a thing or two and ends in" in snapshot.text()


async def test_pale_shades_have_their_colour(visit):
    snapshot = await observe(await visit("/kinds.html"))
    assert [e.name for e in snapshot.elements if "shade" in e.name] == ["light red shade", "dark blue shade"]


async def test_marks_are_drawn_on_what_is_in_view_and_nowhere_else(visit):
    session = await visit("/widgets.html")
    snapshot, plain = await observe(session), await session.screenshot()
    seen = [e for e in snapshot.elements if e.in_view]
    marked = draw_marks(plain, snapshot)
    assert marked.size == plain.size
    assert draw_marks(plain, snapshot, ids=()).pixels.tobytes() == plain.pixels.tobytes()
    changed = ImageChops.difference(plain.pixels, marked.pixels).convert("L")
    for element in seen:
        assert changed.crop(element.box).getbbox(), element
    away = [e for e in snapshot.elements if not e.in_view]
    assert away
    assert draw_marks(plain, snapshot, ids=[e.id for e in away]).pixels.tobytes() == plain.pixels.tobytes()


async def test_an_empty_page_is_an_empty_snapshot(visit):
    session = await visit()
    await act.goto(session, "about:blank")
    snapshot = await observe(session)
    assert snapshot.elements == ()
    assert snapshot.text() == ""


def test_an_id_that_is_not_there_is_an_error_for_the_model():
    with pytest.raises(ToolError, match="e5"):
        Snapshot("u", "t").get("e5")


# ---- text and budget, by their properties ----

words = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon"]), min_size=1, max_size=8).map(
    " ".join
)


@st.composite
def pages(draw: st.DrawFn) -> Snapshot:
    texts = draw(st.lists(st.tuples(words, st.booleans(), st.booleans()), max_size=30))
    elements, lines = [], []
    for number, (text, active, seen) in enumerate(texts):
        if not active:
            lines.append(Line((text,)))
            continue
        elements.append(Element(f"e{number}", "button", text, "button", box=Box(0, 0, 9, 9), in_view=seen))
        lines.append(Line(((f"e{number}",),)))
    return Snapshot("u", "t", tuple(elements), tuple(lines))


@given(pages(), st.integers(1, 200), words)
def test_a_budget_is_kept_and_order_too(snapshot, budget, query):
    whole = snapshot.text().splitlines()
    text = snapshot.text(budget, query)
    kept = [line for line in text.splitlines() if not line.startswith("(")]
    assert sum(len(line) + 1 for line in kept) <= budget * 4 + 1
    assert [line for line in whole if line in set(kept)][: len(kept)] == kept or len(set(whole)) < len(whole)
    left_out = sum(int(line[1:].split()[0]) for line in text.splitlines() if line.startswith("("))
    assert left_out + len(kept) == len(whole)
    assert text == snapshot.text(budget, query)


@given(pages())
def test_without_need_nothing_is_left_out(snapshot):
    assert snapshot.text(10_000) == snapshot.text()


@given(pages(), pages())
def test_a_diff_with_itself_is_empty_and_marks_nothing(one, two):
    assert not one.diff(one)
    assert not any(e.new or e.changed for e in one.marked(one).elements)
    change = two.diff(one)
    assert set(change.added) == {e.id for e in two.elements} - {e.id for e in one.elements}


def test_relevant_lines_survive_wherever_they_stand():
    lines = [Line((f"filler number {n} of no interest",)) for n in range(50)]
    lines.append(Line(("the price is 42",)))
    text = Snapshot("u", "t", (), tuple(lines)).text(20, "what is the price?")
    assert "the price is 42" in text
