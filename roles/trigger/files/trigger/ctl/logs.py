"""logs: what runs print."""

from __future__ import annotations

import os
import subprocess

from trigger import paths, programs, runs
from trigger.ctl import request_ids, status
from trigger.ctl.errors import FAILED, OK, USAGE, Failure, told
from trigger.ctl.follow import ending, follow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from trigger.ctl.terminal import Screen


def logs(arguments: Namespace, screen: Screen) -> int:
    """Print what a run has printed, or the journal of all of them."""
    endpoint = status.load(arguments.name)
    of_all = arguments.all or arguments.lines is not None
    if of_all and arguments.id is not None:
        raise Failure("--lines and --all are of all runs, so they take no ID", USAGE)
    if of_all or endpoint.handoff:  # whose server has no runs
        return _journal(arguments, screen)
    found = runs.Runs(endpoint)
    meant = request_ids.latest_run(endpoint) if arguments.id is None else request_ids.find(endpoint, arguments.id)
    run = found.find(meant)
    if run is None:
        raise request_ids.unknown(endpoint.name, meant)
    parts = []
    write = parts.append if screen.as_json else screen.output
    if arguments.follow:
        follow(found, meant, write)
    else:
        _read(found, meant, write)
    screen.end_output()
    run = found.find(meant) or run
    if screen.as_json:
        screen.json({**run, "output": b"".join(parts).decode(errors="replace")})
    else:
        screen.note("%s: %s" % (meant, _how_it_stands(run)))
    return OK


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


def _journal(arguments, screen):
    """Print what journalctl prints; to a terminal it would hand on some of what a job printed to move or turn text."""
    command = [programs.JOURNALCTL, "--unit", paths.Units(arguments.name).job]
    command += [] if arguments.lines is None else ["--lines", str(arguments.lines)]
    command += ["--follow"] if arguments.follow else []
    command += ["--no-tail"] if arguments.follow and arguments.all else []
    command += ["--output", "json"] if screen.as_json else []
    try:
        journal = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=programs.ENVIRONMENT)
    except OSError as error:
        raise Failure("journalctl cannot be called: %s" % told(error), FAILED) from None
    with journal:
        try:
            for part in iter(lambda: os.read(journal.stdout.fileno(), 64 * 1024), b""):
                screen.output(part)
        except BaseException:
            journal.terminate()
            raise
    screen.end_output()
    return OK if journal.returncode == 0 else FAILED
