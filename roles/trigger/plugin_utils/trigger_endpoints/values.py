# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the values that an endpoint is written with. No I/O."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from . import host

parse_span = host.timespan.parse_span
_SIZE = re.compile(r"(\d+)\s*(?:([KMG])(?:i?B)?|B)?", re.ASCII)
RATE_LIMIT = 1000
_SIZE_FACTORS = {None: 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def parse_size(text: str) -> int:
    """A size in bytes. Raises ValueError."""
    size = _SIZE.fullmatch(text.strip())
    if not size:
        raise ValueError(f"{text!r} is not a valid size; write for example 65536, 64KiB or 1MiB")
    return int(size[1]) * _SIZE_FACTORS[size[2]]


def parse_rate(text: str) -> tuple[int, float]:
    """A rate such as 10/min as (count, seconds). Raises ValueError."""
    rate = re.fullmatch(r"\s*(\d{1,4})\s*/\s*(\S.*?)\s*", text, re.ASCII)
    if not rate or not 0 < int(rate[1]) <= RATE_LIMIT:
        raise ValueError(f"{text!r} is not a valid rate; write for example 10/min, with a count from 1 to {RATE_LIMIT}")
    count, span = rate[1], rate[2]
    seconds = parse_span(span if re.search(r"\d", span) else f"1{span}")
    if not 1 <= seconds < float("inf"):
        raise ValueError(f"{text!r} is not a valid rate; the time must be a second or longer, and end")
    return int(count), seconds


def read_networks(given: list[str] | None) -> tuple[list[str] | None, list[str]]:
    """allow_from in one spelling, and what is wrong with it."""
    if given is None:
        return None, []
    networks, wrong = [], []
    if not given:
        wrong.append("allow_from: an empty list would let nobody in; leave the key out to allow every address")
    for text in given:
        try:
            network = ipaddress.ip_network(text if "%" not in text else "")
        except ValueError:
            hint = ""
            try:
                hint = f"; did you mean {ipaddress.ip_network(text, strict=False)}?"
            except ValueError:
                pass
            wrong.append(
                f"allow_from: {text!r} is not a valid network; write for example 192.0.2.0/24 or 2001:db8::/32{hint}"
            )
            continue
        mapped = getattr(network.network_address, "ipv4_mapped", None)
        if mapped is not None:
            plain = f"{mapped}/{network.prefixlen - 96}"
            wrong.append(f"allow_from: {text!r} is an IPv4 network in IPv6 form; write it as {plain}")
        networks.append(str(network))
    return networks, wrong


class Address:
    """Where to listen. text: as systemd.socket(5) takes it. host: None for a bare port, which is all addresses of both
    families. port: None for a Unix socket, and path for others."""

    def __init__(self, text: str) -> None:
        """Raises ValueError."""
        self.text = text
        self.host: ipaddress.IPv4Address | ipaddress.IPv6Address | None = None
        self.port: int | None = None
        self.path: str | None = None
        if text.startswith("/"):
            self._read_path(text)
            return
        host, _, port = text.rpartition(":")
        if not re.fullmatch(r"\d{1,5}", port, re.ASCII) or not 0 < int(port) < 65536:
            raise ValueError(
                f"{text!r} is not a valid address: write a port from 1 to 65535, address:port, "
                "[IPv6 address]:port, or the absolute path of a Unix socket"
            )
        self.port = int(port)
        if host or ":" in text:
            self._read_host(text, host)

    def _read_path(self, text):
        if len(text.encode()) > 107:
            raise ValueError(f"{text!r} is longer than the 107 bytes that a Unix socket's path may have")
        if not text.isprintable() or text.endswith("/") or "/../" in text:
            raise ValueError(f"{text!r} is not a valid path for a Unix socket")
        self.path = text

    def _read_host(self, text, host):
        bracketed = re.fullmatch(r"\[(.*)\]", host)
        try:
            self.host = ipaddress.ip_address(bracketed[1] if bracketed else host)
        except ValueError:
            raise ValueError(
                f"{text!r} is not a valid address: {host!r} is neither an IPv4 address nor an IPv6 address in brackets "
                "(systemd resolves no names)"
            ) from None
        if bool(bracketed) != (self.host.version == 6):
            raise ValueError(f"{text!r} is not a valid address: brackets belong around IPv6 addresses, and only there")

    @property
    def is_local(self) -> bool:
        """Whether only the host itself can connect."""
        if self.path:
            return True
        mapped = getattr(self.host, "ipv4_mapped", None)
        return self.host is not None and (mapped or self.host).is_loopback

    def overlaps(self, other: Address, ipv6_only: bool = False) -> bool:
        """Whether the two cannot be listened on at the same time. ipv6_only: whether both belong to a socket unit with
        BindIPv6Only=ipv6-only."""
        if self.path or other.path:
            return self.path == other.path
        if self.port != other.port:
            return False
        mine, theirs = self._families(ipv6_only), other._families(ipv6_only)
        if not mine & theirs:
            return False
        return self._is_wildcard or other._is_wildcard or self.host == other.host

    @property
    def _is_wildcard(self):
        return self.host is None or self.host.is_unspecified

    def _families(self, ipv6_only):
        if self.host is not None and self.host.version == 4:
            return {4}
        if self._is_wildcard and not ipv6_only:
            return {4, 6}
        return {6}


def no_text(value: object) -> str:
    """What to say of a value that is no text where one has to stand; never the value itself."""
    if isinstance(value, (dict, list)):
        return (
            "is not a string. If it was text, end its expression with `| string`, or begin it with a blank: "
            "ansible-core before 2.19 makes a dict or a list of templated text that begins with { or ["
        )
    return "is not a string; put it in quotes if it is meant to be one"


def unit_value(text: str) -> str:
    """The text as the whole value of a directive that expands specifiers (systemd.unit(5))."""
    return text.replace("%", "%%")


def unit_word(text: str) -> str:
    """The text as one quoted word of a directive that is a list (systemd.syntax(7), "Quoting")."""
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t")):
        text = text.replace(character, escaped)
    return '"' + unit_value(text) + '"'


def nginx_listen(address: Address, ipv6: bool) -> list[str]:
    """What each `listen` of nginx says for an address. ipv6: whether the host has it."""
    if address.host is not None:
        return [address.text]
    return [str(address.port), f"[::]:{address.port}"] if ipv6 else [str(address.port)]


def directives(section: dict[str, Any]) -> str:
    """A dict of directives as lines of a unit file. A list repeats the key, a bool is yes or no."""
    lines = []
    for key, values in section.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, bool):
                value = "yes" if value else "no"
            lines.append(f"{key}={'' if value is None else value}\n")
    return "".join(lines)
