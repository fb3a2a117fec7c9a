"""A good URL is taken apart into normalised parts; registration forgives a name that does not resolve yet."""

import time
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.egress import EgressPolicy, Target, UrlNotAllowed, check_url, parse_url

PUBLIC = "93.184.215.14"

GOOD = [
    ("http://example.com", Target("http", "example.com", 80, "/")),
    ("https://example.com/", Target("https", "example.com", 443, "/")),
    ("HTTPS://Example.COM/Hook", Target("https", "example.com", 443, "/Hook")),
    ("https://example.com./hook", Target("https", "example.com", 443, "/hook")),
    ("https://example.com:443/hook", Target("https", "example.com", 443, "/hook")),
    ("http://example.com:65535/", Target("http", "example.com", 65535, "/")),
    ("https://example.com?a=1&b[]=2", Target("https", "example.com", 443, "/?a=1&b[]=2")),
    ("https://example.com/a//b/../c?x=/?y", Target("https", "example.com", 443, "/a//b/../c?x=/?y")),
    ("https://example.com/%C3%BC?next=https://127.0.0.1/@", None),
    ("https://xn--bcher-kva.example/", Target("https", "xn--bcher-kva.example", 443, "/")),
    ("https://my_app.tunnel.example/", Target("https", "my_app.tunnel.example", 443, "/")),
    ("https://1password.example/", Target("https", "1password.example", 443, "/")),
    ("https://1.2.3.example/", Target("https", "1.2.3.example", 443, "/")),
    ("https://localhost.example.com/", Target("https", "localhost.example.com", 443, "/")),
    ("https://" + "a" * 63 + ".example/", None),
    ("http://8.8.8.8/", Target("http", "8.8.8.8", 80, "/", ip_address("8.8.8.8"))),
    ("http://8.8.8.8.:81/", Target("http", "8.8.8.8", 81, "/", ip_address("8.8.8.8"))),
    (
        "http://[2606:4700:0::1111]:8080/x",
        Target("http", "2606:4700::1111", 8080, "/x", ip_address("2606:4700::1111")),
    ),
]


def resolve_public(host, port):
    return [PUBLIC]


def resolve_nothing(host, port):
    raise OSError("name unknown")


@pytest.mark.parametrize(("url", "target"), GOOD)
def test_good_url_is_accepted_and_normalised(url, target):
    parsed = check_url(url, EgressPolicy(), resolver=resolve_public)
    if target is not None:
        assert parsed == target
    assert parse_url(parsed.url) == parsed


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("http://example.com:80/", "example.com"),
        ("https://example.com:80/", "example.com:80"),
        ("https://[2606:4700::1111]/", "[2606:4700::1111]"),
        ("http://[2606:4700::1111]:81/", "[2606:4700::1111]:81"),
    ],
)
def test_host_header_names_the_port_only_when_it_is_unusual(url, header):
    assert parse_url(url).host_header == header


def test_longest_allowed_url_is_accepted():
    assert parse_url("http://example.com/".ljust(2048, "a")).host == "example.com"


@pytest.mark.parametrize("answer", [resolve_nothing, lambda host, port: []])
def test_name_that_does_not_resolve_is_accepted_at_registration(answer):
    assert check_url("https://not-yet.example/", EgressPolicy(), resolver=answer).host == "not-yet.example"


def test_name_server_that_hangs_delays_registration_only_for_the_deadline():
    def hanging(host, port):
        time.sleep(5)
        return [PUBLIC]

    started = time.monotonic()
    assert check_url("https://slow.example/", EgressPolicy(), resolver=hanging, deadline_seconds=0.2)
    assert time.monotonic() - started < 3


def test_address_in_a_url_is_judged_without_asking_a_name_server():
    def fail(host, port):
        pytest.fail("a name server was asked")

    check_url("http://8.8.8.8/", EgressPolicy(), resolver=fail)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_whatever_follows_the_scheme_is_parsed_or_refused_but_never_crashes(text):
    for url in (text, f"http://{text}", f"https://example.com{text}"):
        try:
            target = parse_url(url)
        except UrlNotAllowed:
            continue
        assert parse_url(target.url) == target
        assert target.url.isascii()


@settings(deadline=None)
@given(st.text(alphabet="0123456789abcdefx.:[]%@/\\#?-_ ", max_size=25))
def test_host_that_passes_is_an_address_in_plain_notation_or_ends_in_no_number(text):
    try:
        target = parse_url(f"http://{text}")
    except UrlNotAllowed:
        return
    if target.address is not None:
        assert str(target.address) == target.host
    else:
        last = target.host.rsplit(".", 1)[-1]
        assert not last.isdigit()
        assert not last.startswith("0x") or any(character not in "0123456789abcdef" for character in last[2:])
