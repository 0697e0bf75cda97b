"""trigger-fire@NAME.service: a request that the calendar makes, or another unit of this host."""

from __future__ import annotations

import os

from trigger import admission, http, origin, paths, wake
from trigger.ctl import fire, status
from trigger.ctl.errors import FAILED, OK, Failure
from trigger.ctl.fire_request import make
from trigger.dispatcher import systemd_bus
from trigger.spool import Spool

BUSY = 409


def main(name: str) -> int:
    """Fire the endpoint called name. Returns the exit status."""
    try:
        print(_fire(name))
    except (Failure, systemd_bus.Failed, OSError) as error:
        print("<3>%s is not fired: %s" % (name, error))
        return FAILED
    return OK


def _fire(name):
    """Returns what is to be said."""
    endpoint = status.load(name)
    if endpoint.handoff:
        raise Failure("it hands its socket to a server of its own")
    hops = _take_hops(endpoint.hops)
    is_scheduled = endpoint.schedule is not None and _is_by_timer(paths.Units(name))
    values = sorted(endpoint.schedule["parameters"].items()) if is_scheduled else []
    source = origin.SCHEDULE if is_scheduled else origin.UNIT
    spool = Spool(endpoint.spool, endpoint.claimed)
    try:
        fired = make(endpoint, values, b"", source=source, hops=[] if is_scheduled else hops)
        admission.check_load(endpoint, *spool.load())
    except http.Refusal as refusal:
        if refusal.status == BUSY:
            return "<4>%s is not fired: %s" % (name, refusal.reason)
        errors = "".join("; %s %s" % each for each in refusal.errors)
        raise Failure(refusal.reason + errors) from None
    request_id = fire.write(endpoint, spool, fired)
    wake.wake(name)
    return "%s is fired: %s" % (name, request_id)


def _is_by_timer(units):
    """Whether the timer has elapsed since this unit was last done. systemd tells its services so from 252 on only."""
    manager = systemd_bus.Manager()
    try:
        (elapsed,) = manager.unit(units.timer, "LastTriggerUSecMonotonic")
        (done,) = manager.unit(units.fire, "InactiveEnterTimestampMonotonic")
    finally:
        manager.close()
    return elapsed > done


def _take_hops(path):
    """What a dispatcher has left of the endpoints that have led here, which is for one time."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            hops = file.read().split()
        os.unlink(path)
    except FileNotFoundError:
        return []
    return hops[: origin.HOPS_LIMIT]
