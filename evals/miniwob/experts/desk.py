"""What an expert works with: the task, the page as agentkit observes it, and what was done; and moves as candidates."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ....agents.web.candidates import Candidate
from ....agents.web.page import is_text_field, name_of
from ....agents.web.prompt import View
from ....agents.web.values import Value, typed
from ....tools.browser import Action, Element, Snapshot

SUBMITS = ("submit", "login", "ok", "go!", "search", "send")


class NotSaid(Exception):  # noqa: N818 - it says what is the matter
    """The task leaves out what the expert needs: no move, perhaps a question."""


@dataclass(frozen=True)
class Desk:
    """An expert's view. It has no other access to the page: no scripts, no hidden state.

    ``done`` are the words of the actions so far; ``pages`` the page's text before each of them.
    """

    task: str
    page: Snapshot
    done: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()

    @classmethod
    def of(cls, view: View) -> Desk:
        """Return the desk of a decision."""
        done = tuple(step["words"] for step in view.history)
        return cls(view.instruction, view.snapshot, done, tuple(step["page"] for step in view.history))

    # ---- what the task says ----

    @property
    def quoted(self) -> list[str]:
        return re.findall(r'"([^"]*)"', self.task)

    def quote(self, number: int = 0) -> str:
        """Return one of the quoted texts of the task. Raises ``NotSaid`` when there are fewer."""
        try:
            return self.quoted[number]
        except IndexError:
            raise NotSaid(f"nothing is quoted in {self.task!r}") from None

    def said(self, pattern: str, default: str | None = None) -> str:
        """Return the first group of a pattern in the task. Raises ``NotSaid`` without it and without a default."""
        match = re.search(pattern, self.task)
        if match is None and default is None:
            raise NotSaid(f"{self.task!r} does not say {pattern}")
        return match[1] if match else default or ""

    # ---- what the page shows ----

    @property
    def elements(self) -> tuple[Element, ...]:
        return self.page.elements

    @property
    def fields(self) -> list[Element]:
        """Fields for text that can be typed into."""
        return [e for e in self.elements if is_text_field(e)]

    @property
    def text(self) -> str:
        return self.page.text()

    def of_role(self, *roles: str) -> list[Element]:
        return [e for e in self.elements if e.role in roles]

    def named(self, name: str, *roles: str) -> Element | None:
        """Return the element of a name: written the same, else in other case, else without punctuation."""
        found = [e for e in self.elements if not roles or e.role in roles]
        for form in (str, str.lower, _bare):
            match = next((e for e in found if form(e.name) == form(name)), None)
            if match is not None:
                return match
        return None

    def where(self, test: Callable[[Element], bool]) -> Element | None:
        return next((e for e in self.elements if test(e)), None)

    def lines(self) -> Iterator[tuple[str, list[Element]]]:
        """Yield the words and the elements of each line."""
        for line in self.page.lines:
            yield line.words, [self.page.get(id) for id in line.ids]

    def after(self, line: str) -> list[Element]:
        """Return the elements that stand below the first line with these words in it, in reading order."""
        lines = list(self.lines())
        start = next((i for i, (words, _) in enumerate(lines) if line in words.split()), len(lines))
        return [element for _, elements in lines[start + 1 :] for element in elements]

    # ---- moves ----

    def click(self, element: Element | None) -> Candidate | None:
        return self._move("check" if element and element.role == "checkbox" else "click", element)

    def hover(self, element: Element | None) -> Candidate | None:
        return self._move("hover", element)

    def fill(self, element: Element | None, text: str) -> Candidate | None:
        """Type a text into a field in place of what it holds."""
        if element is None:
            return None
        words = f'type "{text}" into {name_of(self.page, element)}'
        action = Action.on(self.page, "fill", element.id, typed(Value(text), element.states))
        return Candidate(words, action, Value(text, "task" if text in self.task else "page"))

    def type(self, element: Element, text: str) -> Candidate:
        """Type a text key by key, after what a field holds."""
        words = f'type "{text}" into {name_of(self.page, element)}'
        return Candidate(words, Action.on(self.page, "type", element.id, text), Value(text, "model"))

    def key(self, key: str, element: Element | None) -> Candidate | None:
        if element is None:
            return None
        words = f"press {key} in {name_of(self.page, element)}"
        return Candidate(words, Action.on(self.page, "press", element.id, key))

    def select(self, element: Element, options: Sequence[str]) -> Candidate:
        """Choose options of a list."""
        words = " and ".join(f'"{option}"' for option in options)
        chosen = options[0] if len(options) == 1 else tuple(options)
        action = Action.on(self.page, "select_option", element.id, chosen)
        return Candidate(
            f"select {words} in {name_of(self.page, element)}",
            action,
            Value(", ".join(options), "task", "option"),
        )

    def submit(self) -> Candidate | None:
        """Press the button that sends: the one named so, else the last one."""
        boxes = [e for e in self.of_role("clickable") if e.name.lower() in SUBMITS]
        buttons = self.of_role("button") or boxes
        wanted = (e for name in SUBMITS for e in buttons if e.name.lower() == name)
        return self.click(next(wanted, buttons[-1] if buttons else None))

    def new(self, move: Candidate | None) -> Candidate | None:
        """Return a move that was not made yet, None for one that was."""
        return move if move and move.words not in self.done else None

    def _move(self, name: str, element: Element | None) -> Candidate | None:
        if element is None:
            return None
        return Candidate(f"{name} {name_of(self.page, element)}", Action.on(self.page, name, element.id))


Expert = Callable[[Desk], Candidate | None]


def _bare(text: str) -> str:
    return re.sub(r"[^\w]+", " ", text).strip().lower()
