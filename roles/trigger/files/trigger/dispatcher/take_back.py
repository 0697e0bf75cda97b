"""A request that is taken back before it was claimed."""

import os
import time

from trigger import atomic_file, records
from trigger.dispatcher import history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint


def take_back(endpoint: "Endpoint", request_id: str) -> None:
    """Record it as cancelled, and take it out of the spool. The caller holds the ClaimLock and has seen it wait. Raises
    OSError; ValueError for an id that can have no record."""
    # The record first: who asks finds the request all the time, and if the power goes in between it is not run, since
    # it has a record. Who comes behind that has only to take it out.
    entry = endpoint.spool + "/" + request_id
    try:
        laid_at = os.lstat(entry).st_ctime
    except FileNotFoundError:
        return  # an acceptor that was taken over has its way there
    if not records.has(endpoint, request_id):
        # As for a claim: the clock may have been set back since.
        objection = history.objection(endpoint, request_id, max(time.time(), laid_at))
        if objection is not None:
            raise ValueError(objection)
        history.write(endpoint, [request_id], None, {"state": "cancelled"})
    try:
        os.unlink(entry)
    except (FileNotFoundError, IsADirectoryError):
        return  # the same; and what is recorded is not run
    atomic_file.flush_directory(endpoint.spool)
