"""A request that is taken back before it was claimed."""

import os
import time

from trigger import atomic_file
from trigger.dispatcher import history


def take_back(endpoint, request_id):
    """Record it as cancelled, and take it out of the spool. The caller holds the ClaimLock and has seen it wait. Raises
    OSError; ValueError for an id that can have no record."""
    objection = history.objection(endpoint, request_id, time.time())
    if objection is not None:
        raise ValueError(objection)
    # The record first: who asks finds the request all the time, and if the power goes in between it is not run, since
    # it has a record.
    history.write(endpoint, [request_id], None, {"state": "cancelled"})
    os.unlink(endpoint.spool + "/" + request_id)
    atomic_file.flush_directory(endpoint.spool)
