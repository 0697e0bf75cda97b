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

    from trigger.endpoint import Endpoint

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
        note = Note(endpoint.hops)
        found = reasons(done, lambda: _elapsed(endpoint, manager, units.timer), note.read)
        are_well = [fire_for(endpoint, note, *reason) for reason in found]
    except (Failure, systemd_bus.Failed, OSError) as error:
        print("<3>%s is not fired: %s" % (name, error))
        return FAILED
    finally:
        manager.close()
    return OK if all(are_well) else FAILED


def reasons(done: int, elapsed: Callable[[], int], read_hops: Callable[[], list[str]]) -> Iterator[tuple[str, list]]:
    """Yield why the unit runs, as (source, hops) of `origin`: its timer has elapsed, an endpoint has ended, or else
    somebody has started it. What comes while it is at work is among them: systemd starts no unit for a second time.

    done: when it was done before. elapsed: a function that says when the timer elapsed last, on the same clock.
    read_hops: one that reads what an endpoint's end has left, once.
    """
    is_first = True
    while True:
        last, hops = elapsed(), read_hops()
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


class Note:
    """What dispatchers have left of the endpoints that have led here, which is for one time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None

    def read(self) -> list[str]:
        """Return the endpoints; none where there is nothing that was not read before."""
        try:
            with open(self._path, encoding="ascii", errors="replace") as file:
                seen = _identity(os.fstat(file.fileno()))
                if seen == self._seen:
                    return []
                self._seen = seen
                return file.read().split()[: origin.HOPS_LIMIT]
        except FileNotFoundError:
            return []

    def forget(self, hops: list[str]) -> None:
        """What was read has led to a request, or to a refusal. What another has left since stays. hops: that."""
        try:
            if hops and _identity(os.stat(self._path)) == self._seen:
                os.unlink(self._path)
        except OSError:
            pass  # it is not there, or stays


def _identity(found):
    return found.st_ino, found.st_mtime_ns


def fire_for(endpoint: Endpoint, note: Note, source: str, hops: list[str]) -> bool:
    """Make a request for one reason, and say so. Returns whether all is well; a run that `when_busy: reject` drops is.
    What cannot be written keeps nobody from the next one, and its note stays for the next start."""
    values = sorted(endpoint.schedule["parameters"].items()) if source == origin.SCHEDULE else []
    spool = Spool(endpoint.spool, endpoint.claimed)
    try:
        fired = make(endpoint, values, b"", source=source, hops=hops)
        admission.check_load(endpoint, *spool.load())
        request_id = fire.write(endpoint, spool, fired)
    except (Failure, OSError) as error:
        print("<3>%s is not fired: %s" % (endpoint.name, error))
        return False
    except http.Refusal as refusal:
        note.forget(hops)
        errors = "".join("; %s %s" % each for each in refusal.errors)
        level = 4 if refusal.status == BUSY else 3
        print("<%d>%s is not fired: %s%s" % (level, endpoint.name, refusal.reason, errors))
        return refusal.status == BUSY
    note.forget(hops)
    wake.wake(endpoint.name)
    print("%s is fired: %s" % (endpoint.name, request_id))
    return True
