# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of the role on a host: what would change, and changing it."""

from __future__ import annotations

import base64
import contextlib
import errno
import grp
import os
import re
import shutil
import stat
from collections.abc import Iterator
from typing import Any, NamedTuple

# The process whose view of the file systems is the host's own. A play inside a job, or another unit with a sandbox, has
# one of its own: some folders are masked there, others lie on mounts.
HOST = "1"

_HIDDEN = "(not shown)\n"
_OCTAL = re.compile(rb"\\([0-7]{3})")


class Rights(NamedTuple):
    """Who may what. gid: a group that does not exist yet goes by its name."""

    mode: int
    uid: int = 0
    gid: int | str = 0

    @classmethod
    def of(cls, path: str) -> Rights | None:
        """Those of what is at a path, a link itself; None where there is nothing."""
        try:
            return cls.of_status(os.lstat(path))
        except FileNotFoundError:
            return None

    @classmethod
    def of_status(cls, status: os.stat_result) -> Rights:
        return cls(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)

    def __str__(self):
        return f"mode {self.mode:04o}, owner {self.uid}:{self.gid}"

    def give(self, fd: int) -> None:
        """Set them, whatever the umask."""
        gid = grp.getgrnam(self.gid).gr_gid if isinstance(self.gid, str) else self.gid
        os.fchown(fd, self.uid, gid)  # which may take bits of the mode away
        os.fchmod(fd, self.mode)


class File:
    """A file as it shall be. content: None when it shall not exist. show: whether its content may stand in a diff. It
    belongs to root, and to the group gid."""

    def __init__(self, path: str, content: bytes | None, mode: int = 0o644, show: bool = True, gid: int = 0) -> None:
        self.path = path
        self.content = content
        self.mode = mode
        self.show = show
        self.gid = gid
        self.before, self._rights_before = _read(path)
        # It may hold a secret, and nobody else would come back for it.
        self.has_draft = os.path.isfile(draft_of(path))
        self.changed = self.before != content or self.has_draft or self._changes_rights()

    @property
    def mode_before(self) -> int | None:
        return self._rights_before and self._rights_before.mode

    @property
    def gid_before(self) -> int | None:
        return self._rights_before and self._rights_before.gid

    @classmethod
    def decode(cls, item: dict[str, Any]) -> File:
        """From a module's argument: dict with path, content (base64), mode (octal str), show."""
        content = base64.b64decode(item["content"])
        return cls(item["path"], content, int(item["mode"], 8), item["show"])

    def diff(self) -> dict[str, str]:
        """What Ansible shows with --diff. Rights are told of where a file that stays has others."""
        before, after = self._shown(self.before, "before"), self._shown(self.content, "after")
        if self._changes_rights():
            after = before if self.before == self.content else after
            before, after = f"{self._rights_before}\n{before}", f"{self._rights()}\n{after}"
        return {"before_header": self.path, "after_header": self.path, "before": before, "after": after}

    def write(self, root: str = "") -> None:
        """Bring the file about, all at once, below `root`, a directory that stands for /."""
        path = root + self.path
        if self.content is None:
            for each in (path, draft_of(path)):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(each)
            return
        make_directories(os.path.dirname(path))
        with replacing(path) as draft, open(create(draft), "wb") as file:
            file.write(self.content)
            self._rights().give(file.fileno())
            file.flush()
            os.fsync(file.fileno())

    def restore(self) -> None:
        """Bring back what was there before write()."""
        wanted = self.content, self.mode, self.gid
        self.content, self.mode, self.gid = self.before, self.mode_before, self.gid_before
        if self.content is not None or os.path.lexists(self.path):
            self.write()
        self.content, self.mode, self.gid = wanted

    def _rights(self):
        return Rights(self.mode, gid=self.gid)

    def _changes_rights(self):
        """Whether it is there, stays, and has other rights than it shall."""
        return None not in (self.before, self.content) and self._rights_before != self._rights()

    def _shown(self, content, side):
        if content is None:
            return ""
        if not self.show:
            return _HIDDEN if side == "before" else "(not shown, new)\n"
        try:
            return content.decode()
        except UnicodeDecodeError:
            return f"({len(content)} bytes that are no text)\n"


class Link:
    """A symbolic link as it shall be. target: as it stands in the link."""

    def __init__(self, path: str, target: str) -> None:
        self.path = path
        self.target = target
        self.before = os.readlink(path) if os.path.islink(path) else None
        self.changed = self.before != target

    def diff(self) -> dict[str, str]:
        """What Ansible shows with --diff."""
        before = f"-> {self.before}\n" if self.before else ""
        return {
            "before_header": self.path,
            "after_header": self.path,
            "before": before,
            "after": f"-> {self.target}\n",
        }

    def write(self) -> None:
        """Bring the link about, all at once."""
        with replacing(self.path) as draft:
            os.symlink(self.target, draft)


class Place:
    """A file or a directory that is there, whose rights alone are looked at. gid: see Rights."""

    def __init__(self, path: str, mode: int, gid: int | str = 0, uid: int = 0) -> None:
        self.path = path
        self.before = Rights.of(path)
        self.rights = Rights(mode, uid, gid)
        self.changed = self.before != self.rights

    def diff(self) -> dict[str, str]:
        """What Ansible shows with --diff."""
        return {
            "before_header": self.path,
            "after_header": self.path,
            "before": f"{self.before}\n" if self.before else "",
            "after": f"{self.rights}\n",
        }

    def write(self) -> None:
        """Give it the rights that it shall have."""
        fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            self.rights.give(fd)
        finally:
            os.close(fd)


class Directory(Place):
    """A directory as it shall be. Who may write around it is root alone, so a link in its place is root's, too: what it
    leads to is meant."""

    def __init__(self, path: str, mode: int = 0o755, gid: int | str = 0) -> None:
        super().__init__(os.path.realpath(path), mode, gid)
        self.changed = self.changed or not os.path.isdir(path)

    def write(self) -> None:
        """Make it, where it is missing, with all that leads to it."""
        make_directories(self.path)
        super().write()


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """Hands out the path of a draft, which is to be made; what is there then takes the place of `path` all at once."""
    draft = draft_of(path)
    if os.path.lexists(draft):
        os.unlink(draft)  # of a run that was killed
    try:
        yield draft
        os.rename(draft, path)
    except BaseException:
        if os.path.lexists(draft):
            os.unlink(draft)
        raise


def draft_of(path: str) -> str:
    """Where the draft of a file lies, which a run that was killed leaves behind."""
    return f"{os.path.dirname(path)}/.{os.path.basename(path)}.new"


def create(path: str) -> int:
    """Make a file that is not there yet and that nobody else may read. Returns its descriptor."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)


def make_directories(path: str) -> None:
    """Make a directory and all that leads to it, where it is missing, as root does with the umask of most hosts,
    whatever the one of this process is."""
    if os.path.isdir(path):
        return
    make_directories(os.path.dirname(path))
    os.mkdir(path, 0o700)
    inherited = stat.S_IMODE(os.stat(path).st_mode) & stat.S_ISGID
    os.chmod(path, 0o755 | inherited)


def remove(path: str) -> bool:
    """Remove a file, a link or a whole directory. Returns whether it was there. Raises OSError, also where something is
    mounted below: what it leads to belongs to others, perhaps all of /usr."""
    if not os.path.lexists(path):
        return False
    if os.path.isdir(path) and not os.path.islink(path):
        mounted = mounts_below(path) + mounts_below(path, HOST)
        if mounted:
            raise OSError(errno.EBUSY, "it is a mount point, unmount it first", mounted[0])
        shutil.rmtree(path)
    else:
        os.unlink(path)
    return True


def existing_directory(path: str) -> str:
    """The directory that a path lies in, or would; of those on the way to it the last one that is there."""
    directory = os.path.dirname(path)
    return directory if os.path.isdir(directory) else existing_directory(directory)


def mounts_below(path: str, process: str = "self") -> list[str]:
    """The mount points at a path and below it. What a link at the path's end leads to is not below it. process: whose;
    those that this process sees may be its own."""
    path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return [point for point, *_kind in _mounts(process) if point == path or point.startswith(path + "/")]


def mount_point(directory: str) -> str:
    """Where what a directory lies on is mounted."""
    path = os.path.realpath(directory)
    return max((point for point, *_kind in _mounts("self") if f"{path}/".startswith(point.rstrip("/") + "/")), key=len)


def on_host(path: str) -> str:
    """Where this process finds a path, without links, as the host itself does."""
    root = f"/proc/{HOST}/root"
    return root + path if os.path.isdir(root + "/") else path  # where it may not look there, it has no other view


def unsecured_mounts_below(path: str, *free: str) -> list[str]:
    """Those that are peers of others, or can be written, on the host itself, wherever this process runs. path: without
    links. free: folders below it; there and below them, mounts may be written."""
    may_be_written = tuple(f"{path}{folder}/" for folder in free)
    on_top = {point: kind for point, *kind in _mounts(HOST)}  # what lies under another one cannot be reached
    return [
        point
        for point, (is_shared, is_read_only) in on_top.items()
        if point.startswith(path + "/") and (is_shared or not (is_read_only or f"{point}/".startswith(may_be_written)))
    ]


def _mounts(process):
    """The mount points that a process sees: (str, bool, whether it is shared, bool, whether it is read-only) of each
    (proc_pid_mountinfo(5))."""
    with open(f"/proc/{process}/mountinfo", "rb") as table:
        lines = [line.split(b" - ")[0].split() for line in table]
    return [
        (
            os.fsdecode(_OCTAL.sub(_byte, fields[4])),
            any(field.startswith(b"shared:") for field in fields[6:]),
            b"ro" in fields[5].split(b","),
        )
        for fields in lines
    ]


def _byte(escaped):
    """What mountinfo has for a space, a tab, a line's end and a backslash."""
    return bytes([int(escaped[1], 8)])


def _read(path):
    """A plain file's content and Rights; None of each where there is none. What stands in its place otherwise is
    replaced."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode):
                return file.read(), Rights.of_status(status)
    except OSError:
        pass
    return None, None
