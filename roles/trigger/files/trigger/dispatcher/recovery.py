"""What became of a claimed run of which nobody tells: the claim, its record and systemd are asked."""

from trigger import run_protocol
from trigger.dispatcher import outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from trigger.dispatcher.job_unit import JobUnit
    from trigger.dispatcher.recorder import Recorder
    from trigger.dispatcher.watch import Run

NOTED = "noted"  # how it ended is written down, or recorded
UNDER_WAY = "under way"
NOT_BEGUN = "not begun"
ENDED = "ended"


def find(run: "Run", is_earlier: bool, unit: "JobUnit", recorder: "Recorder") -> "tuple[str, Any]":
    """Return which of these it is, and more of it: what is NOTED, dict, or None where that was let go already; whether
    the unit of what is UNDER_WAY runs, and so can be asked; how it ENDED, a function that tells the outcome, dict, when
    it is told whether the run was cancelled.

    is_earlier: whether an earlier release has claimed it. Raises OSError and Failed.
    """
    noted = recorder.noted(run.id)
    if noted is not None or recorder.has(run.id):
        return NOTED, noted
    activation = unit.activation()
    if activation.is_still(run.invocation):
        return UNDER_WAY, activation.sub == "running"
    if activation.invocation != run.invocation:
        # Of itself systemd starts a unit again only behind a runner that had not begun, or that a job has made end so.
        if not (run.began or run.overtime) and unit.properties("NRestarts")[0]:
            return NOT_BEGUN, None
        return ENDED, lambda cancelled: outcome.of_unknown(cancelled, run.overtime)
    result, code, status = unit.properties("Result", "ExecMainCode", "ExecMainStatus")
    if is_earlier:
        # Its job has no runner that would say that it was asked to stop.
        stopped = _stopped(outcome.is_asked(result, code, status), result, unit)
        return ENDED, lambda cancelled: outcome.of_job(code, status, stopped, cancelled, run.overtime, result)
    if run.began:
        stopped = _stopped(run.stopping, result, unit)
        return ENDED, lambda cancelled: outcome.of_lost_runner(code, status, stopped, cancelled, run.overtime, result)
    if code == run_protocol.EXITED and status in (0, 1):
        return NOT_BEGUN, None  # a runner leaves so that has not begun
    return ENDED, lambda cancelled: outcome.of_unheard(code, status, cancelled)


def _stopped(was_asked: bool, result: str, unit: "JobUnit") -> "str | None":
    return unit.stopped_for() if was_asked or result == "timeout" else None
