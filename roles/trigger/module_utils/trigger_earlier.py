# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What releases up to 0.2 have on a host. There a path unit started the job, and root's steps were part of its unit.

While systemd learns the units of now, no run may begin: its claim would be of the one kind, its job of the other. A run
that is under way goes on, also when it is this one; the dispatcher waits for it and records it."""

from __future__ import annotations

import contextlib
import glob
import itertools
import json
import os
import pwd
import re
import stat
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from .trigger_files import Directory, File, Rights, make_directories, remove
from .trigger_host import Endpoint, account, claim_lock, claimed
from .trigger_names import RUNTIME, SPOOL, STATE, UNITS
from .trigger_steps import Outcome, Step, call_systemctl, write
from .trigger_systemd import is_quiet, reset_failed, show, stop, systemctl

UNFINISHED = ".earlier"  # among the names of endpoints that are unfinished
SYSCTL = "/etc/sysctl.d/60-trigger.conf"  # each path unit took an inotify instance, so the limit was raised
INOTIFY_LIMIT = "/proc/sys/fs/inotify/max_user_instances"

_TEMPLATES = ("trigger-run@.path", "trigger-pause@.service")
_HELD = b"held back by an upgrade\n"  # in the file that stands for a pause
_LOOK_EVERY = 0.1  # seconds
_LOOKS = 100
_ENTRY_MODE = 0o604  # as spool.Draft gives it


class Earlier:
    """endpoints: those that stay. removed: those that go. is_unfinished: whether an upgrade was cut short."""

    def __init__(self, endpoints: list[Endpoint], removed: list[Endpoint], is_unfinished: bool) -> None:
        self._endpoints = [e for e in endpoints if not e.handoff]
        self._names = [e.name for e in endpoints + removed]
        self.templates = [file for file in (File(f"{UNITS}/{unit}", None) for unit in _TEMPLATES) if file.changed]
        self.is_there = bool(self.templates) or is_unfinished
        # As the release before has them.
        self._settings = {e.name: _settings(e) for e in self._endpoints if self.is_there}
        self._links = glob.glob(f"{UNITS}/paths.target.wants/trigger-run@*.path")
        self._limit = InotifyLimit()

    def holds_runs(self) -> list[Step]:
        """Before anything else: no run begins from here on."""
        names = ", ".join(e.name for e in self._endpoints)
        do = partial(_hold_runs, self._endpoints, self._names)
        return [Step(f"{names}: no run begins while the units change", do)] if self.is_there and self._names else []

    def goes(self) -> Iterator[Step]:
        """Its units and files, when nothing begins by them any more."""
        yield from write(self.templates)
        if self._links:
            yield Step(f"{', '.join(self._links)} removed", partial(_remove, self._links))
        yield from self._limit.steps_back()

    def hands_on(self) -> list[Step]:
        """What waits and what runs becomes the dispatcher's, when systemd knows its units and acceptors have the
        programs of now."""
        if not self.is_there or not self._endpoints:
            return []
        names = ", ".join(e.name for e in self._endpoints)
        return [
            # Those of endpoints that are not named: nobody else lets them go.
            *call_systemctl("stop", [e.own_acceptor for e in self._endpoints if not e.item]),
            Step(
                f"{names}: requests and runs are handed on to the dispatcher",
                partial(_hand_on, self._endpoints, self._settings),
            ),
        ]


class InotifyLimit:
    """How many inotify instances root may have on this machine: set back to what it was before the role has raised it,
    unless somebody else has changed it since."""

    def __init__(self, sysctl: str = SYSCTL, limit: str = INOTIFY_LIMIT) -> None:
        self._limit = limit
        self._file = File(sysctl, None)
        pattern = r"^# It was (\d+) before\.\nfs\.inotify\.max_user_instances = (\d+)$"
        written = re.search(pattern, (self._file.before or b"").decode("utf-8", "replace"), re.MULTILINE)
        self._earlier, self._raised = (int(written[1]), int(written[2])) if written else (None, None)

    def steps_back(self) -> Iterator[Step]:
        if self._raised is not None and self._present() == self._raised:
            yield Step(f"fs.inotify.max_user_instances set back to {self._earlier}", self._set_back)
        yield from write([self._file])

    def _present(self) -> int:
        with open(self._limit) as file:
            return int(file.read())

    def _set_back(self) -> None:
        with open(self._limit, "w") as file:
            file.write(str(self._earlier))


def _hold_runs(endpoints: list[Endpoint], names: list[str]) -> None:
    # The condition of the path unit, which acceptors want at each of their starts.
    make_directories(RUNTIME)
    for endpoint in endpoints:
        if not endpoint.paused:
            File(_mark(endpoint), _HELD).write()
    stop([f"trigger-run@{name}.path" for name in names])
    stopped: set[str] = set()
    for look in itertools.count():
        # Most of those that are about to begin need no longer; others wait for quiet, or a lock.
        if look >= _LOOKS or not _changing(endpoints):
            stopped.update(_stop_waiting(endpoints))
            if not _changing(endpoints):
                break
        time.sleep(_LOOK_EVERY)
    stop([f"trigger-pause@{name}.service" for name in names])
    reset_failed([*stopped])


def _changing(endpoints: list[Endpoint]) -> bool:
    """Whether a run is about to begin, or to be recorded."""
    states = show([e.job for e in endpoints])
    return any(state["ActiveState"] in ("activating", "deactivating") for state in states.values())


def _stop_waiting(endpoints: list[Endpoint]) -> list[str]:
    """Stop jobs that have claimed nothing yet, and those that systemd is to start behind a pause. Nobody claims while
    the locks are held. Returns the first."""
    with contextlib.ExitStack() as locks:
        for endpoint in endpoints:
            locks.enter_context(claim_lock(endpoint))
        states = show([e.job for e in endpoints])
        waiting = [e.job for e in endpoints if states[e.job]["ActiveState"] == "activating" and not claimed(e.name)]
        systemctl("stop", waiting + [e.job for e in endpoints if is_quiet(states[e.job])], "--no-block")
    return waiting


def _settings(endpoint: Endpoint) -> dict[str, Any]:
    try:
        with open(endpoint.configuration, encoding="utf-8") as file:
            settings = json.load(file)
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def what_unnamed_lacks(name: str, settings: dict[str, Any]) -> str:
    """What is to be said of an endpoint that was moved over although the play does not name it."""
    lacks = "its runs have no time limit but one that differs from the default"
    if settings.get("credentials"):  # which systemd 247 could not load beside root's steps
        lacks += ", and its job has no credentials"
    return f"{name}: the play does not name it; until one does, {lacks}"


def _hand_on(endpoints: list[Endpoint], settings: dict[str, dict[str, Any]]) -> Outcome:
    states = show([e.job for e in endpoints])
    runs = [e for e in endpoints if states[e.job]["ActiveState"] == "active"]
    for endpoint in endpoints:
        _open_entries(endpoint)
        output = f"{STATE}/{endpoint.name}/output"
        lock = settings[endpoint.name].get("exclusive")
        if lock and endpoint in runs:
            # systemd held it for the unit of before, and has let it go when it read that of now. A name in it says for
            # whose run others wait (dispatcher.exclusive).
            Directory(f"{RUNTIME}/locks", 0o700).write()
            File(f"{RUNTIME}/locks/{lock}", endpoint.name.encode(), 0o600).write()
        if claimed(endpoint.name):  # by a run that goes on, or has ended since systemd read the unit of now
            _give_to_root(output, endpoint)
        else:
            _remove([output, f"{RUNTIME}/requests/{endpoint.name}", f"{RUNTIME}/{endpoint.name}.recorded"])
        if File(_mark(endpoint), None).before == _HELD:
            os.unlink(_mark(endpoint))
    with contextlib.suppress(OSError):  # a run under way is told of its request there
        os.rmdir(f"{RUNTIME}/requests")
    reset_failed([f"trigger-pause@{e.name}.service" for e in endpoints])
    return Outcome(
        warnings=[what_unnamed_lacks(e.name, settings[e.name]) for e in endpoints if not e.item and not e.leaves]
    )


def _open_entries(endpoint: Endpoint) -> None:
    """Of a request that waits the dispatcher, which has no capabilities, reads what others may read; nobody else comes
    through the directory."""
    user = account(pwd.getpwnam, endpoint.user)
    directory = f"{SPOOL}/{endpoint.name}"
    for name in os.listdir(directory) if os.path.isdir(directory) else []:
        if name[0] == ".":
            continue
        with _opened(f"{directory}/{name}") as (fd, status):
            if fd is not None and status.st_nlink == 1 and status.st_uid in (0, user and user.pw_uid):
                os.fchmod(fd, _ENTRY_MODE)


def _give_to_root(path: str, endpoint: Endpoint) -> None:
    """What a run prints was a file of its user; who writes it has it open."""
    with _opened(path) as (fd, _status):
        if fd is not None:
            Rights(0o640, gid=endpoint.user).give(fd)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tuple[int | None, os.stat_result | None]]:
    """A plain file that others than root may have put there."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        yield None, None
        return
    try:
        status = os.fstat(fd)
        yield (fd, status) if stat.S_ISREG(status.st_mode) else (None, None)
    finally:
        os.close(fd)


def _mark(endpoint: Endpoint) -> str:
    return f"{RUNTIME}/{endpoint.name}.paused"


def _remove(paths: list[str]) -> None:
    for path in paths:
        remove(path)
