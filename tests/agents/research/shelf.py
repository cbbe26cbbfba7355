"""A small source for tests: a shelf of texts and pictures, found by words and by looks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from agentkit.agents.research.words import content
from agentkit.content import Image
from agentkit.errors import ToolError
from agentkit.tools.retrieval import Capability, Passage, Query


class Shelf:
    """Okapi BM25 over texts and captions (k1 1.2, b 0.75), and the mean difference of small pictures."""

    capabilities: frozenset[Capability] = frozenset({"text->text", "text->image", "image->image"})

    def __init__(self, passages: Iterable[Passage], name: str = "shelf", down: bool = False) -> None:
        self.name, self.down = name, down
        self.passages = list(passages)
        self.queries: list[Query] = []
        self._words = [Counter(content(f"{p.title} {p.text}")) for p in self.passages]
        self._in = Counter(word for words in self._words for word in words)
        self._mean = sum(sum(words.values()) for words in self._words) / max(len(self._words), 1)
        self._thumbs = {p.id: thumb(Image.open(Path(p.picture))) for p in self.passages if p.picture}

    async def search(self, query: Query, k: int = 5) -> list[Passage]:
        self.queries.append(query)
        if self.down:
            raise ToolError(f"{self.name} is down")
        found = (
            self._like(query.image) if query.image else self._about(query.text or "", query.want == "image")
        )
        found.sort(key=lambda item: -item[0])
        return [passage.model_copy(update={"score": score}) for score, passage in found[:k] if score > 0]

    def _about(self, text: str, pictures: bool) -> list[tuple[float, Passage]]:
        wanted = content(text)
        return [
            (sum(self._weight(word, words) for word in wanted), passage)
            for passage, words in zip(self.passages, self._words, strict=True)
            if passage.is_picture == pictures
        ]

    def _weight(self, word: str, words: Counter[str]) -> float:
        count, n = words[word], self._in[word]
        idf = math.log(1 + (len(self.passages) - n + 0.5) / (n + 0.5))
        return idf * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * sum(words.values()) / self._mean))

    def _like(self, image: Image) -> list[tuple[float, Passage]]:
        mine = thumb(image)
        return [
            (1 - sum(abs(a - b) for a, b in zip(mine, self._thumbs[p.id], strict=True)) / len(mine) / 255, p)
            for p in self.passages
            if p.id in self._thumbs
        ]


def thumb(image: Image) -> bytes:
    return image.pixels.resize((16, 16)).tobytes()
