# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an address can be listened on, found out by trying."""

from __future__ import annotations

import errno
import os
import socket
import stat
from typing import Any


def port(text: str) -> str:
    """What two addresses that exclude each other have in common: the port, or a Unix socket's path."""
    return text if text.startswith("/") else text.rpartition(":")[2]


def why_not_free(address: dict[str, Any], item: dict[str, Any]) -> str | None:
    """Try to listen there. Returns what stands against it."""
    if address["path"]:
        path = address["path"]
        if os.path.lexists(path) and not _is_socket(path):
            return "is there already, and is not a socket"
        return None
    # A bare port is one of both families, where there are both.
    ipv6 = address["family"] == 6 and (address["host"] is not None or _has_ipv6())
    host = address["host"] or ("::" if ipv6 else "0.0.0.0")
    with socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ipv6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, item["bind_ipv6_only"] == "ipv6-only")
        try:
            probe.bind((host, address["port"]))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"is in use by another program (ss -ltnp 'sport = :{address['port']}' names it)"
            if error.errno == errno.EADDRNOTAVAIL and not item["free_bind"]:
                return "is not an address of this host; where it will be one later, set socket: {FreeBind: true}"
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                return f"cannot be listened on: {error.strerror}"
    return None


def _has_ipv6():
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
    except OSError:
        return False  # ipv6.disable=1
    return True


def _is_socket(path):
    return stat.S_ISSOCK(os.lstat(path).st_mode)


def is_of_process(port: int, pid: int) -> bool:
    """Whether a process listens on a TCP port already."""
    listening: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as file:
                rows = [row.split() for row in file][1:]
        except FileNotFoundError:
            continue  # no IPv6
        # local address, state 0A (LISTEN) and inode, proc(5)
        listening |= {
            f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port
        }
    return any(_link(f"/proc/{pid}/fd/{fd}") in listening for fd in _descriptors(pid))


def _descriptors(pid):
    try:
        return os.listdir(f"/proc/{pid}/fd")
    except FileNotFoundError:
        return []  # it has left, or there is none


def _link(path):
    try:
        return os.readlink(path)
    except OSError:
        return None
