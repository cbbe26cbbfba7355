"""The published files as data: Mind2Web samples, MT-Mind2Web conversations, Navi-plus questions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentkit.errors import UsageError

from .scores import Ranks

OPERATIONS = ("CLICK", "TYPE", "SELECT")


@dataclass(frozen=True)
class Operation:
    """What is done to an element: ``CLICK``, ``TYPE`` or ``SELECT``, with its value."""

    op: str
    value: str = ""


@dataclass(frozen=True)
class Candidate:
    """An element: its backend node id and its rank by a candidate generator (0 is best; None: not ranked)."""

    id: str
    rank: int | None = None


@dataclass(frozen=True)
class FollowUp:
    """A question that the ambiguous task leaves open at a step, and the user's answer (ASK and SAY of Navi-plus)."""

    question: str
    answer: str


@dataclass(frozen=True)
class Step:
    """One annotated action: the cleaned page, what was done, the elements that are right and those that are not."""

    uid: str
    html: str
    operation: Operation
    positives: tuple[Candidate, ...]
    negatives: tuple[Candidate, ...]
    words: str = ""
    follow_up: FollowUp | None = None

    def reachable(self, top: int) -> bool:
        """Say whether a right element is among the ``top`` ranked; unranked files reach all."""
        return any(c.rank is None or c.rank < top for c in self.positives)

    def shown(self, top: int) -> tuple[Candidate, ...]:
        """Return the candidates of an observation: the first positive and the ``top - 1`` best ranked negatives.

        (Synapse.) The first positive is shown whenever any positive is reachable, even if itself it is ranked
        lower (a quirk, kept); where none is, the best ranked negatives are.
        """
        ranked = [c for c in self.negatives if c.rank is None or c.rank < top]
        best = sorted(ranked, key=lambda c: -1 if c.rank is None else c.rank)
        return (self.positives[0], *best[: top - 1]) if self.reachable(top) else tuple(best[:top])


@dataclass(frozen=True)
class Sample:
    """A task on a site with its steps. ``clear`` is the whole task, where ``task`` was made ambiguous."""

    id: str
    website: str
    domain: str
    subdomain: str
    task: str
    steps: tuple[Step, ...]
    clear: str = ""

    @property
    def specifier(self) -> str:
        """The text that the exemplar memory of Synapse embeds: website, domain, subdomain, task."""
        place = f"Website: {self.website}\nDomain: {self.domain}\nSubdomain: {self.subdomain}"
        return f"{place}\nTask: {self.task}"


@dataclass(frozen=True)
class Conversation:
    """Turns on one site (MT-Mind2Web); a Mind2Web sample is a conversation of one turn."""

    id: str
    turns: tuple[Sample, ...]


def load(path: Path, ranks: Ranks | None = None) -> list[Conversation]:
    """Return the conversations of a file or of the ``*.json`` and ``*.jsonl`` files of a folder, by layout.

    Mind2Web: a list of samples (``annotation_id``, ``website``, ``confirmed_task``, ``action_reprs``, ``actions``
    with ``action_uid``, ``cleaned_html``, ``operation``, ``pos_candidates``, ``neg_candidates``). MT-Mind2Web: a list
    of conversations (``task_id``, ``website``, ..., ``turns``, each like a sample). Navi-plus: a Mind2Web sample with
    ``ambiguous_task`` and ``follow_ups`` (``step`` from 0, ``question``, ``answer``); these names are agentkit's own,
    since the authors' files were not at hand. ``ranks`` come from the file of a candidate generator; ranks in the
    file (``rank`` of a candidate) are used where it has none. Raises ``UsageError`` that names file and item.
    """
    files = _files(path)
    found = [
        _conversation(item, f"{file}: item {number}", ranks)
        for file in files
        for number, item in enumerate(_items(file))
    ]
    if not found:
        raise UsageError(f"{path} holds no sample", mend="a file or folder in Mind2Web's format")
    return found


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UsageError(f"there is no file or folder {path}", mend="--data: Mind2Web's JSON files")
    return sorted(file for file in path.rglob("*") if file.suffix in (".json", ".jsonl"))


def _items(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        text = file.read_text("utf-8")
        if file.suffix == ".jsonl":
            data = [json.loads(line) for line in text.split("\n") if line.strip()]
        else:
            data = json.loads(text)
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} can't be read: {error}") from error
    if not isinstance(data, list):
        raise UsageError(f"{file} holds no list of samples")
    yield from data


def _conversation(item: Mapping[str, Any], where: str, ranks: Ranks | None) -> Conversation:
    try:
        if "turns" in item:
            site = {key: item[key] for key in ("website", "domain", "subdomain")}
            turns = [_sample({**site, **turn}, ranks) for turn in item["turns"]]
            return Conversation(str(item["task_id"]), tuple(turns))
        sample = _sample(item, ranks)
        return Conversation(sample.id, (sample,))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(f"{where} is not in a known layout: {type(error).__name__}: {error}") from error


def _sample(item: Mapping[str, Any], ranks: Ranks | None) -> Sample:
    id, reprs = str(item["annotation_id"]), list(item["action_reprs"])
    steps = [_step(action, words, id, ranks) for action, words in zip(item["actions"], reprs, strict=True)]
    for follow_up in item.get("follow_ups", ()):
        number = int(follow_up["step"])
        asked = FollowUp(follow_up["question"], follow_up["answer"])
        steps[number] = replace(steps[number], follow_up=asked)
    clear = str(item["confirmed_task"])
    return Sample(
        id,
        str(item["website"]),
        str(item["domain"]),
        str(item["subdomain"]),
        str(item.get("ambiguous_task") or clear),
        tuple(steps),
        clear,
    )


def _step(action: Mapping[str, Any], words: str, sample: str, ranks: Ranks | None) -> Step:
    operation = Operation(str(action["operation"]["op"]), str(action["operation"].get("value") or ""))
    if operation.op not in OPERATIONS:
        raise ValueError(f"there is no operation {operation.op!r}")
    uid = str(action["action_uid"])
    of = {} if ranks is None else ranks.of(f"{sample}_{uid}")
    return Step(
        uid,
        str(action["cleaned_html"]),
        operation,
        _candidates(action["pos_candidates"], of),
        _candidates(action["neg_candidates"], of),
        words,
    )


def _candidates(items: Iterable[Any], ranks: Mapping[str, int]) -> tuple[Candidate, ...]:
    # The release on the Hub holds each candidate as JSON text.
    data = [json.loads(item) if isinstance(item, str) else item for item in items]
    return tuple(
        Candidate(str(item["backend_node_id"]), ranks.get(str(item["backend_node_id"]), item.get("rank")))
        for item in data
    )
