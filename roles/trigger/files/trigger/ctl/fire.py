"""fire: a request from this host, by root. It takes the way of a client's from its values on."""

from __future__ import annotations

import os
import sys

from trigger import admission, entry, http, responses, runs, timespan, wake
from trigger.ctl import status, systemd
from trigger.ctl.errors import FAILED, OK, REFUSED, Failure, told
from trigger.ctl.fire_request import make
from trigger.ctl.follow import ending, follow
from trigger.spool import Draft, Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from trigger.ctl.fire_request import Fired
    from trigger.ctl.terminal import Screen
    from trigger.endpoint import Endpoint

TRIES = 5


def fire(arguments: Namespace, screen: Screen) -> int:
    """Write a request into the spool; with --wait, print what its run prints."""
    endpoint = status.load(arguments.name)
    seen = status.look([endpoint.name])[0]
    if seen.handoff:
        raise Failure("%s hands its socket to a server of its own; send that a request instead" % endpoint.name)
    body = _read_body(arguments.body, endpoint.body_limit)
    spool = Spool(endpoint.spool, endpoint.claimed)
    try:
        fired = make(endpoint, arguments.param, body, arguments.content_type)
        admission.check_load(endpoint, *spool.load())
    except http.Refusal as refusal:
        raise Failure(_explain(endpoint.name, refusal), REFUSED) from None
    request_id = write(endpoint, spool, fired)
    _see_to_the_run(endpoint.name, seen, screen)
    if arguments.wait is None:
        _tell_id(endpoint, request_id, screen)
        return OK
    return _wait(endpoint, request_id, arguments.wait, screen)


def _read_body(path, limit):
    """No more than is needed to see that it is too much."""
    if path is None:
        return b""
    try:
        if path == "-":
            if sys.stdin is None:
                raise Failure("the body cannot be read: standard input is closed")
            return sys.stdin.buffer.read(limit + 1)
        with open(path, "rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise Failure("the body cannot be read: %s" % told(error)) from None


def _explain(name, refusal):
    lines = ["%s refuses this: %s" % (name, refusal.reason)]
    lines += ["  %s %s" % (responses.named(refusal, parameter), wrong) for parameter, wrong in refusal.errors]
    return "\n".join(lines)


def write(endpoint: Endpoint, spool: Spool, fired: Fired) -> str:
    """Bring a request to the disk, and return its id. Raises Failure, also where runs and records need the room."""
    try:
        admission.check_disk(spool.lack(spool.disk(), 1, len(fired.body)))
    except http.Refusal as refusal:
        raise Failure("%s: %s" % (refusal.reason, refusal.detail), REFUSED) from None
    waiting = filter(entry.is_id, os.listdir(endpoint.spool))
    request_id = entry.Ids(after=max(waiting, default=None), ahead=entry.FOLLOWED).next()
    for _ in range(TRIES):
        draft = Draft("%s/.draft-triggerctl-%d" % (endpoint.spool, os.getpid()))
        draft.write(fired.body)
        draft.close_body(fired.variables(request_id))
        try:
            error = spool.commit([(request_id, draft, [])])[0]
        except OSError as failed:
            error = failed
        if isinstance(error, FileNotFoundError):
            continue  # an acceptor that has just begun took the draft for one that was left behind
        if error is not None:
            why = told(error)
            raise Failure("%s takes no request: %s; `triggerctl doctor` looks for the reason" % (endpoint.spool, why))
        return request_id
    raise Failure("%s takes no request; try again" % endpoint.spool)


def _see_to_the_run(name, seen, screen):
    """Somebody may have stopped what looks after the spool, as the acceptor thinks, too."""
    if seen.paused:
        screen.note("%s is paused: the request waits until `triggerctl resume %s` or the next boot" % (name, name))
        return
    if seen.of(seen.units.dispatch_socket) != "active":
        systemd.start_socket(seen.units.dispatch_socket, seen.units.dispatcher)
    wake.wake(name)


def _tell_id(endpoint, request_id, screen):
    if screen.as_json:
        screen.json(runs.Runs(endpoint).find(request_id) or {"id": request_id, "endpoint": endpoint.name})
    else:
        screen.say(request_id)


def _wait(endpoint, request_id, seconds, screen):
    parts = []
    if not screen.as_json:
        screen.note(request_id)
    found = runs.Runs(endpoint)

    def tell(state):
        if screen.as_json:
            run = found.find(request_id) or {"id": request_id, "endpoint": endpoint.name, "state": state}
            screen.json({**run, "output": b"".join(parts).decode(errors="replace")})

    try:
        record = follow(found, request_id, parts.append if screen.as_json else screen.output, seconds)
        screen.end_output()
    except Failure:
        tell(None)
        raise
    except KeyboardInterrupt:
        tell(None)
        screen.note("\n%s goes on; `triggerctl cancel %s %s` stops it" % (request_id, endpoint.name, request_id))
        raise
    tell(record["state"])
    if not screen.as_json:
        served = len(record["requests"])
        others = "; it served %s" % timespan.count(served, "request") if served > 1 else ""
        screen.note("%s: %s%s" % (endpoint.name, ending(record), others))
    return OK if record["state"] == "succeeded" else FAILED
