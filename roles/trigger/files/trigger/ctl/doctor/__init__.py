"""doctor: what is wrong, and how to fix it. It changes nothing."""

from __future__ import annotations

import time

from trigger import timespan
from trigger.ctl import errors, status
from trigger.ctl.doctor import companions, drop_ins, files, host, nginx, units
from trigger.ctl.doctor.finding import NOTE, PROBLEM, Finding, whatever_befalls
from trigger.ctl.errors import FAILED, OK, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from trigger.ctl.terminal import Screen


def doctor(arguments: Namespace, screen: Screen) -> int:
    """Look at the host, and at one endpoint or all."""
    try:
        known, found = status.names(), []
    except Failure as error:
        known, found = [], [Finding(None, *str(error).split("; ", 1))]
    if arguments.name is not None and not found:
        status.check_name(arguments.name)
    chosen = known if arguments.name is None or found else [arguments.name]
    found += [*host.findings(), *whatever_befalls(nginx.findings()), *whatever_befalls(companions.findings())]
    for seen in status.look(chosen):
        found += _examine(seen)
    problems = sum(finding.severity == PROBLEM for finding in found)
    if screen.as_json:
        screen.json([finding.told() for finding in found])
    else:
        _print(found, problems, len(chosen), screen)
    return FAILED if problems else OK


def _examine(seen):
    """Return the Findings of one endpoint."""
    try:
        endpoint = status.load(seen.name)
    except Failure as error:
        return [Finding(seen.name, *str(error).split("; ", 1)), *units.findings(seen, time.time())]
    found = [*units.findings(seen, time.time()), *whatever_befalls(drop_ins.findings(seen), seen.name)]
    if seen.is_hidden and not isinstance(seen.problem, FileNotFoundError):  # of which `files` tells
        found.append(Finding(seen.name, status.problem_of(seen), errors.MOUNT))
    return found + list(files.findings(endpoint, seen.states[seen.units.job]))


def _print(found, problems, looked_at, screen):
    for finding in found:
        screen.say("%s: %s" % (finding.endpoint or "host", finding.what), finding.severity)
        screen.say("  to fix it: " + finding.mend)
    notes = sum(finding.severity == NOTE for finding in found)
    summary = "%s looked at: %s" % (timespan.count(looked_at, "endpoint"), timespan.count(problems, "problem"))
    screen.say(summary + (", %s" % timespan.count(notes, "note") if notes else ""))
