"""list, show and runs: how things stand. They change nothing."""

from __future__ import annotations

import shlex
import time

from trigger import endpoint as configuration
from trigger import natural_order, paths, records, timespan
from trigger import runs as requests
from trigger.ctl import status
from trigger.ctl.errors import OK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from trigger.ctl.terminal import Screen


def list_endpoints(_arguments: Namespace, screen: Screen) -> int:
    """Print all endpoints."""
    found = status.look(sorted(status.names(), key=_place_in_the_list))
    rows = [told(seen) for seen in found]
    for seen in found:
        if seen.is_hidden:
            screen.note("%s: %s; `triggerctl doctor` tells what to do" % (seen.name, status.problem_of(seen)))
    if screen.as_json:
        screen.json(rows)
        return OK
    titles = ["ENDPOINT", "LISTENING", "STATE", " PENDING", "LAST", "WHEN", "TOOK"]
    now = time.time()
    cells = [_row(row, now) for row in rows]
    is_scheduled = any(seen.next_run for seen in found)
    if is_scheduled:
        titles.append("NEXT IN")
        cells = [[*cell, _due(seen.next_run, now)] for cell, seen in zip(cells, found)]
    screen.table(titles, cells, shrinking=(1,), spare=is_scheduled)
    screen.say("\n%s listed." % timespan.count(len(rows), "endpoint"))
    return OK


def _place_in_the_list(name):
    """As on the page: what has no group comes first."""
    try:
        frontend = configuration.load(name).frontend or {}
        group = frontend.get("group") or ""
    except (OSError, ValueError, AttributeError):
        group = ""  # the file is damaged, of which doctor tells
    return natural_order.key(group), natural_order.key(name)


def show(arguments: Namespace, screen: Screen) -> int:
    """Print all about one endpoint."""
    endpoint = status.load(arguments.name)
    seen = status.look([endpoint.name])[0]
    if screen.as_json:
        screen.json({**told(seen), **_configured(endpoint, seen)})
    else:
        screen.fields(_fields(endpoint, seen))
    return OK


def runs(arguments: Namespace, screen: Screen) -> int:
    """Print the latest requests of an endpoint, the newest first."""
    endpoint = status.load(arguments.name)
    latest = requests.Runs(endpoint).latest(arguments.limit)
    if screen.as_json:
        screen.json(latest)
        return OK
    now = time.time()
    titles = ["REQUEST", "STATE", "ACCEPTED", "TOOK", "EXIT", "SERVED BY"]
    screen.table(titles, [_request_row(run, now) for run in latest])
    screen.say("\n%s listed." % timespan.count(len(latest), "request"))
    return OK


def told(seen: status.Sight) -> dict:
    """What is told of an endpoint to a script."""
    last = seen.last and {
        key: seen.last.get(key) for key in ("id", "state", "started", "finished", "duration", "exit_code", "signal")
    }
    return {
        "endpoint": seen.name,
        "listening": seen.listening,
        "state": seen.state,
        "paused": seen.paused,
        "pending": len(seen.waiting),
        "running": seen.claimed,
        "last": last,
        "next": seen.next_run and records.timestamp(seen.next_run),
    }


def how_it_ended(run: dict) -> str:
    """Say what a run's process ended with: str, empty where nothing is known. run: a dict of exit_code and signal."""
    if run.get("exit_code") is not None:
        return str(run["exit_code"])
    return run.get("signal") or ""


def _row(row, now):
    last = row["last"] or {}
    return [
        row["endpoint"],
        ", ".join(row["listening"]) or "-",
        row["state"],
        str(row["pending"]),
        last.get("state") or "-",
        timespan.ago(now - timespan.second_of(last["finished"])) if last.get("finished") else "-",
        "-" if last.get("duration") is None else timespan.span(last["duration"]),
    ]


def _due(next_run, now):
    """In how long, to the largest unit."""
    return "-" if next_run is None else timespan.span(max(1, round(next_run - now))).partition(" ")[0]


def _request_row(run, now):
    state = run["state"] + ("" if run["position"] is None else " (%d)" % run["position"])
    return [
        run["id"],
        state,
        timespan.ago(now - timespan.second_of(run["accepted"])),
        "-" if run["duration"] is None else timespan.span(run["duration"]),
        how_it_ended(run) or "-",
        run["run"] if run["run"] not in (None, run["id"]) else "-",
    ]


def _configured(endpoint, seen):
    derived = vars(paths.Paths(endpoint.name))
    settings = {key: value for key, value in vars(endpoint).items() if key not in derived}
    return {
        "description": seen.of(seen.units.job, "Description"),
        "addresses": seen.addresses,
        "units": {unit: state["ActiveState"] for unit, state in seen.states.items()},
        "spool": endpoint.spool,
        "records": endpoint.runs,
        "settings": settings,
    }


def _fields(endpoint, seen):
    row = _row(told(seen), time.time())
    last = "-" if seen.last is None else "%s, %s, took %s, %s" % (row[4], row[5], row[6], seen.last["id"])
    pairs = [
        ("Endpoint", seen.name),
        ("Description", seen.of(seen.units.job, "Description")),
        ("State", seen.state),
        ("Listening", row[1]),
        ("Pending", row[3]),
        ("Running", ", ".join(seen.claimed) or "-"),
        ("Last", last),
    ]
    if endpoint.frontend is not None:
        pairs += _front(endpoint.frontend)
    if seen.next_run:
        pairs.append(("Next", records.timestamp(seen.next_run)))
    if not seen.handoff:
        pairs += _rules(endpoint)
    pairs += [("Command", " ".join(map(_argument, endpoint.command))), ("User", seen.of(seen.units.job, "User"))]
    for unit, state in seen.states.items():
        pairs.append(("Unit", "%s, %s (%s)" % (unit, state["ActiveState"], state["SubState"])))
    if not seen.handoff:
        pairs += [("Spool", endpoint.spool), ("Records", endpoint.runs)]
    return pairs


def _front(place):
    """Where it is behind the front end, and for whom."""
    users = "nobody is asked" if place["users"] is None else ", ".join(place["users"]) or "nobody"
    viewers = [("Viewers", ", ".join(place["viewers"]))] if place.get("viewers") else []
    return [("Front end", "%s %s" % (", ".join(place["methods"]), place["location"])), ("Users", users), *viewers]


def _rules(endpoint):
    """Who may ask for what."""
    pairs = [
        ("Answers", "%s %s" % (", ".join(endpoint.methods), endpoint.path)),
        ("Auth", ", ".join(endpoint.auth) or "none"),
        ("When busy", "%s, at most %d wait" % (endpoint.when_busy, endpoint.queue_limit)),
    ]
    for term, seconds in (("Waits", endpoint.wait), ("Debounce", endpoint.debounce), ("Time limit", endpoint.timeout)):
        if seconds:
            pairs.append((term, timespan.span(seconds)))
    if endpoint.exclusive:
        pairs.append(("Exclusive", endpoint.exclusive))
    for condition in endpoint.only_if:
        pairs.append(("Only if", _condition(condition)))
    return pairs + [("Parameter", _parameter(each)) for each in endpoint.parameters or ()]


def _condition(condition):
    """In the words of the keys."""
    (key,) = [key for key in ("equals", "in", "matches") if condition[key] is not None]
    value = ", ".join(condition["in"]) if key == "in" else condition[key]
    return "%s %s%s %s" % (condition["text"], "not " if condition["negate"] else "", key, value)


def _parameter(parameter):
    """All about a parameter in a line."""
    told = [parameter["type"]]
    if parameter["required"]:
        told.append("required")
    for key, text in (("min", "from %s"), ("max", "to %s"), ("pattern", "matches %s")):
        if parameter[key] is not None:
            told.append(text % parameter[key])
    if parameter["choices"] is not None:
        told.append("one of " + " ".join(map(shlex.quote, parameter["choices"])))
    if parameter["sensitive"]:
        told.append("sensitive")
    if parameter["default"] is not None:
        told.append("has a default" if parameter["sensitive"] else "otherwise " + shlex.quote(parameter["default"]))
    texts = [text for text in (parameter.get("label"), parameter.get("description")) if text]
    return "%s: %s" % (parameter["name"], ", ".join(told)) + "".join(". " + text.rstrip(".") for text in texts)


def _argument(argument):
    """An argument of the job's command, as somebody would write it in `job.args`."""
    if isinstance(argument, str):
        return argument
    return "".join(part if isinstance(part, str) else "{%s}" % part["parameter"] for part in argument)
