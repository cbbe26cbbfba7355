"""A typed, documented function as a tool."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from pydantic import BaseModel

from agentkit.content import Box, Image, Picture, Text
from agentkit.errors import MissingExtra, ToolError, UsageError
from agentkit.toolset import ToolContext, outcome_data, outcome_parts, tool
from agentkit.toolset.docstring import read_docstring


class Guest(BaseModel):
    name: str
    title: str = ""


@tool
def book(
    room: Literal["red", "blue"], guests: list[Guest], nights: int = 1, context: ToolContext | None = None
) -> str:
    """Book a room.

    It costs money.

    Args:
        room: Which room,
            by its colour.
        guests (list): Who comes.

    Returns:
        A line.
    """
    names = ", ".join(f"{guest.title} {guest.name}".strip() for guest in guests)
    return f"{room} for {names}, {nights} nights, context {context is not None}"


@tool(read=True)
async def cut(image: Image, box: Box, others: list[Image] | None = None) -> dict:
    """Cut a region out of a picture."""
    return {"region": image.crop(box), "others": len(others or [])}


def picture(width: int = 40, height: int = 30) -> Image:
    return Image.of_pixels(Pillow.new("RGB", (width, height), "red"))


def test_spec_comes_from_signature_and_docstring():
    spec = book.spec
    assert (spec.name, spec.description) == ("book", "Book a room.\nIt costs money.")
    properties = spec.parameters["properties"]
    assert properties["room"] == {
        "enum": ["red", "blue"],
        "type": "string",
        "description": "Which room, by its colour.",
    }
    assert properties["guests"]["description"] == "Who comes."
    # "title" as a property's name stays, as a schema's decoration goes.
    assert set(spec.parameters["$defs"]["Guest"]["properties"]) == {"name", "title"}
    assert "title" not in spec.parameters
    assert "context" not in properties
    assert spec.parameters["required"] == ["room", "guests"]


async def test_arguments_are_validated_and_converted():
    said = await book.call({"room": "red", "guests": [{"name": "Ada", "title": "Dr"}]})
    assert said == "red for Dr Ada, 1 nights, context True"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"guests": []}, "room"),
        ({"room": "green", "guests": []}, "'red' or 'blue'"),
        ({"room": "red", "guests": [], "rooms": 2}, "rooms"),
        ({"room": "red", "guests": [], "context": {}}, "context"),
        ({"room": "red", "guests": "Ada"}, "guests"),
    ],
)
async def test_wrong_arguments_are_told_to_the_model(arguments, said):
    with pytest.raises(ToolError, match=said):
        await book.call(arguments)


async def test_pictures_go_in_and_out_by_digest():
    context = ToolContext()
    reference = context.keep(picture())
    outcome = await cut.call({"image": reference["image"][:12], "box": [1, 2, 11, 12]}, context)
    data = outcome_data(outcome, context)
    assert data["region"] == {"image": reference["image"], "box": [1, 2, 11, 12]}
    text, seen = outcome_parts(data, context, pictures=True)
    assert isinstance(text, Text)
    assert isinstance(seen, Picture)
    assert seen.image.size == (10, 10)
    assert text.trust == seen.trust == "untrusted"
    # The name in the text is one that the next call can use.
    name = text.text.split("picture ")[1].split('"')[0]
    again = await cut.call({"image": name, "box": [0, 0, 2, 2]}, context)
    assert again["region"].parent == outcome["region"].parent
    assert len(outcome_parts(data, context, pictures=False)) == 1


@pytest.mark.parametrize("name", ["", "nonsense", "abcdef123456", "../../etc/passwd", "abcdef@1,2"])
async def test_a_picture_that_is_not_there_is_a_tool_error(name):
    with pytest.raises(ToolError):
        await cut.call({"image": name, "box": [0, 0, 1, 1]}, ToolContext())


async def test_a_tool_stays_a_function():
    assert (await cut(picture(), Box(0, 0, 5, 5)))["others"] == 0


async def test_usage_errors_of_a_tool_reach_the_model_but_a_missing_library_does_not():
    @tool(read=True)
    def broken(kind: str) -> str:
        """Fail."""
        if kind == "usage":
            raise UsageError("no such thing")
        raise MissingExtra("chromadb", "memory")

    with pytest.raises(ToolError, match="no such thing"):
        await broken.call({"kind": "usage"})
    with pytest.raises(MissingExtra):
        await broken.call({"kind": "extra"})


def test_functions_that_can_not_be_tools():
    def untyped(x):
        """Say something."""

    def silent(x: int) -> int:
        return x

    def many(*names: str) -> str:
        """Say something."""
        return ""

    for function, said in ((untyped, "no type"), (silent, "no docstring"), (many, "by name")):
        with pytest.raises(UsageError, match=said):
            tool(function)


def test_reference_only_for_what_can_be_imported():
    from agentkit.tools.clock import now

    assert now.reference == "agentkit.tools.clock:now"

    @tool
    def local() -> str:
        """Say something."""
        return ""

    assert local.reference is None


STYLES = {
    "google": "Do it.\n\nArgs:\n    a: The first\n        of two.\n    b (int): The second: last.\n\nRaises:\n    X: no",
    "numpy": "Do it.\n\nParameters\n----------\na : int\n    The first\n    of two.\nb\n    The second: last.\n\nReturns\n-------\nint",
    "sphinx": "Do it.\n\n:param a: The first\n    of two.\n:param int b: The second: last.\n:returns: nothing",
}


@pytest.mark.parametrize("style", STYLES)
def test_docstring_styles(style):
    assert read_docstring(STYLES[style]) == ("Do it.", {"a": "The first of two.", "b": "The second: last."})


@given(st.text())
def test_any_docstring_can_be_read(text):
    description, arguments = read_docstring(text)
    assert isinstance(description, str)
    assert all(isinstance(value, str) for value in arguments.values())
