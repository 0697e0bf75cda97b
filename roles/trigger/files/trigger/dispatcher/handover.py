"""Takes what the next run serves, and hands it over to the runner that stands ready."""

import os

from trigger import origin, parameters
from trigger.dispatcher import output_files, schedule
from trigger.dispatcher.claim_lock import ClaimLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.dispatcher.claims import Claim, Claims
    from trigger.dispatcher.link import Link
    from trigger.dispatcher.recorder import Recorder
    from trigger.endpoint import Endpoint
    from trigger.paths import Paths


def is_paused(endpoint: "Paths") -> bool:
    """Whether somebody has paused the endpoint."""
    return os.path.exists(endpoint.pause_mark)


def take(endpoint: "Endpoint", claims: "Claims", recorder: "Recorder", invocation: str) -> "Claim | None":
    """Claim what waits, as far as one run serves it. invocation: the activation for which. Returns None where nothing
    is taken. Raises OSError."""
    with ClaimLock(endpoint):
        waiting = claims.waiting()  # some may have been cancelled by now
        if not waiting or is_paused(endpoint):
            return None
        names = schedule.batch(endpoint, waiting, claims.parameters_in_spool)
        claim, damaged, unreadable = claims.take(names, invocation)
    for name in unreadable:
        recorder.say("<3>%s in %s cannot be read, and waits" % (ascii(name), endpoint.spool))
    if damaged:
        recorder.set_aside(damaged)
    return claim


def hand_over(endpoint: "Endpoint", claim: "Claim", link: "Link") -> None:
    """Hand a claim over. link: to the runner. Raises Lost and OSError."""
    values = parameters.read_back(endpoint.parameters or [], claim.variables)
    variables = {**claim.variables, **dict(parameters.variables(values))}
    variables[b"TRIGGER_ENDPOINT"] = endpoint.name.encode()
    variables.setdefault(origin.SOURCE, origin.HTTP.encode())
    variables[b"TRIGGER_REQUESTS"] = b"%d" % len(claim.ids)
    command = parameters.expand(endpoint.command, values)
    output = output_files.create(endpoint)
    fifo = _open_fifo(endpoint)
    try:
        # What stands in front of an answer's head must be its own: errors are told to the journal alone.
        errors = endpoint.output != "cgi"
        limit = endpoint.output_limit
        link.run(claim.ids[-1], len(claim.ids), command, variables, claim.stdin, output, limit, errors, fifo)
    finally:
        os.close(output)
        os.close(fifo)


def _open_fifo(endpoint: "Paths") -> int:
    """For the runner, which may only write there."""
    try:
        return os.open(endpoint.wake_fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
