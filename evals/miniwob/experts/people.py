"""Experts for tasks with posts and mails: whose it is decides what is pressed."""

from __future__ import annotations

import re

from ....agents.web.candidates import Candidate
from .desk import Desk, Expert, NotSaid

BUTTONS = ("reply", "retweet", "like")
DELETES = r"\b(delete[ds]?|trash|remove|get rid|throw away|don't want|out of my inbox|recycling)\b"
STARS = r"import|imiport|impor|\bstar\b|\bflag\b|\bmark\b|mark it as"


def one_post(desk: Desk) -> Candidate | None:
    """Press a button below a user's post; what is no button is in its menu."""
    user, button = desk.said(r"user (@\S+?),"), desk.quote().lower()
    below = desk.after(user)
    if button in BUTTONS:
        return desk.click(next(e for e in below if e.name == button))
    opened = next((e for e in desk.elements if e.name.lower().startswith(button)), None)
    return desk.click(opened or next(e for e in below if e.name == "more"))


def many_posts(desk: Desk) -> Candidate | None:
    """Press a button below some or all posts of a user, one after the other, then submit."""
    user, button = desk.said(r"by (@\S+)"), desk.quote().lower()
    place = (*BUTTONS, "share").index(button)
    lines = list(desk.lines())
    rows = [lines[i + 2][1] for i, (words, _) in enumerate(lines[:-2]) if user in words.split()]
    amount = int(desk.said(r"on (\d+) posts?", str(len(rows))))
    # A button that was pressed has another name, but the same place in its row.
    return desk.click(rows[len(desk.done)][place]) if len(desk.done) < amount else desk.submit()


def mail(desk: Desk) -> Candidate | None:
    """Delete, star, answer or forward the mail of a sender."""
    sending = desk.named("send reply") or desk.named("send forward")
    if sending is not None:
        field = desk.fields[0]
        text = _message(desk) if sending.name == "send reply" else _people(desk)[1]
        return desk.click(sending) if field.value == text else desk.fill(field, text)
    reply = desk.named("Reply")
    if reply is not None:
        return desk.click(reply if desk.quoted or desk.said(r"(?i)\b(repl)", "") else desk.named("Forward"))
    sender = _people(desk)[0]
    at = next((i for i, e in enumerate(desk.elements) if e.name.split()[:1] == [sender]), None)
    if at is None:
        raise NotSaid(desk.task)
    thread, trash, star = desk.elements[at : at + 3]
    if desk.quoted:
        return desk.click(thread)
    if re.search(DELETES, desk.task, re.IGNORECASE):
        return desk.click(trash)
    return desk.click(star if re.search(STARS, desk.task, re.IGNORECASE) else thread)


def _message(desk: Desk) -> str:
    if not desk.quoted:
        raise NotSaid(desk.task)
    return desk.task[desk.task.index('"') : desk.task.rindex('"') + 1].strip('" ')


def _people(desk: Desk) -> tuple[str, str]:
    """Return who sent the mail, and whom else the task names (empty when nobody)."""
    said = re.sub(r'".*"', "", desk.task)
    known = [name for name in _senders(desk) if re.search(rf"\b{name}(?:s|'s)?\b", said)]
    known += [name for name in re.findall(r"\b[A-Z][a-z]+(?=\W*$)", said) if name not in known]
    ways = (
        r"\bfrom {0}\b",
        r"\b{0}(?:'s|s)\b",
        r"\bby {0}\b",
        r"\b{0} (?:sent|wrote)\b",
        r"\b{0} e?-?mail\b",
        r"\b{0}\b",
    )
    sender = next((name for way in ways for name in known if re.search(way.format(name), said)), "")
    others = [name for name in known if name != sender]
    return sender, others[0] if others else ""


def _senders(desk: Desk) -> list[str]:
    """Return the first words of all mails that were seen, in this page or an earlier one of the run."""
    texts = "\n".join((*desk.pages, desk.text))
    found = re.findall(r'^(?:\[e\d+\] clickable )?"(\w+) [^"]*"', texts, re.MULTILINE)
    return list(dict.fromkeys(found))


EXPERTS: dict[str, Expert] = {
    "email-inbox-nl-turk": mail,
    "social-media": one_post,
    "social-media-all": many_posts,
    "social-media-some": many_posts,
}
