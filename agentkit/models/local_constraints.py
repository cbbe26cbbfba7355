"""Replies that follow a JSON Schema by construction: llguidance masks the tokens that can't come next."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import MissingExtra, ModelError, UsageError

# Compact JSON: a small model that may write any whitespace writes nothing else.
LAYOUT: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class Grammar:
    """llguidance's view of one tokenizer; makes the constraint of a reply."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    @classmethod
    def of(cls, tokenizer: Any, vocabulary: int, ends: Sequence[int]) -> Grammar | None:
        """Return the grammar of a tokenizer, None when llguidance can't map its tokens to bytes.

        Raises ``MissingExtra`` without llguidance.
        """
        try:
            from llguidance.hf import from_tokenizer
        except ImportError as error:
            raise MissingExtra("llguidance", "local") from error
        try:
            return cls(from_tokenizer(tokenizer, n_vocab=vocabulary, eos_token=list(ends)))
        except ValueError:
            return None

    def constraint(self, schema: Mapping[str, Any]) -> Constraint:
        """Return a fresh constraint. Raises ``UsageError`` for a schema that llguidance can't follow."""
        from llguidance import LLMatcher

        grammar = ""
        try:
            grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), defaults=LAYOUT)
            wrong = LLMatcher.validate_grammar(grammar, self._tokenizer)
        except ValueError as error:
            wrong = str(error)
        if wrong:
            raise UsageError(f"the JSON schema can't be followed: {wrong.strip().splitlines()[0]}")
        return Constraint(LLMatcher(self._tokenizer, grammar))


class Constraint:
    """The state of one reply."""

    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher

    def allowed(self, vocabulary: int) -> np.ndarray:
        """Return which tokens may come next, a boolean array (vocabulary)."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        allowed = np.zeros(vocabulary, dtype=bool)
        unpacked = np.unpackbits(bits, bitorder="little")[:vocabulary].astype(bool)
        allowed[: len(unpacked)] = unpacked
        if not allowed.any():
            raise ModelError(f"no token can follow the schema here: {self._matcher.get_error()}")
        return allowed

    def take(self, token: int) -> None:
        """Move on by a chosen token."""
        if not self._matcher.consume_token(token):
            raise ModelError(f"a token broke the schema: {self._matcher.get_error()}")

    @property
    def done(self) -> bool:
        """Whether the reply is complete and nothing can follow."""
        return bool(self._matcher.is_stopped())
