"""The allow-list, by its properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.errors import UsageError
from agentkit.tools.browser.allow import AllowList, site_of

label = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
host = st.lists(label, min_size=2, max_size=5).map(lambda labels: ".".join([*labels, "example"]))


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("www.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("ann.github.io", "ann.github.io"),
        ("x.ann.github.io", "ann.github.io"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("WWW.Example.COM.", "example.com"),
    ],
)
def test_the_site_of_a_host(name, site):
    assert site_of(name) == site


@given(host)
def test_a_start_url_allows_its_site_and_all_below_it(name):
    allow = AllowList.of(f"https://{name}/x?y#z")
    site = site_of(name)
    assert allow.allows_url(f"https://{name}/")
    assert allow.allows_url(f"https://{site}/")
    assert allow.allows_url(f"wss://any.{site}:8443/socket")


@given(host, label)
def test_lookalikes_are_other_sites(name, other):
    allow = AllowList.of(f"https://{name}/")
    site = site_of(name)
    for url in (
        f"https://{site}.{other}evil.com/",
        f"https://x{site}/",
        f"https://{site}@evil.com/",
        f"https://evil.com/{site}",
        f"https://evil.com?{site}",
        f"https://evil.com#@{site}",
        f"file://{site}/etc/passwd",
        f"javascript://{site}/%0aalert(1)",
    ):
        assert not allow.allows_url(url), url


def test_addresses_are_allowed_with_their_port_only():
    allow = AllowList.of("http://127.0.0.1:8000/", ["localhost:9000"])
    assert allow.allows("127.0.0.1", 8000)
    assert allow.allows("localhost", 9000)
    assert not allow.allows("127.0.0.1", 8001)
    assert not allow.allows("localhost", 8000)
    assert not AllowList.of("http://127.0.0.1/").allows("127.0.0.1", 443)


@pytest.mark.parametrize("entry", ["", "http://", "http://host:notaport/", "/path"])
def test_what_names_no_host_is_a_usage_error(entry):
    with pytest.raises(UsageError):
        AllowList.of("https://example.com", [entry])


@given(st.text(max_size=60))
def test_any_text_is_judged_without_an_exception(text):
    assert AllowList.of("https://example.com").allows_url(text) in (True, False)
