"""``agentkit research`` and ``agentkit critic``: answers from sources, and what says when they are enough."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .flags import Flags, with_flags

PRACTICE = "agentkit.evals.research.practice"
INDEX = "index"


class CriticKind(StrEnum):
    """What says that enough is known."""

    trained = "trained"
    prompted = "prompted"
    none = "none"


class Strategy(StrEnum):
    """How to search: planned; always the same two searches; not at all."""

    plan = "plan"
    two_step = "two_step"
    none = "none"


def research(
    question: Annotated[str, typer.Argument(help="What to find out.")],
    image: Annotated[
        list[Path] | None, typer.Option("--image", "-i", help="A picture that the question is about.")
    ] = None,
    index: Annotated[
        list[Path] | None,
        typer.Option(
            "--index",
            help="A local index to search; repeatable. Else AGENTKIT_INDEX, else ./index, if it is there.",
        ),
    ] = None,
    web: Annotated[bool, typer.Option("--web", help="Search the web, too.")] = False,
    critic: Annotated[CriticKind, typer.Option(help="What says that enough is known.")] = CriticKind.trained,
    critic_file: Annotated[
        Path | None, typer.Option("--critic-file", help="A critic of `agentkit critic train`.")
    ] = None,
    strategy: Annotated[Strategy, typer.Option(help="Plan the searches, or a baseline.")] = Strategy.plan,
    max_searches: Annotated[int, typer.Option("--max-searches", min=0, help="Most searches.")] = 8,
    *,
    flags: Flags,
) -> None:
    """Answer a question from sources, numbered in the answer; or say what is missing."""
    from ..errors import UsageError
    from .kinds import agent_class
    from .running import finish, run_agent

    for path in image or []:
        if not path.is_file():
            raise UsageError(f"there is no picture at {path}")
    sources = [f"index:{folder}" for folder in index or _default_index()]
    if web:
        sources.append("web")
    make: Any = agent_class("research")
    agent = make(
        sources=sources,
        critic=f"trained:{critic_file}" if critic_file else critic.value,
        strategy=strategy.value,
        max_searches=max_searches,
        settings=flags.settings(),
        answers=flags.answerers(),
    )
    images = [str(path) for path in image or []]
    finish(run_agent(agent, lambda: agent.arun(question, out=flags.out, images=images), flags), flags)


critic = typer.Typer(
    no_args_is_help=True, help="What says that a research agent knows enough: train one, measure one."
)


def train(
    items: Annotated[int, typer.Option("--items", min=6, help="Questions to practise on.")] = 150,
    practice: Annotated[
        Path | None,
        typer.Option("--practice", help="Where roll-outs are kept; practice that was stopped goes on."),
    ] = None,
    *,
    flags: Flags,
) -> None:
    """Practise on questions with known answers and fit a critic (SIM-RAG); ``--out`` is its file (critic.json)."""
    from .kinds import load_object

    out = flags.out or Path("critic.json")
    function: Any = load_object(f"{PRACTICE}:train")
    _show(function(flags.settings(), out, items=items, folder=practice, say=_say), flags)


def evaluate(
    critic_file: Annotated[
        Path | None, typer.Option("--critic-file", help="A stored critic; else the shipped one.")
    ] = None,
    items: Annotated[int, typer.Option("--items", min=6, help="Held-out questions.")] = 60,
    practice: Annotated[Path | None, typer.Option("--practice", help="Where roll-outs are kept.")] = None,
    *,
    flags: Flags,
) -> None:
    """Measure a critic on the drafts of held-out questions: AUROC with its interval."""
    from .kinds import load_object

    function: Any = load_object(f"{PRACTICE}:evaluate")
    work = function(flags.settings(), flags.out, items=items, critic=critic_file, folder=practice, say=_say)
    _show(work, flags)


critic.command("train")(with_flags(train))
critic.command("eval")(with_flags(evaluate))


def _default_index() -> list[Path]:
    import os

    folder = Path(os.environ.get("AGENTKIT_INDEX") or INDEX).expanduser()
    return [folder] if folder.is_dir() else []


def _say(line: str) -> None:
    from .terminal import note

    note(line, "dim")


def _show(work: Any, flags: Flags) -> None:
    from .evaluate import show_evaluation
    from .running import wait_for

    show_evaluation(wait_for(work), flags)
