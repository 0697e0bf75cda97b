"""What became of a request, as spool, claims and records tell it. Only reads; root and the acceptor may.

A run is a dict of `id` (of the request), `endpoint`, `state`, `run` (the id of the run that served it), `accepted`,
`started`, `finished` (RFC 3339), `duration` (seconds), `result`, `exit_code`, `signal` (systemd.exec(5)) and
`position` (in the queue, from 1); what is not known yet is None.
"""

import os
import time

from trigger import entry, output, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from trigger.paths import Paths

COARSE = 0.02  # seconds for which the kernel may give what happens the same stamp
_UNKNOWN = ("run", "started", "finished", "duration", "result", "exit_code", "signal", "position")


class Runs:
    """The runs of one endpoint."""

    def __init__(self, endpoint: "Paths") -> None:
        self.endpoint = endpoint
        self.endings = Endings(endpoint)

    def find(self, request_id: str) -> "dict | None":
        """Return the run of a request, or None when there is no such request, or no longer. Raises OSError."""
        return self.find_told(request_id)[0]

    def find_told(self, request_id: str) -> "tuple[dict | None, dict | None]":
        """Return the same, and the record of the run, or None as long as there is none. Raises OSError."""
        if not entry.is_id(request_id):
            return None, None
        # In this order: a record is written before the request leaves the claimed ones and the spool.
        claimed, waiting = self.under_way() if self.is_under_way(request_id) else ([], [])
        record = self.record_of(request_id)
        if record is not None:
            return self._recorded(request_id, record), record
        if request_id in claimed:
            return self._running(request_id, claimed[-1]), None
        if request_id in waiting:
            return self._run(request_id, state="queued", position=waiting.index(request_id) + 1), None
        return None, None

    def history(self) -> "list[str]":
        """Return the ids of all runs that are known, newest first: those of the requests that wait, and of a run the
        one that it goes by. Raises OSError."""
        claimed, waiting = self.under_way()
        recorded = self._recorded_ids()
        known = set(recorded)
        return [each for each in (*waiting[::-1], *claimed[-1:]) if each not in known] + recorded

    def look(self, run_id: str) -> "tuple[dict | None, dict | None]":
        """Return what find_told() does, also of a run whose record is damaged. Raises OSError."""
        try:
            return self.find_told(run_id)
        except records.Damaged:
            return self._damaged(run_id), None

    def latest(self, limit: int) -> "list[dict]":
        """Return the latest requests, newest first. Reads no more records than that. Raises OSError."""
        claimed, waiting = self.under_way()
        recorded = [run for run_id in self._recorded_ids()[:limit] for run in self._served_by(run_id)]
        known = {run["id"] for run in recorded}
        under_way = [self._run(name, state="queued", position=index) for index, name in enumerate(waiting, 1)][::-1]
        under_way += [self._running(name, claimed[-1]) for name in claimed[::-1]]
        return ([run for run in under_way if run["id"] not in known] + recorded)[:limit]

    def last(self) -> "dict | None":
        """Return the record of the run that ended last, or None. Raises OSError."""
        return records.last(self.endpoint)

    def spooled(self) -> "list[str]":
        """Return the ids of requests that are not recorded yet, oldest first."""
        return sorted(filter(entry.is_id, os.listdir(self.endpoint.spool)))

    def claimed(self) -> "list[str]":
        """Return the ids of the requests that the present run serves, oldest first."""
        return sorted(filter(entry.is_id, os.listdir(self.endpoint.claimed)))

    def is_claimed(self, request_id: str) -> bool:
        """Whether the present run serves a request."""
        return os.path.lexists(self.endpoint.claimed + "/" + request_id)

    def record_of(self, request_id: str) -> "dict | None":
        """Return the record of the run that served a request, or None. Raises OSError."""
        return records.find(self.endpoint, request_id)

    def is_under_way(self, request_id: str) -> bool:
        """Whether a request waits or is being run: it stays in the spool until its run is recorded."""
        return self.is_claimed(request_id) or os.path.lexists(self.endpoint.spool + "/" + request_id)

    def under_way(self) -> "tuple[list[str], list[str]]":
        """Return the ids of the claimed requests, and of those that wait, oldest first. Raises OSError."""
        claimed = self.claimed()
        taken = set(claimed)
        return claimed, [name for name in self.spooled() if name not in taken]

    def _recorded_ids(self):
        """The ids of recorded runs, as a list has them: in the order in which they were recorded, the newest first, and
        behind all of them what was no request, which an acceptor that was taken over could put before them."""
        found = records.written(self.endpoint)[::-1]
        found.sort(key=lambda each: each.kind == records.NO_REQUEST)
        return [each.run_id for each in found]

    def _served_by(self, run_id):
        """The requests of a recorded run, the newest first. Of one whose record is damaged, that is known by which it
        goes."""
        try:
            record = records.read(self.endpoint, run_id)
        except records.Damaged:
            return [self._damaged(run_id)]
        return [self._recorded(name, record) for name in reversed((record or {}).get("requests", ()))]

    def _running(self, request_id, run_id):
        try:
            started = os.stat(self.endpoint.claimed + "/" + run_id).st_mtime
        except FileNotFoundError:
            started = None
        return self._run(request_id, state="running", run=run_id, started=started and records.timestamp(started))

    def _recorded(self, request_id, record):
        known = {key: record.get(key) for key in _UNKNOWN}
        return self._run(request_id, **{**known, "state": record["state"], "run": record["id"]})

    def _damaged(self, run_id):
        return self._run(run_id, state="damaged", run=run_id)

    def _run(self, request_id, **known):
        accepted = records.timestamp(entry.second_of(request_id))
        run = {"id": request_id, "endpoint": self.endpoint.name, "state": None, "accepted": accepted}
        run.update(dict.fromkeys(_UNKNOWN))
        run.update(known)
        return run


PART = 8 * 1024  # bytes of an output that are in memory, for each of those who read it


class Output:
    """What a request's run prints, in parts. follow: whether to wait for the end of the run. last_line: None, or a
    function that makes of the run's record what is said behind the end."""

    def __init__(
        self, runs: Runs, request_id: str, follow: bool, last_line: "Callable[[dict], bytes] | None" = None
    ) -> None:
        self._runs = runs
        self._request_id = request_id
        self._follow = follow
        self._fd: int = None
        self._ended = False
        self._last_line = last_line
        self.record: dict = None

    def read(self) -> "bytes | None":
        """Return the next part; None while there is none yet; b"" at the end. Raises OSError."""
        part = self._read()
        if part == b"" and self._last_line is not None:
            # A record may have gone before it was looked for.
            part, self._last_line = self._last_line(self.record or {"state": "no longer known"}), None
        return part

    def _read(self):
        if self._fd is None and not self._open():
            return b"" if self._ended or not self._follow else None
        part = os.read(self._fd, PART)
        if part or self._ended or not self._follow:
            return part
        # What was printed before the record was written is read once more.
        self._look_for_record()
        nothing_yet = not os.lseek(self._fd, 0, os.SEEK_CUR)
        if nothing_yet and not self._ended and not self._runs.is_claimed(self._request_id):
            self.close()  # the run had not begun, and will print into another file
            return None
        return os.read(self._fd, PART) or (b"" if self._ended else None)

    def skip(self, left: int) -> int:
        """Go on behind what is there already, but for its last `left` bytes. Only after a part was read. Returns how
        many bytes are left out. Raises OSError."""
        here = os.lseek(self._fd, 0, os.SEEK_CUR)
        there = max(here, os.fstat(self._fd).st_size - left)
        return os.lseek(self._fd, there, os.SEEK_SET) - here

    def tell(self) -> int:
        """Return how far it was read, in bytes. Raises OSError."""
        return 0 if self._fd is None else os.lseek(self._fd, 0, os.SEEK_CUR)

    def seek(self, place: int) -> None:
        """Go on at a place, in bytes. Only after a part was read. Raises OSError."""
        os.lseek(self._fd, place, os.SEEK_SET)

    def close(self) -> None:
        """Let the file go."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self):
        self._look_for_record()
        endpoint = self._runs.endpoint
        if self.record is not None:
            path = output.path(endpoint, self.record["id"])
        elif self._runs.is_claimed(self._request_id):
            path = endpoint.output_file
        else:
            return False
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        if not self._ended and not self._runs.is_claimed(self._request_id):
            self.close()  # the run has ended meanwhile, and this may be another's
            return False
        return True

    def _look_for_record(self):
        # In this order: a request leaves the spool after its record is written.
        is_under_way = self._runs.is_under_way(self._request_id)
        self.record = self._runs.record_of(self._request_id)
        self._ended = self.record is not None or not is_under_way


class Endings:
    """Says when it is worth to look for records."""

    def __init__(self, endpoint: "Paths") -> None:
        self._path = endpoint.runs
        self._seen: int = None
        self._until = 0.0

    def changed(self) -> bool:
        """Whether a record may have come since the last call. Raises OSError."""
        stamp = os.stat(self._path).st_mtime_ns
        now = time.monotonic()
        if stamp != self._seen:
            self._seen, self._until = stamp, now + COARSE
        return now <= self._until
