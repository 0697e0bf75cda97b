# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The look at a host before anything is rendered for it."""

from __future__ import annotations

import grp
import os
import pwd
import re
import sys
from typing import Any

from .trigger_host import Mistake, account
from .trigger_names import JOBS_USER
from .trigger_nginx import OPENSSL
from .trigger_nginx import PROGRAM as NGINX_PROGRAM
from .trigger_systemd import version

BOOTED = "/run/systemd/system"


def preflight(plan: dict[str, Any], state: str) -> dict[str, Any]:
    """Look at the host: what it lacks, whether the accounts exist that the endpoints name, and whether its Python
    takes their patterns."""
    mistakes = list(_what_host_is_not())
    for item in plan["endpoints"]:
        if "absent" in (item["state"], state):
            continue
        if item["user"] != JOBS_USER and not account(pwd.getpwnam, item["user"]):
            mistakes.append(
                f"endpoint {item['name']!r}: user: {item['user']!r} does not exist on this host; "
                "make it first, or leave the key out for the role's own user"
            )
        if item["group"] and not account(grp.getgrnam, item["group"]):
            mistakes.append(
                f"endpoint {item['name']!r}: group: {item['group']!r} does not exist on this host; make it first"
            )
        for pattern in item["patterns"]:
            try:
                re.compile(pattern)
            except re.error as error:
                mistakes.append(
                    f"endpoint {item['name']!r}: {pattern!r} is not a valid regular expression for the Python of this "
                    f"host, {sys.version.split()[0]}: {error}"
                )
    if mistakes:
        raise Mistake("\n".join(mistakes))
    present = version()
    if present < 247:
        raise Mistake(f"systemd {present} is too old: the role needs 247 or later, for credentials")
    return {"systemd": present, "ipv6": os.path.exists("/proc/net/if_inet6"), "packages": _missing(plan["frontend"])}


def _what_host_is_not():
    """Yield why there can be nothing of the role at all: sentences."""
    if os.geteuid() != 0:
        yield f"the play is user {_name(os.geteuid())} on this host, and the role needs root: `become: true`"
    if not os.path.isdir(BOOTED):  # sd_booted(3)
        with open("/proc/1/comm") as file:
            first = file.read().strip()
        yield (
            f"systemd has not booted this host ({BOOTED} is missing; process 1 is {first}), and the role needs it; a "
            "container has to start /sbin/init"
        )


def _name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return uid


def _missing(frontend):
    """The packages that the host lacks."""
    missing = []
    if frontend and not os.path.exists(NGINX_PROGRAM):
        missing.append("nginx")
    if frontend and frontend["is_self_signed"] and not os.path.exists(OPENSSL):
        missing.append("openssl")
    return missing
