"""The acceptor's side of the spool: it adds entries and counts those that wait.

A name that begins with a dot is no entry: a file being written, or the memory of deliveries. It wakes no dispatcher,
and no run takes it. What a file is, its name alone says, since a stranger may
have written what stands in it:

- .draft-N: a body on its way. Nobody has answered for it; the next acceptor removes it, whatever it holds.
- .accepted-ID: the request was let in and admitted, and is being flushed. If its delivery is remembered, the next
  acceptor makes it the entry ID, or else removes it.
- ID: an entry.
- .cancel-ID: somebody wants that request cancelled (cancellations).
"""

import _thread
import os
import time

from trigger import entry, room

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FLUSHES = 7  # at the same time, each in a thread; the unit's TasksMax= allows 8
MEMORY_LIMIT = 64 * 1024  # bytes of a body that are held in memory; a larger one goes to its file; see room.MEMORY
# The dispatcher is root without capabilities, so one of the others, and the only one of them who comes through the
# directory. The group has members who shall not read requests.
ENTRY_MODE = 0o604
_DRAFT = ".draft-"
_ACCEPTED = ".accepted-"


class Unflushed(OSError):
    """An entry is there, and will be run, unless the power goes before."""


class Spool:
    """path: the directory of entries. claimed: where those of the present run are. deliveries: replay.Deliveries, or
    None where none are remembered. is_recorded: a function that says of an id whether its run has a record. body_limit:
    bytes of one body. tell: a function that is called when entries have been added."""

    def __init__(
        self,
        path: str,
        claimed: str,
        deliveries: "Any" = None,
        is_recorded: "Callable[[str], bool]" = lambda request_id: False,
        body_limit: int = 0,
        tell: "Callable[[], None]" = lambda: None,
    ) -> None:
        self._tell = tell
        self.room = room.Room(body_limit)
        self._path = path
        self._claimed = claimed
        self._deliveries = deliveries
        self._is_recorded = is_recorded
        self._ids: entry.Ids = None
        self._drafts = 0

    def draft(self) -> "Draft":
        """Return a new Draft, for one request. Raises OSError."""
        if self._ids is None:
            self._recover()
        self._drafts += 1
        return Draft("%s/%s%d" % (self._path, _DRAFT, self._drafts), self.room)

    def disk(self) -> "os.statvfs_result":
        """Return what the disk has left. Raises OSError."""
        return os.statvfs(self._path)

    def lack(self, disk: "os.statvfs_result", entries: int = 0, size: int = 0) -> "str | None":
        """Say what the disk has too little of for requests to be taken in, or None. disk: what disk() has returned.
        entries, size: as room.lack() takes them."""
        return room.lack(self._path, disk, entries, size)

    def load(self) -> "tuple[int, bool]":
        """Return how many entries no run has taken yet, and whether a run has some. Raises OSError."""
        # In this order: a request leaves the spool before it leaves the claimed ones, so one whose run
        # ends meanwhile is not counted as waiting.
        claimed = set(os.listdir(self._claimed))
        entries = [name for name in os.listdir(self._path) if name[0] != "."]
        waiting = sum(name not in claimed for name in entries)
        return waiting, waiting < len(entries)

    def next_id(self) -> str:
        """Return the id for the next entry. draft() has been called before."""
        return self._ids.next()

    def delivered(self, keys: "list[str]") -> "str | None":
        """Return the id of the request that a delivery was accepted as before, or None. Raises OSError."""
        return self._deliveries.find(keys, time.time()) if keys else None

    def cancel(self, request_id: str) -> None:
        """Have a request cancelled. Raises OSError."""
        from trigger import cancellations

        cancellations.ask(self._path, request_id)
        self._tell()

    def commit(self, drafts: "list[tuple[str, Draft, list[str]]]") -> "list[OSError | None]":
        """Turn complete drafts into entries; when this returns they are durable.

        drafts: with an id each, and the keys of its delivery. Returns the list of the OSErrors that befell single
        drafts, in their order, None where all went well, Unflushed where that is not known. Raises OSError when nothing
        was kept at all.
        """
        directory = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # The data of all of them first: the renames below are then flushed together.
            errors = _flush(drafts)
            kept = [draft for draft, error in zip(drafts, errors) if error is None]
            found = iter(self._keep(kept, directory))
            self._tell()
            return [next(found) if error is None else error for error in errors]
        finally:
            os.close(directory)

    def _keep(self, drafts, directory):
        """Give flushed drafts their names. Returns as commit() does."""
        try:
            self._remember(drafts, directory)
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
                self._remember(named, directory)
            os.fsync(directory)
        except OSError as error:
            # systemd has seen the names, so they are not taken back: a run may have begun.
            return [each or Unflushed(*error.args) for each in errors]
        return errors

    def _remember(self, drafts, directory):
        deliveries = [(request_id, keys) for request_id, _, keys in drafts if keys]
        if deliveries:
            if any(draft.was_renamed for _, draft, keys in drafts if keys):
                # A file that is new is flushed with its name, and one that got another not on every file system. Were
                # that lost with the power, the delivery would be known, and its request gone.
                os.fsync(directory)
            self._deliveries.add(deliveries, time.time())

    def _forget(self, drafts):
        """Undo _remember() of the same drafts."""
        if any(keys for _, _, keys in drafts):
            self._deliveries.take_back()

    def _recover(self):
        """Find what earlier acceptors left: files of one that was killed, and the latest id."""
        names = os.listdir(self._path)
        drafts = [name for name in names if name.startswith(_DRAFT)]
        accepted = [name for name in names if name.startswith(_ACCEPTED)]
        entries = set(filter(entry.is_id, names))
        if accepted:
            entries.update(self._finish(accepted, entries))
        for name in drafts:
            _unlink(self._path + "/" + name)
        self._ids = entry.Ids(after=max(entries, default=None), ahead=entry.FOLLOWED)

    def _finish(self, accepted, entries):
        """Make those whose delivery is remembered entries, and remove the others: the client of one of these was told
        nothing, and asks again. Returns the ids of the new entries."""
        finished = []
        for name in accepted:
            request_id = name[len(_ACCEPTED) :]
            if self._is_remembered(request_id) and not self._is_somewhere(request_id, entries):
                os.chmod(self._path + "/" + name, ENTRY_MODE)  # that of an earlier release has another
                os.rename(self._path + "/" + name, self._path + "/" + request_id)
                finished.append(request_id)
            else:
                _unlink(self._path + "/" + name)
        from trigger import atomic_file

        atomic_file.flush_directory(self._path)
        self._tell()
        return finished

    def _is_remembered(self, request_id):
        return bool(self._deliveries) and entry.is_id(request_id) and self._deliveries.has(request_id, time.time())

    def _is_somewhere(self, request_id, entries):
        """Whether a request waits, is being run, or was."""
        claimed = os.path.lexists(self._claimed + "/" + request_id)
        return request_id in entries or claimed or self._is_recorded(request_id)


def _flush(drafts):
    """Put complete drafts on the disk, under names that say that they were accepted. drafts: as commit() takes them.
    Returns the list of the OSErrors that befell them, None where all went well.

    Side by side, so that the disk has several to do at once, and a file system with a journal writes it once for all
    who ask at the same moment: that is several times as fast.
    """
    errors = [OSError("it was not flushed") for _ in drafts]
    waiting = []
    for number, (request_id, draft, _) in enumerate(drafts):
        try:
            draft.accept(request_id)
            draft.write_out()  # not in the threads, which would wait for one another at the directory
            waiting.append((number, draft))
        except OSError as error:
            draft.discard()
            errors[number] = error

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

    helpers = [_thread.allocate_lock() for _ in range(min(FLUSHES, len(waiting)) - 1)]
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
    """A request on its way to becoming an entry. path: its file, which may not exist yet. shared: with others."""

    __slots__ = ("_fd", "_held", "_room", "length", "of_stranger", "path", "stored", "was_renamed")

    def __init__(self, path: str, shared: "room.Room | None" = None) -> None:
        self.path = path
        self._room = shared or room.Room()
        self.of_stranger = True  # whether its sender has proved nothing
        self.stored = 0  # bytes in its file
        self.was_renamed = False  # whether it was written under another name before
        self.length = 0  # bytes of the body so far
        self._held = bytearray()
        self._fd: int = None

    def write(self, body: bytes) -> None:
        """Add to the body. Raises OSError."""
        self.length += len(body)
        self._hold(body)
        if len(self._held) > MEMORY_LIMIT or (body and self._room.is_memory_taken()):
            self.write_out()

    def vouch(self) -> None:
        """Its sender is known, or it is complete."""
        if self.of_stranger:
            self.of_stranger = False
            self._room.strangers -= self.stored

    def read_body(self) -> bytes:
        """Return the body so far. Raises OSError."""
        written = self.length - len(self._held)
        if not written:
            return bytes(self._held)
        body = os.pread(self._fd, written, 0)
        if len(body) < written:
            raise OSError("the file of a request was cut short")
        return body + self._held if self._held else body

    def drop_body(self) -> None:
        """Let the body go. Raises OSError."""
        self.length = 0
        self._let_go()
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)

    def close_body(self, variables: "list[tuple[bytes, bytes]]") -> None:
        """Say that the body is complete and what follows it: a list of (bytes, bytes)."""
        self._hold(entry.encode(variables))

    def accept(self, request_id: str) -> None:
        """Take the name that says that this was accepted. Nothing of it has to be on the disk yet. Raises OSError."""
        path = os.path.dirname(self.path) + "/" + _ACCEPTED + request_id
        if self._fd is not None:
            os.rename(self.path, path)
            self.was_renamed = True
        self.path = path

    def flush(self) -> "OSError | None":
        """Put all of it on the disk. Returns None, or the OSError that prevented it."""
        try:
            self.write_out()
            os.fchmod(self._fd, ENTRY_MODE)
            os.fsync(self._fd)
        except OSError as error:
            self.discard()
            return error
        os.close(self._fd)
        self._fd = None
        return None

    def rename(self, request_id: str, directory: int) -> "OSError | None":
        """Become the entry of that name. Returns None, or the OSError that prevented it."""
        try:
            os.rename(self.path, request_id, dst_dir_fd=directory)
        except OSError as error:
            _unlink(self.path)
            return error
        return None

    def discard(self) -> None:
        """Leave nothing behind."""
        self._let_go()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
            _unlink(self.path)

    def write_out(self) -> None:
        """Write what is held in memory. Raises OSError."""
        if self._fd is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._fd = os.open(self.path, flags, 0o600)
        while self._held:
            written = os.write(self._fd, self._held)
            del self._held[:written]
            self._room.memory -= written
            self._store(written)

    def _hold(self, content):
        self._held += content
        self._room.memory += len(content)

    def _store(self, count):
        self.stored += count
        if self.of_stranger:
            self._room.strangers += count

    def _let_go(self):
        """Of what is in memory; what is in the file goes with it."""
        self._room.memory -= len(self._held)
        self._held = bytearray()
        self._store(-self.stored)


def _unlink(path):
    try:
        os.unlink(path)
    except OSError:
        pass  # it is not there, or the directory that held it is not
