"""Which addresses belong to the public internet.

The ranges are written out by hand from the special-purpose registries of IANA, because `ipaddress.is_global` counts
NAT64, 6to4, IPv4-mapped and multicast addresses as global and changes between patch releases of Python. Whatever can
carry an IPv4 address inside an IPv6 address is refused as a whole instead of being unpacked: no public service needs to
be reached that way.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL_IPV4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), meaning)
    for network, meaning in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private network"),
        ("100.64.0.0/10", "shared address space of a provider"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "platform service of a cloud"),  # Azure answers here from inside every virtual machine
        ("169.254.0.0/16", "link-local, cloud metadata"),
        ("172.16.0.0/12", "private network"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112 sink"),
        ("192.52.193.0/24", "multicast tunnelling"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private network"),
        ("192.175.48.0/24", "AS112 sink"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
    )
)

# Only this block is handed out for use on the internet. Listing what lies outside it serves the messages; an address
# outside it that no row names is refused all the same.
_GLOBAL_UNICAST = IPv6Network("2000::/3")

_SPECIAL_IPV6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), meaning)
    for network, meaning in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::ffff:0:0:0/96", "IPv4-translated"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "local NAT64"),
        ("100::/64", "discard"),
        ("100:0:0:1::/64", "dummy prefix"),
        ("2001::/32", "Teredo"),
        ("2001:2::/48", "benchmarking"),
        ("2001:10::/28", "ORCHID"),
        ("2001:20::/28", "ORCHIDv2"),
        ("2001:30::/28", "drone identifiers"),
        ("2001::/23", "protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112 sink"),
        ("3ffe::/16", "6bone, returned"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "unique local"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)

# The middle of an ISATAP interface identifier (RFC 5214), followed by an IPv4 address of the tunnel's far end.
_ISATAP_MARKS = frozenset({0x00005EFE, 0x02005EFE})


def why_not_public(address: Address) -> str | None:
    """The special purpose that keeps `address` off the public internet, or None when it is a public address."""
    if isinstance(address, IPv4Address):
        return next((meaning for network, meaning in _SPECIAL_IPV4 if address in network), None)
    if address.scope_id is not None:
        return "zone identifier"
    meaning = next((meaning for network, meaning in _SPECIAL_IPV6 if address in network), None)
    if meaning is None and address not in _GLOBAL_UNICAST:
        return "not global unicast"
    if meaning is None and (int(address) >> 32) & 0xFFFFFFFF in _ISATAP_MARKS:
        return "ISATAP"
    return meaning


def is_public(address: Address) -> bool:
    """Whether `address` may be called without an entry in the allow list."""
    return why_not_public(address) is None


def parse_address(text: str) -> Address | None:
    """The address written in `text` in its usual notation (no octal, hexadecimal or shortened IPv4), or None."""
    try:
        return ip_address(text)
    except ValueError:
        return None
