"""The requests that the present run serves: a directory of root's beside the spool.

A request stays in the spool until its run is recorded. So whatever dies in between, systemd sees that
the spool is not empty, and the next claim finds out what became of it.

The spool is written by the acceptor, which may have been taken over. So an entry is opened through
the directory's descriptor, never by following a link, must be a plain file with one name and the
right owner, and is copied: nobody keeps a writable descriptor of what root goes on to use.
"""

import errno
import os
import pwd
import stat

from trigger import cgi, entry

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_SET_ASIDE = ".damaged-"

OWN_VARIABLES = (b"TRIGGER_ENDPOINT", b"TRIGGER_REQUEST_ID")


class Claimed:
    """endpoint: endpoint.Endpoint. Use it as a context manager; it holds the two directories open."""

    def __init__(self, endpoint):
        self._endpoint = endpoint

    def __enter__(self):
        self._spool = os.open(self._endpoint.spool, _DIRECTORY)
        self._claimed = os.open(self._endpoint.claimed, _DIRECTORY)
        return self

    def __exit__(self, *_):
        os.close(self._spool)
        os.close(self._claimed)

    def ids(self):
        """Return the ids of the claimed requests, oldest first: list of str."""
        return sorted(filter(entry.is_id, os.listdir(self._claimed)))

    def since(self, request_id):
        """Return when a request was claimed, seconds since the epoch, float."""
        return os.stat(request_id, dir_fd=self._claimed).st_mtime

    def waiting(self):
        """Return the names in the spool, oldest first: list of str. Drafts are not among them, claimed
        ones are."""
        return sorted(name for name in os.listdir(self._spool) if name[0] != ".")

    def take(self, names):
        """Claim entries of the spool; when this returns, that they are claimed is durable.

        The newest is copied, since it is the one that the run is told about. The others only lend their
        ids. All stay in the spool until finish().

        names: list of str, oldest first. Returns those that were no proper entries and were set aside,
        as a list of (name, reason). Raises OSError.
        """
        damaged = []
        described = None
        for name in reversed(names):
            try:
                with _Source(self._open_checked(name)) as source:
                    if described is None:
                        _copy(source, name, self._claimed)
                        described = name
                    else:
                        os.close(os.open(name, _CREATE, 0o600, dir_fd=self._claimed))
            except entry.Damaged as error:
                aside = _SET_ASIDE + name
                os.rename(name, aside, src_dir_fd=self._spool, dst_dir_fd=self._spool)
                damaged.append((name, str(error)))
        os.fsync(self._claimed)
        return damaged

    def open(self, request_id):
        """Open the claimed entry. Returns (descriptor, variables, length of the body)."""
        fd = os.open(request_id, _READ, dir_fd=self._claimed)
        variables, body_length = entry.read_variables(fd, os.fstat(fd).st_size)
        return fd, variables, body_length

    def finish(self, ids):
        """Remove the requests whose run is recorded."""
        for request_id in ids:
            _unlink(request_id, self._spool)
        # First there, and durably: or a power cut could bring a request back, and it would run twice.
        os.fsync(self._spool)
        self.release(ids)

    def release(self, ids):
        """Give up the claim. What still is in the spool waits for the next run."""
        for request_id in sorted(ids):  # so that the one which names the run is the last
            _unlink(request_id, self._claimed)
        os.fsync(self._claimed)

    def _open_checked(self, name):
        if not entry.is_id(name):
            raise entry.Damaged("its name is not a request id")
        try:
            source = os.open(name, _READ, dir_fd=self._spool)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise entry.Damaged("it is not a plain file") from None
            raise
        try:
            self._check(source, name)
        except BaseException:
            os.close(source)
            raise
        return source

    def _check(self, source, name):
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
        variables, _ = entry.read_variables(source, status.st_size)
        if variables.get(b"TRIGGER_REQUEST_ID") != name.encode():
            raise entry.Damaged("it carries another request's id")
        # Nothing but these names may reach the job's environment: no LD_PRELOAD, no PATH.
        unknown = set(variables).difference(cgi.NAMES, OWN_VARIABLES)
        if unknown:
            raise entry.Damaged("it sets a variable that no request sets")


class _Source:
    """Closes a descriptor at the end of a with block."""

    def __init__(self, fd):
        self._fd = fd

    def __enter__(self):
        return self._fd

    def __exit__(self, *_):
        os.close(self._fd)


def _copy(source, name, directory):
    """Copy an open file into a directory, durably but for the directory itself."""
    draft = "." + name
    _unlink(draft, directory)  # of an attempt that was killed
    target = os.open(draft, _CREATE, 0o600, dir_fd=directory)
    with _Source(target):
        size = os.fstat(source).st_size
        sent = 0
        while sent < size:
            count = os.sendfile(target, source, sent, size - sent)
            if not count:
                raise entry.Damaged("it was cut short while it was read")
            sent += count
        os.fsync(target)
    os.rename(draft, name, src_dir_fd=directory, dst_dir_fd=directory)


def _unlink(name, directory):
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass
