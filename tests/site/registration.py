"""The registration at ``/``: a form of two fields, and the pages around it."""

from __future__ import annotations

FORM = """<!doctype html><title>Registration</title><h1>Register</h1>
<form method="post" action="/register">
<label>Name <input name="name"></label><label>City <input name="city"></label>
<button>Register</button></form><a href="/about">About</a>"""
THANKS = "<!doctype html><title>Thank you</title><h1>Thank you</h1><p>We have your registration.</p>"
# A script sends the form, and what is liked.
SCRIPTED = """<!doctype html><title>Registration</title><h1>Register</h1>
<label>Name <input id="name"></label><button onclick="send('name=' + document.getElementById('name').value)">Register</button>
<button onclick="send('liked=1')">Like</button><p id="out">Nothing was sent</p>
<script>function send(body) { fetch('/register', {method: 'POST', redirect: 'manual', body}).then(
  () => { document.getElementById('out').textContent = 'Thank you'; }); }</script>"""
ABOUT = '<!doctype html><title>About</title><p>A place.</p><a href="/">Back</a>'
# The form in other languages: what is called what.
LANGUAGES = {
    "de": ("Anmeldung", "Name", "Stadt", "Registrieren"),
    "ja": ("会員登録", "名前", "都市", "登録する"),
    "ar": ("التسجيل", "الاسم", "المدينة", "تسجيل"),
}


def _in_language(path: str) -> str | None:
    words = LANGUAGES.get(path.removeprefix("/"))
    if words is None:
        return None
    title, name, city, button = words
    return (
        f'<!doctype html><html lang="{path[1:]}" dir="auto"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>'
        f'<form method="post" action="/register"><label>{name} <input name="name"></label>'
        f'<label>{city} <input name="city"></label><button>{button}</button></form>'
    )


def page(path: str, *, scripted: bool, in_place: bool) -> str | None:
    """Return a page of the registration, None for another path.

    With ``in_place`` the form's answer comes at its own address; with ``scripted`` a script sends it.
    """
    if path == "/":
        return SCRIPTED if scripted else FORM.replace("/register", "/") if in_place else FORM
    return {"/thanks": THANKS, "/about": ABOUT}.get(path) or _in_language(path)
