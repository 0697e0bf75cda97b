"""cancel: a waiting request is taken back, a run under way is stopped.

All of it is decided while nothing is claimed or recorded (dispatcher.claim_lock). So a request that is seen waiting is
not claimed meanwhile, and a run that is seen under way is neither over nor another one when systemd is told to stop it.
"""

from __future__ import annotations

import time

from trigger import paths, runs, timespan, wake
from trigger.ctl import request_ids, status, systemd
from trigger.ctl.errors import FAILED, OK, Failure
from trigger.ctl.follow import ending
from trigger.dispatcher.claim_lock import ClaimLock
from trigger.dispatcher.take_back import take_back

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from trigger.ctl.terminal import Screen

LOOK_EVERY = 0.05  # seconds
TRIES = 5


def cancel(arguments: Namespace, screen: Screen) -> int:
    """Cancel a request, and tell what became of it."""
    endpoint = status.load(arguments.name)
    meant = request_ids.find(endpoint, arguments.id)
    found = runs.Runs(endpoint)
    # A run that is stopped before its job began gives its requests back to the queue.
    for _ in range(TRIES):
        with ClaimLock(endpoint) as lock:
            run = found.find(meant)
            if run is None:
                raise request_ids.unknown(endpoint.name, meant)
            if run["state"] == "queued":
                try:
                    take_back(endpoint, meant)
                except ValueError as error:
                    raise Failure("%s cannot be cancelled: %s" % (meant, error), FAILED) from None
                wake.wake(endpoint.name)  # nobody may be left who waits for a job that cannot start
                return _tell(found.find(meant), "it had not begun", screen)
            if run["state"] != "running":
                break
            others = len(found.claimed()) - 1
            _stop(endpoint, run["run"], lock)
        if others:
            screen.note("the run also serves %s" % timespan.count(others, "other request"))
        run = _wait_for_end(found, meant)
        if run["state"] == "cancelled":
            return _tell(run, "its run was stopped", screen)
    raise Failure("%s has ended already: %s" % (meant, ending(run)), FAILED)


def _stop(endpoint, run_id, lock):
    """Have the present run stopped. It cannot be recorded as long as the lock is held, so it is the right one."""
    job = paths.Units(endpoint.name).job
    if systemd.show([job])[job]["ActiveState"] == "active":  # otherwise it begins, or ends by itself
        lock.cancel(run_id)
    systemd.order_only("stop", job)


def _wait_for_end(found, request_id):
    """Wait until the run is recorded, or its request waits again. Returns the run, dict."""
    while True:
        run = found.find(request_id)
        if run is None:
            raise Failure("%s was stopped, and no record is kept of it (keep_runs)" % request_id, FAILED)
        if run["state"] != "running":
            return run
        time.sleep(LOOK_EVERY)


def _tell(run, how, screen):
    if screen.as_json:
        screen.json(run)
    else:
        screen.say("cancelled: %s" % how)
    return OK
