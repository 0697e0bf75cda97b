"""After a run, as root: write down how it ended.

systemd calls this whatever became of the job, and tells the outcome by environment (systemd.exec(5),
$SERVICE_RESULT).
"""

import os

from trigger import endpoint, parameters, paths, staged
from trigger.dispatcher import history, output_files
from trigger.dispatcher.claim_lock import Standstill
from trigger.dispatcher.claims import Claimed


def main(name):
    """Record the run of the endpoint called name: str. Returns the exit status."""
    os.umask(0o022)  # not the job's (UMask=), by which others could write what root makes
    settings = endpoint.load(name)
    staged.clear(settings)
    with Claimed(settings) as claimed, Standstill(settings) as still:
        ids = claimed.ids()
        if not ids or claimed.invocation() != os.environ["INVOCATION_ID"]:
            # Nothing, or what an earlier activation left: the next claim records that as interrupted.
            return 0
        if "EXIT_CODE" not in os.environ:
            # There was no main process: the job never began, and the requests still wait.
            claimed.release(ids)
            print("<4>%s: the job could not start; %d requests wait for it" % (name, len(ids)))
            return 0
        outcome = _outcome(os.environ)
        if still.is_cancelled(ids[-1]):
            outcome["state"] = "cancelled"
        outcome.update(_told(settings, claimed, ids[-1]))
        _keep_output(settings, ids[-1])
        record = history.write(settings, ids, claimed.since(ids[-1]), outcome)
        claimed.finish(ids)
    if settings.on_success or settings.on_failure:
        from trigger.dispatcher import on_end

        on_end.start(settings, record)
    print("%s: run %s %s" % (name, ids[-1], outcome["state"]))
    if os.environ["SERVICE_RESULT"] != "success":
        _spare_the_pause(name)
    return 0


def _keep_output(settings, run_id):
    """Before the record, so that whoever sees the one finds the other."""
    try:
        output_files.keep(settings, run_id)
    except OSError as error:
        print("<4>%s: the output of run %s is not kept: %s" % (settings.name, run_id, error))


def _told(settings, claimed, request_id):
    """Who asked for the run, and with which parameters, without what is sensitive: dict."""
    fd, variables, _ = claimed.open(request_id)
    os.close(fd)
    told = {
        "remote_addr": variables.get(b"REMOTE_ADDR", b"").decode("latin-1") or None,
        "remote_user": variables.get(b"REMOTE_USER", b"").decode("latin-1") or None,
    }
    if settings.parameters:
        told["parameters"] = parameters.shown(settings.parameters, variables)
    return told


def _outcome(environment):
    """What systemd said, in the words of a record: dict."""
    result = environment["SERVICE_RESULT"]
    code, status = environment["EXIT_CODE"], environment["EXIT_STATUS"]
    return {
        "state": _state(result, code, status),
        "result": result,
        "exit_code": int(status) if code == "exited" else None,
        "signal": status if code != "exited" else None,
        "invocation_id": environment.get("INVOCATION_ID"),
    }


def _state(result, code, status):
    if result == "timeout":
        return "timed-out"
    if result != "success":
        return "failed"
    if code == "exited":
        return "succeeded"
    if status == "PIPE":
        return "failed"  # a success to systemd; but nobody asks a job to end like that
    # systemd counts a job that it stopped by a signal as a success: it did what it was told.
    return "interrupted" if _shutting_down() else "cancelled"


def _shutting_down():
    import subprocess

    from trigger import programs

    question = [programs.SYSTEMCTL, "is-system-running"]
    answer = subprocess.run(question, stdout=subprocess.PIPE, text=True, check=False, env=programs.ENVIRONMENT)
    return answer.stdout.strip() == "stopping"


def _spare_the_pause(name):
    """This failure was the job's own, so the next run need not wait: trigger-pause@.service."""
    with open(paths.RUNTIME + "/" + name + ".recorded", "w"):
        pass
