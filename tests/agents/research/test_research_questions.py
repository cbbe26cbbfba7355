"""Chains of sub-questions by grammar, calculations, sentences, versions of a fact."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.research.arithmetic import calculate, expression_of
from agentkit.agents.research.bridging import bridges, crossed
from agentkit.agents.research.progress import progress
from agentkit.agents.research.questions import Part, comparison, first_part, put, split, statements
from agentkit.agents.research.spans import best_sentences, fits, kind_of, names_of, spans
from agentkit.agents.research.standing import standing
from agentkit.agents.research.state import Action, Finding
from agentkit.agents.research.versions import pick, versions
from agentkit.agents.research.words import coverage, plain, sentences
from agentkit.errors import ToolError
from agentkit.tools.retrieval import Passage


def unrolled(question: str, answers: list[str], *, pictures: bool = False) -> list[str]:
    """Return the sub-questions of a question, each with the answers before it put in."""
    asked = []
    for answer in answers:
        part = first_part(question, pictures=pictures)
        asked.append(part.ask)
        if part.span is None:
            break
        question = put(question, part.span, answer)
    return asked


@pytest.mark.parametrize(
    ("question", "answers", "asked"),
    [
        (
            "What is the calling code of the country whose capital is Lima?",
            ["Peru", "+51"],
            ["Which country has the capital Lima?", "What is the calling code of Peru?"],
        ),
        (
            "What is the area of the only country that borders the country whose capital is Lisbon?",
            ["Portugal", "Spain", "505,992"],
            [
                "Which country has the capital Lisbon?",
                "Which country borders Portugal?",
                "What is the area of Spain?",
            ],
        ),
        (
            "What is the capital of the country where francium was discovered?",
            ["France", "Paris"],
            ["In which country was francium discovered?", "What is the capital of France?"],
        ),
        (
            "How many runways does the airport with the code LAX have?",
            ["Los Angeles", "4"],
            ["Which airport has the code LAX?", "How many runways does Los Angeles have?"],
        ),
        (
            "What is the area of the country bordering Portugal?",
            ["Spain", "505,992"],
            ["Which country is bordering Portugal?", "What is the area of Spain?"],
        ),
        (
            "What is the symbol of the element discovered by Davy?",
            ["Potassium", "K"],
            ["Which element was discovered by Davy?", "What is the symbol of Potassium?"],
        ),
        ("What is the country whose capital is Lima?", ["Peru"], ["Which country has the capital Lima?"]),
        # A participle that is the question's own verb, or no clause of a noun.
        (
            "When was the element discovered in England?",
            ["1807"],
            ["When was the element discovered in England?"],
        ),
        (
            "What is the power made from coal in Iowa?",
            ["35"],
            ["What is the power made from coal in Iowa?"],
        ),
        ("Who wrote Hamlet?", ["William Shakespeare"], ["Who wrote Hamlet?"]),
    ],
)
def test_a_question_unrolls_from_its_end(question: str, answers: list[str], asked: list[str]) -> None:
    assert unrolled(question, answers) == asked


def test_what_a_picture_shows_is_searched_for_with_the_picture() -> None:
    part = first_part("What is the capital of the country with this flag?", pictures=True)
    assert part == Part("Which country has this flag?", "the country with this flag", "picture")
    assert first_part("What is shown in this picture?", pictures=True).need == "picture"
    building = first_part("Who designed the building in this picture?", pictures=True)
    assert (building.need, building.span) == ("picture", "the building in this picture")
    # Without a picture "this" means nothing that could be looked at.
    assert first_part("Who designed the building in this picture?", pictures=False).need == "text"


def walked(task: str, answers: list[str], *, pictures: bool = False) -> list[str]:
    """Return what is asked one after another, each answered before the next; then the draft answer."""
    found: list[Finding] = []
    asked: list[str] = []
    for answer in answers:
        made = progress(task, found, pictures=pictures)
        asked.append(made.parts[0].ask)
        action = Action(id=f"{len(found)}.0", kind="text", ask=made.parts[0].ask)
        found.append(Finding(action=action, round=1, answer=answer, covers=1.0))
    made = progress(task, found, pictures=pictures)
    assert not made.parts
    return [*asked, made.draft or ""]


def test_what_the_task_only_spoke_of_is_found_out_first() -> None:
    task = "The country whose capital is Lisbon has one neighbour only. What is the neighbour's area?"
    assert walked(task, ["Portugal", "Spain", "505,992"]) == [
        "Which country has the capital Lisbon?",
        "Portugal has which neighbour?",
        "What is Spain's area?",
        "505,992",
    ]
    assert walked("Lima is the capital of a country. What is that country's code?", ["Peru", "+51"]) == [
        "Lima is the capital of which country?",
        "What is Peru's code?",
        "+51",
    ]
    # What is told is not only spoken of.
    assert walked("The code of A is 1. What is the code of A?", ["1"])[0] == "What is the code of A?"


def test_a_pronoun_stands_for_the_picture_or_the_clause_before_it() -> None:
    task = "I found this flag. Which currency code does its country have?"
    assert walked(task, ["Belize", "BZD"], pictures=True) == [
        "Which flag is this?",
        "Which currency code does the country of Belize have?",
        "BZD",
    ]
    task = "Take the country whose capital is Lima: what is its area?"
    assert walked(task, ["Peru", "5"])[:2] == [
        "Which country has the capital Lima?",
        "What is the area of Peru?",
    ]
    # The picture itself answers.
    assert first_part("Which country has this flag?", pictures=True) == Part(
        "Which country has this flag?", None, "picture"
    )


def test_words_that_no_text_covers_are_asked_of_what_was_found() -> None:
    shelf = [
        passage("The capital of Peru is Lima. Peru lies in South America.", title="Peru (geography)"),
        passage("The currency code of Chad is XAF.", title="Chad"),
    ]
    task = "In Lima, which currency is paid with?"
    first = Finding(
        action=Action(id="1.0", kind="text", ask=task), round=1, answer="XAF", covers=0.4, passages=shelf
    )
    bridge = bridges(first)[0]
    assert (bridge.over, bridge.pivot) == ("Peru", "The capital of Peru is Lima.")
    assert crossed(first, [first]) is None
    action = Action(id="2.0", kind="text", ask=bridge.ask)
    quote = "The currency of Peru, paid with everywhere, is the sol."
    second = Finding(action=action, round=2, answer="sol", quote=quote, covers=1.0)
    made = progress(task, [first, second], pictures=False)
    assert [finding.answer for finding in made.chain] == ["Peru", "sol"]
    assert made.draft == "sol"
    # What says nothing of the open words is no answer over the bridge.
    other = second.model_copy(update={"quote": "Peru has 31 million people."})
    assert crossed(first, [first, other]) is None
    # A finding that covers its question needs none.
    assert bridges(first.model_copy(update={"covers": 1.0})) == []


def test_two_questions_in_one_are_two() -> None:
    task = "Who designed the building in this picture, and when was its architect born?"
    assert split(task) == ["Who designed the building in this picture?", "When was its architect born?"]
    told, asked = statements("The code of A is 1. What is the code of A?")
    assert (told, asked) == (["The code of A is 1."], ["What is the code of A?"])


def test_a_comparison_is_two_questions_side_by_side() -> None:
    found = comparison("Which country has the larger area, France or Spain?")
    assert found is not None
    assert found.asks == ("What is the area of France?", "What is the area of Spain?")
    assert not found.less
    for other in (
        "Is the area of France or that of Spain larger?",
        "Which of France and Spain has the larger area?",
        "Between France and Spain, which one has the larger area?",
        "Does France or Spain have the larger area?",
    ):
        assert comparison(other) == found, other
    assert comparison("What is the area of France?") is None


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> tuple[str, Fraction | None]:
    """Return an expression and its value; None where it divides by zero."""
    if depth == 0 or draw(st.booleans()):
        number = draw(st.integers(0, 999))
        return str(number), Fraction(number)
    left, a = draw(expressions(depth=depth - 1))
    right, b = draw(expressions(depth=depth - 1))
    sign = draw(st.sampled_from("+-*/"))
    text = f"({left}) {sign} ({right})"
    if a is None or b is None or (sign == "/" and b == 0):
        return text, None
    return text, {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else a}[sign]


@given(expressions())
def test_calculations_are_exact(made: tuple[str, Fraction | None]) -> None:
    text, value = made
    if len(text) > 200:
        with pytest.raises(ToolError, match="longer"):
            calculate(text)
    elif value is None:
        with pytest.raises(ToolError, match="zero"):
            calculate(text)
    elif value.denominator == 1:
        assert calculate(text) == str(value.numerator)
    else:
        assert float(calculate(text)) == pytest.approx(float(value), rel=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "open('x')",
        "2**9**9",
        "10**9999",
        "x + 1",
        "'a' * 9",
        "1 if 1 else 2",
        "True + 1",
        "",
    ],
)
def test_only_numbers_are_calculated(text: str) -> None:
    with pytest.raises(ToolError):
        calculate(text)


def test_spelled_out_calculations_are_found() -> None:
    spelled = expression_of("What is 15 percent of 1,840?")
    assert spelled is not None
    assert calculate(spelled) == "276"
    assert expression_of("What is 17 times (3 + 4)?") == "17 * (3 + 4)"
    assert expression_of("What was the price on 2010-03-01?") is None
    assert expression_of("Which of the 3 museums has 4 floors?") is None


def test_sentences_end_where_they_end() -> None:
    text = "It was found by E.M. McMillan in 1940. U.S. Steel bought it. Its price is 3.5 dollars."
    assert sentences(text) == [
        "It was found by E.M. McMillan in 1940.",
        "U.S. Steel bought it.",
        "Its price is 3.5 dollars.",
    ]


def test_the_sentence_that_covers_the_question_comes_first() -> None:
    passages = [
        ("Chile", "The capital of Chile is Santiago."),
        ("Peru", "The capital of Peru is Lima. It borders Chile."),
    ]
    assert best_sentences("What is the capital of Peru?", passages)[0].text == "The capital of Peru is Lima."
    # "It" is what the title names.
    borders = best_sentences("Which country borders Chile, as Peru does?", passages)
    assert borders[0].text == "It borders Chile."


def test_spans_are_names_numbers_codes_and_what_is_said() -> None:
    found = spans(
        "What is the code of Peru?", ["The calling code of Peru is +51 and its domain is .pe since 1991."]
    )
    assert {"+51", ".pe", "1991"} <= set(found)
    assert "Peru" not in found
    assert fits("How many people live there?", "1,200") == 1.0
    assert fits("Who found it?", "1,200") == 0.0


def test_a_name_that_the_question_says_too_may_be_the_answer_where_it_is_said_again() -> None:
    said = ["The capital of San Marino is City of San Marino."]
    assert "San Marino" in spans("Which country has the capital City of San Marino?", said)
    assert spans("What is the capital of Peru?", ["The capital of Peru is Lima."]) == ["Lima"]
    # A list that has what is asked about among its items is never the answer.
    listed = spans("Which country borders Lesotho?", ["South Africa: It borders Botswana, Lesotho, Namibia."])
    assert "South Africa" in listed
    assert not any("," in span for span in listed)


@pytest.mark.parametrize(
    ("question", "sentence", "better", "worse"),
    [
        ("How many horsepower does the Fury have?", "The Fury has 70 horsepower, 4 cylinders.", "70", "4"),
        ("In which city is CHS?", "CHS is the airport of Springs in the state AK.", "Springs", "AK"),
        ("Who discovered it?", "It was discovered by Ann Ray in France.", "Ann Ray", "France"),
        ("Which country borders Chad?", "Niger: It borders Benin, Chad, Mali.", "Niger", "Benin"),
        ("What is shown in this picture?", "A picture of a bottle with cork.", "bottle with cork", "bottle"),
    ],
)
def test_the_place_of_a_span_speaks_for_it(question: str, sentence: str, better: str, worse: str) -> None:
    assert standing(question, better, sentence) > standing(question, worse, sentence)


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=60))
def test_standing_is_a_small_number_for_any_text(question: str, span: str, sentence: str) -> None:
    assert -4.0 <= standing(question, span, sentence) <= 5.0
    assert all(span in sentence and len(span.split()) <= 9 for span in spans(question, [sentence]))


def test_kinds_and_names_of_questions() -> None:
    assert kind_of("Which calling code does Peru have?") == "code"
    assert kind_of("Portugal has which neighbour?") == "neighbour"
    assert kind_of("What is the capital of Peru?") is None
    assert names_of("Portugal has which neighbour?") == ["Portugal"]
    assert names_of("Tell me the capital of Peru.") == ["Peru"]


@given(st.text(max_size=80), st.text(max_size=80))
def test_coverage_is_a_share_and_plain_is_stable(asked: str, text: str) -> None:
    assert 0.0 <= coverage(asked, text) <= 1.0
    assert coverage(asked, asked) == 1.0
    assert plain(plain(text)) == plain(text)


def passage(text: str, date: str | None = None, title: str = "A") -> Passage:
    return Passage(id=text, source="s", text=text, title=title, date=date)


def test_the_newest_version_of_a_fact_wins_and_a_date_in_the_question_decides() -> None:
    found = [
        passage("On 2008-01-01, the price of one share was 11.5 dollars."),
        passage("On 2010-03-01, the price of one share was 28.8 dollars."),
    ]
    said = versions("11.5", found[0].text, found)
    assert [(one.answer, one.date) for one in said] == [("11.5", "2008-01-01"), ("28.8", "2010-03-01")]
    newest = pick("What is the latest price of one share?", said)
    assert newest is not None
    assert newest.answer == "28.8"
    dated = pick("What was the price of one share on 2008-01-01?", said)
    assert dated is not None
    assert dated.answer == "11.5"


def test_undated_sources_that_disagree_are_not_decided_between() -> None:
    found = [passage("The mayor of Lima is Ana Ruiz."), passage("The mayor of Lima is Jose Diaz.")]
    said = versions("Ana Ruiz", found[0].text, found)
    assert len(said) == 2
    assert pick("Who is the mayor of Lima?", said) is None


def test_it_is_one_thing_in_one_text() -> None:
    found = [passage("It borders Chile.", title="Peru"), passage("It borders Spain.", title="France")]
    assert [one.answer for one in versions("Chile", "It borders Chile.", found)] == ["Chile"]
