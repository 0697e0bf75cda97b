"""Runs inside the container as root. Says on standard error what it does, and prints its raw results as JSON.

The peers take turns within each round: what else the machine does meanwhile befalls all of them alike.
"""

import argparse
import json
import resource
import sys

import cost
import crowds
import load
import peers
import single

PARTS = {
    "single": lambda told: {
        **say(f"{told.rounds} rounds of cold and warm answers", single.answers, told.rounds),
        "with_wait": say("answers that wait for their run", single.with_wait, told.rounds // 2),
        "during_a_job": say("answers while a job runs", single.during_a_job, 5),
    },
    "bursts": lambda told: say(f"3 rounds of {told.clients} clients at once", crowds.bursts, 3, told.clients),
    "load": lambda told: say(f"{told.seconds} s of load for each", load.loads, told.seconds),
    "cost": lambda told: {
        "processor_time": say("processor time", cost.processor_time, 3, 10),
        "idle": say("memory while nobody is there", cost.idle),
    },
    "queue": lambda told: say(f"{told.clients} requests, each with a run of its own", crowds.queue, told.clients),
}


def say(text, measure, *arguments):
    print(f"    {text}", file=sys.stderr, flush=True)
    return measure(*arguments)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    arguments = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    cost.stand_outside()
    peers.note_residents()
    json.dump({part: PARTS[part](arguments) for part in arguments.parts}, sys.stdout)


if __name__ == "__main__":
    main()
