"""Before a run, as root: claim what waits, and lay the request out where the runner finds it."""

import os
import time

from trigger import endpoint, entry, parameters, records, staged
from trigger.dispatcher import output_files, schedule
from trigger.dispatcher.claim_lock import Standstill
from trigger.dispatcher.claims import Claimed


def main(name):
    """Claim for the endpoint called name: str. Returns the exit status; anything but 0 keeps the job
    from starting, and systemd tries again after a pause."""
    os.umask(0o022)  # not the job's (UMask=), by which others could write what root makes
    settings = endpoint.load(name)
    staged.clear(settings)
    if settings.exclusive:
        schedule.drop_lock()
    with Claimed(settings) as claimed:
        with Standstill(settings):
            _record_interrupted(settings, claimed)
        waiting = claimed.waiting()
        if not waiting:
            return 0
        if not _executable(settings.command[0]):
            print(
                "<3>%s: %s is not there or not executable; %d requests wait for it"
                % (name, settings.command[0], len(waiting))
            )
            return 1
        if settings.debounce:
            schedule.wait_for_quiet(settings, claimed.waiting)
        if settings.exclusive:
            schedule.take_lock(settings)
        with Standstill(settings):
            _take(settings, claimed)
    return 0


def _take(settings, claimed):
    """Claim the requests of the next run, and hand its job what it is told. Some may have been cancelled by now."""
    output_files.create(settings)
    damaged = claimed.take(_batch(settings, claimed, claimed.waiting()))
    _record_damaged(settings, damaged)
    ids = claimed.ids()
    if ids:
        _hand_over(settings, claimed, ids)
        print("%s: run %s begins, for %d of the requests that waited" % (settings.name, ids[-1], len(ids)))


def _batch(settings, claimed, waiting):
    """Which of the waiting entries the next run serves: list of str. One run serves several only if they ask
    for the same."""
    if settings.when_busy == "queue":
        return waiting[:1]
    if not settings.parameters:
        return waiting
    asked = {name: claimed.parameters_in_spool(name) for name in waiting}
    return [name for name in waiting if asked[name] == asked[waiting[0]]]


def _executable(program):
    """A bare name is left to the runner, which has the job's PATH."""
    return "/" not in program or (os.path.isfile(program) and os.access(program, os.X_OK))


def _record_interrupted(settings, claimed):
    """What is still claimed belongs to a run whose end nobody saw: the power went, or all was killed.
    It may have done its work, so it is not run again."""
    ids = claimed.ids()
    if ids:
        from trigger.dispatcher import history

        if not records.has(settings, ids[-1]):
            output_files.keep(settings, ids[-1])
            record = history.write(settings, ids, claimed.since(ids[-1]), {"state": "interrupted"})
            if settings.on_failure:
                from trigger.dispatcher import on_end

                on_end.start(settings, record)
            print("<4>%s: run %s was interrupted; it is not repeated" % (settings.name, ids[-1]))
        claimed.finish(ids)


def _record_damaged(settings, damaged):
    for name, aside, reason in damaged:
        # ascii(), because the acceptor chose the name, and it must not write lines of its own here.
        print(
            "<3>%s: %s in %s is set aside as %s: %s"
            % (settings.name, ascii(name), settings.spool, ascii(aside), reason)
        )
        if entry.is_id(name):
            from trigger.dispatcher import history

            if history.objection(settings, name, time.time()) is None:
                history.write(settings, [name], None, {"state": "damaged", "reason": reason})


def _hand_over(settings, claimed, ids):
    """Tell the job about the newest request that its run serves."""
    fd, variables, body_length = claimed.open(ids[-1])
    values = parameters.read_back(settings.parameters or [], variables)
    variables.update(parameters.variables(values))
    variables[b"TRIGGER_ENDPOINT"] = settings.name.encode()
    variables[b"TRIGGER_REQUESTS"] = b"%d" % len(ids)
    staged.write(settings, parameters.expand(settings.command, values), variables, fd, body_length)
    os.close(fd)
