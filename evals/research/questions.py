"""Questions over the corpus, each with the chain of sub-questions, answers and documents that leads to its answer.

A seed is a question. Every thirty seeds in a row hold the same mixture: ten need a picture, six have no answer in the
corpus, six need no search, two have stale and fresh versions of a fact, the others have one to three hops.
Seeds below 10,000 ask about held-out entities, all others about the rest, and half of them in wordings that no other
seed has: they were written when the planner's grammar was finished, and it was not changed for them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

import numpy as np

from agentkit.content import Image

from . import corpus
from .material import (
    Country,
    Element,
    airports,
    cars,
    countries,
    elements,
    is_held_out,
    reports,
    things,
)

Kind: TypeAlias = Literal["text", "image", "compute"]
EVALUATION = 10_000
T = TypeVar("T")


@dataclass(frozen=True)
class Hop:
    """One step of a gold chain. ``after``: the hops (by number) whose answers its question needs."""

    ask: str
    answer: str
    documents: tuple[str, ...]
    kind: Kind = "text"
    after: tuple[int, ...] = ()


@dataclass(frozen=True)
class Item:
    """A question. No ``answers``: nothing in the corpus tells, and ``missing`` is a word for what is missing."""

    seed: int
    family: str
    question: str
    answers: tuple[str, ...] = ()
    hops: tuple[Hop, ...] = ()
    missing: str | None = None
    picture: Image | None = field(default=None, repr=False)
    as_of: str | None = None
    new_wording: bool = False

    @property
    def answerable(self) -> bool:
        return bool(self.answers)

    @property
    def searches(self) -> int:
        """How many searches would be enough."""
        return sum(1 for hop in self.hops if hop.kind != "compute")

    @property
    def documents(self) -> tuple[str, ...]:
        """The documents of the chain, in order."""
        return tuple(dict.fromkeys(name for hop in self.hops for name in hop.documents))


@dataclass(frozen=True)
class Fact:
    """Something to ask of a country: the words of the question, and its value."""

    words: str
    value: Callable[[Country], str]
    document: Callable[[str], str]
    unit: str = ""


FACTS = (
    Fact("capital", lambda c: c.capital, corpus.place_id),
    Fact("population", lambda c: f"{c.population:,}", corpus.people_id),
    Fact("currency code", lambda c: c.currency, corpus.people_id),
    Fact("calling code", lambda c: c.calling, corpus.people_id),
    Fact("internet domain", lambda c: c.domain, corpus.people_id),
    Fact("area", lambda c: f"{c.area:,}", corpus.place_id, "square kilometres"),
)
# Countries of novels and films; every second one is for evaluation.
INVENTED = (
    "Ruritania", "Zubrowka", "Latveria", "Genovia", "Elbonia", "Syldavia", "Borduria",
    "Freedonia", "Wakanda", "Sokovia", "Krakozhia", "Graustark", "Florin", "Guilder",
    "Panem", "Gilead", "Zamunda", "Vulgaria", "Orsinia", "Aldovia",
)  # fmt: skip


def make(seed: int) -> Item:
    """Return the question of a seed."""
    return SLOTS[seed % len(SLOTS)](Draw(seed))


class Draw:
    """Random choices of one seed, among the entities that its range of seeds may ask about."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._rng = np.random.default_rng(seed)

    def one(self, items: Sequence[T]) -> T:
        return items[int(self._rng.integers(len(items)))]

    def number(self, low: int, high: int) -> int:
        return int(self._rng.integers(low, high))

    def worded(self, known: Sequence[str], new: Sequence[str]) -> tuple[str, bool]:
        """Return a wording, and whether it is one of the new; those are for half of the evaluation's questions."""
        if self.seed < EVALUATION and self.number(0, 2):
            return self.one(new), True
        return self.one(known), False

    def mine(self, items: Sequence[T], name: Callable[[T], str]) -> list[T]:
        return [item for item in items if is_held_out(name(item)) == (self.seed < EVALUATION)]

    def country(self, fits: Callable[[Country], bool] = lambda _: True) -> Country:
        return self.one([c for c in self.mine(countries(), lambda c: c.name) if fits(c)])

    def element(self, fits: Callable[[Element], bool] = lambda _: True) -> Element:
        return self.one([e for e in self.mine(elements(), lambda e: e.name) if fits(e)])

    def picture(self, path: object) -> Image:
        """Return a picture as somebody else would have it: another size, brightness and encoding."""
        from PIL import Image as Pillow
        from PIL import ImageEnhance

        with Pillow.open(str(path)) as opened:
            rgba = opened.convert("RGBA")
        white = Pillow.new("RGBA", rgba.size, (255, 255, 255, 255))
        side = self.number(56, 120)
        flat = Pillow.alpha_composite(white, rgba).convert("RGB").resize((side, side))
        lit = ImageEnhance.Brightness(flat).enhance(0.9 + 0.2 * float(self._rng.random()))
        data = io.BytesIO()
        lit.save(data, "JPEG", quality=self.number(60, 92))
        return Image.open(data.getvalue())


# Families.


def arithmetic(draw: Draw) -> Item:
    """No search: a calculation."""
    a, b, c = draw.number(12, 99), draw.number(12, 99), draw.number(2, 9)
    text, value = draw.one(
        [
            (f"What is {a} times {b}?", a * b),
            (f"What is ({a} + {b}) * {c}?", (a + b) * c),
            (f"How much do {c} tickets cost if one ticket costs {a} euros?", a * c),
            (f"What is {a} plus {b} minus {c}?", a + b - c),
        ]
    )
    hop = Hop(text, str(value), (), "compute")
    return Item(draw.seed, "no search: arithmetic", text, _ways(str(value)), (hop,))


def given(draw: Draw) -> Item:
    """No search: the question itself says it."""
    first, second = draw.country(), draw.country()
    while second.name == first.name:
        second = draw.country()
    fact = draw.one(FACTS)
    text = (
        f"The {fact.words} of {first.name} is {fact.value(first)}, and the {fact.words} of {second.name} is "
        f"{fact.value(second)}. What is the {fact.words} of {second.name}?"
    )
    return Item(draw.seed, "no search: in the question", text, _ways(fact.value(second), fact.unit))


def one_hop(draw: Draw) -> Item:
    country, fact = draw.country(), draw.one(FACTS)
    airport = draw.one(draw.mine(airports(), lambda a: a.code))
    car = draw.one(draw.mine(cars(), lambda c: c.name))
    element = draw.element()
    choices = [
        (
            f"What is the {fact.words} of {country.name}?",
            f"Can you tell me {country.name}'s {fact.words}?",
            fact.value(country),
            fact.document(country.name),
            fact.unit,
        ),
        (
            f"Who discovered {element.name.lower()}?",
            f"To whom do we owe the discovery of {element.name.lower()}?",
            element.discoverers,
            corpus.element_id(element.name),
            "",
        ),
        (
            f"In which city is the airport with the code {airport.code}?",
            f"Which town does the airport {airport.code} serve?",
            airport.city,
            f"airport-{airport.code.lower()}",
            "",
        ),
        (
            f"How many horsepower does the {car.name} have?",
            f"What is the horsepower of the {car.name}?",
            str(car.horsepower),
            corpus.car_id(car.name),
            "horsepower",
        ),
    ]
    known, other, answer, document, unit = draw.one(choices)
    text, new = draw.worded([known], [other])
    hop = Hop(known, answer, (document,))
    return Item(draw.seed, "1 hop: text", text, _ways(answer, unit), (hop,), new_wording=new)


def fresh(draw: Draw) -> Item:
    """One hop with stale versions of the fact around: the newest counts."""
    every = sorted({report.series for report in reports()})
    series = draw.one(every[0::2] if draw.seed < EVALUATION else every[1::2])
    versions = [report for report in reports() if report.series == series]
    newest = versions[-1]
    text, new = draw.worded(
        [
            f"What is the latest {series}?",
            f"What is the {series} according to the most recent report?",
            f"What is the current {series}?",
        ],
        [f"How high was the {series} when it was last reported?"],
    )
    if draw.number(0, 2):
        newest = draw.one(versions)
        known, other = (
            f"What was the {series} on {newest.date}?",
            f"On {newest.date}, how much was the {series}?",
        )
        text = other if new else known
    hop = Hop(text, newest.value, (corpus.report_id(series, newest.date),))
    ways = _ways(newest.value, newest.unit)
    return Item(draw.seed, "1 hop: stale and fresh", text, ways, (hop,), as_of=newest.date, new_wording=new)


def two_hops(draw: Draw) -> Item:
    fact = draw.one(FACTS[1:5])
    if draw.number(0, 2):
        country = draw.country()
        clause, document = f"whose capital is {country.capital}", corpus.place_id(country.name)
        first = f"Which country has the capital {country.capital}?"
        others = [
            f"I need the {fact.words} of the state that has {country.capital} as its capital.",
            f"Somebody lives in {country.capital}, the capital of their country. What is the {fact.words} there?",
            f"Which {fact.words} belongs to the country governed from {country.capital}?",
        ]
    else:
        element = draw.element(lambda e: bool(e.country))
        country = next(c for c in countries() if c.name == element.country)
        clause, document = f"where {element.name.lower()} was discovered", corpus.element_id(element.name)
        first = f"In which country was {element.name.lower()} discovered?"
        fact = draw.one(FACTS)
        others = [
            f"I need the {fact.words} of the country in which {element.name.lower()} was first identified.",
            f"{element.name} was first found in one country. What {fact.words} does it have?",
        ]
    text, new = draw.worded(
        [
            f"What is the {fact.words} of the country {clause}?",
            f"What is the {fact.words} of the country {clause}?",
            f"{first.rstrip('?')}, and what is its {fact.words}?",
            f"Tell me the {fact.words} of the country {clause}.",
        ],
        others,
    )
    hops = (Hop(first, country.name, (document,)), _of(country, fact, 0))
    return Item(draw.seed, "2 hops: text", text, _asked(text, country, fact), hops, new_wording=new)


def compared(draw: Draw) -> Item:
    """Two independent hops, and a comparison of what they tell."""
    first = draw.country()
    second = draw.country(lambda c: c.name != first.name and abs(c.area - first.area) > 0.2 * c.area)
    fact = FACTS[5]
    larger = max(first, second, key=lambda c: c.area)
    text, new = draw.worded(
        [
            f"Which country has the larger area, {first.name} or {second.name}?",
            f"Is the area of {first.name} or that of {second.name} larger?",
        ],
        [
            f"{first.name} and {second.name}: which of the two covers more square kilometres?",
            f"Name the bigger country by area: {first.name} or {second.name}.",
        ],
    )
    hops = (
        _of(first, fact),
        _of(second, fact),
        Hop(f"Which is larger, {first.area:,} or {second.area:,}?", larger.name, (), "compute", (0, 1)),
    )
    return Item(draw.seed, "2 hops: compared", text, (larger.name,), hops, new_wording=new)


def three_hops(draw: Draw) -> Item:
    country = draw.country(lambda c: len(c.borders) == 1)
    start = Hop(
        f"Which country has the capital {country.capital}?", country.name, (corpus.place_id(country.name),)
    )
    return _neighbour(draw, country, f"whose capital is {country.capital}", start, None, "3 hops: text")


def picture_one_hop(draw: Draw) -> Item:
    thing = draw.one([t for t in draw.mine(things(), lambda t: t.name) if corpus.is_indexed(t.name)])
    text = "What is shown in this picture?"
    hop = Hop(text, thing.name, (corpus.thing_id(thing.name),), "image")
    return Item(
        draw.seed, "1 hop: picture", text, _ways(thing.name), (hop,), picture=draw.picture(thing.picture)
    )


def picture_two_hops(draw: Draw) -> Item:
    country = draw.country(lambda c: c.flag is not None)
    fact = draw.one(FACTS)
    text, new = draw.worded(
        [
            f"What is the {fact.words} of the country with this flag?",
            f"What is the {fact.words} of the country with this flag?",
            f"Which country has this flag, and what is its {fact.words}?",
            f"I found this flag. Which {fact.words} does its country have?",
        ],
        [
            f"Look at this flag and tell me the {fact.words} of the country that flies it.",
            f"What {fact.words} does the country have whose flag this is?",
        ],
    )
    hops = (_seen(country), _of(country, fact, 0))
    return Item(
        draw.seed,
        "2 hops: picture",
        text,
        _asked(text, country, fact),
        hops,
        picture=draw.picture(country.flag),
        new_wording=new,
    )


def picture_three_hops(draw: Draw) -> Item:
    country = draw.country(lambda c: len(c.borders) == 1 and c.flag is not None)
    picture = draw.picture(country.flag)
    return _neighbour(draw, country, "with this flag", _seen(country), picture, "3 hops: picture")


def unknown_fact(draw: Draw) -> Item:
    """Unanswerable: the entity is known, what is asked of it is not."""
    country, element = draw.country(), draw.element()
    car = draw.one(draw.mine(cars(), lambda c: c.name))
    airport = draw.one(draw.mine(airports(), lambda a: a.code))
    text, missing = draw.one(
        [
            (f"Who is the mayor of {country.capital}?", "mayor"),
            (f"What is the national anthem of {country.name}?", "anthem"),
            (f"How much does one kilogram of {element.name.lower()} cost?", "cost"),
            (f"Who designed the {car.name}?", "designed"),
            (f"How many runways does the airport with the code {airport.code} have?", "runways"),
        ]
    )
    return Item(draw.seed, "unanswerable: fact", text, missing=missing)


def unknown_entity(draw: Draw) -> Item:
    """Unanswerable: there is no such thing."""
    name = draw.one(INVENTED[0::2] if draw.seed < EVALUATION else INVENTED[1::2])
    fact = draw.one(FACTS)
    return Item(
        draw.seed, "unanswerable: entity", f"What is the {fact.words} of {name}?", missing=name.lower()
    )


def unknown_picture(draw: Draw) -> Item:
    """Unanswerable: nobody says what the picture shows, or the country of the flag is known and the fact is not."""
    if draw.number(0, 2):
        thing = draw.one([t for t in draw.mine(things(), lambda t: t.name) if not corpus.is_indexed(t.name)])
        picture, missing = draw.picture(thing.picture), "picture"
        text = "What is shown in this picture?"
    else:
        country = draw.country(lambda c: c.flag is not None)
        picture, missing = draw.picture(country.flag), "anthem"
        text = "What is the national anthem of the country with this flag?"
    return Item(draw.seed, "unanswerable: picture", text, missing=missing, picture=picture)


def _neighbour(
    draw: Draw, country: Country, clause: str, start: Hop, picture: Image | None, family: str
) -> Item:
    other = next(c for c in countries() if c.name == country.borders[0])
    fact = draw.one(FACTS)
    text, new = draw.worded(
        [
            f"What is the {fact.words} of the only country that borders the country {clause}?",
            f"What is the {fact.words} of the only country that borders the country {clause}?",
            f"The country {clause} has one neighbour only. What is the neighbour's {fact.words}?",
        ],
        [
            f"Which {fact.words} has the sole neighbour of the country {clause}?",
            f"Somebody leaves the country {clause} over its only land border. What is the {fact.words} of the country "
            "where they arrive?",
        ],
    )
    middle = Hop(
        f"Which country borders {country.name}?", other.name, (corpus.place_id(country.name),), "text", (0,)
    )
    hops = (start, middle, _of(other, fact, 1))
    return Item(
        draw.seed, family, text, _ways(fact.value(other), fact.unit), hops, picture=picture, new_wording=new
    )


def _of(country: Country, fact: Fact, *after: int) -> Hop:
    ask = f"What is the {fact.words} of {country.name}?"
    return Hop(ask, fact.value(country), (fact.document(country.name),), "text", after)


def _seen(country: Country) -> Hop:
    return Hop("Which country has this flag?", country.name, (corpus.flag_id(country.name),), "image")


def _asked(text: str, country: Country, fact: Fact) -> tuple[str, ...]:
    """Return what answers a question that may ask for the country, too ("..., and what is its capital?")."""
    found = _ways(fact.value(country), fact.unit)
    return tuple(f"{country.name}; {way}" for way in found) if ", and what is its" in text else found


def _ways(answer: str, unit: str = "") -> tuple[str, ...]:
    """Return an answer with the other ways of writing it: without commas, with its unit."""
    plain = answer.replace(",", "")
    found = [answer, plain] if plain.isdigit() else [answer]
    return tuple(dict.fromkeys([*found, *(f"{way} {unit}" for way in found if unit)]))


SLOTS: tuple[Callable[[Draw], Item], ...] = (
    *[arithmetic] * 3,
    *[given] * 3,
    *[unknown_fact] * 2,
    *[unknown_entity] * 2,
    *[unknown_picture] * 2,
    *[picture_one_hop] * 2,
    *[picture_two_hops] * 4,
    *[picture_three_hops] * 2,
    *[one_hop] * 2,
    *[fresh] * 2,
    *[two_hops] * 3,
    compared,
    *[three_hops] * 2,
)


def questions(count: int, first: int = 1) -> list[Item]:
    """Return ``count`` questions from seed ``first`` on; in place of one asked before, the next of its kind."""
    found: list[Item] = []
    asked: set[tuple[str, Image | None]] = set()
    step = -(-count // len(SLOTS)) * len(SLOTS)
    for seed in range(first, first + count):
        # The same slot of the mixture, past the seeds of this set; a kind may have fewer questions than are wanted.
        tries = (make(seed + step * turn) for turn in range(20))
        item = next((item for item in tries if (item.question, item.picture) not in asked), make(seed))
        asked.add((item.question, item.picture))
        found.append(item)
    return found
