# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The look at a host before anything is rendered for it, or installed."""

from __future__ import annotations

import grp
import os
import pwd
import re
import sys
import tempfile
from collections.abc import Iterable
from typing import Any

from .trigger_files import existing_directory, mount_point, on_host
from .trigger_host import Mistake, account, own_job
from .trigger_names import JOBS_USER, ROOT_UNIT, SPOOL, STATE
from .trigger_nginx import OPENSSL, why_not_listen
from .trigger_nginx import PROGRAM as NGINX_PROGRAM
from .trigger_nginx import UNIT as NGINX_UNIT
from .trigger_systemd import Failed, show, trial, version

BOOTED = "/run/systemd/system"
# What a package manager writes to, and the role after it.
_WRITTEN = ("/etc/", "/usr/", "/var/")

# What trigger-root.service does, with one folder.
_BINDS = (
    'd=$$(mktemp -d /run/trigger-trial.XXXXXX); trap "mountpoint -q $$d && umount $$d; rmdir $$d" EXIT; '
    "mount --bind /usr $$d; mount --make-rprivate $$d; mount -o remount,bind,ro,nosuid,nodev $$d"
)
CONTAINER = (
    "A container has to be one that may: with `security.nesting=true` of Incus and LXD (and a restart), with "
    "`--privileged` of podman and Docker"
)

# What acceptors leave to runs and records, bytes and inodes, or a twentieth on a small disk. A test compares them with
# the programs' own.
FREE = 32 * 1024 * 1024
INODES = 1000


def preflight(plan: dict[str, Any], state: str, only_looks: bool = False) -> dict[str, Any]:
    """Look at the host: what it lacks, whether the accounts exist that the endpoints name, and whether its Python
    takes their patterns. plan: from the action plugin. state: the module's argument. only_looks: whether nothing is
    done, as with --check: neither are packages installed, nor have earlier tasks made accounts. Returns what the module
    tells, and its `warnings`. Raises Mistake, before anything is touched."""
    mistakes, warnings = list(_what_host_is_not()), []
    for item in plan["endpoints"]:
        if "absent" in (item["state"], state):
            continue
        for missing, remedy in _missing_accounts(item):
            if only_looks:
                warnings.append(f"{missing}; unless an earlier task makes it, a run without --check stops here")
            else:
                mistakes.append(f"{missing}; {remedy}")
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
    packages = _missing(plan["frontend"]) if state == "present" else []
    if "nginx" in packages and show([NGINX_UNIT])[NGINX_UNIT]["ActiveState"] == "active":
        raise Mistake(
            f"nothing was changed: {NGINX_UNIT} of this host is not {NGINX_PROGRAM}, which the front end is made for; "
            "have the package of Debian or of nginx.org in its place, or leave trigger_frontend out and let that nginx "
            "pass requests on to what the endpoints listen on"
        )
    if packages:
        problem = why_not_listen(plan["frontend"]["addresses"])
        if problem:
            raise Mistake(f"nothing was changed.\n{problem}")
    if packages and not only_looks:
        _check_that_more_can_be_had()
    return {
        "systemd": present,
        "ipv6": os.path.exists("/proc/net/if_inet6"),
        "packages": packages,
        "warnings": warnings,
    }


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


def _missing_accounts(item):
    """Yield which user and group of an endpoint the host lacks, and what to do."""
    user, group = item["user"], item["group"]
    if user != JOBS_USER and not account(pwd.getpwnam, user):
        yield (
            f"endpoint {item['name']!r}: user: {user!r} does not exist on this host",
            "make it first, or leave the key out for the role's own user",
        )
    if group and not account(grp.getgrnam, group):
        yield f"endpoint {item['name']!r}: group: {group!r} does not exist on this host", "make it first"


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


def _check_that_more_can_be_had():
    """Packages come before the host is compared with what shall be there. It would be refused too late then."""
    own = own_job()
    check_writable(_WRITTEN, own)
    check_set_gid(own)
    check_room()
    if show([ROOT_UNIT])[ROOT_UNIT]["ActiveState"] != "active":
        check_that_systemd_mounts()


def check_writable(paths: Iterable[str], own: str | None) -> None:
    """What is to be written lies on no file system that is read-only, for all or in this play's sandbox. own: the
    endpoint whose job runs the play, if one does. Raises Mistake."""
    read_only = {mount_point(directory) for directory in map(existing_directory, paths) if _is_read_only(directory)}
    if read_only:
        where = ", ".join(sorted(read_only))
        raise Mistake(f"nothing was changed: {where} cannot be written to, {_why_read_only(read_only, own)}")


def check_set_gid(own: str | None) -> None:
    """The play may make directories as those of records are. own: as above. Raises Mistake."""
    with tempfile.TemporaryDirectory(prefix="trigger-") as directory:
        try:
            os.chmod(directory, 0o2700)
        except PermissionError:
            raise Mistake(
                "nothing was changed: the play may not make directories whose files belong to the directory's group, "
                f"{_why_sandboxed(own, 'RestrictSUIDSGID')}"
            ) from None


def check_room() -> None:
    """Acceptors take no request where too little is free for runs and records (room.py). Raises Mistake."""
    for path in map(existing_directory, (f"{SPOOL}/", f"{STATE}/")):
        status = os.statvfs(path)
        free, size = status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
        if free < min(FREE, size // 20):
            what = f"{free // 1024} KiB"
        elif status.f_favail < min(INODES, status.f_files // 20):
            what = f"{status.f_favail} inodes"
        else:
            continue
        raise Mistake(
            f"nothing was changed: {what} are free where {path} lies, too few for requests and records, so no request "
            f"would be accepted; make room there (`df -h {path}`, `df -i {path}`)"
        )


def check_that_systemd_mounts() -> None:
    """Acceptors have a root directory in which parts of the host are bound together. Raises Mistake."""
    try:
        trial(f"PrivateMounts=yes\nExecStart=/bin/sh -euc '{_BINDS}'\n")
    except Failed as failed:
        raise Mistake(
            "nothing was changed: systemd may not mount on this host, so acceptors would have nothing of what they "
            f"need ({failed}). {CONTAINER}"
        ) from None


def _is_read_only(directory):
    return bool(os.statvfs(directory).f_flag & os.ST_RDONLY)


def _why_read_only(mount_points, own):
    if all(_is_read_only(on_host(path)) for path in mount_points):
        return "as the host has mounted it read-only: `mount -o remount,rw` it for the play"
    return _why_sandboxed(own, "ProtectSystem")


def _why_sandboxed(own, directive):
    if own:
        return (
            f"since the job of endpoint {own!r} runs it; give that endpoint "
            "`service: {ProtectSystem: false, RestrictSUIDSGID: false}`"
        )
    return f"since it runs in a unit with a sandbox; take {directive}= and the like out of that unit"
