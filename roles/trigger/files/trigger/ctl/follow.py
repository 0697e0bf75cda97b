"""A request, followed until its run has ended."""

from __future__ import annotations

import time

from trigger import runs, timespan
from trigger.ctl.errors import FAILED, NOT_IN_TIME, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_EVERY = 0.05  # seconds


def follow(found: runs.Runs, request_id: str, write: Callable[[bytes], None], seconds: float = float("inf")) -> dict:
    """Hand on what a request's run prints, until it has ended. Returns the run's record. Raises Failure, also where
    none is kept."""
    output = runs.Output(found, request_id, follow=True)
    begun = time.monotonic()
    try:
        while True:
            part = output.read()
            if part:
                write(part)
            elif part is None:
                time.sleep(LOOK_EVERY)
            elif output.record is None:  # with `keep_runs: 0` it is gone as soon as it is there
                raise Failure("%s is no longer known: keep_runs or keep_for let it go" % request_id, FAILED)
            else:
                return output.record
            if time.monotonic() - begun > seconds:
                raise Failure(
                    "after %s %s has not ended; it goes on" % (timespan.span(seconds), request_id), NOT_IN_TIME
                )
    finally:
        output.close()


def ending(record: dict) -> str:
    """Say how a run ended."""
    told = record["state"]
    if record.get("exit_code"):
        told += ", exit code %d" % record["exit_code"]
    if record.get("signal"):
        told += ", signal " + record["signal"]
    if record.get("duration") is not None:
        told += ", took " + timespan.span(record["duration"])
    return told
