"""What clients want to have cancelled: a request that waits is taken back, a run under way is stopped."""

import os

from trigger import cancellations
from trigger.dispatcher.claim_lock import ClaimLock
from trigger.dispatcher.take_back import take_back


def look(endpoint, watch, say):
    """Do what clients have asked for. endpoint: endpoint.Endpoint. watch: watch.Watch, or None while no run is under
    way. say: a function that writes a line to the journal. Returns whether something of it is still to come. Raises
    Failed, and OSError while no run is under way: the clock of a run counts for more than what waits."""
    left = False
    for request_id in cancellations.asked(endpoint.spool):
        if watch is not None and request_id in watch.run.ids:
            watch.cancel()
            left = True  # until its end is recorded
            continue
        try:
            _take_back(endpoint, request_id, say)
            cancellations.done(endpoint.spool, request_id)
        except OSError:
            if watch is None:
                raise
            left = True
    return left


def _take_back(endpoint, request_id, say):
    with ClaimLock(endpoint):
        if not os.path.lexists(endpoint.spool + "/" + request_id):
            return  # it has ended meanwhile
        try:
            take_back(endpoint, request_id)
        except ValueError as error:
            say("<4>request %s is not taken back: %s" % (request_id, error))
        else:
            say("request %s is taken back" % request_id)
