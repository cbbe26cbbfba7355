"""Experts for tasks whose answer is read or computed from the page: tables, paragraphs, sums, a terminal."""

from __future__ import annotations

import re

from ....agents.web.candidates import Candidate
from .desk import Desk, Expert


def answer(desk: Desk, text: str) -> Candidate | None:
    """Type an answer into the field for it (the last one), then submit."""
    field = desk.fields[-1]
    return desk.submit() if field.value == text else desk.fill(field, text)


def read_table(desk: Desk) -> Candidate | None:
    """Look a value up in a table of two columns."""
    key = desk.said(r"the value of (.+) into")
    row = next(words for words, _ in desk.lines() if words.startswith(f"{key} | "))
    return answer(desk, row.split(" | ", 1)[1])


def find_word(desk: Desk) -> Candidate | None:
    """Count the words of the paragraph."""
    paragraph = " ".join(words for words, elements in desk.lines() if not elements)
    word = paragraph.split()[int(desk.said(r"(\d+)(?:st|nd|rd|th)")) - 1]
    return answer(desk, re.sub(r"\W", "", word))


def algebra(desk: Desk) -> Candidate | None:
    """Solve ``x + a = b``, ``x - a = b``, ``a + x = b`` or ``a - x = b``."""
    match = re.search(r"(x|\d+) ([-+]) (x|\d+) = (-?\d+)", desk.text)
    assert match is not None, desk.text
    left, sign, right, result = match.groups()
    if left == "x":
        value = int(result) - int(right) if sign == "+" else int(result) + int(right)
    else:
        value = int(result) - int(left) if sign == "+" else int(left) - int(result)
    return answer(desk, str(value))


def copy_distorted(desk: Desk) -> Candidate | None:
    """Type the distorted text: the only text of the page, be it the field's label."""
    words = "".join(words for words, _ in desk.lines()) or desk.fields[0].name
    return answer(desk, words.replace(" ", ""))


def copy_area(desk: Desk) -> Candidate | None:
    """Type what the text area of the task's number holds."""
    number = int(desk.said(r"(\d+)(?:st|nd|rd|th)"))
    return answer(desk, desk.fields[number - 1].value or "")


def terminal(desk: Desk) -> Candidate | None:
    """List the files, then remove one that ends as the task says."""
    field = desk.fields[-1]
    said = " ".join(
        " ".join((*(e.name for e in desk.elements), *(words for words, _ in desk.lines()))).split()
    )
    listed = re.search(r"\$ ls (.*?) user\$", said)
    ending = desk.said(r"extension (\.\S+)", "")
    if listed is None:
        command = "ls"
    else:
        fits = (name for name in listed[1].split() if (name.endswith(ending) if ending else "." not in name))
        command = f"rm {next(fits)}"
    # The terminal takes keys as they come: they show on its last line, not in the field.
    typed = said.rpartition("user$")[2].strip().startswith(command)
    return desk.key("Enter", field) if typed else desk.type(field, command)


def guess(desk: Desk) -> Candidate | None:
    """Halve what is left of the numbers, by what the page answered so far."""
    low, high = 0, 9
    for text in (*desk.pages, desk.text):
        for side, number in re.findall(r"(higher|lower) than (\d+)", text):
            low, high = (
                (max(low, int(number) + 1), high) if side == "higher" else (low, min(high, int(number) - 1))
            )
    number = str((low + high) // 2)
    field = desk.fields[0]
    return desk.submit() if field.value == number else desk.fill(field, number)


EXPERTS: dict[str, Expert] = {
    "copy-paste-2": copy_area,
    "find-word": find_word,
    "guess-number": guess,
    "read-table": read_table,
    "simple-algebra": algebra,
    "terminal": terminal,
    "text-transform": copy_distorted,
}
