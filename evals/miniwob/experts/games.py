"""The expert for tic-tac-toe: it plays for the best chance to win against a careless opponent."""

from __future__ import annotations

from functools import cache

from ....agents.web.candidates import Candidate
from .desk import Desk, Expert

LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
# How often the opponent is taken to move at random; else it completes or blocks a line where there is one.
CARELESS = 0.55


def tic_tac_toe(desk: Desk) -> Candidate | None:
    """Play X in the place with the best chance; a draw is no win."""
    cells = [e for e in desk.elements if e.role == "clickable"][:9]
    marks = {"mark x": "x", "mark o": "o"}
    board = "".join(marks.get(cell.name, ".") for cell in cells)
    free = [place for place, mark in enumerate(board) if mark == "."]
    return desk.click(cells[max(free, key=lambda place: _after(board, place))])


def _put(board: str, place: int, mark: str) -> str:
    return board[:place] + mark + board[place + 1 :]


def _wins(board: str, mark: str) -> bool:
    return any(all(board[place] == mark for place in line) for line in LINES)


@cache
def _after(board: str, place: int) -> float:
    """Return the chance to win once X is put in a place."""
    board = _put(board, place, "x")
    if _wins(board, "x"):
        return 1.0
    free = [i for i, mark in enumerate(board) if mark == "."]
    if not free:
        return 0.0
    random = sum(_best(_put(board, i, "o")) for i in free) / len(free)
    clever = [i for i in free if _wins(_put(board, i, "o"), "o")] or [
        i for i in free if _wins(_put(board, i, "x"), "x")
    ]
    if not clever:
        return random
    return CARELESS * random + (1 - CARELESS) * sum(_best(_put(board, i, "o")) for i in clever) / len(clever)


def _best(board: str) -> float:
    """Return the best chance of X, whose turn it is."""
    free = [i for i, mark in enumerate(board) if mark == "."]
    if _wins(board, "o") or not free:
        return 0.0
    return max(_after(board, i) for i in free)


EXPERTS: dict[str, Expert] = {"tic-tac-toe": tic_tac_toe}
