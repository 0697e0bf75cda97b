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
import time

from trigger import cgi, entry, execution, parameters

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_INVOCATION = ".invocation"
_DRAFT = ".draft"

OWN_VARIABLES = frozenset((b"TRIGGER_ENDPOINT", b"TRIGGER_REQUEST_ID"))


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

    def invocation(self):
        """Return the $INVOCATION_ID of the activation that claimed, str, or None."""
        try:
            with _Opened(os.open(_INVOCATION, _READ, dir_fd=self._claimed)) as fd:
                return os.read(fd, 64).decode()
        except FileNotFoundError:
            return None

    def waiting(self):
        """Return the names in the spool, oldest first: list of str. Drafts are not among them, claimed
        ones are."""
        return sorted(name for name in os.listdir(self._spool) if name[0] != ".")

    def take(self, names):
        """Claim entries of the spool; when this returns, that they are claimed is durable.

        The newest is copied, since it is the one that the run is told about. The others only lend their
        ids. All stay in the spool until finish(). What a request says is checked again here, because the
        acceptor, which has checked it before, meets the network.

        names: list of str, oldest first. Returns those that were no proper entries and were set aside,
        as a list of (name, name from now on, reason). Raises OSError.
        """
        self._sign()
        damaged = []
        described = None
        for name in reversed(names):
            try:
                with _Opened(self._open_source(name)) as source:
                    size = self._check_file(source)
                    if described is None:
                        self._copy_in(source, size, name)
                        described = name
                    else:
                        self._check_content(source, size, name)
                        self._check_id(source, name)
                        os.close(os.open(name, _CREATE, 0o600, dir_fd=self._claimed))
            except entry.Damaged as error:
                damaged.append((name, self._set_aside(name), str(error)))
        os.fsync(self._claimed)
        return damaged

    def parameters_in_spool(self, name):
        """Return the parameters of a waiting entry, dict of bytes to bytes, or None when it is damaged. Only
        to compare: the entry may change until it is taken. Raises OSError."""
        try:
            with _Opened(self._open_source(name)) as source:
                variables, _ = entry.read_variables(source, self._check_file(source))
        except entry.Damaged:
            return None
        prefix = parameters.PREFIX.encode()
        return {key: value for key, value in variables.items() if key.startswith(prefix)}

    def open(self, request_id):
        """Open the claimed entry. Returns (descriptor, variables, length of the body)."""
        fd = os.open(request_id, _READ, dir_fd=self._claimed)
        variables, body_length = entry.read_variables(fd, os.fstat(fd).st_size)
        known = self._known_variables()
        return fd, {name: value for name, value in variables.items() if name in known}, body_length

    def finish(self, ids):
        """Remove the requests whose run is recorded."""
        for request_id in ids:
            try:
                _unlink(request_id, self._spool)
            except IsADirectoryError:  # it was a file when it was claimed
                self._set_aside(request_id)
        # First there, and durably: or a power cut could bring a request back, and it would run twice.
        os.fsync(self._spool)
        self.release(ids)

    def release(self, ids):
        """Give up the claim. What still is in the spool waits for the next run."""
        for request_id in sorted(ids):  # so that the one which names the run is the last
            _unlink(request_id, self._claimed)
        os.fsync(self._claimed)

    def _sign(self):
        """Say which activation claims, before anything is claimed."""
        _unlink(_INVOCATION, self._claimed)
        with _Opened(os.open(_INVOCATION, _CREATE, 0o600, dir_fd=self._claimed)) as fd:
            os.write(fd, os.environ["INVOCATION_ID"].encode())

    def _open_source(self, name):
        if not entry.is_id(name):
            raise entry.Damaged("its name is not a request id")
        try:
            return os.open(name, _READ, dir_fd=self._spool)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise entry.Damaged("it is not a plain file") from None
            raise

    def _check_file(self, source):
        """Check all but the content of an open file, and return its size."""
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
        return status.st_size

    def _copy_in(self, source, size, name):
        """Copy an open entry to the claimed ones, durably but for the directory itself. What is checked is
        the copy: the original may change at any time."""
        _unlink(_DRAFT, self._claimed)  # of an attempt that was killed
        with _Opened(os.open(_DRAFT, _CREATE, 0o600, dir_fd=self._claimed)) as target:
            sent = 0
            while sent < size:
                count = os.sendfile(target, source, sent, size - sent)
                if not count:
                    raise entry.Damaged("it was cut short while it was read")
                sent += count
            self._check_content(target, size, name)
            self._check_id(source, name)
            os.fsync(target)
        os.rename(_DRAFT, name, src_dir_fd=self._claimed, dst_dir_fd=self._claimed)

    def _check_content(self, fd, size, name):
        variables, _ = entry.read_variables(fd, size)
        if variables.get(b"TRIGGER_REQUEST_ID") != name.encode():
            raise entry.Damaged("it carries another request's id")
        for name in set(variables) - self._known_variables():
            # The endpoint may have known such a one when the request was accepted.
            if not name.startswith((b"HTTP_", parameters.PREFIX.encode())):
                raise entry.Damaged("it sets a variable that no request sets")
        try:
            values = parameters.read_back(self._endpoint.parameters or [], variables)
            execution.check(self._endpoint.command, self._endpoint.exec_limit, values, variables)
        except parameters.Invalid as invalid:
            raise entry.Damaged("its parameter %s %s" % invalid.errors[0]) from None

    def _check_id(self, source, name):
        """An id that was used before would have a run take place once more, and its record replaced."""
        from trigger.dispatcher import history

        # Nobody can set this time but the kernel, and the clock may have been set back since.
        now = max(time.time(), os.fstat(source).st_ctime)
        objection = history.objection(self._endpoint, name, now)
        if objection is not None:
            raise entry.Damaged(objection)

    def _known_variables(self):
        """Nothing but these names reaches the job's environment: no LD_PRELOAD, no PATH."""
        known = {parameters.variable(parameter["name"]).encode() for parameter in self._endpoint.parameters or []}
        return known.union(cgi.NAMES, OWN_VARIABLES, map(cgi.header_variable, self._endpoint.pass_headers))

    def _set_aside(self, name):
        """Take a name out of systemd's sight and of ours. Returns the new one, which is free for sure."""
        begin = os.fsdecode(os.fsencode(name)[:64])  # in bytes, of which a name may have 255
        aside = ".damaged-%d-%s" % (time.time_ns(), begin)
        os.rename(name, aside, src_dir_fd=self._spool, dst_dir_fd=self._spool)
        return aside


class _Opened:
    """Closes a descriptor at the end of a with block."""

    def __init__(self, fd):
        self._fd = fd

    def __enter__(self):
        return self._fd

    def __exit__(self, *_):
        os.close(self._fd)


def _unlink(name, directory):
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass
