"""Writes the counts of all endpoints for node_exporter's textfile collector.

The format is Prometheus's text exposition format, version 0.0.4. Called as root by trigger-metrics.service, after the
counts of an endpoint have changed.
"""

import itertools
import os
import time

from trigger import atomic_file, counts, endpoint, entry, listen_fds, paths
from trigger.http import REASONS
from trigger.records import STATES

FILE = "trigger.prom"
DRAIN_LIMIT = 1024  # reads, of more than a FIFO holds: who says it without end must not hold up the numbers
STAY = 1.0  # seconds; or a flood of bytes, which an acceptor can leave, would be a flood of starts
QUEUE_LIMIT = 1000000  # names in a spool that are counted; an acceptor makes them

# Metric, type, help.
ACCEPTED = ("trigger_requests_accepted_total", "counter", "Requests that were accepted.")
REPEATED = ("trigger_requests_repeated_total", "counter", "Deliveries that came again and started nothing.")
IGNORED = ("trigger_requests_ignored_total", "counter", "Requests that only_if let pass without a run.")
REFUSED = ("trigger_requests_refused_total", "counter", "Requests that were refused, by reason.")
RUNS = ("trigger_runs_total", "counter", "Runs that have ended, by result.")
SECONDS = ("trigger_run_seconds_total", "counter", "Seconds that all runs took.")
QUEUE = ("trigger_queue_length", "gauge", "Requests whose run is not recorded yet.")
SUCCESS = ("trigger_last_success_timestamp_seconds", "gauge", "When a run succeeded last.")


def reason(status: int) -> str:
    """The label of a refusal with this status."""
    return REASONS[status].lower().replace(" ", "-")


def main(directory: str) -> int:
    """Write the file into a directory, and stay for a moment. Returns the exit status."""
    _drain()
    if not os.path.isdir(directory):
        print("<3>%s is not there: the metrics have no place" % directory)
        return 1
    samples = []
    for file in sorted(os.listdir(paths.CONFIGURATION)):
        if file.endswith(".json"):
            samples += _samples_of_file(file)
    # node_exporter reads *.prom only, and not as root.
    atomic_file.replace(directory + "/" + FILE, render(samples).encode(), 0o644)
    time.sleep(STAY)
    return 0


def _samples_of_file(file):
    """Return samples_of() an endpoint; of one that is damaged none, and the others' numbers go on."""
    try:
        return samples_of(*_numbers(endpoint.load(file[:-5])))
    except (OSError, ValueError) as error:
        print("<4>%s: there are no metrics of it now: %s" % (ascii(file[:-5])[1:-1], error))
        return []


def samples_of(name: str, requests: "dict[str, float]", runs: "dict[str, float]", waiting: int) -> "list[tuple]":
    """Return what there is to tell of an endpoint: (metric, labels as a list of pairs, number) each.

    requests, runs: as the acceptor and the dispatcher count them. waiting: requests.
    """
    own = [("endpoint", name)]
    samples = [
        (ACCEPTED, own, requests.get("accepted", 0)),
        (REPEATED, own, requests.get("repeated", 0)),
        (IGNORED, own, requests.get("ignored", 0)),
        (SECONDS, own, runs.get("seconds", 0)),
        (QUEUE, own, waiting),
    ]
    for status in sorted(REASONS):
        if "refused %d" % status in requests:  # the acceptor's file: only names that are known here
            samples.append((REFUSED, [*own, ("reason", reason(status))], requests["refused %d" % status]))
    samples += [(RUNS, [*own, ("result", state)], runs.get(state, 0)) for state in STATES]
    if "last_success" in runs:
        samples.append((SUCCESS, own, runs["last_success"]))
    return samples


def render(samples: "list[tuple]") -> str:
    """Return the text for samples."""
    lines = []
    for metric in (ACCEPTED, REPEATED, IGNORED, REFUSED, RUNS, SECONDS, QUEUE, SUCCESS):
        name, kind, explanation = metric
        lines += ["# HELP %s %s" % (name, explanation), "# TYPE %s %s" % (name, kind)]
        for of, labels, number in samples:
            if of is metric:
                lines.append("%s{%s} %s" % (name, ",".join('%s="%s"' % label for label in labels), number))
    return "\n".join(lines) + "\n"


def _drain():
    """Take what was said so far, before the counts are read: what is said from now on starts this again."""
    for fifo in listen_fds.listen_fds():
        try:
            for _ in range(DRAIN_LIMIT):
                if not os.read(fifo, 4096):
                    break
        except BlockingIOError:
            pass


def _numbers(settings):
    with os.scandir(settings.spool) as names:
        waiting = sum(entry.is_id(found.name) for found in itertools.islice(names, QUEUE_LIMIT))
    return settings.name, counts.read(settings.request_counts), counts.read(settings.run_counts), waiting
