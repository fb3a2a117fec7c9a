"""No address that another authority calls special is accepted as public."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.egress import is_public

PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0",
    "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "168.63.129.15",
    "2000::1", "2001:200::1", "2001:db7:ffff::1", "2001:db9::1", "2003::1", "2606:4700::1111", "2a00:1450::1",
    "3fff:1000::1", "2606:4700::1:5efe:7f00:1",
]  # fmt: skip

SPECIAL_IPV4 = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
]  # fmt: skip

SPECIAL_IPV6 = [
    "::/3", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
    "2620:4f:8000::/48", "3ffe::/16", "3fff::/20", "4000::/2", "8000::/1",
]  # fmt: skip


def special_by_the_standard_library(address: IPv4Address | IPv6Address) -> bool:
    flagged = (
        address.is_private
        or address.is_loopback
        or address.is_multicast
        or address.is_link_local
        or address.is_reserved
        or address.is_unspecified
        or not address.is_global
    )
    if isinstance(address, IPv4Address):
        return flagged
    carries_ipv4 = (address.ipv4_mapped, address.sixtofour, address.teredo)
    return flagged or address.is_site_local or any(inner is not None for inner in carries_ipv4)


ipv4_near_special_ranges = st.sampled_from([IPv4Network(network) for network in SPECIAL_IPV4]).flatmap(
    lambda network: st.integers(
        max(0, int(network[0]) - 512), min(2**32 - 1, int(network[-1]) + 512)
    ).map(IPv4Address)
)  # fmt: skip
ipv6_in_special_ranges = st.sampled_from([IPv6Network(network) for network in SPECIAL_IPV6]).flatmap(
    lambda network: st.integers(int(network[0]), int(network[-1])).map(IPv6Address)
)
ipv6_with_ipv4_inside = st.builds(
    lambda prefix, inner, shift: IPv6Address(int(IPv6Address(prefix)) | int(inner) << shift),
    st.sampled_from(["::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::", "2002::", "2001::"]),
    st.ip_addresses(v=4),
    st.sampled_from([0, 80]),
)


@settings(max_examples=2000, deadline=None)
@given(st.one_of(st.ip_addresses(v=4), ipv4_near_special_ranges))
@example(IPv4Address("255.255.255.255"))
@example(IPv4Address("0.0.0.0"))
def test_ipv4_address_with_a_special_purpose_is_not_public(address):
    if special_by_the_standard_library(address):
        assert not is_public(address)


@settings(max_examples=2000, deadline=None)
@given(st.one_of(st.ip_addresses(v=6), ipv6_in_special_ranges, ipv6_with_ipv4_inside))
@example(IPv6Address("::"))
@example(IPv6Address("fe80::1%eth0"))
def test_ipv6_address_with_a_special_purpose_is_not_public(address):
    if special_by_the_standard_library(address):
        assert not is_public(address)


@settings(max_examples=1000, deadline=None)
@given(ipv6_in_special_ranges)
def test_no_address_of_a_special_ipv6_range_is_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("network", SPECIAL_IPV4)
def test_special_ipv4_range_is_refused_from_its_first_to_its_last_address(network):
    block = IPv4Network(network)
    assert not is_public(block[0])
    assert not is_public(block[-1])


@pytest.mark.parametrize("network", SPECIAL_IPV6)
def test_special_ipv6_range_is_refused_from_its_first_to_its_last_address(network):
    block = IPv6Network(network)
    assert not is_public(block[0])
    assert not is_public(block[-1])


@pytest.mark.parametrize("text", PUBLIC)
def test_address_next_to_a_special_range_stays_public(text):
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", ["64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8", "ff0e::1", "224.0.1.1"])
def test_address_that_the_standard_library_may_call_global_is_refused(text):
    assert not is_public(ip_address(text))
