"""What an installation allows beyond the public internet."""

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Self

from common.egress.addresses import Address, Network, is_public, parse_address

_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.\-]{0,251}[a-z0-9_])?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Hosts and networks that may be called although their addresses are not public.

    `hosts` are lower-case names, `networks` are CIDR blocks (a single address is a block of one), each with the only
    port they are allowed on, or None for every port. A host entry allows whatever address that name resolves to; a
    network entry allows its addresses under whatever name. The empty policy, the default, allows public addresses only.
    """

    hosts: frozenset[tuple[str, int | None]] = frozenset()
    networks: frozenset[tuple[Network, int | None]] = frozenset()

    @classmethod
    def from_setting(cls, text: str) -> Self:
        """The policy written in `text`, a comma list of host, address, CIDR block, `host:port` or `[ipv6]:port`.

        Raises `ValueError` naming the entry that cannot be read, so that a mistake stops the start of the process
        instead of allowing or refusing something unexpected later.
        """
        hosts: set[tuple[str, int | None]] = set()
        networks: set[tuple[Network, int | None]] = set()
        for entry in (part.strip().lower() for part in text.split(",")):
            if not entry:
                continue
            if "/" in entry:
                networks.add((_network(entry), None))
                continue
            host, port = _split_port(entry)
            address = parse_address(host)
            if address is not None:
                networks.add((ip_network(address), port))
            else:
                hosts.add((_host(host, entry), port))
        return cls(hosts=frozenset(hosts), networks=frozenset(networks))

    def names_host(self, host: str, port: int) -> bool:
        """Whether `host` itself is listed for `port`."""
        return (host, None) in self.hosts or (host, port) in self.hosts

    def lists_address(self, address: Address, port: int) -> bool:
        """Whether a listed network holds `address` for `port`."""
        return any(
            listed_port in (None, port) and address.version == network.version and address in network
            for network, listed_port in self.networks
        )

    def permits(self, *, host: str, address: Address, port: int) -> bool:
        """Whether `host`, resolved to `address`, may be called on `port`."""
        return is_public(address) or self.names_host(host, port) or self.lists_address(address, port)


def _network(entry: str) -> Network:
    try:
        return ip_network(entry)
    except ValueError as error:
        raise ValueError(f"LEDGER_EGRESS_ALLOW: {entry!r} is not a CIDR block ({error}).") from None


def _split_port(entry: str) -> tuple[str, int | None]:
    if parse_address(entry) is not None:
        return entry, None
    if entry.startswith("[") and entry.endswith("]"):
        return entry[1:-1], None
    host, colon, port = entry.rpartition(":")
    if not colon:
        return entry, None
    if _PORT.fullmatch(port) is None or int(port) > 65535:
        raise ValueError(f"LEDGER_EGRESS_ALLOW: the port of {entry!r} must be a number from 1 to 65535.")
    return host.removeprefix("[").removesuffix("]") if host.startswith("[") else host, int(port)


def _host(host: str, entry: str) -> str:
    host = host.removesuffix(".")
    if _HOST.fullmatch(host) is None or ".." in host or host.replace(".", "").isdigit():
        raise ValueError(f"LEDGER_EGRESS_ALLOW: {entry!r} is neither a host name, an address nor a CIDR block.")
    return host
