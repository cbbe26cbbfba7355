"""The same values left out in other words: written once, after the criterion, and never fitted to."""

from __future__ import annotations

from collections.abc import Mapping

OTHER: Mapping[str, Mapping[str, str]] = {
    "book-flight": {
        "origin": "Find me the {wish} one-way flight to {destination} on {date} and book it.",
        "destination": "I need the {wish} one-way flight from {origin} on {date}, please book one.",
        "date": "Please book the {wish} flight from {origin} to {destination}.",
    },
    "choose-date": {
        "date": "Pick a date and submit the form.",
    },
    "choose-list": {
        "items": "Choose something from the drop-down and press Submit.",
    },
    "click-button": {
        "button": "Press one of the buttons.",
    },
    "click-checkboxes": {
        "boxes": "Tick the boxes I need, then submit.",
    },
    "click-checkboxes-large": {
        "boxes": "Check some of the boxes and then click Submit.",
    },
    "click-checkboxes-soft": {
        "words": "Tick the boxes that match and submit.",
    },
    "click-color": {
        "color": "Please click the box with the color I like.",
    },
    "click-dialog-2": {
        "button": "Press a button of the dialog.",
    },
    "click-link": {
        "link": "Open one of the links on this page.",
    },
    "click-menu": {
        "path": "Choose an entry from the menu.",
    },
    "click-option": {
        "option": "Choose one of the options, then submit it.",
    },
    "click-pie": {
        "letter": "Open the pie menu and choose an item.",
    },
    "click-scroll-list": {
        "items": "Pick some entries in the scroll list and press Submit.",
    },
    "click-shades": {
        "color": "Choose every shade of a certain color, then submit.",
    },
    "click-shape": {
        "shape": "Click a shape.",
    },
    "click-tab": {
        "tab": "Open another tab.",
    },
    "click-tab-2": {
        "link": "Look through the tabs and click the right link.",
    },
    "click-tab-2-hard": {
        "link": "Go through all tabs and open the link I told you about.",
    },
    "click-widget": {
        "kind": "Click some widget.",
    },
    "copy-paste-2": {
        "which": "Copy one of the texts below into the text input and submit.",
    },
    "enter-date": {
        "date": "Fill in the date, then submit.",
    },
    "enter-password": {
        "password": "Set my password in both fields and submit.",
    },
    "enter-text": {
        "text": "Type something into the box and submit it.",
    },
    "enter-text-dynamic": {
        "text": "Write my text in the input and press Submit.",
    },
    "enter-time": {
        "time": "Put in the time and hit the submit button.",
    },
    "find-word": {
        "which": "Type a word of the paragraph into the textbox and submit.",
    },
    "focus-text-2": {
        "which": "Put the cursor in a text field.",
    },
    "grid-coordinate": {
        "point": "Click a point on the grid.",
    },
    "login-user": {
        "password": 'Sign in as "{username}".',
        "username": 'Sign in with my password "{password}".',
        "username+password": "Please sign in for me.",
    },
    "login-user-popup": {
        "password": 'Sign in as "{username}".',
        "username": 'Sign in with my password "{password}".',
        "username+password": "Please sign in for me.",
    },
    "multi-layouts": {
        "genre": "Find some genre of movies directed by {director} in {year}.",
        "director": "Search {genre} movies from {year} by one of the directors.",
        "year": "Search for {genre} movies by {director} from a particular year.",
    },
    "navigate-tree": {
        "entry": "Open a file in the tree.",
    },
    "read-table": {
        "which": "Look up a value in the table and enter it, then submit.",
    },
    "search-engine": {
        "query": "Search for something and open the {rank} result.",
    },
    "social-media": {
        "button": "Use one of the buttons under the post of {user}.",
        "user": 'Press "{button}" on somebody\'s post.',
    },
    "social-media-all": {
        "user": "{button} all the posts of one user, then submit.",
    },
    "social-media-some": {
        "amount": 'Press "{button}" on a few posts by {user} and submit.',
        "user": 'Press "{button}" on {amount} posts of some user and submit.',
    },
    "terminal": {
        "ending": "Delete one of the files using the terminal.",
    },
    "use-autocomplete": {
        "start": "Type in one of the items and submit.",
    },
    "use-slider": {
        "number": "Move the slider to the value I want and submit.",
    },
    "use-spinner": {
        "number": "Set the spinner to a number and submit.",
    },
}
