# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role has on a host: its endpoints, and what is there for all of them."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import grp
import json
import os
import pwd
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from .trigger_files import Directory, File, Place, draft_of, remove
from .trigger_names import (
    CONFIGURATION,
    CREDENTIALS,
    ENDED,
    JOBS,
    LIBRARY,
    LOCKS,
    METRICS_USER,
    NAME,
    PAGE_USER,
    PROXY_FILES,
    RUNTIME,
    SPOOL,
    STATE,
    SYSUSERS,
    UNITS,
    VERSIONS,
    Units,
)
from .trigger_overrides import REPEATING

TIMER_STAMPS = "/var/lib/systemd/timers"  # where systemd notes when a persistent timer has elapsed
JOBS_GECOS = "Trigger jobs"
# Endpoints whose change is under way. One that is found here was left by a run that did not end.
UNFINISHED = STATE + "/unfinished.json"
OF_ALL = (LOCKS, ENDED)  # what endpoints share, beside what the role writes
# Directories that belong to the role alone with all that is below them; others are the host's.
_OWN = re.compile(
    "|".join(f"{re.escape(path)}(/.*)?" for path in (LIBRARY, CONFIGURATION, PROXY_FILES))
    + rf"|{re.escape(UNITS)}/trigger[-@][^/]*\.d"
)


class Mistake(Exception):
    """Why nothing was changed, or what went wrong. str(error) is for the user."""


class Companion:
    """A socket, and the service behind it, that are there for all endpoints, where somebody wants them.
    name: of the units. user, gecos: the account that comes with them."""

    def __init__(self, name: str, user: str, gecos: str) -> None:
        self.socket = name + ".socket"
        self.service = name + ".service"
        self.user = user
        self.gecos = gecos
        self.socket_file = f"{UNITS}/{self.socket}"
        self.files = (self.socket_file, f"{UNITS}/{self.service}")
        self.units = (self.socket, self.service)
        self.drop_ins = f"{UNITS}/{self.service}.d"


METRICS = Companion("trigger-metrics", METRICS_USER, "Trigger metrics")
PAGE = Companion("trigger-frontend", PAGE_USER, "Trigger pages")
COMPANIONS = (METRICS, PAGE)


class Endpoint:
    """One endpoint on this host. item: as the action plugin made it; None for one to remove."""

    def __init__(self, name: str, item: dict[str, Any] | None = None) -> None:
        units = Units(name)
        self.name = name
        self.item = item
        self.socket = units.socket
        self.dispatch_socket = units.dispatch_socket
        self.dispatcher = units.dispatcher
        self.run_socket = units.run_socket
        self.job = units.job
        self.own_acceptor = units.acceptor
        handed_over = b"\nService=" in (File(self.drop_in(self.socket), None).before or b"")
        # What the socket starts: with a handoff the job itself, for which there is neither dispatcher nor runner then.
        self.handoff = item.get("handoff", False) if item else handed_over
        self.changes_hands = bool(item) and self.handoff != handed_over
        self.acceptor = self.job if self.handoff else self.own_acceptor
        self.units = units.all()
        self.services = units.services()
        self.fire = units.fire
        self.timer = units.timer
        self.timer_file = f"{UNITS}/{self.timer}"
        self.timer_stamp = f"{TIMER_STAMPS}/stamp-{self.timer}"
        self.sockets = (self.socket, self.dispatch_socket, self.run_socket)
        self.listens = bool(item) and item["state"] == "present"
        self.leaves = False  # whether it is to be removed when its run has ended, in which the play takes place
        self.files = self._files()

    @property
    def user(self) -> str:
        return "trigger-" + self.name

    @property
    def has_timer(self) -> bool:
        """Whether the calendar is to fire it."""
        return any(file.path == self.timer_file and file.content is not None for file in self.files)

    def changed(self, path: str) -> bool:
        return any(file.changed for file in self.files if file.path == path)

    @property
    def configuration(self) -> str:
        return f"{CONFIGURATION}/{self.name}.json"

    @property
    def frontend_files(self) -> list[str]:
        """What may be there for nginx and the page."""
        return [
            f"{PROXY_FILES}/{self.name}.location",
            f"{PROXY_FILES}/{self.name}.zone",
            f"{PAGE.drop_ins}/{self.name}.conf",
        ]

    @property
    def auth_file(self) -> str:
        return f"{CREDENTIALS}/{self.name}/acceptor/auth"

    @property
    def paused(self) -> bool:
        """Whether somebody has said `triggerctl pause`."""
        return os.path.exists(f"{RUNTIME}/{self.name}.paused")

    def drop_in(self, unit: str) -> str:
        return f"{UNITS}/{unit}.d/endpoint.conf"

    @property
    def drop_ins(self) -> list[str]:
        """The directories of what differs for this endpoint in its units."""
        return [os.path.dirname(self.drop_in(unit)) for unit in (*self.units, self.fire)]

    @property
    def credentials(self) -> list[str]:
        """The directories of its secrets, inner ones first."""
        return [f"{CREDENTIALS}/{self.name}{part}" for part in ("/acceptor", "/job", "")]

    def directories(self) -> list[Directory]:
        """What the endpoint needs."""
        group = account(grp.getgrnam, self.user)
        gid = group.gr_gid if group else self.user
        return [
            Directory(f"{SPOOL}/{self.name}", 0o770, gid),
            Directory(f"{STATE}/{self.name}", 0o2755, gid),
            Directory(f"{STATE}/{self.name}/claimed", 0o2750, gid),
            Directory(f"{STATE}/{self.name}/runs", 0o2750, gid),
        ]

    def leftovers(self) -> list[str]:
        """All that can be on the host because of this endpoint, beside its user and unit states."""
        files = [
            self.timer_file,
            self.configuration,
            f"{SYSUSERS}/trigger-{self.name}.conf",
            f"{JOBS}/{self.name}",
            *self.frontend_files,
        ]
        return [
            *self.drop_ins,
            *files,
            *map(draft_of, files),
            _link(self.timer),
            f"{CREDENTIALS}/{self.name}",
            f"{SPOOL}/{self.name}",
            f"{STATE}/{self.name}",
            f"{RUNTIME}/{self.name}.paused",
            f"{RUNTIME}/{self.name}.cannot-start",
            f"{RUNTIME}/{self.name}.hops",
            self.timer_stamp,
            f"{RUNTIME}/{self.name}.sock",
        ]

    def _files(self):
        """Those that shall be there, and those that once were and shall not."""
        if not self.item:
            return []
        wanted = [File.decode(item) for item in self.item["files"]]
        paths = {file.path for file in wanted}
        possible = [
            *(self.drop_in(unit) for unit in self.units),
            f"{JOBS}/{self.name}",
            self.timer_file,
            *self.frontend_files,
            *glob.glob(f"{CREDENTIALS}/{self.name}/*/*"),
            *glob.glob(f"{CREDENTIALS}/{self.name}/*/.*"),  # drafts
        ]
        has_same_timer = any(file.path == self.timer_file and not file.changed for file in wanted)
        # First: another timer would make up for times of before, also where this run is cut short behind it.
        first = [] if has_same_timer else [File(self.timer_stamp, None)]
        gone = [File(path, None, show=not path.startswith(CREDENTIALS)) for path in possible if path not in paths]
        return [file for file in first if file.changed] + wanted + [file for file in gone if file.changed]


def repeating(service: str) -> str:
    """Where the drop-in of a service is that comes behind what the host has for all services."""
    return f"{UNITS}/{service}.d/{REPEATING}"


def found_names() -> Iterator[str]:
    """The endpoints that the host has something of."""
    for pattern, part in (
        (f"{CONFIGURATION}/*.json", rf"/({NAME})\.json"),
        (f"{UNITS}/trigger*@?*.d", rf"@({NAME})\.\w+\.d"),
        (f"{SPOOL}/*", rf"/({NAME})"),
    ):
        for path in glob.glob(pattern):
            name = re.search(part + "$", path)
            if name:
                yield name[1]
    for path in glob.glob(f"{SYSUSERS}/trigger-*.conf"):  # others may have such files, too
        name = re.search(f"/trigger-({NAME})[.]conf$", path)
        if name and f'"Trigger acceptor of {name[1]}"'.encode() in (File(path, None).before or b""):
            yield name[1]
    for user in pwd.getpwall():
        if user.pw_gecos == f"Trigger acceptor of {user.pw_name[len('trigger-') :]}":
            yield user.pw_name[len("trigger-") :]


def own_directories(paths: Iterable[str]) -> list[Directory]:
    """The role's own directories on the way to files, outer ones first."""
    found = {str(parent) for path in paths for parent in PurePosixPath(path).parents if _OWN.fullmatch(str(parent))}
    return [Directory(path, 0o700 if f"{path}/".startswith(f"{CREDENTIALS}/") else 0o755) for path in sorted(found)]


def programs_places(obsolete: Iterable[str], versions: str = VERSIONS) -> list[Place]:
    """All that is there of the programs' versions, also what Python has compiled. Everybody may read it. obsolete: the
    directories of versions that are about to go."""
    found = []
    for directory, names, files in os.walk(versions):
        names[:] = [name for name in names if os.path.join(directory, name) not in obsolete]
        found += [Place(os.path.join(directory, name), 0o755) for name in names]
        found += [Place(os.path.join(directory, name), 0o644) for name in files]
    return found


def earlier_versions(present: str, library: str = LIBRARY) -> list[str]:
    """The directories of all versions of the programs but the present one, oldest first. present: below the library."""
    found = [*glob.glob(f"{library}/versions/*"), *glob.glob(f"{library}/trigger")]  # the latter up to release 0.1.0
    return sorted((path for path in found if path != f"{library}/{present}"), key=os.path.getmtime)


def unfinished() -> set[str]:
    """The names in UNFINISHED; none where somebody else has written there."""
    try:
        with open(UNFINISHED) as file:
            names = json.load(file)
    except (FileNotFoundError, ValueError):
        names = []
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()


def mark_unfinished(names: Iterable[str]) -> None:
    """Add names to UNFINISHED, before their change begins."""
    Directory(STATE, 0o755).write()
    File(UNFINISHED, json.dumps(sorted(set(names) | unfinished())).encode()).write()


def keep_unfinished(names: Iterable[str]) -> None:
    """Leave no other names in UNFINISHED; the file goes with the last of them."""
    kept = unfinished().intersection(names)
    if kept:
        File(UNFINISHED, json.dumps(sorted(kept)).encode()).write()
    else:
        remove(UNFINISHED)


def hands(endpoint: Endpoint) -> str:
    """What is noted of an endpoint whose socket goes to another service: no file tells which of them holds it."""
    return f"{endpoint.name}.hands"


def noted_user(name: str) -> str:
    """What is noted of a user that goes: of its group nothing would tell that it has to go, too."""
    return f"{name}.user"


def own_job(table: str = "/proc/self/cgroup") -> str | None:
    """The endpoint of whose job this process is part: its name."""
    with open(table) as file:
        found = re.search(rf"/trigger-run@({NAME})\.service(/|$)", file.read(), re.MULTILINE)
    return found[1] if found else None


def enabled(unit: str) -> bool:
    """Whether systemd starts a socket or timer unit at boot."""
    return os.path.islink(_link(unit))


def _link(unit):
    return f"{UNITS}/{unit.rpartition('.')[2]}s.target.wants/{unit}"


def account(look_up: Callable[[str], Any], name: str) -> Any:
    """What pwd.getpwnam or grp.getgrnam says of a name, or None."""
    try:
        return look_up(name)
    except KeyError:
        return None


def gecos(name: str) -> str | None:
    """The comment of a user."""
    user = account(pwd.getpwnam, name)
    return user and user.pw_gecos


def claimed(name: str) -> set[str]:
    """The requests of an endpoint that its present run serves, also when that has ended and is not recorded."""
    try:
        return {entry for entry in os.listdir(f"{STATE}/{name}/claimed") if entry[0] != "."}
    except FileNotFoundError:
        return set()


def pending(name: str) -> list[str]:
    """The requests of an endpoint that are not recorded yet: names in its spool."""
    try:
        return [entry for entry in os.listdir(f"{SPOOL}/{name}") if entry[0] != "."]
    except FileNotFoundError:
        return []


@contextlib.contextmanager
def claim_lock(endpoint: Endpoint) -> Iterator[None]:
    """The programs' own (dispatcher.claim_lock, earlier standstill), where there is something to claim."""
    try:
        directory = os.open(f"{STATE}/{endpoint.name}/claimed", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield
        return
    try:
        lock = os.open(".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=directory)
    finally:
        os.close(directory)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
