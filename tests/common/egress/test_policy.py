"""The allow list opens exactly what it names."""

from ipaddress import ip_address

import pytest

from common.egress import EgressPolicy, UrlNotAllowed, check_url


def accepts(setting: str, url: str, *addresses: str) -> bool:
    try:
        check_url(url, EgressPolicy.from_setting(setting), resolver=lambda host, port: list(addresses))
    except UrlNotAllowed:
        return False
    return True


@pytest.mark.parametrize(
    ("setting", "url", "addresses", "accepted"),
    [
        ("", "http://localhost/", ["127.0.0.1"], False),
        ("localhost", "http://localhost:9000/", ["127.0.0.1", "::1"], True),
        ("localhost", "http://LOCALHOST./", ["127.0.0.1"], True),
        ("localhost", "http://127.0.0.1/", [], False),
        ("localhost", "http://app.localhost/", ["127.0.0.1"], False),
        ("localhost", "http://localhost.evil.example/", ["127.0.0.1"], False),
        ("sink.test:8080", "http://sink.test:8080/", ["172.18.0.4"], True),
        ("sink.test:8080", "http://sink.test:8081/", ["172.18.0.4"], False),
        ("sink.test:8080", "http://sink.test/", ["172.18.0.4"], False),
        ("sink:8080", "http://sink:8080/", [], True),
        ("sink:8080", "http://sink:8081/", [], False),
        ("127.0.0.1:9999", "http://127.0.0.1:9999/", [], True),
        ("127.0.0.1:9999", "http://127.0.0.1/", [], False),
        ("127.0.0.1:9999", "http://127.0.0.2:9999/", [], False),
        ("127.0.0.1:9999", "http://localhost:9999/", ["127.0.0.1"], True),
        ("127.0.0.1:9999", "http://localhost:9999/", ["127.0.0.1", "::1"], False),
        ("10.0.0.0/8", "http://10.9.8.7:1234/", [], True),
        ("10.0.0.0/8", "http://intranet.example.com/", ["10.1.1.1"], True),
        ("10.0.0.0/8", "http://sink/", ["10.1.1.1"], True),
        ("10.0.0.0/8", "http://sink/", ["93.184.215.14"], False),
        ("10.0.0.0/8", "http://intranet.example.com/", ["10.1.1.1", "192.168.1.1"], False),
        ("10.0.0.0/8", "http://mixed.example.com/", ["10.1.1.1", "93.184.215.14"], True),
        ("10.0.0.0/8", "http://[::ffff:10.0.0.1]/", [], False),
        ("fd00::/8", "http://[fd12::1]/", [], True),
        ("[::1]:9999", "http://[::1]:9999/", [], True),
        ("[::1]:9999", "http://[::1]:9998/", [], False),
        ("::1", "http://[::1]:9998/", [], True),
        (" localhost , 10.0.0.0/8,,", "http://10.0.0.1/", [], True),
        ("10.0.0.0/8", "http://user@10.0.0.1/", [], False),
        ("0.0.0.0/0", "http://127.1/", [], False),
    ],
)
def test_allow_list_opens_what_it_names_and_nothing_else(setting, url, addresses, accepted):
    assert accepts(setting, url, *addresses) is accepted


@pytest.mark.parametrize(
    "setting",
    ["*", "http://localhost", "10.0.0.1/8", "10.0.0.0/33", "localhost:0", "localhost:x", "localhost:65536", "127.1",
     "a b", "a..b", "localhost;10.0.0.0/8", "10.0.0.0/8:80", "[::1", "user@host"],
)  # fmt: skip
def test_allow_list_that_cannot_be_read_is_an_error_that_names_the_variable(setting):
    with pytest.raises(ValueError, match="LEDGER_EGRESS_ALLOW"):
        EgressPolicy.from_setting(setting)


def test_empty_setting_permits_public_addresses_only():
    policy = EgressPolicy.from_setting("")
    assert policy == EgressPolicy()
    assert policy.permits(host="example.com", address=ip_address("8.8.8.8"), port=80)
    assert not policy.permits(host="example.com", address=ip_address("10.0.0.1"), port=80)
