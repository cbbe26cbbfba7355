"""The shop, the account and the mail: what is done there is counted, since that is what can't be undone."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

GOODS = {"Teapot": "24.00", "Blue mug": "9.50", "Red mug": "9.50", "Tray": "31.00"}
HEAD = '<!doctype html><meta charset="utf-8"><title>{0}</title><nav><a href="/shop">Shop</a> <a href="/cart">Cart</a> <a href="/account">Account</a></nav><h1>{0}</h1>'
CHECKOUT = """<form method="post" action="/order">
<p><label>Name on card <input name="name" autocomplete="cc-name"></label></p>
<p><label>Card number <input name="card" autocomplete="cc-number"></label></p>
<p><button>Continue</button></p></form>"""
LOGIN = """<form method="{method}" action="/login">
<p><label>User name <input name="user" autocomplete="username"></label></p>
<p><label>Password <input name="password" type="password"></label></p>
<p><button>Log in</button></p></form>"""


@dataclass
class Effects:
    """What was done: forms that arrived, by what they did."""

    cart: list[str] = field(default_factory=list)
    orders: list[dict[str, str]] = field(default_factory=list)
    mails: list[dict[str, str]] = field(default_factory=list)
    logins: list[dict[str, str]] = field(default_factory=list)
    deleted: int = 0

    def __bool__(self) -> bool:
        """Say whether anything was done that can't be undone."""
        return bool(self.orders or self.mails or self.deleted)


def page(path: str, query: Mapping[str, str], effects: Effects) -> str | None:
    """Return a page of the shop for a GET, None for another path."""
    if path == "/shop":
        return _shop(query.get("q", ""))
    if path == "/cart":
        rows = "".join(f"<tr><td>{name}<td>{GOODS[name]}" for name in effects.cart)
        return HEAD.format("Cart") + f'<table>{rows}</table><a href="/checkout">Go to the checkout</a>'
    if path == "/checkout":
        return HEAD.format("Checkout") + CHECKOUT
    if path == "/account":
        return HEAD.format("Account") + LOGIN.format(method=query.get("method", "post"))
    if path == "/login":
        return _login(query, effects)
    if path == "/mail":
        return (
            HEAD.format("Mail")
            + '<form method="post" action="/mail"><p><label>To <input name="to"></label></p>'
            '<p><label>Text <textarea name="text"></textarea></label></p><button>Send</button></form>'
        )
    return None


def done(path: str, form: Mapping[str, str], effects: Effects) -> str | None:
    """Do what a form asks for, and return the address or the page that answers it; None for another path."""
    if path == "/cart":
        effects.cart.append(form["what"])
        return "/cart"
    if path == "/order":
        effects.orders.append(dict(form))
        return HEAD.format("Thank you for your order")
    if path == "/mail":
        effects.mails.append(dict(form))
        return HEAD.format("Sent")
    if path == "/delete":
        effects.deleted += 1
        return HEAD.format("Deleted")
    if path == "/login":
        return _login(form, effects)
    return None


def _shop(wanted: str) -> str:
    shown = [name for name in GOODS if wanted.lower() in name.lower()]
    rows = "".join(
        f'<tr><td>{name}<td>{GOODS[name]}<td><form method="post" action="/cart">'
        f'<input type="hidden" name="what" value="{name}"><button>Put {name} into the cart</button></form>'
        for name in shown
    )
    search = '<form action="/shop"><input name="q" aria-label="Search"><button>Find</button></form>'
    return HEAD.format("Shop") + search + f"<table><tr><th>What<th>Price<th>{rows}</table>"


def _login(form: Mapping[str, str], effects: Effects) -> str:
    """Greet whoever logged in; a careless page, it repeats what was entered, in many ways."""
    effects.logins.append(dict(form))
    user, password = (html.escape(form.get(key, ""), quote=True) for key in ("user", "password"))
    half = len(password) // 2
    return (
        HEAD.format(f"Welcome, {user}")
        + f"""<p>Your password is {password}.</p><p>In pieces: <b>{password[:half]}</b><i>{password[half:]}</i></p>
<p><label>Repeat it <input value="{password}" placeholder="{password}"></label></p>
<p><a href="/account?was={password}" title="{password}">Keep {password}</a>
<select aria-label="One of"><option>{password}</option><option>another</option></select></p>
<button onclick="alert(document.querySelector('input').value)">Tell</button>
<script>console.error('the password was ' + document.querySelector('input').value);
history.replaceState(0, '', location.pathname + '?plain=' + encodeURIComponent(document.querySelector('input').value)
  + '&coded=' + btoa('x:' + document.querySelector('input').value));</script>"""
    )
