"""Prompts of a page: dismissed and told, then answered by the user, or by the model when the task has the answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agentkit.agents.web import WebAgent
from agentkit.agents.web.candidates import Candidate
from agentkit.agents.web.dialogs import asked_in
from agentkit.contracts.result import Question, Result
from agentkit.runs.folder import RunFolder
from agentkit.runtime.ask import Callback
from agentkit.tools.browser import SessionConfig
from tests.results import output_of, run_of

from .chooser import Chooser
from .writer import Writer, id_of

CLICK, ANSWER = 'click button "Prompt"', 'type "Ada" into prompt "Your name?"'
TASK = 'Press Prompt, and give the name "Ada".'


class Person:
    """Answers by what stands in the question, and keeps the questions."""

    def __init__(self, **says: str) -> None:
        self.says, self.asked = says, list[Question]()

    def __call__(self, question: Question) -> str:
        self.asked.append(question)
        return next(says for word, says in self.says.items() if word in question.text)


def web(model: Any, browser: Any, person: Person, dialogs: Any = "dismiss", **more: Any) -> WebAgent:
    config = SessionConfig(dialogs=dialogs)
    agent = WebAgent(model, memory="off", browser=config, answers=[Callback(person)], **more)
    agent.browser = browser
    return agent


def last_page(result: Result) -> str:
    observed = [
        e for e in RunFolder.open(Path(run_of(result))).lines("events.jsonl") if e["kind"] == "observed"
    ]
    return observed[-1]["text"]


@pytest.mark.parametrize(("says", "named"), [("Ada", "named Ada"), ("I don't know", "named null")])
async def test_the_user_is_asked_for_the_answer_to_a_prompt(site, browser, says, named) -> None:
    person = Person(dialog=says)
    agent = web(Chooser("finish", CLICK), browser, person, "ask")
    result = await agent.arun("Press Prompt.", url=f"{site.url}/dialogs.html")
    # Whoever answered the page's question is not asked whether it may be answered.
    assert [question.text for question in person.asked] == [
        "The page asks in a dialog: 'Your name?'. What is the answer?"
    ]
    assert named in last_page(result)


async def test_a_model_that_ranks_answers_with_a_value_of_the_task(site, browser) -> None:
    person = Person(prompt="yes")
    agent = web(Chooser(ANSWER, "finish", CLICK), browser, person, "ask")
    result = await agent.arun(TASK, url=f"{site.url}/dialogs.html")
    assert [step["action"] for step in output_of(result)["steps"]] == [CLICK, ANSWER]
    assert "accepts a dialog" in (person.asked[0].why or "")
    assert len(person.asked) == 1
    assert "named Ada" in last_page(result)


@pytest.mark.parametrize("more", [{"approve": "deny"}, {"actions": ["click"]}])
async def test_an_answer_that_may_not_be_given_is_not_offered(site, browser, more) -> None:
    model = Chooser(ANSWER, "finish", CLICK)
    await web(model, browser, Person(), **more).arun(TASK, url=f"{site.url}/dialogs.html")
    assert not any(ANSWER in options for options in model.asked)


async def test_a_model_that_writes_is_told_of_the_prompt_and_answers_it(site, browser) -> None:
    replies = iter(["click", "answer_dialog", "finish"])

    def reply(prompt: str) -> Mapping[str, Any]:
        match next(replies):
            case "click":
                assert "answer_dialog" not in prompt
                return {"action": "click", "element": id_of(prompt, 'button "Prompt"')}
            case "answer_dialog":
                assert "prompt dialog: 'Your name?' (dismissed)" in prompt
                assert '{"action": "answer_dialog", "value":' in prompt
                return {"action": "answer_dialog", "value": "Your name"}
        return {"action": "finish", "answer": "done"}

    person = Person(prompt="yes")
    agent = web(Writer(reply), browser, person, policy="generate")
    result = await agent.arun(TASK, url=f"{site.url}/dialogs.html")
    # What it typed are the page's own words, and the question says so.
    assert "the page's" in (person.asked[0].why or "")
    assert "named Your name" in last_page(result)


def test_the_last_question_that_was_dismissed_counts() -> None:
    def told(*dialogs: str) -> str | None:
        found = asked_in(dialogs, Candidate(CLICK))
        return found and f"{found.kind}: {found.message}"

    assert told("alert dialog: 'x' (accepted)") is None
    assert told("prompt dialog: 'a' (dismissed)", 'confirm dialog: "b\'c" (dismissed)') == "confirm: b'c"
    assert told("prompt dialog: 'a' (dismissed)", "confirm dialog: 'b' (accepted)") == "prompt: a"
