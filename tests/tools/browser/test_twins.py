"""Elements of the same role and name are told apart by what they stand with."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.web.page import name_of
from agentkit.tools.browser import Element, Line, Snapshot


def page(*lines: list[str]) -> Snapshot:
    """A page of lines: ``[Like]`` is a button, all else is text."""
    elements: list[Element] = []
    found = []
    for line in lines:
        parts: list[str | tuple[str]] = []
        for part in line:
            if part.startswith("["):
                elements.append(Element(f"e{len(elements) + 1}", "button", part.strip("[]"), "button"))
                parts.append((elements[-1].id,))
            else:
                parts.append(part)
        found.append(Line(tuple(parts)))
    return Snapshot("http://x.test/", "", tuple(elements), tuple(found))


def names(snapshot: Snapshot) -> list[str]:
    return [name_of(snapshot, element) for element in snapshot.elements]


def test_a_button_of_a_row_is_named_with_what_the_row_is_called() -> None:
    posts = page(
        ["All posts", "[Search]"],
        *(
            line
            for who in ("Ada @ada", "Bob @bob")
            for line in ([who, "3h"], [f"{who} wrote."], ["[Reply]", "[Like]"])
        ),
        ["[Submit]"],
    )
    assert names(posts) == [
        'button "Search"',
        'button "Reply" of "Ada @ada"',
        'button "Like" of "Ada @ada"',
        'button "Reply" of "Bob @bob"',
        'button "Like" of "Bob @bob"',
        'button "Submit"',
    ]


def test_rows_of_one_name_are_counted_apart() -> None:
    rows = [line for who in ("Ada", "Bob", "Ada") for line in ([who], ["[Like]"])]
    assert names(page(*rows)) == [
        'button "Like" of "Ada" (1)',
        'button "Like" of "Bob"',
        'button "Like" of "Ada" (2)',
    ]


def test_without_texts_of_their_own_there_is_only_a_number() -> None:
    assert names(page(["[Ok]", "[Ok]"])) == ['button "Ok" (1)', 'button "Ok" (2)']
    far = [["[Ok]"], *([f"line {number}"] for number in range(20)), ["[Ok]"]]
    assert names(page(*far)) == ['button "Ok" (1)', 'button "Ok" (2)']


PARTS = st.sampled_from(["[Like]", "[Reply]", "[]", "Ada", "Bob", "3h", "-", "a longer text of the page"])


@given(st.lists(st.lists(PARTS, max_size=4), max_size=12))
def test_no_two_elements_have_the_same_name(lines: list[list[str]]) -> None:
    found = names(page(*lines))
    assert len(set(found)) == len(found)
