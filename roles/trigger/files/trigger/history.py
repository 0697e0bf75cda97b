"""The records of runs: one JSON file each in /var/lib/trigger/NAME/runs, named for the run.

A run goes by the id of the request that it was told about, the newest that it served.
"""

import json
import os
import time


def has(endpoint, run_id):
    """Whether there is a record of the run."""
    return os.path.exists(_path(endpoint, run_id))


def write(endpoint, request_ids, started, outcome):
    """Write a run's record, durably, and remove the oldest beyond keep_runs.

    request_ids: list of str, oldest first. started: seconds since the epoch, or None. outcome: dict
    with at least `state`. Raises OSError.
    """
    finished = time.time()
    record = {
        "id": request_ids[-1],
        "endpoint": endpoint.name,
        "requests": request_ids,
        "started": started and _timestamp(started),
        "finished": _timestamp(finished),
        "duration": started and round(max(0.0, finished - started), 3),
    }
    record.update(outcome)
    _write_file(endpoint, _path(endpoint, record["id"]), json.dumps(record, indent=1) + "\n")
    _prune(endpoint)


def _path(endpoint, run_id):
    return endpoint.runs + "/" + run_id + ".json"


def _timestamp(seconds):
    """RFC 3339, in UTC, to the millisecond."""
    whole = int(seconds)
    return "%s.%03dZ" % (
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)),
        (seconds - whole) * 1000,
    )


def _write_file(endpoint, path, text):
    directory = os.open(endpoint.runs, os.O_RDONLY | os.O_DIRECTORY)
    try:
        draft = path + ".new"
        with open(draft, "w", encoding="utf-8") as file:
            # The acceptor, whose group the directory has, may read records; nobody else may.
            os.fchown(file.fileno(), 0, os.fstat(directory).st_gid)
            os.fchmod(file.fileno(), 0o640)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, path)
        os.fsync(directory)
    finally:
        os.close(directory)


def _prune(endpoint):
    names = sorted(os.listdir(endpoint.runs))
    for name in names[: max(0, len(names) - endpoint.keep_runs)]:
        os.unlink(endpoint.runs + "/" + name)
