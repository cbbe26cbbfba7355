"""The documents that the benchmark's questions are asked of: short texts and pictures, made from the material."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...tools.retrieval import Document as Indexed
from ...tools.retrieval import Figure, LocalIndex
from ...tools.retrieval.index.adding import Step
from ...tools.retrieval.index.passages import Way
from .material import (
    Airport,
    Car,
    Country,
    Element,
    Report,
    airports,
    cars,
    countries,
    elements,
    is_held_out,
    reports,
    things,
)


@dataclass(frozen=True)
class Document:
    """A text, or a picture whose ``text`` is its caption. ``date``: ISO 8601, of texts that age."""

    id: str
    title: str
    text: str
    date: str | None = None
    picture: Path | None = None


@functools.cache
def documents() -> tuple[Document, ...]:
    """Return the corpus. Things with an odd number are left out: pictures of them find nothing."""
    found: list[Document] = []
    for country in countries():
        found += country_documents(country)
    found += [element_document(element) for element in elements()]
    found += [airport_document(airport) for airport in airports()]
    found += [car_document(car) for car in cars()]
    found += [report_document(report) for report in reports()]
    found += [
        Document(thing_id(thing.name), thing.name, f"A picture of a {thing.name}.", picture=thing.picture)
        for thing in things()
        if is_indexed(thing.name)
    ]
    return tuple(found)


def is_indexed(thing: str) -> bool:
    """Say whether the picture of a thing is in the corpus."""
    return is_held_out(f"indexed {thing}")


def country_documents(country: Country) -> list[Document]:
    """Return two texts about a country, and its flag."""
    name = country.name
    near = f" It borders {', '.join(country.borders)}." if country.borders else ""
    texts = [
        Document(
            place_id(name),
            f"{name} (geography)",
            f"{name} lies in {country.subregion}. The capital of {name} is {country.capital}. "
            f"The area of {name} is {country.area:,} square kilometres.{near}",
        ),
        Document(
            people_id(name),
            f"{name} (people and economy)",
            f"The population of {name} is {country.population:,}. A person from {name} is called {country.demonym}. "
            f"The currency code of {name} is {country.currency}. The calling code of {name} is {country.calling}. "
            f"The internet domain of {name} is {country.domain}.",
        ),
    ]
    if country.flag is not None:
        texts.append(Document(flag_id(name), f"Flag of {name}", f"The flag of {name}.", picture=country.flag))
    return texts


def element_document(element: Element) -> Document:
    where = f" in {element.country}" if element.country else ""
    text = (
        f"{element.name} is the chemical element with the symbol {element.symbol} and the atomic number "
        f"{element.number}. {element.name} was discovered by {element.discoverers} in the year {element.year}{where}. "
        f"{element.description or ''}"
    )
    return Document(element_id(element.name), element.name, text.strip())


def airport_document(airport: Airport) -> Document:
    text = f"{airport.name} is the airport of {airport.city} in the state {airport.state}. Its code is {airport.code}."
    return Document(f"airport-{airport.code.lower()}", f"{airport.name} airport", text)


def car_document(car: Car) -> Document:
    text = (
        f"The {car.name} was built in {car.year}. The {car.name} has {car.horsepower} horsepower, {car.cylinders} "
        f"cylinders and a weight of {car.weight:,} pounds."
    )
    return Document(car_id(car.name), car.name, text)


def report_document(report: Report) -> Document:
    text = f"On {report.date}, the {report.series} was {report.value} {report.unit}."
    title = f"{report.series[0].upper()}{report.series[1:]}, {report.date}"
    return Document(report_id(report.series, report.date), title, text, date=report.date)


def place_id(country: str) -> str:
    return f"{_slug(country)}-geography"


def people_id(country: str) -> str:
    return f"{_slug(country)}-people"


def flag_id(country: str) -> str:
    return f"{_slug(country)}-flag"


def element_id(name: str) -> str:
    return f"element-{_slug(name)}"


def car_id(name: str) -> str:
    return f"car-{_slug(name)}"


def report_id(series: str, date: str) -> str:
    return f"report-{_slug(series)}-{date}"


def thing_id(name: str) -> str:
    return f"thing-{_slug(name)}"


async def build(folder: Path, say: Callable[[str], None] = lambda line: None) -> LocalIndex:
    """Return the corpus as a local index in a folder: made there, or what is missing of it added."""
    made: list[Indexed] = []
    for document in documents():
        common = {"address": document.id, "title": document.title, "date": document.date}
        if document.picture is None:
            made.append(Indexed(text=document.text, **common))
        else:
            figure = Figure(data=document.picture.read_bytes(), caption=document.text)
            made.append(Indexed(figures=(figure,), media_type="image/png", **common))
    index = LocalIndex(folder, create=True)

    def listen(step: Step) -> None:
        if step.problem or step.done == step.total or step.done % 200 == 0:
            say(
                f"index: {step.done} of {step.total} documents"
                + (f": {step.problem}" if step.problem else "")
            )

    # Nothing is written in flags and emoji.
    await index.add_documents(made, way=Way(ocr=False), listen=listen)
    return index


def _slug(text: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
