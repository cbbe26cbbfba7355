"""What is left out of a task: the utterance of a published template, and how a person says it without a slot.

Each template is that of the task's page. Slots are what a person would have to be asked for; what the page itself
gives (a text to copy, a sum to solve) is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Template:
    """The utterances of a task (groups are its values), and by variant the words without some of them.

    The names of the values that a variant leaves out stand in its name, joined by ``+``. ``several``: what the page's
    HTML must hold twice at least for a variant to leave anything open (with one button, "the button" is clear).
    """

    pattern: str
    variants: Mapping[str, str]
    several: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cut:
    """A task with slots left out: ``text`` is what the agent gets, ``clear`` what was meant, ``slots`` what is left out."""

    variant: str
    text: str
    clear: str
    slots: Mapping[str, str]


# By what words a question may ask for a slot, when its name alone is not what people call it.
CALLED: Mapping[str, frozenset[str]] = {
    "username": frozenset({"username", "user", "login", "name"}),
    "origin": frozenset({"from", "origin"}),
    "destination": frozenset({"to", "destination"}),
    "year": frozenset({"year", "date"}),
    "wish": frozenset({"flight", "wish"}),
    "query": frozenset({"text", "query", "search"}),
    "rank": frozenset({"result"}),
    "items": frozenset({"item", "items", "option", "options"}),
    "boxes": frozenset({"checkbox", "checkboxes", "box", "boxes"}),
    "words": frozenset({"checkbox", "checkboxes", "word", "words"}),
    "entry": frozenset({"folder", "file", "item"}),
    "shape": frozenset({"item", "shape"}),
    "letter": frozenset({"item", "letter"}),
    "path": frozenset({"item", "path"}),
    "number": frozenset({"number", "value"}),
    "start": frozenset({"item", "tags", "text", "start"}),
    "amount": frozenset({"number", "amount", "posts", "post"}),
    "user": frozenset({"user", "post"}),
    "sender": frozenset({"email", "sender", "from"}),
    "recipient": frozenset({"to", "recipient"}),
    "message": frozenset({"text", "message", "reply"}),
    "which": frozenset({"field", "input", "area", "textbox", "word", "value", "text"}),
    "kind": frozenset({"widget", "element"}),
    "ending": frozenset({"file", "extension"}),
    "point": frozenset({"coordinate", "point"}),
}

_LOGIN = Template(
    r'Enter the username "(?P<username>[^"]*)" and the password "(?P<password>[^"]*)" into the text fields and press login\.',
    {
        "password": 'Log in with the username "{username}".',
        "username": 'Log in with the password "{password}".',
        "username+password": "Log in.",
    },
)
_MOVIES = Template(
    r"Search for (?P<genre>[\w -]+) movies directed by (?P<director>\w+) from year (?P<year>\d+)\.",
    {
        "genre": "Search for movies of a certain genre directed by {director} from year {year}.",
        "director": "Search for {genre} movies by a certain director from year {year}.",
        "year": "Search for {genre} movies directed by {director} from a certain year.",
    },
)
_TEXT = Template(
    r'Enter "(?P<text>[^"]*)" into the text field and press Submit\.',
    {"text": "Fill in the text field and press Submit."},
)
_BOXES = Template(
    r"Select (?!nothing|words)(?P<boxes>.+) and click Submit\.",
    {"boxes": "Select the checkboxes and click Submit."},
)
_TABS = Template(
    r'Switch between the tabs to find and click on the link "(?P<link>[^"]*)"\.',
    {"link": "Switch between the tabs to find and click on the link."},
)
_BUTTON = Template(
    r'Click on the "(?P<button>[^"]*)" button\.', {"button": "Click on the button."}, {"button": "<button"}
)

TEMPLATES: Mapping[str, Template] = {
    "book-flight": Template(
        r"Book the (?P<wish>\w+) one-way flight from: (?P<origin>.+) to: (?P<destination>.+) on (?P<date>[\d/]+)\.",
        {
            "origin": "Book the {wish} one-way flight to: {destination} on {date}.",
            "destination": "Book the {wish} one-way flight from: {origin} on {date}.",
            "date": "Book the {wish} one-way flight from: {origin} to: {destination}.",
            "wish": "Book a one-way flight from: {origin} to: {destination} on {date}.",
        },
    ),
    "choose-date": Template(
        r"Select (?P<date>[\d/]+) as the date and hit submit\.", {"date": "Select the date and hit submit."}
    ),
    "choose-list": Template(
        r"Select (?P<items>.+) from the list and click Submit\.",
        {"items": "Select an item from the list and click Submit."},
    ),
    "click-button": _BUTTON,
    "click-checkboxes": _BOXES,
    "click-checkboxes-large": _BOXES,
    "click-checkboxes-soft": Template(
        r"Select words similar to (?P<words>.+) and click Submit\.",
        {"words": "Select the right checkboxes and click Submit."},
    ),
    "click-checkboxes-transfer": _BOXES,
    "click-collapsible-2": Template(
        r'Expand the sections below, to find and click on the link "(?P<link>[^"]*)"\.',
        {"link": "Expand the sections below, to find and click on the link."},
    ),
    "click-color": Template(
        r"Click on the (?P<color>\w+) colored box\.", {"color": "Click on the colored box."}
    ),
    "click-dialog-2": Template(
        r'Click the button in the dialog box labeled "(?P<button>[^"]*)"\.',
        {"button": "Click the button in the dialog box."},
    ),
    "click-link": Template(r'Click on the link "(?P<link>[^"]*)"\.', {"link": "Click on the link."}),
    "click-menu": Template(r"Select (?P<path>.+)", {"path": "Select an item of the menu"}),
    "click-option": Template(
        r"Select (?P<option>.+) and click Submit\.", {"option": "Select an option and click Submit."}
    ),
    "click-pie": Template(
        r'Expand the pie menu below and click on the item labeled "(?P<letter>[^"]*)"\.',
        {"letter": "Expand the pie menu below and click on one of the items."},
    ),
    "click-scroll-list": Template(
        r"Select (?P<items>.+) from the scroll list and click Submit\.",
        {"items": "Select the items from the scroll list and click Submit."},
    ),
    "click-shades": Template(
        r"Select all the shades of (?P<color>\w+) and press Submit\.",
        {"color": "Select all the shades of one color and press Submit."},
    ),
    "click-shape": Template(r"Click on an? (?P<shape>.+)", {"shape": "Click on one of the items"}),
    "click-tab": Template(r"Click on Tab #(?P<tab>\d+)\.", {"tab": "Click on the tab."}),
    "click-tab-2": _TABS,
    "click-tab-2-hard": _TABS,
    "click-widget": Template(
        r'Click on a "(?P<kind>[^"]*)" widget\.', {"kind": "Click on one of the widgets."}
    ),
    "copy-paste-2": Template(
        r"Copy the text from the (?P<which>\d\w\w) text area below and paste it into the text input, then press Submit\.",
        {
            "which": "Copy the text from one of the text areas below and paste it into the text input, then press Submit."
        },
    ),
    "enter-date": Template(
        r"Enter (?P<date>[\d/]+) as the date and hit submit\.", {"date": "Enter the date and hit submit."}
    ),
    "enter-password": Template(
        r'Enter the password "(?P<password>[^"]*)" into both text fields and press submit\.',
        {"password": "Enter the password into both text fields and press submit."},
    ),
    "enter-text": _TEXT,
    "enter-text-dynamic": _TEXT,
    "enter-time": Template(
        r"Enter (?P<time>[\d:]+ [AP]M) as the time and press submit\.",
        {"time": "Enter the time and press submit."},
    ),
    "find-word": Template(
        r'Find the (?P<which>\d+\w\w) word in the paragraph, type that into the textbox and press "Submit"\.',
        {"which": 'Find one of the words in the paragraph, type that into the textbox and press "Submit".'},
    ),
    "focus-text-2": Template(
        r"Focus into the (?P<which>\d\w\w) input textbox\.",
        {"which": "Focus into one of the input textboxes."},
    ),
    "grid-coordinate": Template(
        r"Click on the grid coordinate (?P<point>\(.+\))\.",
        {"point": "Click on one of the grid coordinates."},
    ),
    "login-user": _LOGIN,
    "login-user-popup": _LOGIN,
    "multi-layouts": _MOVIES,
    "multi-orderings": _MOVIES,
    "navigate-tree": Template(
        r'Navigate through the file tree\. Find and click on the folder or file named "(?P<entry>[^"]*)"\.',
        {"entry": "Navigate through the file tree. Find and click on the folder or file."},
    ),
    "read-table": Template(
        r"Enter the value of (?P<which>.+) into the text field and press Submit\.",
        {"which": "Enter one of the values of the table into the text field and press Submit."},
    ),
    "search-engine": Template(
        r'Use the textbox to enter "(?P<query>[^"]*)" and press "Search", then find and click the (?P<rank>\d+\w\w) search result\.',
        {
            "query": 'Use the textbox to search and press "Search", then find and click the {rank} search result.',
            "rank": 'Use the textbox to enter "{query}" and press "Search", then find and click the search result.',
        },
    ),
    "social-media": Template(
        r'For the user (?P<user>@\w+), click on the "(?P<button>[^"]*)" button\.',
        {
            "button": "For the user {user}, click on the button.",
            "user": 'Click on the "{button}" button of a user.',
        },
    ),
    "social-media-all": Template(
        r'Click the "(?P<button>[^"]*)" button on all posts by (?P<user>@\w+) and then click Submit\.',
        {"user": 'Click the "{button}" button on all posts by a user and then click Submit.'},
    ),
    "social-media-some": Template(
        r'Click the "(?P<button>[^"]*)" button on (?P<amount>\d+) posts? by (?P<user>@\w+) and then click Submit\.',
        {
            "amount": 'Click the "{button}" button on some posts by {user} and then click Submit.',
            "user": 'Click the "{button}" button on {amount} posts by a user and then click Submit.',
        },
        {"amount": "{user}<"},
    ),
    "terminal": Template(
        r"Use the terminal below to delete a file ending with the extension (?P<ending>\.\S+)",
        {"ending": "Use the terminal below to delete a file"},
    ),
    "unicode-test": _BUTTON,
    "use-autocomplete": Template(
        r'Enter an item that starts with "(?P<start>[^"]*)"(?: and ends with "(?P<end>[^"]*)")?\.',
        {"start": "Enter an item."},
    ),
    "use-slider": Template(
        r"Select (?P<number>-?\d+) with the slider and hit Submit\.",
        {"number": "Select a value with the slider and hit Submit."},
    ),
    "use-spinner": Template(
        r"Select (?P<number>-?\d+) with the spinner and hit Submit\.",
        {"number": "Select a value with the spinner and hit Submit."},
    ),
}
# Mails are told of in the words of many people; what they mean is known by the page's own fields.
_FORWARD = {"recipient": "Forward {sender}'s email.", "sender": "Forward the email to {recipient}."}
MAILS: Mapping[str, Mapping[str, str]] = {
    "forward": _FORWARD,
    "reply": {
        "message": "Reply to {sender}'s email.",
        "sender": 'Reply to the email with the text "{message}".',
    },
    "delete": {"sender": "Delete the email."},
    "important": {"sender": "Mark the email as important."},
    "star": {"sender": "Star the email."},
}
_FIELDS = {"by": "sender", "to": "recipient", "message": "message"}
MAIL_TASKS = ("email-inbox", "email-inbox-forward-nl", "email-inbox-forward-nl-turk", "email-inbox-nl-turk")
_MAIL_SLOTS = {
    "email-inbox": ("sender", "recipient", "message"),
    "email-inbox-nl-turk": ("sender", "recipient", "message"),
    "email-inbox-forward-nl": ("sender", "recipient"),
    "email-inbox-forward-nl-turk": ("sender", "recipient"),
}

# The variants of each task.
CUTS: Mapping[str, Sequence[str]] = dict(
    sorted({**{name: tuple(t.variants) for name, t in TEMPLATES.items()}, **_MAIL_SLOTS}.items())
)


def cuts_of(
    task: str,
    utterance: str,
    fields: Mapping[str, str] | None = None,
    html: str | None = None,
    *,
    wordings: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Cut]:
    """Return the cuts of an episode by variant; some episodes lack some (a mail that is deleted has no receiver).

    ``fields`` are those of the page, for mails: ``task``, ``by``, ``to``, ``message``. ``html`` is that of the page.
    ``wordings`` are other words for the variants, by task; a task that is not among them has no cuts then.
    """
    several: Mapping[str, str] = {}
    if task in MAIL_TASKS and wordings is None:
        said = {_FIELDS[key]: value for key, value in (fields or {}).items() if key in _FIELDS}
        variants = MAILS.get((fields or {}).get("task", ""), {})
    elif task in TEMPLATES:
        match = re.fullmatch(TEMPLATES[task].pattern, utterance.strip())
        said = {key: value for key, value in match.groupdict().items() if value} if match else {}
        texts = TEMPLATES[task].variants if wordings is None else wordings.get(task, {})
        variants = texts if match else {}
        several = TEMPLATES[task].several
    else:
        return {}
    return {
        variant: Cut(
            variant, text.format(**said), utterance, {slot: said[slot] for slot in variant.split("+")}
        )
        for variant, text in variants.items()
        if all(slot in said for slot in variant.split("+"))
        and (html is None or variant not in several or html.count(several[variant].format(**said)) > 1)
    }
