"""The acceptor's side of the spool: it adds entries and counts those that wait.

A name that begins with a dot is no entry: a file being written, or the memory of deliveries. systemd's
DirectoryNotEmpty= does not see it, and no run takes it.
"""

import _thread
import os
import time

from trigger import entry

FLUSHES = 7  # at the same time, each in a thread; the unit's TasksMax= allows 8
MEMORY_LIMIT = 64 * 1024  # bytes of a body that are held in memory; a larger one goes to its file
_DRAFT = ".draft-"


class Unflushed(OSError):
    """An entry is there, and will be run, unless the power goes before."""


class Spool:
    """path: str, the directory of entries. claimed: str, where those of the present run are. deliveries:
    deliveries.Deliveries, or None where none are remembered."""

    def __init__(self, path, claimed, deliveries=None):
        self._path = path
        self._claimed = claimed
        self._deliveries = deliveries
        self._ids = None
        self._drafts = 0

    def draft(self):
        """Return a new Draft, for one request. Raises OSError."""
        if self._ids is None:
            self._recover()
        self._drafts += 1
        return Draft("%s/%s%d" % (self._path, _DRAFT, self._drafts))

    def load(self):
        """Return how many entries no run has taken yet, int, and whether a run has some, bool.
        Raises OSError."""
        # In this order: a request leaves the spool before it leaves the claimed ones, so one whose run
        # ends meanwhile is not counted as waiting.
        claimed = set(os.listdir(self._claimed))
        entries = [name for name in os.listdir(self._path) if name[0] != "."]
        waiting = sum(name not in claimed for name in entries)
        return waiting, waiting < len(entries)

    def next_id(self):
        """Return the id for the next entry. draft() has been called before."""
        return self._ids.next()

    def delivered(self, keys):
        """Return the id of the request that a delivery was accepted as before, str, or None. keys: list
        of str. Raises OSError."""
        return self._deliveries.find(keys, time.time()) if keys else None

    def commit(self, drafts):
        """Turn complete drafts into entries; when this returns they are durable.

        drafts: list of (id, Draft, keys of its delivery). Returns the list of the OSErrors that befell
        single drafts, in their order, None where all went well, Unflushed where that is not known. Raises
        OSError when nothing was kept at all.
        """
        directory = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # The data of all of them first: the renames below are then flushed together.
            errors = _flush([draft for _, draft, _ in drafts])
            kept = [draft for draft, error in zip(drafts, errors) if error is None]
            found = iter(self._keep(kept, directory))
            return [next(found) if error is None else error for error in errors]
        finally:
            os.close(directory)

    def _keep(self, drafts, directory):
        """Give flushed drafts their names. Returns as commit() does."""
        try:
            self._remember(drafts)
        except OSError as error:
            for _, draft, _ in drafts:
                _unlink(draft.path)
            return [error] * len(drafts)
        # From here on, a draft whose delivery is remembered becomes an entry, by _recover() at the latest.
        errors = [draft.rename(request_id, directory) for request_id, draft, _ in drafts]
        named = [draft for draft, error in zip(drafts, errors) if error is None]
        try:
            if len(named) < len(drafts):
                self._forget(drafts)
                self._remember(named)
            os.fsync(directory)
        except OSError as error:
            # systemd has seen the names, so they are not taken back: a run may have begun.
            return [each or Unflushed(*error.args) for each in errors]
        return errors

    def _remember(self, drafts):
        deliveries = [(request_id, keys) for request_id, _, keys in drafts if keys]
        if deliveries:
            self._deliveries.add(deliveries, time.time())

    def _forget(self, drafts):
        """Undo _remember() of the same drafts."""
        if any(keys for _, _, keys in drafts):
            self._deliveries.take_back()

    def _recover(self):
        """Find what earlier acceptors left: drafts of one that was killed, and the latest id."""
        names = os.listdir(self._path)
        drafts = [name for name in names if name.startswith(_DRAFT)]
        finished = [self._finish_draft(self._path + "/" + name) for name in drafts]
        ids = filter(entry.is_id, names + [request_id for request_id in finished if request_id])
        self._ids = entry.Ids(after=max(ids, default=None))

    def _finish_draft(self, path):
        """Remove a draft that was left, or, if its delivery is remembered already, make it an entry and
        return its id."""
        request_id = _complete_id(path) if self._deliveries else None
        if not request_id or not self._deliveries.has(request_id, time.time()):
            _unlink(path)
            return None
        os.rename(path, self._path + "/" + request_id)
        directory = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fsync(directory)
        os.close(directory)
        return request_id


def _flush(drafts):
    """Put drafts on the disk. Returns the list of the OSErrors that befell them, None where all went well.

    Side by side, so that the disk has several to do at once, and a file system with a journal writes it once for all
    who ask at the same moment: that is several times as fast.
    """
    for draft in drafts:
        try:
            draft.write_out()  # not in the threads, which would wait for one another at the directory
        except OSError:
            pass  # and fails again below, where it counts
    errors = [OSError("it was not flushed") for _ in drafts]
    waiting = list(enumerate(drafts))

    def flush():
        while True:
            try:
                number, draft = waiting.pop()
            except IndexError:
                return  # another thread took the last one
            errors[number] = draft.flush()

    def help_out(done):
        try:
            flush()
        finally:
            done.release()

    helpers = [_thread.allocate_lock() for _ in range(min(FLUSHES, len(drafts)) - 1)]
    for done in helpers:
        done.acquire()
        try:
            _thread.start_new_thread(help_out, (done,))
        except RuntimeError:
            done.release()  # the host has no room for a thread more, so there are fewer
    flush()
    for done in helpers:
        done.acquire()
    return errors


class Draft:
    """A request on its way to becoming an entry. path: str, its file, which may not exist yet."""

    __slots__ = ("_fd", "_held", "length", "path")

    def __init__(self, path):
        self.path = path
        self.length = 0  # bytes of the body so far
        self._held = bytearray()
        self._fd = None

    def write(self, body):
        """Add to the body. Raises OSError."""
        self.length += len(body)
        self._held += body
        if len(self._held) > MEMORY_LIMIT:
            self.write_out()

    def read_body(self):
        """Return the body so far, bytes. Raises OSError."""
        written = self.length - len(self._held)
        body = os.pread(self._fd, written, 0) if written else b""
        if len(body) < written:
            raise OSError("the file of a request was cut short")
        return body + bytes(self._held)

    def drop_body(self):
        """Let the body go. Raises OSError."""
        self.length = 0
        self._held = bytearray()
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)

    def close_body(self, variables):
        """Say that the body is complete and what follows it: a list of (bytes, bytes)."""
        self._held += entry.encode(variables)

    def flush(self):
        """Put all of it on the disk. Returns None, or the OSError that prevented it."""
        try:
            self.write_out()
            os.fsync(self._fd)
        except OSError as error:
            self.discard()
            return error
        os.close(self._fd)
        self._fd = None
        return None

    def rename(self, request_id, directory):
        """Become the entry of that name. Returns None, or the OSError that prevented it."""
        try:
            os.rename(self.path, request_id, dst_dir_fd=directory)
        except OSError as error:
            _unlink(self.path)
            return error
        return None

    def discard(self):
        """Leave nothing behind."""
        self._held = bytearray()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
            _unlink(self.path)

    def write_out(self):
        """Write what is held in memory. Raises OSError."""
        if self._fd is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._fd = os.open(self.path, flags, 0o600)
        while self._held:
            del self._held[: os.write(self._fd, self._held)]


def _complete_id(path):
    """The id of the request in a file, str, or None when the file is not complete."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            variables, _ = entry.read_variables(fd, os.fstat(fd).st_size)
        finally:
            os.close(fd)
    except (OSError, entry.Damaged):
        return None
    request_id = variables.get(b"TRIGGER_REQUEST_ID", b"").decode("ascii", "replace")
    return request_id if entry.is_id(request_id) else None


def _unlink(path):
    try:
        os.unlink(path)
    except OSError:
        pass  # it is not there, or the directory that held it is not
