"""Facts that a small model may know: capitals, colours of things, opposites."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """A question with its answer, the statement that ends with the answer, and the kind it is of."""

    kind: str
    question: str
    statement: str
    answer: str

    def say(self, answer: str) -> str:
        """Return the statement with an answer, right or not."""
        return f"{self.statement} {answer}."


CAPITALS = {
    "France": "Paris",
    "Italy": "Rome",
    "Spain": "Madrid",
    "Germany": "Berlin",
    "England": "London",
    "Russia": "Moscow",
    "Japan": "Tokyo",
    "China": "Beijing",
    "Egypt": "Cairo",
    "Greece": "Athens",
    "Portugal": "Lisbon",
    "Austria": "Vienna",
    "Ireland": "Dublin",
    "Sweden": "Stockholm",
    "Norway": "Oslo",
    "Denmark": "Copenhagen",
    "Poland": "Warsaw",
    "Hungary": "Budapest",
    "Cuba": "Havana",
    "Peru": "Lima",
    "Kenya": "Nairobi",
    "Canada": "Ottawa",
    "South Korea": "Seoul",
    "Thailand": "Bangkok",
}
COLOURS = {
    "fresh snow": "white",
    "grass in spring": "green",
    "a ripe tomato": "red",
    "a ripe lemon": "yellow",
    "coal": "black",
    "a clear sky at noon": "blue",
    "milk": "white",
    "a ripe banana": "yellow",
    "a fire engine": "red",
    "chocolate": "brown",
    "a flamingo": "pink",
    "a carrot": "orange",
    "a raven": "black",
    "blood": "red",
    "spinach": "green",
    "a lime": "green",
}
OPPOSITES = {
    "hot": "cold",
    "big": "small",
    "day": "night",
    "up": "down",
    "open": "closed",
    "rich": "poor",
    "fast": "slow",
    "happy": "sad",
    "hard": "soft",
    "old": "young",
    "full": "empty",
    "light": "dark",
    "wet": "dry",
    "left": "right",
    "strong": "weak",
    "early": "late",
    "loud": "quiet",
    "love": "hate",
    "war": "peace",
    "before": "after",
}

FACTS: tuple[Fact, ...] = (
    *(
        Fact("capital", f"What is the capital of {country}?", f"The capital of {country} is", city)
        for country, city in CAPITALS.items()
    ),
    *(
        Fact("colour", f"What is the colour of {thing}?", f"The colour of {thing} is", colour)
        for thing, colour in COLOURS.items()
    ),
    *(
        Fact("opposite", f"What is the opposite of {word}?", f"The opposite of {word} is", other)
        for word, other in OPPOSITES.items()
    ),
)


def answers_of(kind: str) -> list[str]:
    """Return the different answers of a kind of fact, in order of the alphabet."""
    return sorted({fact.answer for fact in FACTS if fact.kind == kind})
