"""What became of a request, as spool, claims and records tell it. Only reads; root and the acceptor may.

A run is a dict of `id` (of the request), `endpoint`, `state`, `run` (the id of the run that served it), `accepted`,
`started`, `finished` (RFC 3339), `duration` (seconds), `result`, `exit_code`, `signal` (systemd.exec(5)) and
`position` (in the queue, from 1); what is not known yet is None.
"""

import os

from trigger import entry, history, output, strict_json

_UNKNOWN = ("run", "started", "finished", "duration", "result", "exit_code", "signal", "position")


class Runs:
    """endpoint: endpoint.Endpoint."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.endings = Endings(endpoint)

    def find(self, request_id):
        """Return the run of a request, or None when there is no such request, or no longer. Raises OSError."""
        if not entry.is_id(request_id):
            return None
        # In this order: a record is written before the request leaves the claimed ones and the spool.
        claimed = self.claimed()
        waiting = [name for name in self.spooled() if name not in claimed]
        record = self.record_of(request_id)
        if record is not None:
            return self._recorded(request_id, record)
        if request_id in claimed:
            return self._running(request_id, claimed[-1])
        if request_id in waiting:
            return self._run(request_id, state="queued", position=waiting.index(request_id) + 1)
        return None

    def latest(self, limit):
        """Return the latest requests, newest first: list of runs. Raises OSError."""
        claimed = self.claimed()
        waiting = [name for name in self.spooled() if name not in claimed]
        found = [self._run(name, state="queued", position=index) for index, name in enumerate(waiting, 1)]
        recorded = self.recorded()[-limit:]
        found += [self._running(name, claimed[-1]) for name in claimed if name not in recorded]
        for run_id in recorded:
            record = self.record(run_id)
            found += [self._recorded(name, record) for name in (record or {}).get("requests", ())]
        return sorted(found, key=lambda run: run["id"], reverse=True)[:limit]

    def spooled(self):
        """Return the ids of requests that are not recorded yet, oldest first: list of str."""
        return sorted(filter(entry.is_id, os.listdir(self.endpoint.spool)))

    def claimed(self):
        """Return the ids of the requests that the present run serves, oldest first: list of str."""
        return sorted(filter(entry.is_id, os.listdir(self.endpoint.claimed)))

    def recorded(self):
        """Return the ids of the runs that have a record, oldest first: list of str."""
        return sorted(name[:-5] for name in os.listdir(self.endpoint.runs) if name.endswith(".json"))

    def record(self, run_id):
        """Return a run's record, dict, or None. Raises OSError, also where it is damaged."""
        try:
            with open(history.path(self.endpoint, run_id), encoding="utf-8") as file:
                return strict_json.decode(file.read())
        except FileNotFoundError:
            return None
        except ValueError:
            raise OSError("the record of run %s is damaged" % run_id) from None

    def record_of(self, request_id):
        """Return the record of the run that served a request, dict, or None."""
        for run_id in self.recorded():
            # A run goes by the newest of its requests.
            record = self.record(run_id) if run_id >= request_id else None
            if record is not None and request_id in record["requests"]:
                return record
        return None

    def _running(self, request_id, run_id):
        try:
            started = os.stat(self.endpoint.claimed + "/" + run_id).st_mtime
        except FileNotFoundError:
            started = None
        return self._run(request_id, state="running", run=run_id, started=started and history.timestamp(started))

    def _recorded(self, request_id, record):
        known = {key: record.get(key) for key in _UNKNOWN}
        return self._run(request_id, **{**known, "state": record["state"], "run": record["id"]})

    def _run(self, request_id, **known):
        accepted = history.timestamp(entry.second_of(request_id))
        run = {"id": request_id, "endpoint": self.endpoint.name, "state": None, "accepted": accepted}
        run.update(dict.fromkeys(_UNKNOWN))
        run.update(known)
        return run


class Output:
    """What a request's run prints, in parts. follow: bool, whether to wait for the end of the run. last_line: None, or
    a function that makes of the run's record what is said behind the end, bytes."""

    def __init__(self, runs, request_id, follow, last_line=None):
        self._runs = runs
        self._request_id = request_id
        self._follow = follow
        self._fd = None
        self._ended = False
        self._last_line = last_line
        self.record = None

    def read(self):
        """Return the next part, bytes; None while there is none yet; b"" at the end. Raises OSError."""
        part = self._read()
        if part == b"" and self._last_line is not None:
            part, self._last_line = self._last_line(self.record), None
        return part

    def _read(self):
        if self._fd is None and not self._open():
            return b"" if self._ended or not self._follow else None
        part = os.read(self._fd, 64 * 1024)
        if part or self._ended or not self._follow:
            return part
        # What was printed before the record was written is read once more.
        self._look_for_record()
        return os.read(self._fd, 64 * 1024) or (b"" if self._ended else None)

    def close(self):
        """Let the file go."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self):
        self._look_for_record()
        endpoint = self._runs.endpoint
        if self._ended:
            path = output.path(endpoint, self.record["id"])
        elif self._request_id in self._runs.claimed():
            path = endpoint.output_file
        else:
            return False
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        if not self._ended and self._request_id not in self._runs.claimed():
            self.close()  # the run has ended meanwhile, and this may be another's
            return False
        return True

    def _look_for_record(self):
        self.record = self._runs.record_of(self._request_id)
        self._ended = self.record is not None


class Endings:
    """Says when it is worth to look for records. endpoint: endpoint.Endpoint."""

    def __init__(self, endpoint):
        self._path = endpoint.runs
        self._seen = None
        self._again = True

    def changed(self):
        """Whether a record may have come since the last call. Raises OSError."""
        now = os.stat(self._path).st_mtime_ns
        # The kernel's stamps are some milliseconds coarse: what came within the same one shows at the next look.
        changed, self._again = now != self._seen or self._again, now != self._seen
        self._seen = now
        return changed
