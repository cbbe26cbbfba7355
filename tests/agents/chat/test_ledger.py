"""Standing instructions: what enters the ledger, what ends, what holds when two conflict, and what a model is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.chat import ChatAgent
from agentkit.agents.chat.ledger import Ledger, sentences
from agentkit.agents.chat.prompt import edits_of, prompt_of
from agentkit.attention import Boost
from agentkit.config import Settings
from agentkit.content import Message, Text
from tests.agents.chat.test_chat import events, scores, script
from tests.results import output_of

GERMAN, FRENCH = "Always answer in German.", "From now on, answer in French."


def live(*turns: str) -> list[str]:
    return [item.text for item in Ledger.of(turns).live]


@pytest.mark.parametrize(
    ("turns", "holds"),
    [
        ([GERMAN], [GERMAN]),
        ([GERMAN, "Hello.", "What is red?"], [GERMAN]),
        ([GERMAN, FRENCH], [FRENCH]),
        ([GERMAN, "Never use the word 'cat'. Thanks!"], [GERMAN, "Never use the word 'cat'."]),
        (["Never use the word 'cat'.", "You can use the word 'cat' again."], []),
        (["End every answer with 'Bye'.", "Stop ending your answers with 'Bye'."], []),
        (["Write all your answers in capital letters.", "You no longer have to write in capitals."], []),
        ([GERMAN, "End every answer with 'Bye'.", "Forget the last rule."], [GERMAN]),
        ([GERMAN, "End every answer with 'Bye'.", "Forget all my instructions."], []),
        ([GERMAN, "Stop it, please."], [GERMAN]),
        (["Mention the word 'lemon' in all replies.", "No need to mention the word 'lemon' any longer."], []),
        # What is told, asked, quoted or limited does not stand.
        (["I always forget my keys.", "Do you always answer in German?", "My dog never barks."], []),
        (["> Always answer in German.\nWhat does this mean?"], []),
        (["```\nnever use commas in your answers.\n```"], []),
        (["Answer in German, please."], []),
        (["Just this once, answer in French.", "Hello."], []),
    ],
)
def test_what_holds(turns, holds):
    assert live(*turns) == holds


def test_of_two_that_conflict_the_later_holds_and_it_is_said_why():
    ledger = Ledger.of([GERMAN, "Hi.", FRENCH])
    (conflict,) = ledger.conflicts
    assert (conflict.earlier.turn, conflict.later.turn) == (1, 3)
    assert GERMAN in conflict.text
    assert "because it was said later" in conflict.text
    # It is said in the turn that brings it, not again.
    assert Ledger.of([GERMAN, FRENCH, "Hi."]).conflicts == ()


def test_what_is_limited_to_a_turn_holds_there_and_the_earlier_one_after_it():
    once = "Just this once, answer in French."
    ledger = Ledger.of([GERMAN, once])
    assert [item.text for item in ledger.live] == [once]
    assert "for this turn alone" in ledger.conflicts[0].text
    assert live(GERMAN, once, "And now?") == [GERMAN]
    assert live(GERMAN, once, "Hi.", FRENCH) == [FRENCH]


@given(
    st.lists(
        st.text(max_size=80) | st.sampled_from([GERMAN, FRENCH, "Stop that.", "Never say no."]), max_size=8
    )
)
def test_only_sentences_of_the_user_are_in_it_each_matter_once(turns):
    ledger = Ledger.of(turns)
    said = {sentence for turn in turns for sentence in sentences(turn)}
    assert {item.text for item in ledger.live} <= said
    matters = [item.about for item in ledger.live]
    assert len(matters) == len(set(matters))
    assert all(1 <= item.turn <= len(turns) for item in ledger.live)


def test_what_holds_stands_in_the_first_message_and_can_be_boosted():
    ledger = Ledger.of([GERMAN, "Who are you?"])
    question = Message.user(Text("Who are you?", "query"))
    past = [Message.user(Text("Old. " * 500, "query")), Message.assistant("Yes.")]
    prompt = prompt_of("Be kind.", past, question, ledger, 100)
    assert [part.label for part in prompt[0].parts if isinstance(part, Text)] == ["system", "instruction"]
    assert prompt[0].text == f"Be kind.\nKeep to what I asked for before: {GERMAN}"
    assert prompt[-1] == question
    model = script()
    assert edits_of(model, ledger, 5.0) == [Boost("instruction", 5.0)]
    assert edits_of(model, Ledger(), 5.0) == edits_of(model, ledger, None) == []


async def test_a_chat_keeps_to_it_and_says_what_conflicts(tmp_path):
    settings = Settings.load(runs=tmp_path / "runs")
    turns = [GERMAN, FRENCH, "Who are you?"]
    model = script(
        *(line for _ in turns for line in (*scores("answer"), {"text": FRENCH + " Always say no."}))
    )
    agent = ChatAgent(decide=model, memory=tmp_path, boost=3.0, settings=settings)
    results = [await agent.arun(turn, conversation="one") for turn in turns]
    notes = [[event["text"] for event in events(result, "note")] for result in results]
    assert [sum("because it was said later" in note for note in some) for some in notes] == [0, 1, 0]
    # What the model said is no instruction, though it reads like one.
    assert [item["text"] for item in output_of(results[2])["standing"]["live"]] == [FRENCH]
    called = events(results[2], "model_called")[-1]
    assert called["prompt"][0]["parts"][-1] == {
        "text": f"Keep to what I asked for before: {FRENCH}",
        "label": "instruction",
        "trust": "trusted",
    }
    assert called["edits"] == [
        {"edit": "reweight", "span": "instruction", "factor": 3.0, "layers": None, "heads": None}
    ]


async def test_a_turn_that_is_long_past_still_holds(tmp_path):
    settings = Settings.load(runs=tmp_path / "runs")
    agent = ChatAgent(decide=script(*scores("answer"), {"text": "Ja."}), memory=tmp_path, settings=settings)
    for number in range(130):
        text = GERMAN if number == 0 else f"Turn {number}."
        agent.conversations.add(
            "long", f"run{number}", [Message.user(Text(text, "query")), Message.assistant("So.")]
        )
    result = await agent.arun("Hi.", conversation="long")
    assert output_of(result)["standing"]["live"] == [{"text": GERMAN, "turn": 1, "about": "the language"}]
