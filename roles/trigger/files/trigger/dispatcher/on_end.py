"""Starts the units that an endpoint names for the end of a run: on_success, on_failure.

systemd's own OnSuccess= exists from version 249 on, tells little, and OnFailure= also fires while a job cannot start.
"""

import os

from trigger import atomic_file, entry, origin, output, paths
from trigger.dispatcher import systemd_bus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trigger.endpoint import Endpoint

DIRECTORY = paths.RUNTIME + "/ended"
KEPT = 1000  # files that tell of runs; the oldest go


def start(
    endpoint: "Endpoint", record: dict, start_unit: "Callable[[str], None]", hops: "Iterable[str]" = ()
) -> "list[str]":
    """Start what is to follow, without waiting for it. record: the run's. start_unit: a function that orders systemd to
    start a unit. hops: names of the endpoints whose ends have led to the run. Returns what went wrong. Raises
    systemd_bus.NotNow: all of it is to be done again, and what was started by then is started twice."""
    units = units_for(endpoint, record["state"], record["id"])
    problems = []
    if units:
        try:
            _tell(record)
        except OSError as error:
            problems.append("they are not told of the run: %s" % error)
    for unit in units:
        note = _Note(origin.fired_by(unit), [*hops, endpoint.name])
        try:
            note.leave(unit)
            start_unit(unit)
        except _Circle as circle:
            problems.append(str(circle))
        except systemd_bus.NotNow as error:
            note.take_back()
            raise systemd_bus.NotNow("%s: %s" % (unit, error)) from None
        except systemd_bus.Failed as error:  # one that does not exist keeps nobody from the others
            note.take_back()
            problems.append("%s: %s" % (unit, error))
    return problems


class _Circle(Exception):
    """Endpoints fire each other without an end."""


class _Note:
    """What the unit that fires an endpoint is told: through whom it does. fired: the endpoint, or None where it is
    another unit. hops: names of the endpoints whose ends have led there."""

    def __init__(self, fired: "str | None", hops: "list[str]") -> None:
        self._path = fired and paths.Paths(fired).hops
        self._hops = hops

    def leave(self, unit: str) -> None:
        """Write it down. Raises _Circle; without the note it counts anew."""
        if self._path is None:
            return
        count = len(self._hops)
        if count > origin.HOPS_LIMIT:
            raise _Circle("%s is not started, it would be the %dth in a row: %s" % (unit, count, ", ".join(self._hops)))
        self._others = self._read()
        # What another has left there counts for the same run: the longer way, or a circle would never end.
        self._noted = max(self._others, self._hops, key=len)
        self._write(self._noted)

    def take_back(self) -> None:
        """Of a unit that was not started: whoever starts it later is not led by this run. What others have noted
        stays."""
        if self._path is None or self._noted == self._others or self._read() != self._noted:
            return
        if self._others:
            self._write(self._others)
            return
        try:
            os.unlink(self._path)
        except OSError:
            pass

    def _read(self) -> "list[str]":
        try:
            with open(self._path, encoding="ascii", errors="replace") as file:
                return file.read().split()
        except OSError:
            return []

    def _write(self, hops: "list[str]") -> None:
        try:
            atomic_file.replace(self._path, " ".join(hops).encode(), 0o600)
        except OSError:
            pass  # what follows is worth more than its count


def units_for(endpoint: "Endpoint", state: str, run_id: str) -> "list[str]":
    """Return the units to start. A template gets the run's id as its instance, so every run has its own. Who was
    cancelled has neither succeeded nor failed."""
    if state == "cancelled":
        return []
    units = endpoint.on_success if state == "succeeded" else endpoint.on_failure
    return [unit.replace("@.", "@%s." % run_id) for unit in units]


def _tell(record: dict) -> None:
    """Write what the units may read by EnvironmentFile=/run/trigger/ended/%i. systemd reads it as root, whoever the
    unit is; nobody else may, since a run's id opens its output."""
    os.makedirs(DIRECTORY, mode=0o700, exist_ok=True)
    os.chmod(DIRECTORY, 0o700)
    _make_room()
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
    atomic_file.replace(DIRECTORY + "/" + record["id"], text.encode(), 0o600)


def _make_room() -> None:
    """Remove what was told first, a tenth at a time, or each run would have to look at all of it. Not by ids: those of
    all endpoints lie there, and acceptors make them."""
    names = os.listdir(DIRECTORY)
    if len(names) < KEPT:
        return
    names = list(filter(entry.is_id, names))  # drafts are another dispatcher's
    for name in sorted(names, key=_told_at)[: max(0, len(names) - KEPT * 9 // 10)]:
        try:
            os.unlink(DIRECTORY + "/" + name)
        except FileNotFoundError:
            pass  # another endpoint's dispatcher was there first


def _told_at(name: str) -> int:
    try:
        return os.lstat(DIRECTORY + "/" + name).st_mtime_ns
    except FileNotFoundError:
        return 0
