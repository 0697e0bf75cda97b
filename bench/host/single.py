"""One client at a time: how long does it wait for its answer, how long does the job wait then?"""

import random
import time

import peers
from clients import ask

# So long nobody does anything before a client comes, as on a host that waits for days. Just after another start the
# kernel moves a process into its control group at once; later that takes it some 5 to 15 ms (docs/benchmarks.md).
IDLE = 0.15


def answers(rounds):
    """Of each peer `rounds` answers, every host at rest before the client comes. Those that are cold have no process
    then, those that are warm have been called once."""
    everybody = peers.COLD + peers.WARM
    peers.wait_for_rest(everybody)
    for peer in peers.WARM:
        ask(peer)
    found = {peer: [] for peer in everybody}
    for peer in in_turn(everybody, rounds):
        peers.wait_for_rest(everybody)
        time.sleep(IDLE)
        found[peer].append(ask(peer))
    peers.wait_for_rest(everybody)
    return {
        kind: {peer.label: told(peer, found[peer]) for peer in several}
        for kind, several in (("cold", peers.COLD), ("warm", peers.WARM))
    }


def in_turn(everybody, rounds):
    """Each of them once a round, in an order drawn anew, so that nobody always comes behind the same one."""
    for _ in range(rounds):
        yield from random.sample(everybody, len(everybody))


def told(peer, answers):
    starts = dict(peer.started())
    return {
        "milliseconds": milliseconds(answers),
        "errors": errors(answers),
        "job_start": [
            round((starts[answer.request_id] - answer.ended) * 1000, 2)
            for answer in answers
            if answer.accepted and answer.request_id in starts
        ],
    }


def milliseconds(answers):
    return [round((answer.ended - answer.began) * 1000, 2) for answer in answers]


def errors(answers):
    """How often which: dict of str to int."""
    found = [answer.error for answer in answers if answer.error]
    return {error: found.count(error) for error in sorted(set(found))}


def with_wait(rounds):
    """An answer that is held until the run has ended, above the time of the job itself, which sleeps for 0.1 s; a
    runner stands ready."""
    ask(peers.WAITS)
    found = []
    for _ in range(rounds):
        peers.wait_for_rest([peers.WAITS])
        time.sleep(IDLE)  # it is there before it is ready
        found.append(ask(peers.WAITS))
    return {"above_the_job": [value - 100 for value in milliseconds(found)], "errors": errors(found)}


def during_a_job(rounds):
    """A client who comes while a job of one second runs, which another has started."""
    found = {peer: [] for peer in peers.BUSY}
    for _ in range(rounds):
        for peer in peers.BUSY:
            peers.wait_for_rest([peer])
            ask(peer)
            if peer.spool:
                peers.wait_for_state("trigger-run@busy.service", "running")
                peers.wait_for_state("trigger@busy.socket", "listening")
            found[peer].append(ask(peer))
    return {peer.label: told(peer, answers) for peer, answers in found.items()}
