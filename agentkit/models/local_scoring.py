"""Likelihoods of given replies: prompts are encoded once, all options are one tree of tokens in one pass.

An option is scored as the assistant's whole reply: its own tokens, encoded by themselves, right after the start of
the assistant's turn, and then the token that ends the turn. The end counts, so that an option that begins another
one ("no", "not visible"; "click 1", "click 12") is not favoured for being shorter.

Options that begin alike share nodes of the tree; every node attends to the prompt and to its own ancestors, so
nothing is padded and the keys and values of the prompt are never copied per option.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from .local_course import Course, Merge, shapes
from .local_engine import Cancelled, Engine, Job
from .local_prefixes import common_prefix

# Logits of a pass are (batch, nodes, vocabulary): about 200 MB for 1,024 rows of 49,152.
MAX_ROWS = 1024
# Tokens of a batch of prompts: more brings no speed on a CPU, and its keys and values take memory.
MAX_BATCH_TOKENS = 4096


@dataclass
class Tree:
    """Options as a tree of tokens. Node -1 is the end of the prompt."""

    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    _children: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, ids: Sequence[int]) -> list[int]:
        """Add an option; return the nodes of all its tokens but the last, which is only predicted."""
        path, node = [], -1
        for depth, token in enumerate(ids[:-1]):
            child = self._children.get((node, token))
            if child is None:
                child = len(self.tokens)
                self._children[(node, token)] = child
                self.tokens.append(token)
                self.parents.append(node)
                self.depths.append(depth)
            path.append(child)
            node = child
        return path

    def sees(self) -> torch.Tensor:
        """Return (nodes, nodes): True where a node attends to another (its ancestors and itself)."""
        result = torch.zeros(len(self.tokens), len(self.tokens), dtype=torch.bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                result[node] = result[parent]
            result[node, node] = True
        return result


def score(
    engine: Engine,
    jobs: Sequence[Job],
    options: Sequence[Sequence[int]],
    cancelled: Callable[[], bool] = lambda: False,
    merge: Merge | None = None,
) -> list[list[float]]:
    """Return per prompt the summed natural log-probability of each option (token ids, the end included).

    With ``merge`` the jobs are variants of one prompt, and there is one result. Raises ``Cancelled`` between two passes once ``cancelled`` says so.
    """
    engine.check(jobs, max(len(ids) for ids in options) - 1)
    results: list[list[float]] = [[] for _ in jobs[: 1 if merge else None]]
    for batch in batches(jobs) if merge is None else [list(range(len(jobs)))]:
        if cancelled():
            raise Cancelled
        course = Course(engine, [jobs[index] for index in batch], merge)
        first = course.logits.log_softmax(-1)
        for group in _groups(options, max(1, MAX_ROWS // len(batch))):
            if cancelled():
                raise Cancelled
            tree = Tree()
            paths = [tree.add(ids) for ids in group]
            after = _branch(course, tree)
            for ids, path in zip(group, paths, strict=True):
                total = first[:, ids[0]].double()
                for node, token in zip(path, ids[1:], strict=True):
                    total = total + after[:, node, token].double()
                for index, value in zip(batch if merge is None else [0], total.tolist(), strict=True):
                    results[index].append(value)
    return results


def batches(jobs: Sequence[Job]) -> list[list[int]]:
    """Return the indices of prompts in batches: alike in length, in the same picture shapes, within the limit.

    Prompts of which most is the same go one by one: a kept prefix then saves more than a batch does.
    """
    if len(jobs) > 1 and _mostly_shared(jobs):
        return [[index] for index in range(len(jobs))]
    order = sorted(range(len(jobs)), key=lambda index: (shapes(jobs[index]), len(jobs[index].prompt)))
    result: list[list[int]] = []
    for index in order:
        last = result[-1] if result else []
        fits = (
            last
            and shapes(jobs[last[0]]) == shapes(jobs[index])
            and (len(last) + 1) * len(jobs[index].prompt) <= MAX_BATCH_TOKENS
        )
        if fits:
            last.append(index)
        else:
            result.append([index])
    return result


def _branch(course: Course, tree: Tree) -> torch.Tensor:
    if not tree.tokens:
        return torch.zeros(course.logits.shape[0], 0, course.logits.shape[1])
    logits = course.branch(torch.tensor(tree.tokens), torch.tensor(tree.depths), tree.sees())
    return logits.log_softmax(-1)


def _groups(options: Sequence[Sequence[int]], limit: int) -> list[list[Sequence[int]]]:
    """Return the options in order, in groups of at most ``limit`` tokens (an option longer than it is alone)."""
    result: list[list[Sequence[int]]] = []
    size = 0
    for ids in options:
        if not result or size + len(ids) > limit:
            result.append([])
            size = 0
        result[-1].append(ids)
        size += len(ids)
    return result


def _mostly_shared(jobs: Sequence[Job]) -> bool:
    if any(job.prompt.inputs for job in jobs):
        return False
    first = jobs[0].prompt.ids
    shared = min(common_prefix(first, job.prompt.ids) for job in jobs[1:])
    return 2 * shared > max(len(job.prompt) for job in jobs)
