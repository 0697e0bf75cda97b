"""The endpoints behind the front end, as they are written down and as they stand. Only reads."""

from __future__ import annotations

import os
import sys

from trigger import endpoint as configuration
from trigger import natural_order, runs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from trigger.endpoint import Endpoint

# What a file can be the cause of that somebody else has written, or is just writing.
DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def endpoints(directory: str) -> list[Endpoint]:
    """Return the endpoints that are behind the front end, by their names: list of endpoint.Endpoint. One whose file is
    damaged is left out. Raises OSError."""
    found = []
    for file in sorted(os.listdir(directory), key=lambda file: natural_order.key(file[:-5])):
        if file.endswith(".json") and not file.startswith("."):
            try:
                endpoint = configuration.load(file[:-5], directory)
                if _is_behind_the_front_end(endpoint):
                    found.append(endpoint)
            except DAMAGED as error:
                say("<4>%s is left out: %s" % (file, _what(error)))
    return found


def place(endpoint: Endpoint) -> str:
    """Return the address of an endpoint's page: not the endpoint's own where a GET of that starts a run, which no link
    may do."""
    location = endpoint.frontend["location"]
    return location + "page" if "GET" in endpoint.frontend["methods"] else location


def describe(endpoint: Endpoint) -> str:
    """Return what is to be said of an endpoint beside its name; the role writes the name where that is nothing."""
    return "" if endpoint.description == endpoint.name else endpoint.description


class Standing:
    """What is going on at an endpoint. waiting: requests that no run has taken. held: why none of them is taken, the
    state `paused` or `cannot-start`, or None. last: the record of the latest run, or None. next_run: when the calendar
    starts one, in seconds since the epoch, or None. is_known: False when it cannot be read now."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.running = False
        self.waiting = 0
        self.held = None
        self.last = None
        self.next_run = None
        self.is_known = True
        try:
            found = runs.Runs(endpoint)
            claimed, waiting = found.under_way()
            self.waiting = len(waiting)
            self.running = bool(claimed)
            self.last = found.last()
            self.held = _held(endpoint)
            if endpoint.schedule is not None:
                from trigger.page import calendar

                self.next_run = calendar.next_run(endpoint.schedule["on_calendar"])
        except DAMAGED as error:
            self.is_known = False
            say("<4>%s: its runs cannot be read: %s" % (endpoint.name, _what(error)))


def standings(endpoints: Iterable[Endpoint]) -> dict[str, Standing]:
    """Return how each stands, by its name."""
    schedules = [endpoint.schedule for endpoint in endpoints if endpoint.schedule is not None]
    if schedules:
        from trigger.page import calendar

        try:
            calendar.learn([each for schedule in schedules for each in schedule["on_calendar"]])
        except DAMAGED:
            pass  # of which one, its Standing finds
    return {endpoint.name: Standing(endpoint) for endpoint in endpoints}


def _held(endpoint):
    if os.path.exists(endpoint.pause_mark):
        return "paused"
    return "cannot-start" if os.path.exists(endpoint.cannot_start) else None


class History:
    """A part of an endpoint's runs, newest first. rows: list of (run, its record or None) as runs.Runs.look() returns
    them. begin: how many are newer. total: how many there are. running, waiting: as Standing has them, but of what
    nobody takes for now nothing waits."""

    def __init__(
        self, rows: list[tuple[dict, dict | None]], begin: int, total: int, running: bool = False, waiting: int = 0
    ) -> None:
        self.rows = rows
        self.begin = begin
        self.total = total
        self.running = running
        self.waiting = waiting


def history(endpoint: Endpoint, limit: int, before: str | None = None, after: str | None = None) -> History | None:
    """Return the latest runs, or those next to an id in the list: below it, or above. Returns None when they cannot be
    read."""
    try:
        found = runs.Runs(endpoint)
        ids = found.history()
        begin = 0
        if before is not None:
            begin = _index(found, ids, before) + 1
        elif after is not None:
            begin = max(0, _index(found, ids, after) - limit)
        rows = map(found.look, ids[begin : begin + limit])
        shown = [(run, record) for run, record in rows if run is not None]
        claimed, waiting = found.under_way()
        return History(shown, begin, len(ids), bool(claimed), 0 if _held(endpoint) else len(waiting))
    except DAMAGED as error:
        say("<4>%s: its runs cannot be read: %s" % (endpoint.name, _what(error)))
        return None


def _index(found, ids, request_id):
    """Where a request stands in the list of runs: one that has waited, where the run is that serves it since; one that
    is kept no longer, at the end. found: runs.Runs."""
    if request_id not in ids:
        run, _ = found.look(request_id)
        request_id = run and run["run"]
    return ids.index(request_id) if request_id in ids else len(ids)


def say(line: str) -> None:
    """Write a line to the journal. One that is gone stops nobody."""
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except OSError:
        pass


def _is_behind_the_front_end(endpoint):
    """Raises one of DAMAGED when something is not there that a page says or goes by."""
    place = getattr(endpoint, "frontend", None)
    if place is None:
        return False
    for value, kinds in (
        (place["location"], str),
        (place["users"], (list, type(None))),
        (place["methods"], list),
        (place["page"], bool),
        (place.get("group"), (str, type(None))),
        (place.get("viewers"), (list, type(None))),
        (endpoint.description, str),
        (endpoint.parameters, (list, type(None))),
        (endpoint.auth, list),
    ):
        if not isinstance(value, kinds):
            raise TypeError("something in it is of the wrong kind")
    return True


def _what(error):
    return (error.strerror or str(error)) if isinstance(error, OSError) else type(error).__name__
