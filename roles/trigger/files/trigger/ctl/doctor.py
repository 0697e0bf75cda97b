"""doctor: what is wrong, and how to mend it. It changes nothing."""

import time

from trigger.ctl import files, front, host, sight, units, words
from trigger.ctl.failure import FAILED, OK, Failure
from trigger.ctl.finding import NOTE, PROBLEM, Finding


def doctor(arguments, screen):
    """Look at the host, and at one endpoint or all."""
    known = sight.names()
    if arguments.name is not None:
        sight.check_name(arguments.name)
    chosen = known if arguments.name is None else [arguments.name]
    found = [*host.findings(len(known)), *front.findings()]
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
    return found + list(files.findings(endpoint, seen.states[seen.units.job]))


def _print(found, problems, looked_at, screen):
    for finding in found:
        screen.say(
            "%s: %s: %s" % (screen.word(finding.severity), finding.endpoint or "host", screen.plain(finding.what))
        )
        screen.say("  to mend it: %s" % screen.plain(finding.mend))
    notes = sum(finding.severity == NOTE for finding in found)
    summary = "%s looked at: %s" % (words.count(looked_at, "endpoint"), words.count(problems, "problem"))
    screen.say(summary + (", %s" % words.count(notes, "note") if notes else ""))
