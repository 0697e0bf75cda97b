"""Writing the records of runs, and letting the oldest go. Reading them is for all (trigger.records)."""

import os
import time

from trigger import atomic_file, entry, output, records, strict_json
from trigger.dispatcher import hard_links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint
    from trigger.paths import Paths


def objection(endpoint: "Paths", request_id: str, now: float) -> "str | None":
    """Say why no run can be recorded under an id that an acceptor has chosen, which may have been taken over; None
    where one can. now: seconds since the epoch. Raises OSError."""
    if entry.second_of(request_id) > now + entry.AHEAD:
        return "its id lies in the future"
    return "its run is recorded already" if records.has(endpoint, request_id) else None


def write(
    endpoint: "Endpoint",
    request_ids: "list[str]",
    started: "float | None",
    outcome: dict,
    finished: "float | None" = None,
) -> dict:
    """Write a run's record, durably, and remove what keep_runs and keep_for let go.

    request_ids: oldest first. started, finished: seconds since the epoch, or None; without the second, it is now.
    outcome: with at least `state`. Returns the record. Raises OSError.
    """
    finished = finished or time.time()
    record = {
        "id": request_ids[-1],
        "endpoint": endpoint.name,
        "requests": request_ids,
        "started": started and records.timestamp(started),
        "finished": records.timestamp(finished),
        "duration": started and round(max(0.0, finished - started), 3),
    }
    record.update(outcome)
    members = ["%s: %s" % (strict_json.encode(key), strict_json.encode(value)) for key, value in record.items()]
    _see_to_links(endpoint)
    _write_file(endpoint, record, "{\n %s\n}\n" % ",\n ".join(members))
    _prune(endpoint, time.time())
    if endpoint.metrics:
        _count(endpoint, record, finished)
    return record


def _write_file(endpoint: "Paths", record: dict, text: str) -> None:
    if len(record["requests"]) > 1:
        _link(endpoint.served, record)  # as long as there is no record, that says nothing
    # The acceptor, whose group the directory has, may read records; nobody else may.
    group = os.stat(endpoint.runs).st_gid
    file = records.path(endpoint, record["id"])
    atomic_file.replace(file, text.encode(), records.kind_of(record), group, durable=True)


def write_damaged(endpoint: "Endpoint", name: str, reason: str) -> None:
    """Record what was no request, as far as its name is that of one. Raises OSError."""
    if entry.is_id(name) and objection(endpoint, name, time.time()) is None:
        write(endpoint, [name], None, {"state": "damaged", "reason": reason})


def _link(path: str, record: dict) -> None:
    """Lead those whom a run served beside the newest to its record, durably. path: of the directory."""
    others = [request_id for request_id in record["requests"] if request_id != record["id"]]
    target = "../runs/%s.json" % record["id"]
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        hard_links.name_all(others, directory, lambda name: os.symlink(target, name, dir_fd=directory))
        os.fsync(directory)
    finally:
        os.close(directory)


def _see_to_links(endpoint: "Paths") -> None:
    """Make their directory when it is not there. Releases up to 0.2 had none, so the records of before get theirs."""
    if os.path.isdir(endpoint.served):
        return
    draft = endpoint.served + ".new"
    try:
        os.mkdir(draft, 0o700)
    except FileExistsError:
        pass  # of a dispatcher that was killed meanwhile; nobody else may write there
    for run_id in records.ids(endpoint):
        try:
            record = records.read(endpoint, run_id)
        except records.Damaged:
            continue
        if record is not None and len(record["requests"]) > 1:
            _link(draft, record)
    # Who looks for one names it; the list is nobody's.
    os.chown(draft, 0, os.stat(endpoint.runs).st_gid)
    os.chmod(draft, 0o710)
    os.rename(draft, endpoint.served)


def _count(endpoint: "Paths", record: dict, finished: float) -> None:
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


def _prune(endpoint: "Endpoint", now: float) -> None:
    """Let the oldest records go. Those of runs, of what was taken back and of what was no request are counted by
    themselves, so that however much there is of one pushes out nothing of another."""
    if len(records.ids(endpoint)) <= endpoint.keep_runs and endpoint.keep_for is None:
        return  # without a look at each of what may be thousands
    found = records.written(endpoint)
    gone = []
    for kind in (records.RUN, records.TAKEN_BACK, records.NO_REQUEST):
        those = [each for each in found if each.kind == kind]
        gone += those[: max(0, len(those) - endpoint.keep_runs)]
    if endpoint.keep_for is not None:
        gone += [each for each in found if now - each.at > endpoint.keep_for]
    for run_id in {each.run_id for each in gone}:
        _let_go_links(endpoint, run_id)
        _let_go(endpoint, records.path(endpoint, run_id))
        _let_go(endpoint, output.path(endpoint, run_id))


def _let_go_links(endpoint: "Paths", run_id: str) -> None:
    """Before the record, which says whose they are; of a damaged one, all are looked at."""
    try:
        requests = (records.read(endpoint, run_id) or {}).get("requests", [])
    except records.Damaged:
        requests = os.listdir(endpoint.served)
    for request_id in requests:
        if records.run_of(endpoint, request_id) == run_id:
            _let_go(endpoint, endpoint.served + "/" + request_id)


def _let_go(endpoint: "Paths", path: str) -> None:
    """Something that somebody has put in a record's place must not keep runs from being recorded."""
    try:
        _unlink(path)
    except OSError as error:
        print("<4>%s: %s cannot be removed: %s" % (endpoint.name, ascii(path), error.strerror))


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
