"""No hostile URL is accepted at registration or sent to, whatever trick its spelling or its name server uses."""

import pytest

from common.egress import EgressPolicy, ExchangeFailed, ExchangeFailure, UrlNotAllowed, UrlRule, check_url, send
from common.errors import Problem
from tests.common.egress.hostile_urls import HOSTILE_URLS, HostileUrl

every_hostile_url = pytest.mark.parametrize(
    "hostile", HOSTILE_URLS, ids=[f"{number:03}-{row.rule}-{row.why}" for number, row in enumerate(HOSTILE_URLS)]
)


def resolver_of(row: HostileUrl):
    def resolve(host: str, port: int) -> list[str]:
        if not row.resolves_to:
            raise OSError("name unknown")
        return list(row.resolves_to)

    return resolve


def test_table_is_long_and_each_row_says_something_new():
    assert len(HOSTILE_URLS) >= 150
    assert len({(row.url, row.resolves_to) for row in HOSTILE_URLS}) == len(HOSTILE_URLS)
    assert {row.rule for row in HOSTILE_URLS} == set(UrlRule)


@every_hostile_url
def test_hostile_url_is_refused_at_registration_by_the_rule_it_breaks(hostile):
    with pytest.raises(UrlNotAllowed) as caught:
        check_url(hostile.url, EgressPolicy(), resolver=resolver_of(hostile))
    refusal = caught.value
    assert refusal.rule is hostile.rule
    assert (refusal.code, refusal.status) == ("url_not_allowed", 422)
    assert refusal.details == [Problem("url", hostile.rule.value, refusal.message)]


@every_hostile_url
def test_hostile_url_is_never_connected_to(hostile, monkeypatch):
    def refuse_to_connect(*_):
        pytest.fail("a connection was made")

    monkeypatch.setattr("common.egress.transport.connect", refuse_to_connect)
    with pytest.raises((UrlNotAllowed, ExchangeFailed)) as caught:
        send(
            hostile.url,
            method="POST",
            headers={},
            body=b"{}",
            policy=EgressPolicy(),
            deadline_seconds=5,
            resolver=resolver_of(hostile),
        )
    if isinstance(caught.value, ExchangeFailed):
        assert caught.value.kind in {ExchangeFailure.UNRESOLVABLE, ExchangeFailure.REFUSED_ADDRESS}


@pytest.mark.parametrize("hostile", [row for row in HOSTILE_URLS if row.resolves_to], ids=lambda row: row.why)
def test_refusal_of_a_name_does_not_tell_what_it_resolves_to(hostile):
    with pytest.raises(UrlNotAllowed) as caught:
        check_url(hostile.url, EgressPolicy(), resolver=resolver_of(hostile))
    assert not any(address in caught.value.message for address in hostile.resolves_to)
