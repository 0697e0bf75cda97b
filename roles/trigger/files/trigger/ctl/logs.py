"""logs: what runs print."""

import os

from trigger import programs, runs
from trigger.ctl import sight, systemd
from trigger.ctl.failure import FAILED, OK, UNKNOWN, Failure
from trigger.ctl.follow import ending, follow

TERMINAL = ("TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "PAGER", "LESS", "LESSCHARSET")


def logs(arguments, screen):
    """Print what a run has printed, or become journalctl."""
    if arguments.id is None:
        sight.check_name(arguments.name)
        _become_journal(arguments.name, arguments.follow, screen.as_json)
    found = runs.Runs(sight.load(arguments.name))
    run = found.find(arguments.id)
    if run is None:
        raise unknown(arguments.name, arguments.id)
    parts = []
    write = parts.append if screen.as_json else screen.output
    if arguments.follow:
        follow(found, arguments.id, write)
    else:
        _read(found, arguments.id, write)
    run = found.find(arguments.id) or run
    if screen.as_json:
        screen.json({**run, "output": b"".join(parts).decode(errors="replace")})
    else:
        screen.note("%s: %s" % (arguments.id, _how_it_stands(run)))
    return OK


def unknown(name, request_id):
    """The Failure for a request that is not known, or no longer."""
    return Failure("%s has no request %r; `triggerctl runs %s` lists the latest" % (name, request_id, name), UNKNOWN)


def _read(found, request_id, write):
    output = runs.Output(found, request_id, follow=False)
    try:
        while True:
            part = output.read()
            if not part:
                return
            write(part)
    finally:
        output.close()


def _how_it_stands(run):
    if run["state"] == "queued":
        return "it waits, as number %d" % run["position"]
    return "running" if run["state"] == "running" else ending(run)


def _of_the_terminal():
    """What journalctl and its pager know the terminal by: dict."""
    return {name: value for name, value in os.environ.items() if name in TERMINAL or name.startswith("SYSTEMD_")}


def _become_journal(name, follow_it, as_json):
    command = [programs.JOURNALCTL, "--unit", systemd.Units(name).job]
    command += ["--follow"] if follow_it else []
    command += ["--output", "json"] if as_json else []
    try:
        os.execve(command[0], command, {**_of_the_terminal(), **programs.ENVIRONMENT})
    except OSError as error:
        raise Failure("journalctl cannot be called: %s" % error, FAILED) from None
