"""The records of runs: one JSON file each in /var/lib/trigger/NAME/runs, named for the run.

A run goes by the id of the request that it was told about, the newest that it served.
"""

import os
import time

from trigger import output, strict_json


def has(endpoint, run_id):
    """Whether there is a record of the run."""
    return os.path.exists(path(endpoint, run_id))


def write(endpoint, request_ids, started, outcome):
    """Write a run's record, durably, and remove what keep_runs and keep_for let go.

    request_ids: list of str, oldest first. started: seconds since the epoch, or None. outcome: dict
    with at least `state`. Returns the record, dict. Raises OSError.
    """
    finished = time.time()
    record = {
        "id": request_ids[-1],
        "endpoint": endpoint.name,
        "requests": request_ids,
        "started": started and timestamp(started),
        "finished": timestamp(finished),
        "duration": started and round(max(0.0, finished - started), 3),
    }
    record.update(outcome)
    members = ["%s: %s" % (strict_json.encode(key), strict_json.encode(value)) for key, value in record.items()]
    _write_file(endpoint, path(endpoint, record["id"]), "{\n %s\n}\n" % ",\n ".join(members))
    _prune(endpoint, finished)
    if endpoint.metrics:
        _count(endpoint, record, finished)
    return record


def path(endpoint, run_id):
    """Where the record of a run is."""
    return endpoint.runs + "/" + run_id + ".json"


def timestamp(seconds):
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


def _count(endpoint, record, finished):
    from trigger import counts

    numbers = counts.Counts(endpoint.run_counts)
    numbers.add(record["state"])
    numbers.add("seconds", record["duration"] or 0)
    if record["state"] == "succeeded":
        numbers.add(
            "last_success", int(finished * 1000) / 1000 - counts.read(endpoint.run_counts).get("last_success", 0)
        )
    try:
        numbers.save()
    except OSError as error:  # the run is recorded, and that is what counts
        print("<4>%s: the counts for metrics cannot be written: %s" % (endpoint.name, error))


def _prune(endpoint, now):
    records = sorted(name for name in os.listdir(endpoint.runs) if name.endswith(".json"))
    gone = records[: max(0, len(records) - endpoint.keep_runs)]
    if endpoint.keep_for is not None:
        for name in records[len(gone) :]:
            if now - os.stat(endpoint.runs + "/" + name).st_mtime <= endpoint.keep_for:
                break
            gone.append(name)
    for name in gone:
        os.unlink(endpoint.runs + "/" + name)
        try:
            os.unlink(output.path(endpoint, name[:-5]))
        except FileNotFoundError:
            pass
