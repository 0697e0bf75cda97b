"""The records of runs: one JSON file each in /var/lib/trigger/NAME/runs, named for the run. Only reads.

A run goes by the id of the request that it was told about, the newest that it served. For each of the others a link in
/var/lib/trigger/NAME/served leads to its record: so whoever asks for a request reads one record at most.

The dispatcher writes records, but people, disks and backups reach them, too. So a record is a record only when it has
the shape that it is given there; what stands under a record's name and has not is Damaged, and takes nothing else down.
"""

import errno
import os
import stat
import time

from trigger import entry, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.paths import Paths

STATES = ("succeeded", "failed", "timed-out", "interrupted", "cancelled", "damaged")
SIZE_LIMIT = 32 * 1024 * 1024  # bytes; a record holds ids, and parameters that were an entry's variables
# What a record is of, by the mode of its file, so that each is told from the others without being read: a run; what was
# taken back before it ran; what was no request. An acceptor that was taken over can have any number of the last made.
RUN, TAKEN_BACK, NO_REQUEST = 0o640, 0o540, 0o440
_LATEST = 20  # records that are looked at for the last run
_LAST_SECOND = 253402300799.999  # of the year 9999, behind which a time is written otherwise

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# What opening something else than a file that one may read ends in; other errors are the host's, and may pass.
_NO_RECORD = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO, errno.EIO)


class Damaged(OSError):
    """What stands under a record's name is none. `reason` says why, str(error) where and what to do about it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__("%s is not a run's record: %s; look at it, then delete it" % (path, reason))
        self.reason = reason


def timestamp(seconds: float) -> str:
    """RFC 3339, in UTC, to the millisecond."""
    seconds = min(seconds, _LAST_SECOND)
    whole = int(seconds)
    return "%s.%03dZ" % (
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)),
        (seconds - whole) * 1000,
    )


def ids(endpoint: "Paths") -> "list[str]":
    """Return the ids of the runs that have a record, sorted. Raises OSError."""
    return sorted(name[:-5] for name in os.listdir(endpoint.runs) if name[-5:] == ".json" and entry.is_id(name[:-5]))


class Written:
    """When the record of a run was written, in seconds since the epoch, and what it is of."""

    __slots__ = ("at", "kind", "run_id")

    def __init__(self, run_id: str, status: os.stat_result) -> None:
        self.run_id = run_id
        self.at = status.st_mtime
        mode = stat.S_IMODE(status.st_mode)
        self.kind = mode if mode in (TAKEN_BACK, NO_REQUEST) else RUN


def written(endpoint: "Paths") -> "list[Written]":
    """Return what there is to know of all records without reading them, in the order in which they were written, which
    their ids do not tell: those are of an acceptor's making. Raises OSError."""
    found = []
    for run_id in ids(endpoint):
        try:
            found.append(Written(run_id, os.lstat(path(endpoint, run_id))))
        except FileNotFoundError:
            pass  # pruned meanwhile
    now = time.time()
    # What was written in the future was written before the clock was set back.
    found.sort(key=lambda each: (each.at <= now, each.at, each.run_id))
    return found


def kind_of(record: dict) -> int:
    """What a record is of: RUN, TAKEN_BACK or NO_REQUEST."""
    if record["state"] == "damaged":
        return NO_REQUEST
    return TAKEN_BACK if record["state"] == "cancelled" and record["started"] is None else RUN


def path(endpoint: "Paths", run_id: str) -> str:
    """Where the record of a run is."""
    return endpoint.runs + "/" + run_id + ".json"


def run_of(endpoint: "Paths", request_id: str) -> "str | None":
    """Return the id of the run that served a request together with its own, or None. Raises OSError."""
    try:
        target = os.readlink(endpoint.served + "/" + request_id)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None  # somebody has put something else there
        raise
    run_id = target.rpartition("/")[2][: -len(".json")]
    return run_id if entry.is_id(run_id) else None


def has(endpoint: "Paths", request_id: str) -> bool:
    """Whether there is a record of the run that served a request."""
    run_id = run_of(endpoint, request_id)
    return os.path.exists(path(endpoint, request_id)) or (run_id is not None and os.path.exists(path(endpoint, run_id)))


def find(endpoint: "Paths", request_id: str) -> "dict | None":
    """Return the record of the run that served a request, or None. That takes the same few system calls whatever is
    kept. Raises Damaged and other OSErrors."""
    record = read(endpoint, request_id)
    if record is None:
        run_id = run_of(endpoint, request_id)
        record = None if run_id is None else read(endpoint, run_id)
    if record is None:
        os.stat(endpoint.runs)  # nothing is unknown only because no record can be read
    return record


def read(endpoint: "Paths", run_id: str) -> "dict | None":
    """Return the record of a run, or None. Raises Damaged, and other OSErrors where nothing can be read now."""
    file = path(endpoint, run_id)
    try:
        fd = os.open(file, _READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in _NO_RECORD:
            raise
        os.lstat(file)  # raises where not the file is at fault, but its folder
        raise Damaged(file, "it cannot be opened (%s)" % error.strerror) from None
    try:
        record = _decode(fd)
        _check(record, run_id)
    except ValueError as error:
        raise Damaged(file, str(error)) from None
    finally:
        os.close(fd)
    return record


def last(endpoint: "Paths") -> "dict | None":
    """Return the record of the run that ended last, or None. What did not run tells nothing of the job, nor does a file
    that is damaged. Raises OSError."""
    run_ids = [each.run_id for each in written(endpoint) if each.kind == RUN]
    for run_id in run_ids[: -_LATEST - 1 : -1]:
        try:
            record = read(endpoint, run_id)
        except Damaged:
            continue
        if record is not None and kind_of(record) == RUN:  # up to 0.3.0 what was taken back had a run's mode
            return record
    return None


def _decode(fd):
    """Return what an open file says. Raises ValueError."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a plain file")
    if status.st_size > SIZE_LIMIT:
        raise ValueError("it is larger than a record can be")
    try:
        with open(fd, "rb", closefd=False) as file:
            content = file.read(SIZE_LIMIT)
    except OSError as error:
        raise ValueError("it cannot be read (%s)" % error.strerror) from None
    try:
        return strict_json.decode(content.decode())
    except ValueError:
        raise ValueError("it is not JSON") from None


def _check(record, run_id):
    """Raise ValueError unless what a file says is the record of the run."""
    if not isinstance(record, dict):
        raise ValueError("it is not a JSON object")
    for key, is_right in _NEEDED:
        if key not in record or not is_right(record[key]):
            raise ValueError("its %s is missing or not a valid one" % key)
    for key, is_right in _MORE:
        if record.get(key) is not None and not is_right(record[key]):
            raise ValueError("its %s is not a valid one" % key)
    if record["id"] != run_id or run_id not in record["requests"]:
        raise ValueError("it is another run's")


def _is_id(value):
    return isinstance(value, str) and entry.is_id(value)


def _are_ids(value):
    return isinstance(value, list) and all(map(_is_id, value))


def _is_text(value):
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


def _is_state(value):
    return isinstance(value, str) and value in STATES


def _is_number(value):
    return type(value) in (int, float) and 0 <= value < 1e12  # which NaN is not


def _is_status(value):
    return type(value) is int and 0 <= value < 1 << 31


def _is_timestamp(value):
    """As timestamp() makes it."""
    if not isinstance(value, str) or len(value) != 24 or not value.isascii():
        return False
    parts = value[:4], value[5:7], value[8:10], value[11:13], value[14:16], value[17:19], value[20:23]
    if "%s-%s-%sT%s:%s:%s.%sZ" % parts != value or not all(map(str.isdigit, parts)):
        return False
    year, month, day, hour, minute, second, _ = map(int, parts)
    return year > 0 and 0 < month < 13 and 0 < day < 32 and hour < 24 and minute < 60 and second < 61


def _or_none(is_right):
    return lambda value: value is None or is_right(value)


_NEEDED = (
    ("id", _is_id),
    ("requests", _are_ids),
    ("state", _is_state),
    ("started", _or_none(_is_timestamp)),
    ("finished", _is_timestamp),
    ("duration", _or_none(_is_number)),
)
_MORE = (
    ("exit_code", _is_status),
    ("signal", _is_text),
    ("remote_addr", _is_text),
    ("remote_user", _is_text),
    ("reason", _is_text),
    ("source", _is_text),
    ("hops", lambda value: isinstance(value, list) and all(map(_is_text, value))),
    ("parameters", lambda value: isinstance(value, dict) and all(map(_is_text, (*value, *value.values())))),
)
