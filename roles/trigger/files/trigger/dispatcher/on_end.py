"""Starts the units that an endpoint names for the end of a run: on_success, on_failure.

systemd's own OnSuccess= exists from version 249 on, tells little, and OnFailure= also fires while a job cannot start.
"""

import os

from trigger import atomic_file, origin, output, paths
from trigger.dispatcher import systemd_bus

DIRECTORY = paths.RUNTIME + "/ended"
KEPT = 1000  # files that tell of runs; the oldest go


def start(endpoint, record, start_unit, hops=()):
    """Start what is to follow, without waiting for it. record: dict, the run's. start_unit: a function that orders
    systemd to start a unit. hops: names of the endpoints whose ends have led to the run. Returns what went wrong, list
    of str."""
    units = units_for(endpoint, record["state"], record["id"])
    problems = []
    if units:
        try:
            _tell(record)
        except OSError as error:
            problems.append("they are not told of the run: %s" % error)
    for unit in units:
        try:
            _note_hops(unit, [*hops, endpoint.name])
            start_unit(unit)
        except _Circle as circle:
            problems.append(str(circle))
        except systemd_bus.Failed as error:  # one that does not exist keeps nobody from the others
            _forget_hops(unit)
            problems.append("%s: %s" % (unit, error))
    return problems


class _Circle(Exception):
    """Endpoints fire each other without an end."""


def _note_hops(unit, hops):
    """Tell the unit that fires an endpoint through whom it does. Raises _Circle; without the note it counts anew."""
    fired = origin.fired_by(unit)
    if fired is None:
        return
    if len(hops) > origin.HOPS_LIMIT:
        raise _Circle("%s is not started, it would be the %dth in a row: %s" % (unit, len(hops), ", ".join(hops)))
    path = paths.Paths(fired).hops
    # What another has left there counts for the same run: the longer way, or a circle would never end.
    hops = max(_noted(path), hops, key=len)
    try:
        atomic_file.replace(path, " ".join(hops).encode(), 0o600)
    except OSError:
        pass  # what follows is worth more than its count


def _noted(path):
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().split()
    except OSError:
        return []


def _forget_hops(unit):
    """Of a unit that was not started: whoever starts it later is not led by this run."""
    fired = origin.fired_by(unit)
    if fired is None:
        return
    try:
        os.unlink(paths.Paths(fired).hops)
    except OSError:
        pass


def units_for(endpoint, state, run_id):
    """Return the units to start, list of str. A template gets the run's id as its instance, so every run has its own.
    Who was cancelled has neither succeeded nor failed."""
    if state == "cancelled":
        return []
    units = endpoint.on_success if state == "succeeded" else endpoint.on_failure
    return [unit.replace("@.", "@%s." % run_id) for unit in units]


def _tell(record):
    """Write what the units may read by EnvironmentFile=/run/trigger/ended/%i."""
    os.makedirs(DIRECTORY, mode=0o755, exist_ok=True)
    os.chmod(DIRECTORY, 0o755)
    for name in sorted(os.listdir(DIRECTORY))[: -KEPT + 1]:
        try:
            os.unlink(DIRECTORY + "/" + name)
        except FileNotFoundError:
            pass  # another endpoint's dispatcher was there first
    lines = {
        "TRIGGER_ENDPOINT": record["endpoint"],
        "TRIGGER_RUN_ID": record["id"],
        "TRIGGER_RUN_STATE": record["state"],
        "TRIGGER_RUN_RESULT": record.get("result"),
        "TRIGGER_RUN_EXIT_CODE": record.get("exit_code"),
        "TRIGGER_RUN_SIGNAL": record.get("signal"),
        "TRIGGER_RUN_DURATION": record.get("duration"),
        "TRIGGER_RUN_OUTPUT": output.path(paths.Paths(record["endpoint"]), record["id"]),
    }
    text = "".join("%s=%s\n" % item for item in lines.items() if item[1] is not None)
    atomic_file.replace(DIRECTORY + "/" + record["id"], text.encode(), 0o644)
