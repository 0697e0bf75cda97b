"""What it takes: processor time for a request and its run, memory and processes while nobody is there."""

import glob
import os
import subprocess

import peers
from clients import ask
from crowds import memory

CLIENTS = f"{peers.CGROUPS}/bench-clients"


def stand_outside():
    """Put this process and those it starts into a control group of their own, so that they do not count as the
    host's."""
    os.makedirs(CLIENTS, exist_ok=True)
    with open(f"{CLIENTS}/cgroup.procs", "w") as file:
        file.write(str(os.getpid()))


def used():
    """Processor time that the host has used: systemd, the journal, the services. Seconds."""
    total = 0
    for group in ("init.scope", "system.slice"):
        with open(f"{peers.CGROUPS}/{group}/cpu.stat") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("usage_usec "))
    return total / 1e6


def processor_time(rounds, count):
    """Milliseconds for a request and its run, of each peer: `rounds` means over `count` requests."""
    everybody = [*peers.COLD, *peers.WARM, peers.CONTAINED]
    for peer in peers.WARM:
        ask(peer)
    found = {peer: [] for peer in everybody}
    for _ in range(rounds):
        for peer in everybody:
            peers.wait_for_rest(everybody)
            before, runs = used(), len(peer.started())
            for number in range(1, count + 1):
                ask(peer)
                wait_for_run(peer, runs + number)
            found[peer].append(round((used() - before) / count * 1000, 2))
    return {
        kind: {peer.label: found[peer] for peer in several}
        for kind, several in (("cold", peers.COLD), ("warm", [*peers.WARM, peers.CONTAINED]))
    }


def wait_for_run(peer, number):
    """Wait until a peer's run of that number is over, as far as it counts them."""
    peers.wait_for(lambda: not peer.log or len(peer.started()) >= number, f"{peer.label} has not run")
    peers.wait_for(peer.is_quiet, f"{peer.label} is at work")


def idle():
    """Processes and memory, KiB, of each peer with nobody there; of one acceptor of ours that lingers, and of the
    dispatcher and the runner that stand ready beside it."""
    endpoints = [path.split("/")[-1] for path in glob.glob("/var/spool/trigger/*")]
    bare, front = (next(peer for peer in peers.WARM if peer.label == label) for label in ("bare", "front"))
    ask(bare)
    # the others linger for a while
    leave(*(name for name in endpoints if name != bare.name))
    peers.wait_for_rest([bare])
    acceptor, *ready = bare.groups
    found = {"endpoints": len(endpoints), "lingering": seen([acceptor]), "ready": seen(ready)}
    leave(bare.name)
    for peer in (peers.FLOOR, peers.RECIPE, peers.RUNNING[0], peers.RUNNING[-1]):
        found[peer.label] = seen(peer.groups)
    found["bare"] = seen(["system-trigger*.slice/*"])
    found["front"] = seen(front.groups)
    return found


def leave(*endpoints):
    """All that these have at work leaves: as after their time to linger."""
    units = [f"{unit}@{name}" for name in endpoints for unit in ("trigger", "trigger-run", "trigger-dispatch")]
    # It warns that a connection can start them again.
    subprocess.run(["systemctl", "stop", *units], stderr=subprocess.DEVNULL, check=True)


def seen(groups):
    pids = peers.processes(groups)
    return {"processes": len(pids), "kib": memory(pids)}
