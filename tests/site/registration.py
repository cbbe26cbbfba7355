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


def page(path: str, *, scripted: bool, in_place: bool) -> str | None:
    """Return a page of the registration, None for another path.

    With ``in_place`` the form's answer comes at its own address; with ``scripted`` a script sends it.
    """
    if path == "/":
        return SCRIPTED if scripted else FORM.replace("/register", "/") if in_place else FORM
    return {"/thanks": THANKS, "/about": ABOUT}.get(path)
