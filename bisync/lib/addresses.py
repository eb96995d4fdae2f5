"""Where addresses lead: to the internet, a private network, this machine, or where nobody is to call."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Reach: TypeAlias = Literal["public", "private", "local", "never"]

# Where clouds hand out the credentials of the machine that asks, besides the link-local addresses.
_METADATA = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fd00:ec2::/32",
        "fd20:ce::/32",
    )
)
# The last 32 bits of these are an IPv4 address that a gateway talks to.
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))


@dataclass(frozen=True, slots=True)
class Places:
    """Hosts by name, and networks, as an operator lists them."""

    names: frozenset[str]
    networks: tuple[Network, ...]

    @classmethod
    def of(cls, words: Iterable[str]) -> Places:
        """The places that `words` name. Raises ValueError for what looks like a network and is none."""
        names, networks = set(), []
        for word in words:
            if "/" in word or ":" in word or word.replace(".", "").isdigit():
                networks.append(ipaddress.ip_network(word))
            else:
                names.add(word.lower().rstrip("."))
        return cls(frozenset(names), tuple(networks))

    def hold(self, host: str, address: Address) -> bool:
        """Whether the host is listed by its name, or by a network that its address lies in."""
        return host.lower().rstrip(".") in self.names or any(address in network for network in self.networks)


def of_host(host: str, *, look_up: bool) -> list[str]:
    """The addresses of a host; those of a name only with `look_up`. Empty where it has none."""
    flags = 0 if look_up else socket.AI_NUMERICHOST
    try:
        entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    except (OSError, ValueError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def plain(text: str) -> Address:
    """The address in `text`, as IPv4 where it only wraps such an address."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return address
    teredo = address.teredo
    wrapped = address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
    if wrapped is None and int(address) > 1 and any(address in network for network in _TRANSLATED):
        wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return wrapped or address


def reach(address: Address) -> Reach:
    """How far away `address` is; "never" is where no server of anybody's is to be called."""
    if address.is_loopback:
        return "local"
    odd = address.is_link_local or address.is_multicast or address.is_unspecified
    if odd or any(address in network for network in _METADATA):
        return "never"
    return "public" if address.is_global else "private"
