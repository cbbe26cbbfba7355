"""Secrets: typed on their own domain only, and found nowhere afterwards."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentkit.errors import ToolError, UsageError
from agentkit.tools.browser import Action, Secret, observe, perform
from agentkit.tools.browser import actions as act
from agentkit.tools.browser.redact import Redactor
from agentkit.tools.browser.secrets import Secrets

from .conftest import look, named

VALUE = "h@rd t0 guess/'\"é"
values = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=4, max_size=24)


def secret(site, **more) -> Secret:
    return Secret("password", f"127.0.0.1:{site.port}", value=VALUE, **more)


# ---- what is a secret ----


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("password@example.com=hunter2", "not given in the open .*=env:VARIABLE"),
        ("password@example.com=", "not a secret"),
        ("password=env:X", "not a secret"),
        ("pass word@example.com=env:X", "name of a secret"),
        ("password@co.uk=env:X", "not one site"),
        ("password@github.io=env:X", "not one site"),
        ("password@*.com=env:X", "not one site"),
    ],
)
def test_what_is_no_secret_is_refused_without_repeating_it(entry, why):
    with pytest.raises(UsageError, match=why) as refused:
        Secret.parse(entry)
    assert "hunter2" not in str(refused.value)


def test_a_value_is_read_from_a_variable_or_a_file_and_shown_by_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("SHOP", VALUE)
    (tmp_path / "shop").write_text(VALUE + "\n")
    for source in ("env:SHOP", f"file:{tmp_path / 'shop'}"):
        found = Secret.parse(f"password@example.com={source}")
        assert found.read() == VALUE
        assert VALUE not in repr(found) + json.dumps(found.to_json())
        assert Secret(**found.to_json()) == found
    assert VALUE not in repr(Secret("password", "example.com", value=VALUE))


@pytest.mark.parametrize("source", ["env:NOT_THERE", "file:/not/there"])
def test_a_value_that_is_not_there_says_what_to_do(source):
    with pytest.raises(UsageError, match=source.partition(":")[2]):
        Secret.parse(f"password@example.com={source}").read()


def test_a_value_that_could_be_any_word_is_refused():
    with pytest.raises(UsageError, match="too short"):
        Secret("password", "example.com", value="abc").read()


@pytest.mark.parametrize(
    ("domain", "url", "allowed"),
    [
        ("example.com", "https://example.com/", True),
        ("example.com", "https://login.example.com/x", True),
        ("login.example.com", "https://example.com/", False),
        ("example.com", "https://example.com.evil.org/", False),
        ("example.com", "https://evil.org/?example.com", False),
        ("example.com", "https://example.com@evil.org/", False),
        ("example.com", "http://example.com/", False),
        ("http://example.com", "http://example.com/", True),
        ("https://example.com", "http://example.com/", False),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/", True),
        ("127.0.0.1:8000", "http://127.0.0.1:8001/", False),
        ("example.com", "about:srcdoc", False),
        ("example.com", "data:text/html,x", False),
    ],
)
def test_where_a_secret_may_be_typed(domain, url, allowed):
    assert Secret("password", domain, value=VALUE).allows(url) is allowed


# ---- redaction ----


def forms(value: str) -> list[str]:
    """The ways in which pages and addresses write a value."""
    raw = value.encode()
    return [
        value,
        value.upper(),
        quote(value),
        quote(value, safe="").lower(),
        quote_plus(value),
        quote(quote(value)),
        escape(value),
        json.dumps(value)[1:-1],
        repr(value)[1:-1],
        raw.hex(),
        *(base64.b64encode(b"x" * before + raw + b"yz").decode() for before in range(4)),
        base64.urlsafe_b64encode(raw).decode(),
    ]


@given(values, st.text(max_size=10), st.text(max_size=10))
@example("000ß", "", "")
def test_no_form_of_a_value_survives(value, before, after):
    redactor = Redactor({"<secret:x>": value})
    for form in forms(value):
        left = redactor.redact(before + form + after)
        assert "<secret:x>" in left, form
        assert redactor.spans(left.replace("<secret:x>", "\0")) == []


@given(st.text(max_size=60))
def test_what_holds_no_secret_is_left_alone(text):
    redactor = Redactor({"<secret:x>": "Zq9-Zq9-Zq9"})
    assert redactor.redact(text) == text


def test_a_value_that_is_cut_off_is_found_by_its_beginning():
    assert (
        Redactor({"<secret:x>": "hunter22"}).redact("It is hunte… and more…") == "It is <secret:x>… and more…"
    )


def test_values_within_each_other_keep_their_names():
    redactor = Redactor({"<secret:a>": "abcd", "<secret:b>": "abcdefgh"})
    assert redactor.redact("abcdefgh abcd") == "<secret:b> <secret:a>"
    assert redactor.redact_data({"abcd": ["x abcd", 7]}) == {"<secret:a>": ["x <secret:a>", 7]}


# ---- in a browser ----


async def test_a_secret_is_typed_and_everything_a_careless_page_says_of_it_is_redacted(visit, site, tmp_path):
    session = await visit("/account", secrets=(secret(site),), downloads=tmp_path)
    page = await observe(session)
    field = named(page, "Password")
    effect = await perform(session, Action.on(page, "fill", field.id, "<secret:password>"))
    page = await observe(session, page)
    assert named(page, "Password").value == "<secret:password>"
    seen = [effect.to_json(), page.to_json()]
    sent = await perform(session, Action.on(page, "click", named(page, "Log in").id))
    assert [form["password"] for form in site.effects.logins] == [VALUE]
    page = await observe(session)
    assert "Your password is <secret:password>." in page.text()
    assert "plain=<secret:password>&coded=" in page.url
    told = await perform(session, Action.on(page, "click", named(page, "Tell").id))
    assert "<secret:password>" in told.dialogs[0]
    read = await perform(session, Action("extract"))
    seen += [sent.to_json(), told.to_json(), read.to_json(), page.to_json()]
    seen += [asdict(event) for event in session.events.items]
    with pytest.raises(ToolError) as refused:
        await perform(session, Action("goto", value="ftp://" + quote(VALUE, safe="")))
    said = json.dumps([*seen, str(refused.value)], ensure_ascii=False)
    assert Secrets([secret(site)]).spans(said) == []
    assert refused.value.__cause__ is None


async def test_a_secret_is_not_typed_on_another_domain_nor_in_a_frame_of_one(visit, site):
    session = await visit(
        f"/frames.html?other={site.localhost}/account", secrets=(secret(site),), allow=(site.localhost,)
    )
    page = await observe(session)
    field = named(page, "Password")
    assert field.frame.startswith(site.localhost)
    with pytest.raises(ToolError, match=r"is for 127\.0\.0\.1"):
        await perform(session, Action.on(page, "fill", field.id, "<secret:password>"))
    await act.goto(session, site.localhost + "/account")
    page = await observe(session)
    with pytest.raises(ToolError, match="is not typed on localhost"):
        await perform(session, Action.on(page, "fill", named(page, "Password").id, "<secret:password>"))
    assert await session.page.evaluate("document.querySelector('[type=password]').value") == ""


@pytest.mark.parametrize("text", ["<secret:other>", "x <secret:password>"])
async def test_a_secret_that_is_not_there_or_not_alone_is_an_error_for_the_model(visit, site, text):
    session = await visit("/account", secrets=(secret(site),))
    field = await look(session, "Password")
    with pytest.raises(ToolError):
        await act.fill(session, field, text)
    with pytest.raises(ToolError):
        await act.type_text(session, "<secret:password>", field)


async def test_pictures_show_no_secret_wherever_the_page_puts_it(visit, site):
    session = await visit("/account", secrets=(secret(site),))
    await act.fill(session, await look(session, "User name"), "Ada")
    plain = (await session.screenshot()).pixels
    await act.fill(session, await look(session, "Password"), "<secret:password>")
    box = named(await observe(session), "Password").box
    typed = (await session.screenshot()).pixels
    assert typed.getpixel((int(box.left) + 8, int(box.center[1]))) == (0x44, 0x44, 0x44)
    assert plain.getpixel((int(box.left) + 8, int(box.center[1]))) != (0x44, 0x44, 0x44)
    await act.click(session, await look(session, "Log in"))
    await observe(session)
    shown = (await session.screenshot()).pixels.convert("RGB")
    # What the page looks like with every place that holds the secret made invisible: no other pixel differs.
    places = await session.page.evaluate(
        """(value) => [...document.querySelectorAll('p, a, select, input')].filter((e) =>
          [e.textContent, e.value].some((text) => (text || '').includes(value))).map((e) => {
            const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; })""",
        VALUE,
    )
    assert len(places) >= 4
    for left, top, right, bottom in places:
        part = shown.crop((int(left), int(top), int(right), int(bottom)))
        covered = sum(count for count, colour in part.getcolors(100_000) if colour == (0x44, 0x44, 0x44))
        assert covered > 200
    everything = (await session.screenshot(full_page=True)).pixels
    assert everything.size[0] == session.config.viewport[0]


async def test_frames_are_covered_in_their_place(visit, site):
    session = await visit(f"/frames.html?other={site.url}/account", secrets=(secret(site),))
    await act.fill(session, await look(session, "Password"), "<secret:password>")
    box = named(await observe(session), "Password").box
    typed = (await session.screenshot()).pixels
    assert typed.getpixel((int(box.left) + 8, int(box.center[1]))) == (0x44, 0x44, 0x44)
