"""A cleaned page as a tree, and what is left of it around some candidates (state abstraction)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

ID = "backend_node_id"
_VOID = "area base br col embed hr img input link meta source track wbr"
VOID = frozenset(_VOID.split())
# The attributes that say what an element is (those that Mind2Web keeps).
_SALIENT = (
    "alt aria_description aria_label aria-description aria-label aria_role input_checked input_value label name "
    "option_selected placeholder readonly role text_value title type value"
)
SALIENT = frozenset(_SALIENT.split())
DEPTH, MOST_BELOW, SIBLINGS = 5, 50, 3
ATTRIBUTE_WORDS, LONGEST_WORD, NODE_WORDS, TEXT_WORDS = 5, 15, 20, 20


@dataclass(eq=False)
class Node:
    """An element with its children, or a piece of text (``tag`` is empty)."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    text: str = ""
    parent: Node | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        return self.attributes.get(ID, "")

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it, in the page's order."""
        stack: list[Node] = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))

    def words(self) -> str:
        """Return all text at and below this node."""
        return " ".join(node.text for node in self.walk() if node.text)


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("root")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = self._put(Node(tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._put(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        for depth in range(len(self._open) - 1, 0, -1):
            if self._open[depth].tag == tag:
                del self._open[depth:]
                return

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text:
            self._put(Node("", text=text))

    def _put(self, node: Node) -> Node:
        node.parent = self._open[-1]
        self._open[-1].children.append(node)
        return node


def parse(html: str) -> Node:
    """Return the tree of a page; elements that are never closed end with their parents."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    return builder.root


def abstracted(root: Node, ids: Collection[str]) -> Node:
    """Return a copy of the tree with only what explains the candidates ``ids``.

    (Synapse section 3.1 and MindAct's pruning.) Kept: each candidate with its ancestors, up to 50 elements below it
    to a depth of 5, and 3 siblings on either side. Elements without a salient attribute that hold one thing alone
    are collapsed. Attributes keep 5 words of under 15 characters, an element 20 words of attributes, a text 20 words;
    only candidates keep their id.
    """
    keep: set[int] = set()
    for node in root.walk():
        if node.id and node.id in ids:
            _keep_around(node, keep)
    return _copy(root, keep, ids) or Node("root")


def _keep_around(node: Node, keep: set[int]) -> None:
    above: Node | None = node
    while above is not None:
        keep.add(id(above))
        above = above.parent
    level, count = [node], 0
    for _ in range(DEPTH):
        level = [child for parent in level for child in parent.children]
        for child in level:
            count += bool(child.tag)
            if count <= MOST_BELOW:
                keep.add(id(child))
    if node.parent is not None:
        siblings = node.parent.children
        at = next(index for index, sibling in enumerate(siblings) if sibling is node)
        for sibling in siblings[max(0, at - SIBLINGS) : at + SIBLINGS + 1]:
            keep.add(id(sibling))
            keep.update(id(child) for child in sibling.children if not child.tag)


def _copy(node: Node, keep: set[int], ids: Collection[str]) -> Node | None:
    """Return what is kept of a node, collapsed; None when nothing is. From the leaves up: pages can be deep."""
    made: dict[int, Node | None] = {}
    for current in reversed(list(node.walk())):
        if id(current) not in keep:
            made[id(current)] = None
            continue
        below = [copy for child in current.children if (copy := made[id(child)]) is not None]
        made[id(current)] = _collapsed(current, below, ids)
    return made[id(node)]


def _collapsed(node: Node, below: list[Node], ids: Collection[str]) -> Node | None:
    if not node.tag:
        return Node("", text=" ".join(node.text.split()[:TEXT_WORDS]))
    attributes = _attributes(node)
    candidate = node.id in ids and bool(node.id)
    if candidate:
        attributes[ID] = node.id
    if node.tag != "root" and not attributes and not candidate:
        if not below:
            return None
        if len(below) == 1:
            return below[0]
    return Node(node.tag, attributes, below)


def _attributes(node: Node) -> dict[str, str]:
    left, found = NODE_WORDS, {}
    for name, value in node.attributes.items():
        if name not in SALIENT:
            continue
        words = [word for word in re.split(r"\s+", value) if 0 < len(word) < LONGEST_WORD]
        words = words[: min(ATTRIBUTE_WORDS, left)]
        if words:
            found[name] = " ".join(words)
            left -= len(words)
    return found
