"""trigger-fire@NAME.service: a request that the calendar makes, or another unit of this host."""

from __future__ import annotations

import os

from trigger import admission, http, origin, paths, wake
from trigger.ctl import fire, status
from trigger.ctl.errors import FAILED, OK, Failure
from trigger.ctl.fire_request import make
from trigger.dispatcher import systemd_bus
from trigger.spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUSY = 409


def main(name: str) -> int:
    """Fire the endpoint called name. Returns the exit status."""
    manager = systemd_bus.Manager()
    try:
        endpoint = status.load(name)
        if endpoint.handoff:
            raise Failure("it hands its socket to a server of its own")
        units = paths.Units(name)
        # Which unit has started this one, systemd tells a service from 252 on only.
        (done,) = manager.unit(units.fire, "InactiveEnterTimestampMonotonic")
        found = reasons(done, lambda: _elapsed(endpoint, manager, units.timer), lambda: _take_hops(endpoint.hops))
        are_well = [_fire(endpoint, *reason) for reason in found]
    except (Failure, systemd_bus.Failed, OSError) as error:
        print("<3>%s is not fired: %s" % (name, error))
        return FAILED
    finally:
        manager.close()
    return OK if all(are_well) else FAILED


def reasons(done: int, elapsed: Callable[[], int], take_hops: Callable[[], list[str]]) -> Iterator[tuple[str, list]]:
    """Yield why the unit runs, as (source, hops) of `origin`: its timer has elapsed, an endpoint has ended, or else
    somebody has started it. What comes while it is at work is among them: systemd starts no unit for a second time.

    done: when it was done before. elapsed: a function that says when the timer elapsed last, on the same clock.
    take_hops: one that takes what an endpoint's end has left.
    """
    is_first = True
    while True:
        last, hops = elapsed(), take_hops()
        is_due = last > done
        if is_due:
            yield origin.SCHEDULE, []
        if hops or (is_first and not is_due):
            yield origin.UNIT, hops
        elif not is_due:
            return
        done, is_first = max(done, last), False


def _elapsed(endpoint, manager, timer):
    return manager.unit(timer, "LastTriggerUSecMonotonic")[0] if endpoint.schedule is not None else 0


def _fire(endpoint, source, hops):
    """Make one request, and say so. Returns whether all is well; a run that `when_busy: reject` drops is."""
    values = sorted(endpoint.schedule["parameters"].items()) if source == origin.SCHEDULE else []
    spool = Spool(endpoint.spool, endpoint.claimed)
    try:
        fired = make(endpoint, values, b"", source=source, hops=hops)
        admission.check_load(endpoint, *spool.load())
    except http.Refusal as refusal:
        errors = "".join("; %s %s" % each for each in refusal.errors)
        level = 4 if refusal.status == BUSY else 3
        print("<%d>%s is not fired: %s%s" % (level, endpoint.name, refusal.reason, errors))
        return refusal.status == BUSY
    request_id = fire.write(endpoint, spool, fired)
    wake.wake(endpoint.name)
    print("%s is fired: %s" % (endpoint.name, request_id))
    return True


def _take_hops(path):
    """What a dispatcher has left of the endpoints that have led here, which is for one time."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            hops = file.read().split()
        os.unlink(path)
    except FileNotFoundError:
        return []
    return hops[: origin.HOPS_LIMIT]
