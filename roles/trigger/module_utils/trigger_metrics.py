# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The metrics that are left in a directory when they are written elsewhere, or not at all."""

from __future__ import annotations

import os
import re
import stat

FILE = "trigger.prom"
BEGINNING = b"# HELP trigger_"
_COMMAND = re.compile(r'^ExecStart=.* metrics "(.*)"$', re.MULTILINE)
_QUOTED = re.compile(r'\\(["\\nt])|%%')


def directory(unit: bytes) -> str | None:
    """Where a unit's service writes the metrics. unit: the unit file."""
    found = _COMMAND.search(unit.decode("utf-8", "surrogateescape"))
    if not found:
        return None
    return _QUOTED.sub(lambda part: {"n": "\n", "t": "\t", None: "%"}.get(part[1], part[1]), found[1])


def stale_metrics(before: bytes, after: bytes, unfinished: list[str]) -> list[str]:
    """The files to remove. before, after: the service's unit file; empty where there is none. unfinished: files that an
    earlier run had to remove, too."""
    old, new = directory(before), directory(after)
    paths = list(unfinished)
    if old and old != new:
        paths += [f"{old}/{FILE}", f"{old}/{FILE}.new"]  # the latter of a service that was killed
    kept = new and os.path.join(os.path.realpath(new), FILE)
    return [path for path in dict.fromkeys(paths) if os.path.realpath(path) != kept and is_ours(path)]


def is_ours(path: str) -> bool:
    """Whether there is a file that the service has written: a plain one of root's that begins like ours."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        status = os.fstat(fd)
        is_plain = stat.S_ISREG(status.st_mode) and status.st_uid == 0
        return is_plain and os.read(fd, len(BEGINNING)) == BEGINNING
    finally:
        os.close(fd)
