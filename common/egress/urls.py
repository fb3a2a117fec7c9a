"""Parse a URL once into a `Target`, or refuse it.

Two parsers that disagree about one URL are how such guards are passed: one checks `a.example`, the other connects to
`b.example`. So a URL is taken apart here, by rules stricter than any client's, and everything afterwards works with the
parts. What two parsers could read in two ways is refused instead of repaired: user information, backslashes, white
space, control characters, anything outside ASCII, numbers that only a C library takes for an address.

Host names are ASCII. An internationalised name is given in its `xn--` form: mapping Unicode to names is where circled
digits become 127.0.0.1, and the caller's browser or DNS provider shows the `xn--` form anyway.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from common.egress.addresses import Address
from common.egress.errors import UrlNotAllowed, UrlRule

MAX_URL_LENGTH = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_AUTHORITY_AND_REST = re.compile(r"//([^/?]*)(.*)", re.DOTALL)
_PATH_AND_QUERY = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?\[\]]|%[0-9A-Fa-f]{2})*")
_ESCAPED_CONTROL = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff])")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?")
_NUMBER_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOTTED_QUAD = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_IPV6_CHARACTERS = re.compile(r"[0-9A-Fa-f:.]+")
_PORT = re.compile(r"[1-9][0-9]{0,4}")

# Names that mean something only inside a network: reserved for that (RFC 6761, RFC 6762, RFC 7686, RFC 8375, and
# `internal` by ICANN), or in such wide private use that they are never delegated.
_LOCAL_SUFFIXES = (
    "localhost", "local", "home.arpa", "onion", "internal", "localdomain", "intranet", "lan", "corp", "home",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. Made only by `parse_url`; every part is ASCII and normalised.

    `host` is lower case without a trailing dot; `address` is set when the URL names an address instead of a host, and
    `host` then is its canonical spelling without brackets. `path_and_query` starts with `/`.
    """

    scheme: str
    host: str
    port: int
    path_and_query: str
    address: Address | None = None

    @property
    def host_header(self) -> str:
        """Value of the `Host` header: brackets around IPv6, the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The normalised URL."""
        return f"{self.scheme}://{self.host_header}{self.path_and_query}"

    @property
    def is_local_name(self) -> bool:
        """Whether the host is a name that only a private network would answer for."""
        if self.address is not None:
            return False
        return "." not in self.host or any(
            self.host == suffix or self.host.endswith(f".{suffix}") for suffix in _LOCAL_SUFFIXES
        )


def parse_url(url: str) -> Target:
    """Take `url` apart, once. Looks at spelling only: nothing is resolved and no address is judged.

    Raises `UrlNotAllowed` naming the rule that is broken.
    """
    if len(url) > MAX_URL_LENGTH:
        raise UrlNotAllowed(UrlRule.TOO_LONG, f"The URL is longer than {MAX_URL_LENGTH} characters.")
    _require_plain_characters(url)
    scheme, rest = _split_scheme(url)
    match = _AUTHORITY_AND_REST.fullmatch(rest)
    if match is None:
        raise UrlNotAllowed(UrlRule.HOST, "The URL must name a host after http:// or https://.")
    authority, path_and_query = match.groups()
    if "@" in authority:
        raise UrlNotAllowed(UrlRule.USERINFO, "The URL must not contain a user name or password.")
    host_text, port_text = _split_port(authority)
    host, address = _parse_host(host_text)
    return Target(
        scheme=scheme,
        host=host,
        port=_parse_port(port_text, scheme),
        path_and_query=_parse_path_and_query(path_and_query),
        address=address,
    )


def _require_plain_characters(url: str) -> None:
    for character in url:
        if not "\x21" <= character <= "\x7e":
            raise UrlNotAllowed(
                UrlRule.CHARACTER,
                "The URL must not contain white space, control characters or characters outside ASCII; "
                "write an international host name in its xn-- form and percent-encode the rest.",
            )
        if character == "\\":
            raise UrlNotAllowed(UrlRule.CHARACTER, "The URL must not contain a backslash.")
        if character == "#":
            raise UrlNotAllowed(UrlRule.FRAGMENT, "The URL must not contain a fragment (#): it is never sent.")


def _split_scheme(url: str) -> tuple[str, str]:
    match = _SCHEME.match(url)
    scheme = match.group(1).lower() if match else ""
    if match is None or scheme not in DEFAULT_PORTS:
        raise UrlNotAllowed(UrlRule.SCHEME, "The URL must start with http:// or https://.")
    return scheme, url[match.end() :]


def _split_port(authority: str) -> tuple[str, str | None]:
    if authority.startswith("["):
        literal, bracket, after = authority.partition("]")
        if not bracket or (after and not after.startswith(":")):
            raise UrlNotAllowed(UrlRule.HOST, "The IPv6 address in the URL is not closed by a bracket.")
        return literal + bracket, after[1:] if after else None
    host, colon, port = authority.partition(":")
    return host, port if colon else None


def _parse_port(text: str | None, scheme: str) -> int:
    if text is None:
        return DEFAULT_PORTS[scheme]
    if _PORT.fullmatch(text) is None or int(text) > 65535:
        raise UrlNotAllowed(UrlRule.PORT, "The port of the URL must be a number from 1 to 65535 without leading zeros.")
    return int(text)


def _parse_path_and_query(text: str) -> str:
    if _PATH_AND_QUERY.fullmatch(text) is None:
        raise UrlNotAllowed(
            UrlRule.PATH, "The path or query of the URL contains a character that must be percent-encoded."
        )
    if _ESCAPED_CONTROL.search(text):
        raise UrlNotAllowed(
            UrlRule.PATH, "The path or query of the URL must not contain control characters, also percent-encoded."
        )
    return text if text.startswith("/") else f"/{text}"


def _parse_host(text: str) -> tuple[str, Address | None]:
    if text.startswith("["):
        ipv6 = _parse_ipv6(text[1:-1])
        return str(ipv6), ipv6
    host = text.lower()
    # One trailing dot marks a name as absolute and changes nothing else. Certificates are issued without it.
    host = host.removesuffix(".")
    if not host:
        raise UrlNotAllowed(UrlRule.HOST, "The URL must name a host.")
    if len(host) > 253:
        raise UrlNotAllowed(UrlRule.HOST, "The host name in the URL is longer than 253 characters.")
    labels = host.split(".")
    # The C library reads 127.1, 0x7f.1, 017700000001 and 2130706433 as 127.0.0.1. Whatever ends in a number is either
    # four plain decimal numbers or refused.
    if _NUMBER_LABEL.fullmatch(labels[-1]):
        ipv4 = _parse_ipv4(host)
        return str(ipv4), ipv4
    for label in labels:
        _require_label(label)
    return host, None


def _require_label(label: str) -> None:
    if _LABEL.fullmatch(label) is None:
        raise UrlNotAllowed(
            UrlRule.HOST,
            "The host name in the URL must consist of parts of 1 to 63 letters, digits and hyphens, joined by dots.",
        )
    if label.startswith("xn--"):
        try:
            decoded = label[4:].encode("ascii").decode("punycode")
        except UnicodeError:
            decoded = ""
        if not decoded or decoded.isascii():
            raise UrlNotAllowed(UrlRule.HOST, "The host name in the URL has an xn-- part that encodes no name.")


def _parse_ipv4(text: str) -> IPv4Address:
    try:
        if _DOTTED_QUAD.fullmatch(text):
            return IPv4Address(text)
    except ValueError:
        pass
    raise UrlNotAllowed(
        UrlRule.HOST, "An IPv4 address in the URL must be four decimal numbers from 0 to 255 without leading zeros."
    )


def _parse_ipv6(text: str) -> IPv6Address:
    try:
        if _IPV6_CHARACTERS.fullmatch(text):
            return IPv6Address(text)
    except ValueError:
        pass
    raise UrlNotAllowed(
        UrlRule.HOST, "The address in brackets in the URL must be an IPv6 address without a zone identifier."
    )
