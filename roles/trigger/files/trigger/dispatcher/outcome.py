"""How a run ended, in the words of a record: decided by what runner and systemd say."""

from trigger import run_protocol

CODES = (run_protocol.EXITED, run_protocol.KILLED, run_protocol.DUMPED)


def of_job(
    code: int,
    status: int,
    stopped: "str | None" = None,
    cancelled: bool = False,
    overtime: bool = False,
    result: str = "success",
) -> dict:
    """Return `state`, `result`, `exit_code` and `signal`.

    code, status: how the job ended, as the runner says. stopped: None, or what the unit was being stopped for when it
    did: "shutdown", or "order". cancelled: whether triggerctl has cancelled this run. overtime: whether its time was
    over. result: what systemd calls the end of the unit meanwhile.
    """
    exited = code == run_protocol.EXITED
    if result == "oom-kill":
        state, told = "failed", result
    elif cancelled:
        state, told = "cancelled", "success" if exited and status == 0 else _result(code, status)
    elif overtime:
        state, told = "timed-out", "timeout"
    elif exited and status == 0:
        state, told = "succeeded", "success"
    elif stopped == "shutdown":
        state, told = "interrupted", _result(code, status)
    elif stopped:
        state, told = "cancelled", _result(code, status)
    else:
        state, told = "failed", _result(code, status)
    return {
        "state": state,
        "result": told,
        "exit_code": status if exited else None,
        "signal": None if exited else signal_name(status),
    }


def of_lost_runner(
    code: int,
    status: int,
    stopped: "str | None" = None,
    cancelled: bool = False,
    overtime: bool = False,
    result: str = "success",
) -> dict:
    """The same where the runner itself was killed: result, code, status are what systemd says of it."""
    found = of_job(code or run_protocol.KILLED, status or 9, stopped, cancelled, overtime, result)
    if found["state"] == "succeeded":  # it has left before it said how its job ended
        found["state"] = "failed"
    if result != "success" and not overtime:
        found["result"] = result
    return found


def of_unheard(code: int, status: int, cancelled: bool = False) -> dict:
    """The same where nobody has heard a runner that has left since: code, status are how it left."""
    if code == run_protocol.EXITED and status == run_protocol.RUN_UNHEARD:
        return of_job(run_protocol.EXITED, 0, cancelled=cancelled)
    return of_unknown(cancelled)


def of_unknown(cancelled: bool = False, overtime: bool = False) -> dict:
    """The same where nobody knows any more how it ended, but maybe what it was stopped for."""
    if overtime and not cancelled:
        return {"state": "timed-out", "result": "timeout"}
    return {"state": "cancelled" if cancelled else "interrupted"}


def is_asked(result: str, code: int, status: int) -> bool:
    """Whether a unit has ended as one that was asked to: systemd counts the signal for that as a success."""
    return (result, code, status) == ("success", run_protocol.KILLED, 15)


def signal_name(number: int) -> str:
    """A signal without its SIG, as systemd says it."""
    import signal  # 6 ms, which only those pay that ended so

    try:
        return signal.Signals(number).name[3:]
    except ValueError:
        return "RTMIN+%d" % (number - signal.SIGRTMIN) if signal.SIGRTMIN <= number <= signal.SIGRTMAX else str(number)


def _result(code: int, status: int) -> str:
    if code == run_protocol.EXITED:
        return "exit-code" if status else "success"
    return "core-dump" if code == run_protocol.DUMPED else "signal"
