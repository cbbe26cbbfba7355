"""Lines that a value model is tuned on, from real episodes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agentkit.agents.web import LookAhead
from agentkit.agents.web.lookahead import value_prompt
from agentkit.agents.web.lookahead.value import value_schema
from agentkit.agents.web.prompt import View
from agentkit.agents.web.state import Done
from agentkit.config import Settings
from agentkit.errors import UsageError
from agentkit.evals.miniwob.lookahead import Collecting, collect, roll_out
from agentkit.models import Model, Request, Scores
from agentkit.runtime.cast import Cast
from agentkit.tools.browser import Snapshot
from tests.agents.web.chooser import Chooser

SUBMIT = 'click button "Submit"'
SEED = 100_000


class Hopeful(Chooser):
    """Ranks by a list, and thinks well of pages whose field holds something."""

    async def _score(self, requests: list[Request], options: tuple[str, ...]) -> list[Scores]:  # type: ignore[override]
        if options != ("yes", "no"):
            return await super()._score(requests, options)
        odds = [
            2.0 if 'value="' in str(r.messages) and "(no task" not in str(r.messages) else 0.0
            for r in requests
        ]
        return [Scores(options, (value, 0.0), (1, 1)) for value in odds]


def lines(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()]


async def test_an_episode_gives_a_chat_for_each_step_and_is_not_played_twice(tmp_path) -> None:
    file, settings = tmp_path / "lines.jsonl", Settings.load(runs=tmp_path / "runs")
    model: Model = Hopeful('click textbox "tt"', SUBMIT)
    how = Collecting(memory="off", look=LookAhead(depth=1, width=4, budget=4))
    episodes = [("enter-text", SEED)]
    made = await roll_out(episodes, how, settings, file, cast=Cast(settings, model=model))
    first, last = found = lines(file)
    assert (made["lines"], made["failed"]) == (2, 0)
    assert [line["step"] for line in found] == [0, 1]

    # What looked likeliest was not what led on; the target is what the best page after it is worth.
    best = max(first["tries"], key=lambda tried: tried["value"])
    assert first["action"] == best["action"] != 'click textbox "tt"'
    assert first["target"] == pytest.approx(0.9 * best["value"], abs=1e-3)
    assert 'value="' in first["next_page"]
    assert first["reward"] is None
    # The episode ended with the last action, and its reward counts.
    assert (last["action"], last["reward"], last["target"]) == (SUBMIT, 1.0, 1.0)
    assert (first["return"], last["return"]) == (0.9, 1.0)

    for line in found:
        assert [message["role"] for message in line["messages"]] == ["system", "user", "assistant"]
        answer = json.loads(line["messages"][2]["content"])
        assert set(answer) == set(value_schema(imagine=True)["properties"])
        assert answer["value"] == round(100 * line["target"])
    done = Done(url="", page="", state="", words=first["action"], changed=True, result="", sent=False)
    task = last["messages"][1]["content"].split("Task: ")[1].split("\n")[0]
    view = View(task, Snapshot("", ""), history=[done], abstract=last["page"])
    asked = value_prompt(view, write=True, imagine=True)
    assert [m["content"] for m in last["messages"][:2]] == [m.text for m in asked]

    again = await roll_out(episodes, how, settings, file, cast=Cast(settings, model=Chooser()))
    assert (again["episodes"], again["lines"]) == (0, 0)
    # A line that was broken off is made again, and no other.
    file.write_text(file.read_text()[:-20])
    mended = await roll_out(episodes, how, settings, file, cast=Cast(settings, model=model))
    assert (mended["episodes"], mended["lines"]) == (1, 1)
    assert lines(file) == found


async def test_seeds_of_tuning_and_evaluation_are_not_collected_from(tmp_path) -> None:
    settings = Settings.load()
    for seeds in ("1-3", "10000", "99999-100001"):
        with pytest.raises(UsageError, match="tuning or evaluation"):
            await collect(settings, tmp_path / "x.jsonl", tasks="click-test", seeds=seeds)
    with pytest.raises(UsageError, match="where to"):
        await collect(settings, None, tasks="click-test", seeds="100000")
    with pytest.raises(UsageError, match="no actions to look ahead over"):
        replace(Collecting(), policy="experts")
