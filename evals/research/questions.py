"""Questions over the corpus, each with the chain of sub-questions, answers and documents that leads to its answer.

A seed is a question. Every thirty seeds in a row hold the same mixture: ten need a picture, six have no answer in the
corpus, six need no search, two have stale and fresh versions of a fact, the others have one to three hops.
Seeds below 10,000 ask about held-out entities, all others about the rest.
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


FACTS = (
    Fact("capital", lambda c: c.capital, corpus.place_id),
    Fact("population", lambda c: f"{c.population:,}", corpus.people_id),
    Fact("currency code", lambda c: c.currency, corpus.people_id),
    Fact("calling code", lambda c: c.calling, corpus.people_id),
    Fact("internet domain", lambda c: c.domain, corpus.people_id),
    Fact("area", lambda c: f"{c.area:,}", corpus.place_id),
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
    return Item(draw.seed, "no search: in the question", text, _ways(fact.value(second)))


def one_hop(draw: Draw) -> Item:
    country, fact = draw.country(), draw.one(FACTS)
    airport = draw.one(draw.mine(airports(), lambda a: a.code))
    car = draw.one(draw.mine(cars(), lambda c: c.name))
    element = draw.element()
    choices = [
        (
            f"What is the {fact.words} of {country.name}?",
            fact.value(country),
            fact.document(country.name),
        ),
        (
            f"Who discovered {element.name.lower()}?",
            element.discoverers,
            corpus.element_id(element.name),
        ),
        (
            f"In which city is the airport with the code {airport.code}?",
            airport.city,
            f"airport-{airport.code.lower()}",
        ),
        (f"How many horsepower does the {car.name} have?", str(car.horsepower), corpus.car_id(car.name)),
    ]
    text, answer, document = draw.one(choices)
    return Item(draw.seed, "1 hop: text", text, _ways(answer), (Hop(text, answer, (document,)),))


def fresh(draw: Draw) -> Item:
    """One hop with stale versions of the fact around: the newest counts."""
    every = sorted({report.series for report in reports()})
    series = draw.one(every[0::2] if draw.seed < EVALUATION else every[1::2])
    versions = [report for report in reports() if report.series == series]
    newest = versions[-1]
    text = draw.one(
        [
            f"What is the latest {series}?",
            f"What is the {series} according to the most recent report?",
            f"What is the current {series}?",
        ]
    )
    if draw.number(0, 2):
        newest = draw.one(versions)
        text = f"What was the {series} on {newest.date}?"
    hop = Hop(text, newest.value, (corpus.report_id(series, newest.date),))
    return Item(draw.seed, "1 hop: stale and fresh", text, _ways(newest.value), (hop,), as_of=newest.date)


def two_hops(draw: Draw) -> Item:
    fact = draw.one(FACTS[1:5])
    if draw.number(0, 2):
        country = draw.country()
        clause, document = f"whose capital is {country.capital}", corpus.place_id(country.name)
        first = f"Which country has the capital {country.capital}?"
    else:
        element = draw.element(lambda e: bool(e.country))
        country = next(c for c in countries() if c.name == element.country)
        clause, document = f"where {element.name.lower()} was discovered", corpus.element_id(element.name)
        first = f"In which country was {element.name.lower()} discovered?"
        fact = draw.one(FACTS)
    text = draw.one(
        [
            f"What is the {fact.words} of the country {clause}?",
            f"What is the {fact.words} of the country {clause}?",
            f"{first.rstrip('?')}, and what is its {fact.words}?",
            f"Tell me the {fact.words} of the country {clause}.",
        ]
    )
    hops = (Hop(first, country.name, (document,)), _of(country, fact, 0))
    return Item(draw.seed, "2 hops: text", text, _asked(text, country, fact), hops)


def compared(draw: Draw) -> Item:
    """Two independent hops, and a comparison of what they tell."""
    first = draw.country()
    second = draw.country(lambda c: c.name != first.name and abs(c.area - first.area) > 0.2 * c.area)
    fact = FACTS[5]
    larger = max(first, second, key=lambda c: c.area)
    text = draw.one(
        [
            f"Which country has the larger area, {first.name} or {second.name}?",
            f"Is the area of {first.name} or that of {second.name} larger?",
        ]
    )
    hops = (
        _of(first, fact),
        _of(second, fact),
        Hop(f"Which is larger, {first.area:,} or {second.area:,}?", larger.name, (), "compute", (0, 1)),
    )
    return Item(draw.seed, "2 hops: compared", text, (larger.name,), hops)


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
    text = draw.one(
        [
            f"What is the {fact.words} of the country with this flag?",
            f"What is the {fact.words} of the country with this flag?",
            f"Which country has this flag, and what is its {fact.words}?",
            f"I found this flag. Which {fact.words} does its country have?",
        ]
    )
    hops = (_seen(country), _of(country, fact, 0))
    return Item(
        draw.seed,
        "2 hops: picture",
        text,
        _asked(text, country, fact),
        hops,
        picture=draw.picture(country.flag),
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
    text = draw.one(
        [
            f"What is the {fact.words} of the only country that borders the country {clause}?",
            f"What is the {fact.words} of the only country that borders the country {clause}?",
            f"The country {clause} has one neighbour only. What is the neighbour's {fact.words}?",
        ]
    )
    middle = Hop(
        f"Which country borders {country.name}?", other.name, (corpus.place_id(country.name),), "text", (0,)
    )
    hops = (start, middle, _of(other, fact, 1))
    return Item(draw.seed, family, text, _ways(fact.value(other)), hops, picture=picture)


def _of(country: Country, fact: Fact, *after: int) -> Hop:
    ask = f"What is the {fact.words} of {country.name}?"
    return Hop(ask, fact.value(country), (fact.document(country.name),), "text", after)


def _seen(country: Country) -> Hop:
    return Hop("Which country has this flag?", country.name, (corpus.flag_id(country.name),), "image")


def _asked(text: str, country: Country, fact: Fact) -> tuple[str, ...]:
    """Return what answers a question that may ask for the country, too ("..., and what is its capital?")."""
    found = _ways(fact.value(country))
    return tuple(f"{country.name}; {way}" for way in found) if ", and what is its" in text else found


def _ways(answer: str) -> tuple[str, ...]:
    """Return an answer with the other ways of writing it."""
    plain = answer.replace(",", "")
    return tuple(dict.fromkeys([answer, plain] if plain.isdigit() else [answer]))


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
