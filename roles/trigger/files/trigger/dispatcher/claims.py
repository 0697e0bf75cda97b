"""The requests that the present run serves: a directory of root's beside the spool.

A request stays in the spool until its run is recorded. So whatever dies in between, the spool is not empty, the
dispatcher is started again, and finds out what became of it.

The spool is written by the acceptor, which may have been taken over. So an entry is opened through
the directory's descriptor, never by following a link, must be a plain file with one name and the
right owner, and is copied: nobody keeps a writable descriptor of what root goes on to use.

Of a claim the directory holds

- ID: for each request. The newest, which the run is told about and goes by, says who asked for it; the others are
  names of one empty file.
- .invocation: which activation of the job's unit it was handed to. One that knows nothing of it has not begun it.
- .outcome: empty, or how the run ended. It is written before the runner may leave.
- .output: what the run prints.
"""

import errno
import os
import pwd
import stat
import time

from trigger import cgi, entry, execution, origin, parameters, strict_json
from trigger.dispatcher import hard_links
from trigger.dispatcher.claim_lock import MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from trigger.endpoint import Endpoint

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_READ = os.O_RDONLY | _SAFE
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE
_REPLACE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _SAFE

_INVOCATION = ".invocation"
_OUTCOME = ".outcome"
_DRAFT = ".draft"
IN_MEMORY = 64 * 1024  # bytes of a request

OWN_VARIABLES = frozenset((b"TRIGGER_ENDPOINT", b"TRIGGER_REQUEST_ID", origin.SOURCE))


def known_variables(endpoint: "Endpoint") -> "set[bytes]":
    """Return the names of what a request may tell its job. Nothing else reaches the job's environment: no LD_PRELOAD,
    no PATH."""
    known = {parameters.variable(parameter["name"]).encode() for parameter in endpoint.parameters or []}
    return known.union(cgi.NAMES, OWN_VARIABLES, map(cgi.header_variable, endpoint.pass_headers))


class Unreadable(Exception):
    """An entry may not be read: it waits for its mode to be set."""


class Claim:
    """What was taken for one run. ids: oldest first; the run goes by the last one. stdin: a descriptor of the body, or
    of /dev/null. variables: what the request says."""

    __slots__ = ("ids", "stdin", "variables")

    def __init__(self, ids: "list[str]", stdin: int, variables: "dict[bytes, bytes]") -> None:
        self.ids = ids
        self.stdin = stdin
        self.variables = variables


class Claims:
    """It holds the two directories open."""

    def __init__(self, endpoint: "Endpoint") -> None:
        self._endpoint = endpoint
        self._unreadable: dict[str, tuple[int, int]] = {}  # of names, what their files were like
        self._spool = os.open(endpoint.spool, _DIRECTORY)
        self._claimed = os.open(endpoint.claimed, _DIRECTORY)

    def close(self) -> None:
        """Let the directories go."""
        os.close(self._spool)
        os.close(self._claimed)

    def ids(self) -> "list[str]":
        """Return the ids of the claimed requests, oldest first."""
        return sorted(filter(entry.is_id, os.listdir(self._claimed)))

    def waiting(self) -> "list[str]":
        """Return the names in the spool that are not claimed, oldest first. Drafts are not among them, and no entry
        that has turned out not to be readable: it waits for its mode to be set."""
        self._unreadable = {name: like for name, like in self._unreadable.items() if self._like(name) == like}
        hidden = {*self._unreadable, *os.listdir(self._claimed)}
        return sorted(name for name in os.listdir(self._spool) if name[0] != "." and name not in hidden)

    def since(self, request_id: str) -> float:
        """Return when a run's request was claimed: seconds since the epoch."""
        return os.stat(request_id, dir_fd=self._claimed).st_mtime

    def invocation(self) -> "str | None":
        """Return the activation that the claim was handed to, or None."""
        return self._read(_INVOCATION) or None

    def told(self, request_id: str) -> dict:
        """Return who asked for the run, and with which parameters, without what is sensitive."""
        try:
            return dict(strict_json.decode(self._read(request_id)))
        except (TypeError, ValueError):
            return {}  # somebody has damaged it

    def take(self, names: "list[str]", invocation: str) -> "tuple[Claim | None, list[tuple[str, str, str]], list[str]]":
        """Claim entries of the spool for an activation; when this returns, that they are claimed is durable.

        The newest is copied, since it is the one that the run is told about. The others only lend their
        ids. All stay in the spool until finish(). What a request says is checked again here, because the
        acceptor, which has checked it before, meets the network.

        names: oldest first. Returns the Claim, None when none was a proper entry; those that were not, and were set
        aside: name, name from now on, reason; and the names of those that cannot be read. Raises OSError.
        """
        damaged, unreadable = [], []
        taken = None
        ids, hops = [], []
        for name in reversed(names):
            try:
                with _Opened(self._open_source(name)) as source:
                    status = self._check_file(source)
                    if taken is None:
                        taken = self._copy(source, status, name)
                        variables = taken[1]
                    else:
                        variables, _ = self._check_content(source, status, name)
                        self._check_id(source, name)
                # A circle goes on, whoever comes between and is served by the same run.
                hops = max(hops, origin.hops(variables), key=len)
                ids.insert(0, name)
            except Unreadable:
                unreadable.append(name)
                self._unreadable[name] = self._like(name)
            except entry.Damaged as error:
                damaged.append((name, self._set_aside(name), str(error)))
        if taken is None:
            return None, damaged, unreadable
        stdin, variables = taken
        # Before anything is claimed: whose claim it is.
        self._write(_INVOCATION, invocation)
        self._write(_OUTCOME, "")
        # The newest first: as long as the others are not there, they wait for another run.
        self._write(ids[-1], strict_json.encode(self.what_is_told(variables, hops)), durably=True)
        hard_links.name_all(ids[:-1], self._claimed, lambda name: self._write(name, ""))
        os.fsync(self._claimed)
        known = known_variables(self._endpoint)
        told = {name: value for name, value in variables.items() if name in known}
        return Claim(ids, stdin, told), damaged, unreadable

    def note(self, outcome: dict) -> None:
        """Write down how the run ended, durably, before its runner may leave. outcome: with the `id`. Raises
        OSError."""
        with _Opened(os.open(_OUTCOME, _REPLACE, 0o600, dir_fd=self._claimed)) as fd:
            os.write(fd, strict_json.encode(outcome).encode())
            os.fdatasync(fd)

    def noted(self, run_id: str) -> "dict | None":
        """Return what note() has written for a run, or None."""
        try:
            outcome = strict_json.decode(self._read(_OUTCOME))
        except ValueError:
            return None  # nothing, or not all of it
        return outcome if isinstance(outcome, dict) and outcome.get("id") == run_id else None

    def parameters_in_spool(self, name: str) -> "dict[bytes, bytes] | None":
        """Return the parameters of a waiting entry, or None when it is damaged. Only to compare: the entry may change
        until it is taken. Raises OSError."""
        try:
            with _Opened(self._open_source(name)) as source:
                variables, _ = entry.read_variables(source, self._check_file(source).st_size)
        except (entry.Damaged, Unreadable):
            return None
        prefix = parameters.PREFIX.encode()
        return {key: value for key, value in variables.items() if key.startswith(prefix)}

    def remove(self, ids: "list[str]") -> None:
        """Take requests whose run is recorded out of the spool, durably. They are claimed until release()."""
        for request_id in ids:
            try:
                _unlink(request_id, self._spool)
            except IsADirectoryError:  # it was a file when it was claimed
                self._set_aside(request_id)
        # First there, and durably: or a power cut could bring a request back, and it would run twice.
        os.fsync(self._spool)

    def release(self, ids: "list[str]") -> None:
        """Give up the claim. What still is in the spool waits for the next run."""
        for request_id in sorted(ids):  # so that the one which names the run is the last
            _unlink(request_id, self._claimed)
        _unlink(MARK, self._claimed)  # that somebody had it stopped
        _unlink(_OUTCOME, self._claimed)

    def what_is_told(self, variables: "dict[bytes, bytes]", hops: "Iterable[str]" = ()) -> dict:
        """Return what a record tells of a request. hops: those that have led to its run."""
        told = {
            "remote_addr": variables.get(b"REMOTE_ADDR", b"").decode("latin-1") or None,
            "remote_user": variables.get(b"REMOTE_USER", b"").decode("latin-1") or None,
            **origin.told(variables, [*hops]),
        }
        if self._endpoint.parameters:
            told["parameters"] = parameters.shown(self._endpoint.parameters, variables)
        return told

    def _read(self, name: str) -> str:
        try:
            with _Opened(os.open(name, _READ, dir_fd=self._claimed)) as fd:
                return os.read(fd, os.fstat(fd).st_size).decode()
        except FileNotFoundError:
            return ""

    def _write(self, name: str, text: str, durably: bool = False) -> None:
        with _Opened(os.open(name, _REPLACE, 0o600, dir_fd=self._claimed)) as fd:
            os.write(fd, text.encode())
            if durably:
                os.fsync(fd)

    def _like(self, name: str) -> "tuple[int, int] | None":
        """What changes when somebody mends a file, or puts another in its place."""
        try:
            status = os.stat(name, dir_fd=self._spool, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_ctime_ns

    def _open_source(self, name: str) -> int:
        if not entry.is_id(name):
            raise entry.Damaged("its name is not a request id")
        try:
            return os.open(name, _READ, dir_fd=self._spool)
        except PermissionError:
            raise Unreadable from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise entry.Damaged("it is not a plain file") from None
            raise

    def _check_file(self, source: int) -> os.stat_result:
        """Check all but the content of an open file, and return its status."""
        status = os.fstat(source)
        if not stat.S_ISREG(status.st_mode):
            raise entry.Damaged("it is not a plain file")
        if status.st_nlink != 1:
            raise entry.Damaged("it has a second name")
        if status.st_uid not in (0, pwd.getpwnam(self._endpoint.user).pw_uid):
            raise entry.Damaged("it belongs to a stranger")
        limit = self._endpoint.body_limit + entry.VARIABLES_LIMIT + entry.MARK_SIZE
        if status.st_size > limit:
            raise entry.Damaged("it is larger than body_limit allows")
        return status

    def _copy(self, source: int, status: os.stat_result, name: str) -> "tuple[int, dict[bytes, bytes]]":
        """Copy an open entry. What is checked is the copy: the original may change at any time. Returns a descriptor of
        the body alone, in a file that has no name, for reading, and the variables."""
        _unlink(_DRAFT, self._claimed)  # of an attempt that was killed
        with _Opened(self._create_nameless(status.st_size)) as target:
            # The job may open it once more, by /dev/stdin, and as whom it runs is not root.
            os.fchmod(target, 0o444)
            reading = os.open("/proc/self/fd/%d" % target, os.O_RDONLY | os.O_CLOEXEC)
            try:
                sent = 0
                while sent < status.st_size:
                    count = os.sendfile(target, source, sent, status.st_size - sent)
                    if not count:
                        raise entry.Damaged("it was cut short while it was read")
                    sent += count
                variables, body_length = self._check_content(target, status, name)
                self._check_id(source, name)
                os.ftruncate(target, body_length)
            except BaseException:
                os.close(reading)
                raise
        if not body_length:
            os.close(reading)
            reading = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        return reading, variables

    def _create_nameless(self, size: int) -> int:
        """A file, for so many bytes. Most requests are small, and need none on the disk."""
        if size <= IN_MEMORY:
            return os.memfd_create("request", os.MFD_CLOEXEC)
        fd = os.open(_DRAFT, _CREATE, 0o600, dir_fd=self._claimed)
        _unlink(_DRAFT, self._claimed)
        return fd

    def _check_content(self, fd: int, status: os.stat_result, name: str) -> "tuple[dict[bytes, bytes], int]":
        """status: that of the file in the spool, fd: that or a copy of it."""
        variables, body_length = entry.read_variables(fd, status.st_size)
        if variables.get(b"TRIGGER_REQUEST_ID") != name.encode():
            raise entry.Damaged("it carries another request's id")
        if status.st_uid and not origin.VARIABLES.isdisjoint(variables):
            raise entry.Damaged("it says what only root may say")
        for variable in set(variables) - known_variables(self._endpoint) - origin.VARIABLES:
            # The endpoint may have known such a one when the request was accepted.
            if not variable.startswith((b"HTTP_", parameters.PREFIX.encode())):
                raise entry.Damaged("it sets a variable that no request sets")
        try:
            values = parameters.read_back(self._endpoint.parameters or [], variables)
            execution.check(self._endpoint.command, self._endpoint.exec_limit, values, variables)
        except parameters.Invalid as invalid:
            raise entry.Damaged("its parameter %s %s" % invalid.errors[0]) from None
        return variables, body_length

    def _check_id(self, source: int, name: str) -> None:
        """An id that was used before would have a run take place once more, and its record replaced."""
        from trigger.dispatcher import history

        # Nobody can set this time but the kernel, and the clock may have been set back since.
        now = max(time.time(), os.fstat(source).st_ctime)
        objection = history.objection(self._endpoint, name, now)
        if objection is not None:
            raise entry.Damaged(objection)

    def _set_aside(self, name: str) -> str:
        """Take a name out of systemd's sight and of ours. Returns the new one, which is free for sure."""
        begin = os.fsdecode(os.fsencode(name)[:64])  # in bytes, of which a name may have 255
        aside = ".damaged-%d-%s" % (time.time_ns(), begin)
        os.rename(name, aside, src_dir_fd=self._spool, dst_dir_fd=self._spool)
        return aside


class _Opened:
    """Closes a descriptor at the end of a with block."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __enter__(self) -> int:
        return self._fd

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _unlink(name: str, directory: int) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass
