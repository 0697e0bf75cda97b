"""Which request is meant. Only reads."""

from __future__ import annotations

import os

from trigger import entry, records, runs
from trigger.ctl.errors import UNKNOWN, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint

LAST = "last"
TOLD = 5  # of those that could be meant


def find(endpoint: Endpoint, text: str) -> str:
    """Return the id of a request. text: it, what it alone begins or ends with, or `last`. Raises Failure; an id as a
    whole is returned, known or not."""
    if entry.is_id(text):
        return text
    if text == LAST:
        meant = runs.Runs(endpoint).history()[:1]
    else:
        meant = sorted(each for each in _known(endpoint) if text and (each.startswith(text) or each.endswith(text)))
    if not meant:
        raise unknown(endpoint.name, text)
    if len(meant) > 1:
        told = ", ".join(meant[-TOLD:]) + (", …" if len(meant) > TOLD else "")
        raise Failure("%d requests of %s begin or end with %r: %s" % (len(meant), endpoint.name, text, told), UNKNOWN)
    return meant[0]


def latest_run(endpoint: Endpoint) -> str:
    """Return the id of the run that is under way, else of the one that ended last, as `list` and the page tell it;
    where nothing has run, of the newest request. Raises Failure."""
    found = runs.Runs(endpoint)
    claimed = found.claimed()
    if claimed:
        return claimed[-1]
    last = found.last()
    if last is not None:
        return last["id"]
    for request_id in found.history():
        return request_id
    raise Failure("%s has no run yet, or keeps none" % endpoint.name, UNKNOWN)


def unknown(name: str, request_id: str) -> Failure:
    """The Failure for a request that is not known, or no longer."""
    return Failure("%s has no request %r; `triggerctl runs %s` lists the latest" % (name, request_id, name), UNKNOWN)


def _known(endpoint):
    found = runs.Runs(endpoint)
    try:
        served = os.listdir(endpoint.served)
    except FileNotFoundError:
        served = []  # until the first of them
    return {*found.spooled(), *found.claimed(), *records.ids(endpoint), *filter(entry.is_id, served)}
