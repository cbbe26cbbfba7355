"""Scores of answers and of rankings, as the papers define them."""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
}
_CONTRACTIONS = {
    "arent": "aren't", "cant": "can't", "couldnt": "couldn't", "didnt": "didn't", "doesnt": "doesn't", "dont": "don't",
    "hadnt": "hadn't", "hasnt": "hasn't", "havent": "haven't", "hes": "he's", "im": "i'm", "isnt": "isn't",
    "its": "it's", "shes": "she's", "shouldnt": "shouldn't", "thats": "that's", "theres": "there's",
    "theyre": "they're", "wasnt": "wasn't", "werent": "weren't", "whats": "what's", "wont": "won't",
    "wouldnt": "wouldn't", "youre": "you're",
}  # fmt: skip


def normal(text: str) -> str:
    """Return a text in SQuAD's normal form: lower case, no punctuation, no articles, single spaces."""
    plain = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", plain).split())


def exact(answer: str, golds: Sequence[str]) -> float:
    """Return 1 when the answer is one of the gold answers (EM of SQuAD, as SIM-RAG and MMSearch-R1 use it), else 0."""
    return float(any(normal(answer) == normal(gold) for gold in golds))


def f1(answer: str, golds: Sequence[str]) -> float:
    """Return the token F1 of SQuAD, best over the gold answers."""
    return max((_f1(normal(answer).split(), normal(gold).split()) for gold in golds), default=0.0)


def f1_recall(answer: str, golds: Sequence[str]) -> float:
    """Return Dyn-VQA's "token F1-Recall": the share of the gold answer's tokens that the answer holds, best over golds.

    (OmniSearch, arXiv 2411.02937, published code.) The prediction is cleaned as for VQA: punctuation, number words,
    articles, contractions; the gold answer is only split into lower-case tokens without punctuation. That quirk is
    kept: a gold answer "two" is never matched. Chinese text is split into characters, not by jieba.
    """
    said = Counter(_tokens(_vqa(answer)))
    best = 0.0
    for gold in golds:
        wanted = Counter(_tokens(gold))
        if wanted and said:
            best = max(best, sum((wanted & said).values()) / sum(wanted.values()))
    return best


def recall_at(found: Sequence[str], wanted: Sequence[str], k: int) -> float:
    """Return the share of the wanted documents among the first ``k`` found; 1 when none is wanted."""
    if not wanted:
        return 1.0
    return len(set(found[:k]) & set(wanted)) / len(set(wanted))


def ndcg_at(found: Sequence[str], wanted: Sequence[str], k: int) -> float:
    """Return the normalised discounted cumulative gain of the first ``k``, every wanted document worth 1."""
    if not wanted:
        return 1.0
    first = list(dict.fromkeys(found))[:k]
    gain = sum(1 / math.log2(rank + 2) for rank, name in enumerate(first) if name in set(wanted))
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(len(set(wanted)), k)))
    return gain / ideal


def auroc(scores: Sequence[float], right: Sequence[bool]) -> float:
    """Return the area under the ROC curve: how often a right one scores above a wrong one, ties counting half.

    0.5 when there is only one kind.
    """
    good = [score for score, is_right in zip(scores, right, strict=True) if is_right]
    bad = [score for score, is_right in zip(scores, right, strict=True) if not is_right]
    if not good or not bad:
        return 0.5
    wins = sum((a > b) + 0.5 * (a == b) for a in good for b in bad)
    return wins / (len(good) * len(bad))


def _f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    common = sum((Counter(said) & Counter(wanted)).values())
    if not common:
        return 0.0
    precision, recall = common / len(said), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def _vqa(text: str) -> str:
    """Return a prediction as the VQA evaluation cleans it."""
    text = text.lower().replace("\n", " ").replace("\t", " ").strip()
    # Commas inside of numbers go, other punctuation becomes a space, full stops stay in decimals only.
    text = re.sub(r"(?<=\d),(?=\d)", "", text)
    text = re.sub(r"(?<!\d)\.(?!\d)|[;/\[\]\"{}()=+\\_\-><@`,?!:]", " ", text)
    words = [_NUMBERS.get(word, word) for word in text.split() if word not in ("a", "an", "the")]
    return " ".join(_CONTRACTIONS.get(word, word) for word in words)


def _tokens(text: str) -> list[str]:
    """Return lower-case tokens without punctuation; each Chinese character is one."""
    return re.findall(r"[\u4e00-\u9fff]|[^\W_\u4e00-\u9fff]+(?:[.'][^\W_\u4e00-\u9fff]+)*", text.lower())
