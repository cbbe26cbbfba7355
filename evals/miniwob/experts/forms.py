"""Experts for tasks of filling in forms: text, dates, times, logins, searches, lists of suggestions, calendars."""

from __future__ import annotations

import re

from ....agents.web.candidates import Candidate
from ....tools.browser import Element
from .desk import Desk, Expert, NotSaid

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def fill_and_submit(desk: Desk) -> Candidate | None:
    """Type the task's values into the fields one after the other (one value goes into all), then send."""
    values = desk.quoted or re.findall(r"\d[\d/:]*(?: [AP]M)?", desk.task)
    if not values:
        raise NotSaid(desk.task)
    for index, element in enumerate(desk.fields):
        move = desk.new(desk.fill(element, values[min(index, len(values) - 1)]))
        if move:
            return move
    return desk.submit()


def focus_text(desk: Desk) -> Candidate | None:
    """Click the field, by its number if the task gives one."""
    return desk.click(desk.fields[int(desk.said(r"(\d+)(?:st|nd|rd|th)", "1")) - 1])


def log_in(desk: Desk) -> Candidate | None:
    """Fill in the name and the password; a window in between is left by its Cancel."""
    cancel = desk.named("Cancel", "button")
    if cancel is not None:
        return desk.click(cancel)
    for element, text in zip(desk.fields, desk.quoted, strict=False):
        held = element.value or ""
        # Of a password only the length shows.
        if held != text and not ("password" in element.states and len(held) == len(text)):
            return desk.fill(element, text)
    return desk.submit()


def search_form(desk: Desk) -> Candidate | None:
    """Fill a form whose fields are named like what the task says, then press its button."""
    patterns = {"director": r"directed by (\w+)", "genre": r"(?:for|the) (\w+) movies", "year": r"year (\d+)"}
    patterns["date"] = patterns["year"]
    for element in desk.fields:
        word = next((word for word in patterns if word in element.name.lower()), "")
        text = desk.said(patterns[word], "") if word else ""
        if text and element.value != text:
            return desk.fill(element, text)
    return desk.submit()


def search_results(desk: Desk) -> Candidate | None:
    """Search, turn to the page of the result (three a page), and click it."""
    text, field = desk.quote(), desk.fields[0]
    if field.value != text:
        return desk.fill(field, text)
    links = desk.of_role("link")
    titles = [link for link in links if not re.fullmatch(r"\d|[<>]", link.name)]
    if not titles:
        return desk.submit()
    number = int(desk.said(r"(\d+)(?:st|nd|rd|th)")) - 1
    turn = desk.new(desk.click(desk.named(str(number // 3 + 1), "link"))) if number >= 3 else None
    return turn or desk.click(titles[number % 3])


def complete(desk: Desk) -> Candidate | None:
    """Type the beginning, take a suggestion that fits, then submit."""
    start, end = desk.quote(), desk.quote(1) if len(desk.quoted) > 1 else ""
    field = desk.fields[0]

    def fits(text: str) -> bool:
        return text.lower().startswith(start.lower()) and text.lower().endswith(end.lower())

    offered = desk.where(lambda e: e.role in ("clickable", "option", "menuitem") and fits(e.name))
    if offered is not None:
        return desk.click(offered)
    if not fits(field.value or "") or field.value == start:
        return desk.new(desk.fill(field, start)) or desk.key("ArrowDown", field)
    return desk.submit()


def pick_date(desk: Desk, field: Element, date: str) -> Candidate | None:
    """Pick a date (month/day/year) in the calendar of a field; None when the field holds it."""
    if field.value == date:
        return None
    month, day, year = map(int, date.split("/"))
    shown = re.search(rf"\b({'|'.join(MONTHS)}) (\d{{4}})\b", desk.text)
    if shown is None:
        return desk.click(field)
    off = (year - int(shown[2])) * 12 + month - 1 - MONTHS.index(shown[1])
    if off:
        return desk.click(desk.named("Next" if off > 0 else "Prev"))
    return desk.click(desk.named(str(day), "link"))


def choose_date(desk: Desk) -> Candidate | None:
    """Pick the date of the task, then submit."""
    date = desk.said(r"(\d+/\d+/\d+)")
    return pick_date(desk, next(e for e in desk.elements if e.role == "textbox"), date) or desk.submit()


def book_flight(desk: Desk) -> Candidate | None:
    """Choose both airports among the suggestions and the date, search, and take the best flight of the list."""
    match = re.search(r"(?:the (\w+)|an?) one-way flight from: (.+) to: (.+) on ([\d/]+)", desk.task)
    if match is None:
        raise NotSaid(desk.task)
    wish, start, end, date = match.groups()
    flights = [e for e in desk.elements if e.name.startswith("Book flight for")]
    if flights:
        if not wish:
            raise NotSaid(desk.task)
        return desk.click(_best_flight(desk, flights, wish))
    for name, text in (("From:", start), ("To:", end)):
        move = _airport(desk, desk.named(name, "textbox"), text)
        if move:
            return move
    field = desk.named("Departure Date")
    return (pick_date(desk, field, date) if field else None) or desk.click(desk.named("Search"))


def _airport(desk: Desk, field: Element | None, text: str) -> Candidate | None:
    """Return the next move to an airport in a field: type what is known of it, then take the suggestion."""
    code = f"({text})"

    def fits(name: str) -> bool:
        return name.endswith(code) or name.startswith(f"{text} (")

    if field is None or fits(field.value or ""):
        return None
    offered = desk.where(lambda e: e.role != "textbox" and fits(e.name))
    if offered is not None and field.value:
        return desk.click(offered)
    return desk.new(desk.fill(field, text)) or desk.key("ArrowDown", field)


def _best_flight(desk: Desk, flights: list[Element], wish: str) -> Element:
    if wish == "cheapest":
        return min(flights, key=lambda e: int(re.sub(r"\D", "", e.name)))
    hours = [60 * int(h) + int(m) for h, m in re.findall(r"\b(\d+)h (\d+)m\b", desk.text)]
    return flights[hours.index(min(hours))]


EXPERTS: dict[str, Expert] = {
    "book-flight": book_flight,
    "choose-date": choose_date,
    "enter-date": fill_and_submit,
    "enter-password": fill_and_submit,
    "enter-text-dynamic": fill_and_submit,
    "enter-time": fill_and_submit,
    "focus-text": focus_text,
    "focus-text-2": focus_text,
    "login-user-popup": log_in,
    "multi-layouts": search_form,
    "search-engine": search_results,
    "use-autocomplete": complete,
}
