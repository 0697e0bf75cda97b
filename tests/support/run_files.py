"""Runs of an endpoint, as they lie on a host."""

from trigger.ctl import systemd
from trigger.dispatcher import history

SECOND = 1_795_000_000
JOB = {"User": "", "DropInPaths": "", "WorkingDirectory": ""}  # what systemd knows of a job's unit


def request_id(second, number=0):
    time_part = f"{int(second * 1000):012x}"
    return f"{time_part[:8]}-{time_part[8:]}-7{number:03x}-8000-000000000000"


def put(endpoint, where, *ids):
    for each in ids:
        with open(f"{getattr(endpoint, where)}/{each}", "w"):
            pass


def record(endpoint, ids, state="succeeded", started=SECOND, finished=None, **outcome):
    """finished: seconds since the epoch, or None for now."""
    return history.write(endpoint, ids, started, {"state": state, "exit_code": 0, **outcome}, finished)


def unknown_to_systemd(units):
    """In the place of ctl.systemd.show()."""
    return {unit: dict.fromkeys(systemd.PROPERTIES, "") for unit in units}
