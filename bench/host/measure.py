"""Runs inside the container as root. Says on standard error what it does, and prints its raw results as JSON.

The peers take turns within each round: what else the machine does meanwhile befalls all of them alike.
"""

import argparse
import glob
import json
import os
import resource
import subprocess
import sys
import time

from clients import ask, crowd, show, signed_request, units_of, wait_for_rest

FLOOR, RECIPE, RECIPE_BUSY = 7000, 7100, 7101
COLD, WARM, BURST, QUEUE, BUSY, SIGNED, SIGNED_WARM, WAITS = range(7200, 7208)
PEERS = ["bench-floor.socket", "bench-recipe@0.socket", "bench-recipe@1.socket"]
ONE_BY_ONE = 100  # of the queue's requests; the rest arrive at once


def say(text):
    print(f"    {text}", file=sys.stderr, flush=True)


def milliseconds(answers):
    return [answer.seconds * 1000 for answer in answers]


def errors(answers):
    """How often which: dict of str to int."""
    found = [answer.error for answer in answers if answer.error]
    return {error: found.count(error) for error in sorted(set(found))}


def single(rounds):
    """Cold and warm answers, one client at a time, every host at rest before it comes."""
    say(f"{rounds} rounds of cold and warm answers")
    ours = ["cold", "signed", "warm", "signed-warm"]
    # The warm ones' sockets are not asked: their acceptors stay, so they never listen again themselves.
    units = PEERS + [unit for name in ours for unit in units_of(name)[name.endswith("warm") :]]
    wait_for_rest(units, ours)
    ask(WARM)
    ask(SIGNED_WARM, signed_request())
    ports = {
        "floor": FLOOR,
        "recipe": RECIPE,
        "cold": COLD,
        "warm": WARM,
        "signed": SIGNED,
        "signed-warm": SIGNED_WARM,
    }
    answers = {name: [] for name in ports}
    order = list(ports)
    for _ in range(rounds):
        order.append(order.pop(0))
        for name in order:
            wait_for_rest(units, ours)
            answers[name].append(ask(ports[name], *([signed_request()] if name.startswith("signed") else [])))
    wait_for_rest(units, ours)
    starts = {request: began for name in ("cold", "warm") for request, began in started(name)}
    return {
        "cold": {name: milliseconds(answers[name]) for name in ("floor", "recipe", "cold")},
        "signed": milliseconds(answers["signed"]),
        "warm": milliseconds(answers["warm"]),
        "signed_warm": milliseconds(answers["signed-warm"]),
        "errors": {name: errors(answers[name]) for name in answers},
        "job_start": [
            (starts[answer.request_id] - answer.ended) * 1000 for answer in answers["cold"] if answer.accepted
        ],
        "job_start_warm": [
            (starts[answer.request_id] - answer.ended) * 1000 for answer in answers["warm"] if answer.accepted
        ],
    }


def started(endpoint):
    """What its job, stamp.c, has written: list of (request id, second of the monotonic clock)."""
    path = f"/var/lib/trigger/{endpoint}/job/log"
    if not os.path.exists(path):
        return []  # no run has begun yet
    with open(path) as log:
        return [(line.split()[0], int(line.split()[1]) / 1e9) for line in log]


def waits(rounds):
    """An answer that is held until the run has ended, above the time of the job itself, which sleeps for 0.1 s."""
    say(f"{rounds} rounds of an answer that waits for its run")
    ask(WAITS)
    found = []
    for _ in range(rounds):
        wait_for_rest(units_of("waits")[1:], ["waits"])
        found.append(ask(WAITS))
    return {"above_the_job": [seconds - 100 for seconds in milliseconds(found)], "errors": errors(found)}


def during_a_job(rounds):
    """A client who comes while a job of one second runs. Both acceptors are cold."""
    say(f"{rounds} rounds of an answer while a job runs")
    found = {"recipe": [], "trigger": []}
    for _ in range(rounds):
        wait_for_rest(PEERS + units_of("busy"), ["busy"])
        ask(RECIPE_BUSY)
        found["recipe"].append(ask(RECIPE_BUSY))
        wait_for_rest(PEERS)
        ask(BUSY)
        while show(["trigger-run@busy.service"], "SubState") != ["running"]:
            time.sleep(0.005)
        while show(["trigger@busy.socket"], "SubState") != ["listening"]:
            time.sleep(0.005)
        found["trigger"].append(ask(BUSY))
    return {name: milliseconds(answers) for name, answers in found.items()}


def bursts(rounds, count):
    say(f"{rounds} rounds of {count} clients at once")
    found = {"floor": [], "recipe": [], "trigger": []}
    ports = {"floor": FLOOR, "recipe": RECIPE, "trigger": BURST}
    order = list(ports)
    for _ in range(rounds):
        order.append(order.pop(0))
        for name in order:
            wait_for_rest(PEERS + units_of("burst"), ["burst"])
            before = set(glob.glob("/var/lib/trigger/burst/runs/*.json"))
            answers = crowd(ports[name], count)
            burst = {
                "seconds": max(answer.ended for answer in answers) - min(answer.began for answer in answers),
                "milliseconds": sorted(milliseconds(answers)),
                "accepted": sum(answer.accepted for answer in answers),
                "errors": errors(answers),
            }
            if name == "trigger":
                wait_for_rest(units_of("burst"), ["burst"])
                burst.update(compare(answers, set(glob.glob("/var/lib/trigger/burst/runs/*.json")) - before))
            found[name].append(burst)
    return found


def compare(answers, records):
    """What clients were told against what ran. records: paths of the runs' records."""
    told = [answer.request_id for answer in answers if answer.accepted]
    ran = []
    for path in records:
        with open(path) as file:
            ran += json.load(file)["requests"]
    return {
        "runs": len(records),
        "answered_not_run": len(set(told) - set(ran)),
        "run_twice": len(ran) - len(set(ran)),
        "ran_not_answered": len(set(ran) - set(told)),
    }


def queue(count):
    """Each request its own run, in the order of acceptance. Some come one after the other, so that their order is
    known from outside; the rest come at once."""
    say(f"{count} requests for a queue, then as many runs; this takes the longest")
    wait_for_rest(units_of("queue"), ["queue"])
    one_by_one = min(ONE_BY_ONE, count)
    answers = [ask(QUEUE) for _ in range(one_by_one)]
    in_order = [answer.request_id for answer in answers]
    answers += crowd(QUEUE, count - one_by_one)
    began = time.monotonic()
    before = len(started("queue"))
    wait_for_rest(units_of("queue"), ["queue"], seconds=600)
    seconds = time.monotonic() - began
    ran = [request for request, _ in started("queue")]
    result = {
        "requests": count,
        "accepted": sum(answer.accepted for answer in answers),
        "errors": errors(answers),
        "runs": len(ran),
        "distinct": len(set(ran)),
        "same_as_answered": sorted(ran) == sorted(answer.request_id for answer in answers),
        "sorted": ran == sorted(ran),
        "in_order_of_arrival": [request for request in ran if request in set(in_order)] == in_order,
        "runs_per_second": (len(ran) - before) / seconds,
    }
    result.update(compare(answers, glob.glob("/var/lib/trigger/queue/runs/*.json")))
    result["pass"] = (
        result["accepted"] == result["runs"] == result["distinct"] == count
        and result["same_as_answered"]
        and result["sorted"]
        and result["in_order_of_arrival"]
        and not result["answered_not_run"]
        and not result["run_twice"]
    )
    return result


def processes():
    """Those of ours: list of process ids, by the control groups that systemd put them in."""
    pids = []
    for path in glob.glob("/proc/[0-9]*/cgroup"):
        try:
            with open(path) as file:
                if "/system-trigger" in file.read():
                    pids.append(int(path.split("/")[2]))
        except OSError:
            pass  # it has gone meanwhile
    return pids


def memory(pids):
    """What they add to what the host needs anyway, KiB: their proportional set size."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total


def stop(*services):
    # It warns that a connection can start them again.
    subprocess.run(["systemctl", "stop", *services], stderr=subprocess.DEVNULL, check=True)


def idle():
    """With nobody there; then with one acceptor that lingers."""
    endpoints = [path.split("/")[-1] for path in glob.glob("/var/spool/trigger/*")]
    ask(WARM)
    wait_for_rest([unit for endpoint in endpoints for unit in units_of(endpoint)[1:]], endpoints)
    stop("trigger@burst", "trigger@queue", "trigger@signed-warm", "trigger@waits")  # they linger for some seconds
    lingering = processes()
    result = {"lingering_processes": len(lingering), "lingering_kib": memory(lingering)}
    stop("trigger@warm")
    rest = processes()
    result.update({"endpoints": len(endpoints), "processes": len(rest), "kib": memory(rest)})
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--clients", type=int, required=True)
    arguments = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    results = {
        "single": single(arguments.rounds),
        "waits": waits(arguments.rounds // 2),
        "during_a_job": during_a_job(5),
        "bursts": bursts(3, arguments.clients),
        "queue": queue(arguments.clients),
        "idle": idle(),
    }
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
