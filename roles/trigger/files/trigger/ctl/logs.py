"""logs: what runs print."""

from __future__ import annotations

import os
import subprocess

from trigger import paths, programs, runs
from trigger.ctl import status
from trigger.ctl.errors import FAILED, OK, UNKNOWN, Failure
from trigger.ctl.follow import ending, follow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from trigger.ctl.terminal import Screen


def logs(arguments: Namespace, screen: Screen) -> int:
    """Print what a run has printed, or the journal."""
    if arguments.id is None:
        status.check_name(arguments.name)
        return _journal(arguments.name, arguments.follow, screen)
    found = runs.Runs(status.load(arguments.name))
    run = found.find(arguments.id)
    if run is None:
        raise unknown(arguments.name, arguments.id)
    parts = []
    write = parts.append if screen.as_json else screen.output
    if arguments.follow:
        follow(found, arguments.id, write)
    else:
        _read(found, arguments.id, write)
    screen.end_output()
    run = found.find(arguments.id) or run
    if screen.as_json:
        screen.json({**run, "output": b"".join(parts).decode(errors="replace")})
    else:
        screen.note("%s: %s" % (arguments.id, _how_it_stands(run)))
    return OK


def unknown(name: str, request_id: str) -> Failure:
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


def _journal(name, follow_it, screen):
    """Print what journalctl prints; to a terminal it would hand on some of what a job printed to move or turn text."""
    command = [programs.JOURNALCTL, "--unit", paths.Units(name).job]
    command += ["--follow"] if follow_it else []
    command += ["--output", "json"] if screen.as_json else []
    try:
        journal = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=programs.ENVIRONMENT)
    except OSError as error:
        raise Failure("journalctl cannot be called: %s" % error, FAILED) from None
    with journal:
        try:
            for part in iter(lambda: os.read(journal.stdout.fileno(), 64 * 1024), b""):
                screen.output(part)
        except BaseException:
            journal.terminate()
            raise
    screen.end_output()
    return OK if journal.returncode == 0 else FAILED
