"""Many clients at once: how long do they wait, is anybody lost, what memory does it take?"""

import multiprocessing
import time

import peers
from clients import ask, crowd
from single import errors, milliseconds

SAMPLE_EVERY = 0.02  # seconds
ONE_BY_ONE = 100  # of the queue's requests; the rest arrive at once
CONTAINED = 200


def bursts(rounds, count):
    """Of each peer `rounds` crowds, and one more during which its memory is looked at, which takes time of its own."""
    found = {peer: [] for peer in peers.BURST}
    order = list(peers.BURST)
    for _ in range(rounds):
        order.append(order.pop(0))
        for peer in order:
            found[peer].append(burst(peer, count))
    return {peer.label: {"rounds": found[peer], **memory_of_burst(peer, count)} for peer in peers.BURST}


def burst(peer, count):
    peers.wait_for_rest(peers.BURST)
    before = Before(peer)
    answers = crowd(peer, count)
    return {
        "seconds": max(answer.ended for answer in answers) - min(answer.began for answer in answers),
        "clients": count,
        "milliseconds": sorted(milliseconds(answer for answer in answers if answer.accepted)),
        "errors": errors(answers),
        **(before.compare([answer.request_id for answer in answers if answer.accepted]) if peer.log else {}),
    }


class Before:
    """What a peer has run so far, to be compared with what it has run later."""

    def __init__(self, peer):
        self.peer = peer
        self.seen = peer.records() if peer.spool else len(peer.served())

    def compare(self, told):
        """What clients were told against what ran. told: ids of the requests that were accepted."""
        self.wait_for(len(told))
        runs, ran = self.later()
        return {
            "runs": runs,
            "answered_not_run": len(set(told) - set(ran)),
            "run_twice": len(ran) - len(set(ran)),
            "ran_not_answered": len(set(ran) - set(told)),
        }

    def wait_for(self, count):
        """Wait until so many requests have run; not for ever, for some may be lost."""
        if self.peer.spool:
            peers.came_true(self.peer.is_quiet, 120)
        else:
            peers.came_true(lambda: len(self.peer.served()) - self.seen >= count, 60, every=0.2)

    def later(self):
        if self.peer.spool:
            records = self.peer.records() - self.seen
            return len(records), self.peer.served(records)
        ran = self.peer.served()[self.seen :]
        return len(ran), ran


def memory_of_burst(peer, count):
    peers.wait_for_rest(peers.BURST)
    end = multiprocessing.Event()
    here, there = multiprocessing.Pipe()
    sampler = multiprocessing.Process(target=sample, args=(peer, end, there))
    sampler.start()
    here.recv()  # it looks
    crowd(peer, count)
    end.set()
    peak_kib, peak_processes = here.recv()
    sampler.join()
    return {"peak_kib": peak_kib, "peak_processes": peak_processes}


def sample(peer, end, pipe):
    """Look again and again until the end, then send the most that was seen at a time: KiB, processes."""
    pipe.send("begun")
    kib = processes = 0
    ended = False
    while not ended:
        ended = end.wait(SAMPLE_EVERY)
        pids = peers.processes(peer.groups)
        kib, processes = max(kib, memory(pids)), max(processes, len(pids))
    pipe.send((kib, processes))


def memory(pids):
    """What they add to what the host needs anyway, KiB: their proportional set size."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except OSError:
            pass  # it has ended meanwhile
    return total


def contained(count):
    """How many runs a second systemd makes of webhook's, one after the other: each answer waits for its run."""
    peers.wait_for_rest([peers.CONTAINED])
    began = time.monotonic()
    for _ in range(count):
        ask(peers.CONTAINED)
    return count / (time.monotonic() - began)


def queue(count):
    """Each request its own run, in the order of acceptance. Some come one after the other, so that their order is
    known from outside; the rest come at once."""
    peer = peers.QUEUE
    peers.wait_for_rest([peer])
    one_by_one = min(ONE_BY_ONE, count)
    before = Before(peer)
    answers = [ask(peer) for _ in range(one_by_one)]
    in_order = [answer.request_id for answer in answers]
    answers += crowd(peer, count - one_by_one)
    started, began = len(peer.started()), time.monotonic()
    # Until the last run is recorded; a runner stands ready for a while behind it. Seldom, since every look takes time.
    peers.wait_for(lambda: not peer.has_pending(), "the queue has no end", seconds=600, every=0.05)
    seconds = time.monotonic() - began
    ran = [request for request, _ in peer.started()]
    result = {
        "requests": count,
        "accepted": sum(answer.accepted for answer in answers),
        "errors": errors(answers),
        "in_order": ran == sorted(ran) and [request for request in ran if request in set(in_order)] == in_order,
        "runs_per_second": (len(ran) - started) / seconds,
        "contained_per_second": contained(min(count, CONTAINED)),
        **before.compare([answer.request_id for answer in answers if answer.accepted]),
    }
    result["pass"] = (
        result["accepted"] == result["runs"] == len(ran) == count
        and result["in_order"]
        and not result["answered_not_run"]
        and not result["run_twice"]
    )
    return result
