"""Every sentence of an answer carries a source or is marked, whatever the chain behind it and whatever a model writes."""

from __future__ import annotations

import asyncio
import json

from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.research.answer import MARKS, Written, compose, refuse, write
from agentkit.agents.research.state import Action, Finding, Origin
from agentkit.contracts.script import ScriptLine
from agentkit.models.script import ScriptModel
from agentkit.tools.retrieval import Passage

WORDS = st.text("abcdefgh XYZ.?12", min_size=1, max_size=40).filter(lambda text: bool(text.strip(" .?")))
ORIGINS: list[Origin] = ["source", "computed", "given", "own", "user", "look"]


@st.composite
def chains(draw: st.DrawFn) -> list[Finding]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        origin = draw(st.sampled_from(ORIGINS))
        quote = draw(WORDS)
        passage = Passage(
            id=f"p{draw(st.integers(0, 2))}", source="s", text=quote, title="T", document="d.txt"
        )
        found.append(
            Finding(
                action=Action(id=f"1.{number}", kind="text", ask=draw(WORDS)),
                round=1,
                origin=origin,
                answer=draw(WORDS),
                quote=quote,
                passage=passage if origin == "source" else None,
                image="0" * 64 if origin == "look" else None,
            )
        )
    return found


def holds(written: Written) -> None:
    for line in written.sentences:
        assert bool(line["sources"]) != bool(line["mark"]), line
        assert all(1 <= number <= len(written.evidence) for number in line["sources"])
        assert line["mark"] is None or line["mark"] in MARKS.values()
        said = "".join(f"[{number}]" for number in line["sources"]) or line["mark"]
        assert f"{line['text']} {said}" in written.text


@given(chains())
def test_quoted_answers_and_refusals_say_where_each_sentence_is_from(chain: list[Finding]) -> None:
    holds(compose(chain[-1].answer or "", chain))
    holds(refuse("What?", ["What?"], chain, chain))


@given(chains(), st.lists(st.tuples(WORDS, st.lists(st.integers(-2, 9), max_size=4)), min_size=1, max_size=4))
def test_what_a_model_writes_is_borne_out_or_marked(
    chain: list[Finding], said: list[tuple[str, list[int]]]
) -> None:
    lines = [{"text": text, "notes": notes} for text, notes in said]
    model = ScriptModel([ScriptLine(text=json.dumps({"sentences": lines}))], "script:test")
    written = asyncio.run(write(model, "What?", "x", chain))
    holds(written)
    # Numbers of notes that are not there bring no source.
    if all(not 1 <= number <= len(chain) for _, notes in said for number in notes):
        assert not any(line["sources"] for line in written.sentences)
