"""Whether the host has what all endpoints need."""

from __future__ import annotations

import os
import stat

from trigger import paths
from trigger import room as spool_room
from trigger.ctl.doctor import files
from trigger.ctl.doctor.finding import AGAIN, Finding, whatever_befalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

UNFINISHED = paths.STATE + "/unfinished.json"
ROOM = 64 * 1024 * 1024  # bytes below which a disk counts as full
INODES = 1000


def findings() -> Iterator[Finding]:
    """What is wrong."""
    rooms = [_room(path) for path in (paths.SPOOL, paths.STATE)]
    for check in (_places(), _programs(), seen_by_acceptors(paths.ROOT), *rooms):
        yield from whatever_befalls(check)
    if os.path.exists(UNFINISHED):
        yield Finding(None, "a playbook run did not come to its end (%s)" % UNFINISHED, AGAIN)


def seen_by_acceptors(root):
    """Yield a Finding for each folder that acceptors need and do not have below their root directory, str."""
    for path in (paths.LIBRARY, paths.CONFIGURATION, paths.STATE, paths.SPOOL):
        if not _is_same(path, root + path):
            what = "acceptors do not find %s, so they answer nobody" % path
            yield Finding(None, what, "systemctl restart " + paths.ROOT_UNIT)


def _is_same(path, other):
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False  # of which one is not there


def room(path: str, status: os.statvfs_result) -> Iterator[Finding]:
    """Yield a Finding for each thing that a file system has too little of. status: its own; only root may use all of
    it."""
    free = status.f_bavail * status.f_frsize
    is_spool = (path + "/").startswith(paths.SPOOL + "/")
    so = ", so requests are answered 503" if is_spool and spool_room.lack(path, status) else ""
    if free < ROOM:
        yield Finding(None, "%s has %d MiB left%s" % (path, free // 1024**2, so), "make room: df -h " + path)
    if status.f_files and status.f_favail < INODES:
        yield Finding(None, "%s has %d inodes left%s" % (path, status.f_favail, so), "delete files: df -i " + path)


def _room(path):
    if os.path.isdir(path):
        yield from room(path, os.statvfs(path))
        for below in sorted(os.listdir(path)):
            if os.path.ismount("%s/%s" % (path, below)):  # an endpoint's own disk
                yield from room("%s/%s" % (path, below), os.statvfs("%s/%s" % (path, below)))


def _places():
    for path in (paths.CONFIGURATION, paths.SPOOL, paths.STATE):
        yield from files.owned(path, stat.S_ISDIR, "root", 0o755)
    yield from files.owned(paths.CREDENTIALS, stat.S_ISDIR, "root", 0o700)


def _programs():
    for directory, _, names in os.walk(paths.LIBRARY):
        for path in [directory, *("%s/%s" % (directory, name) for name in names)]:
            status = os.lstat(path)
            if status.st_uid != 0 or (status.st_mode & 0o022 and not stat.S_ISLNK(status.st_mode)):
                mend = "look at who changed it; chown root:root %s; chmod go-w %s" % (path, path)
                yield Finding(None, "not only root may change %s, which root runs" % path, mend)
