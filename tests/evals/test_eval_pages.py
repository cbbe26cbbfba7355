"""Pages with words at known places, and what is counted on them."""

from __future__ import annotations

import pytest

from agentkit.content import Box
from agentkit.evals.pages import Word, found, letters, make_page, run_page, summary
from agentkit.tools.vision import TextLine

pytest.importorskip("skimage")


def test_a_page_is_repeatable_and_its_words_lie_apart_inside_it():
    page, words = make_page(10_001, (1800, 1200))
    again, same = make_page(10_001, (1800, 1200))
    assert page.tobytes() == again.tobytes()
    assert words == same
    assert len(words) > 20
    assert all(word.box.clip(Box(0, 0, *page.size)) == word.box for word in words)
    assert all(a.box.intersection(b.box) == 0 for i, a in enumerate(words) for b in words[:i])
    assert min(word.size for word in words) < 14 < 48 < max(word.size for word in words)


def test_a_word_is_found_by_its_letters_at_its_place():
    words = [Word("Gate", Box(10, 10, 50, 20), 12), Word("B7", Box(60, 10, 80, 20), 12)]
    assert found(words, [TextLine("gate-b 7", Box(8, 8, 82, 22), 0.9)]) == [True, True]
    assert found(words, [TextLine("Gate B7", Box(8, 108, 82, 122), 0.9)]) == [False, False]
    assert found(words, [TextLine("Gale", Box(8, 8, 52, 22), 0.9)]) == [False, False]
    assert letters("Ａb-7 é") == "ab7é"


def test_tiles_find_what_one_pass_misses():
    pytest.importorskip("rapidocr")
    row = run_page(10_002, (3000, 900))
    numbers = summary([row])
    assert numbers["missed by one pass, found"].n >= 5
    assert numbers["missed by one pass, found"].mean >= 0.9
    assert numbers["all words, tiles"].mean > numbers["all words, one pass"].mean
    assert row["looks"] + row["blank"] == row["tiles"]
    assert row["twice"] == 0
