"""Calculations: a small grammar of its own, so that nothing a model or a page wrote is ever executed."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from fractions import Fraction

from agentkit.errors import ToolError

# Longer expressions and larger powers are no question about facts.
LONGEST = 200
LARGEST_POWER = 64
_OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
}
_WORDS = (
    (r"\bpercent of\b|% of\b", "/100*"),
    (r"\bmultiplied by\b|\btimes\b|×", "*"),
    (r"\bdivided by\b|÷", "/"),
    (r"\bplus\b|\badded to\b", "+"),
    (r"\bminus\b|\bless\b|−", "-"),
)
_EXPRESSION = re.compile(r"[\d(][\d\s.,()*/+%-]*[\d)]")


def calculate(expression: str) -> str:
    """Return the value of an expression of numbers, ``+ - * / // % **`` and brackets.

    Exact where the value is whole or a short decimal, else rounded to six digits. Raises ``ToolError`` that says what
    is wrong.
    """
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", expression.strip())
    if len(text) > LONGEST:
        raise ToolError(f"the calculation is longer than {LONGEST} characters")
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ToolError(f"{expression!r} is no calculation") from error
    try:
        value = _value(tree.body)
    except ZeroDivisionError as error:
        raise ToolError(f"{expression!r} divides by zero") from error
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.6g}"


def expression_of(question: str) -> str | None:
    """Return the calculation that a question spells out (``What is 17 times (3 + 4)?``), None when there is none."""
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", question)
    for pattern, sign in _WORDS:
        text = re.sub(pattern, sign, text, flags=re.IGNORECASE)
    found = [
        match.strip() for match in _EXPRESSION.findall(text) if re.search(r"\d[\s)]*[*/+%-]\s*[(\d]", match)
    ]
    if not found:
        return None
    longest = max(found, key=len)
    # A date (2010-03-01), a range or a telephone number is no calculation.
    return None if re.fullmatch(r"\d+(-\d+)+|[\d/]+/\d{4}", longest) else longest


def possible(question: str) -> list[str]:
    """Return the calculations with two of the numbers of a question, in its order."""
    numbers = re.findall(r"\d+(?:\.\d+)?", re.sub(r"(?<=\d),(?=\d{3}\b)", "", question))
    pairs = [(a, b) for i, a in enumerate(numbers) for b in numbers[i + 1 :]]
    return [f"{a} {sign} {b}" for a, b in pairs for sign in "*+-/"]


def number(text: str) -> Fraction | None:
    """Return the first number of a text, None when it holds none."""
    match = re.search(r"-?\d[\d,]*(?:\.\d+)?", text)
    return None if match is None else Fraction(match[0].replace(",", ""))


def _value(node: ast.expr) -> Fraction:
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    ):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _value(node.operand)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        base, power = _value(node.left), _value(node.right)
        if power.denominator != 1 or abs(power) > LARGEST_POWER or abs(base) > 10**9:
            raise ToolError("this power is too large to calculate")
        return Fraction(base ** int(power))
    raise ToolError("a calculation holds numbers, + - * / // % ** and brackets only")
