"""What clients want to have cancelled: a request that waits is taken back, a run under way is stopped."""

import os
import time

from trigger import cancellations
from trigger.dispatcher.claim_lock import ClaimLock
from trigger.dispatcher.take_back import take_back

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from trigger.dispatcher.watch import Watch
    from trigger.endpoint import Endpoint

LONGEST = 0.05  # seconds for which requests are taken back at once while a run is under way


def look(endpoint: "Endpoint", watch: "Watch | None", say: "Callable[[str], None]") -> bool:
    """Do what clients have asked for. watch: None while no run is under way. say: a function that writes a line to the
    journal. Returns whether something of it is still to come. Raises Failed, and OSError while no run is under way: the
    clock of a run counts for more than what waits."""
    wanted = cancellations.asked(endpoint.spool)
    if watch is None:
        for request_id in wanted:
            _take_back(endpoint, request_id, say)
        return False
    of_run = set(watch.run.ids).intersection(wanted)
    if of_run:
        watch.cancel()
    left = bool(of_run)  # until its end is recorded
    until = time.monotonic() + LONGEST
    for request_id in wanted:
        if request_id in of_run:
            continue
        if time.monotonic() > until:
            return True
        try:
            _take_back(endpoint, request_id, say)
        except OSError:
            left = True
    return left


def _take_back(endpoint: "Endpoint", request_id: str, say: "Callable[[str], None]") -> None:
    with ClaimLock(endpoint):
        if os.path.lexists(endpoint.spool + "/" + request_id):  # or it has ended meanwhile
            try:
                take_back(endpoint, request_id)
            except ValueError as error:
                say("<4>request %s is not taken back: %s" % (request_id, error))
            else:
                say("request %s is taken back" % request_id)
    cancellations.done(endpoint.spool, request_id)
