"""doctor: what is wrong, and how to mend it. It changes nothing."""

import time

from trigger.ctl import failure, files, front, host, sight, units, words
from trigger.ctl.failure import FAILED, OK, Failure
from trigger.ctl.finding import NOTE, PROBLEM, Finding, whatever_befalls


def doctor(arguments, screen):
    """Look at the host, and at one endpoint or all."""
    try:
        known, found = sight.names(), []
    except Failure as error:
        known, found = [], [Finding(None, *str(error).split("; ", 1))]
    if arguments.name is not None and not found:
        sight.check_name(arguments.name)
    chosen = known if arguments.name is None or found else [arguments.name]
    found += [*host.findings(len(known)), *whatever_befalls(front.findings())]
    for seen in sight.look(chosen):
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
        endpoint = sight.load(seen.name)
    except Failure as error:
        return [Finding(seen.name, *str(error).split("; ", 1)), *units.findings(seen, time.time())]
    found = list(units.findings(seen, time.time(), endpoint.debounce))
    if seen.is_hidden and not isinstance(seen.problem, FileNotFoundError):  # of which `files` tells
        found.append(Finding(seen.name, sight.problem_of(seen), failure.MOUNT))
    return found + list(files.findings(endpoint, seen.states[seen.units.job]))


def _print(found, problems, looked_at, screen):
    for finding in found:
        screen.say("%s: %s" % (finding.endpoint or "host", finding.what), finding.severity)
        screen.say("  to mend it: " + finding.mend)
    notes = sum(finding.severity == NOTE for finding in found)
    summary = "%s looked at: %s" % (words.count(looked_at, "endpoint"), words.count(problems, "problem"))
    screen.say(summary + (", %s" % words.count(notes, "note") if notes else ""))
