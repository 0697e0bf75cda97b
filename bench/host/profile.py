"""Runs inside the container as root: where does the time of a cold answer go? See --help.

Each variant is the acceptor's unit as the role has installed it, changed in one way, with a socket and a name of its
own; all of them serve the endpoint `bare-cold`. They take turns within each round. Then what they start is measured
without systemd (alone.py).
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import alone
import peers
from clients import ask
from single import IDLE, in_turn, milliseconds

UNITS = Path("/run/systemd/system")
SHIPPED = Path("/etc/systemd/system/trigger@.service")
ENDPOINT = "bare-cold"
FIRST_PORT = 7300
START = "ExecStart="
# Directives that are taken away or left alone together; one that is in no group is its own.
GROUPS = {
    "root directory": ("RootDirectory", "MountAPIVFS"),
    "capabilities": ("CapabilityBoundingSet", "NoNewPrivileges"),
    "devices": ("DevicePolicy", "ProtectClock"),
    "list of system calls": ("SystemCallFilter", "SystemCallErrorNumber"),
    "other system calls": (
        "LockPersonality",
        "MemoryDenyWriteExecute",
        "RestrictAddressFamilies",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
        "SystemCallArchitectures",
    ),
    "limits": ("KeyringMode", "LimitCORE", "LimitNOFILE", "MemoryMax", "RemoveIPC", "TasksMax", "UMask"),
}
# What a mount namespace would take in the place of the root directory.
NAMESPACE = ("ProtectSystem=strict", "ReadWritePaths=-/var/spool/trigger/%i", "ProtectHome=yes", "PrivateTmp=yes")
# What else stands in [Service] is no part of the sandbox.
NO_SANDBOX = ("User", "ExecStart", "SyslogIdentifier", "Restart", "RestartSec", "TimeoutStopSec", "IgnoreSIGPIPE")
# Programs beside the acceptor, to see what Python itself and its modules take.
ANSWER = """
import os, _socket
listener = _socket.socket(fileno=3)
listener.setblocking(False)
try:
    while True:
        fd, _ = listener._accept()
        os.read(fd, 4096)
        os.write(fd, b"HTTP/1.1 200 OK\\r\\n\\r\\nOK\\n")
        _socket.socket(fileno=fd).shutdown(_socket.SHUT_WR)
        os.close(fd)
except BlockingIOError:
    pass
"""


def variants(text):
    """Name to the lines of a unit. text: the shipped unit's."""
    lines = text.splitlines()
    directives = [line for line in lines[lines.index("[Service]") + 1 :] if line and line[0] != "#"]
    sandbox = [line for line in directives if line.partition("=")[0] not in NO_SANDBOX]
    bare = [line for line in lines if line not in sandbox]
    found = {"shipped": lines, "no sandbox": bare}
    found.update(programs(lines, bare))
    groups = grouped(sandbox)
    rooted = groups["root directory"]
    found["a mount namespace instead"] = [*(line for line in lines if line not in rooted), *NAMESPACE]
    for name, group in groups.items():
        found[f"without {name}"] = [line for line in lines if line not in group]
        found[f"no sandbox but {name}"] = [*bare, *group]
    return found


def programs(lines, bare):
    """Variants of what is started; some of them beside the acceptor, to see what Python itself takes."""
    start = next(line for line in lines if line.startswith(START))
    python = start[len(START) :]
    # where an acceptor's root directory has it
    place = Path("/usr/local/lib/bench")
    place.mkdir(exist_ok=True)
    answer, floor = place / "answer.py", place / "floor"
    answer.write_text(ANSWER)
    shutil.copy("/opt/bench/bin/floor", floor)

    def started(command, unit=lines):
        return [START + command if line == start else line for line in unit]

    return {
        "python without -I -S": started(python.replace(" -I -S", "")),
        "python without -S": started(python.replace(" -S", "")),
        "ten-line acceptor": started(f"/usr/bin/python3 -I -S {answer}"),
        "ten-line acceptor, no sandbox": started(f"/usr/bin/python3 -I -S {answer}", bare),
        "floor, same sandbox": started(str(floor)),
    }


def grouped(directives):
    """Name to lines: dict."""
    found = {}
    for line in directives:
        key = line.partition("=")[0]
        name = next((name for name, keys in GROUPS.items() if key in keys), key)
        found.setdefault(name, []).append(line)
    return found


def install(found):
    """Write the variants' units. Returns them as peers.Peer."""
    installed = []
    for number, (name, lines) in enumerate(found.items()):
        unit, port = f"bench-variant-{number}", FIRST_PORT + number
        # only what depends on the unit's own name must be told otherwise
        text = "\n".join(lines).replace("%i", ENDPOINT)
        (UNITS / f"{unit}.service").write_text(text + "\n")
        (UNITS / f"{unit}.socket").write_text(f"[Socket]\nListenStream=127.0.0.1:{port}\nTriggerLimitIntervalSec=0\n")
        installed.append(peers.Peer(name, port, [f"{unit}.service"], units=[f"{unit}.socket"]))
    systemctl("daemon-reload")
    systemctl("start", *(peer.units[0] for peer in installed))
    return installed


def systemctl(*arguments):
    subprocess.run(["systemctl", *arguments], check=True)


def exposure(unit):
    """The overall level of systemd-analyze security, where this systemd tells it of a unit."""
    done = subprocess.run(["systemd-analyze", "security", "--no-pager", unit], stdout=subprocess.PIPE, check=False)
    last = done.stdout.decode().strip().splitlines()[-1:]
    return last[0].split(":")[-1].split()[0] if last else "?"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", help="variants whose name contains this, beside the shipped one and the floor")
    arguments = parser.parse_args()
    found = variants(SHIPPED.read_text())
    if arguments.only:
        found = {name: lines for name, lines in found.items() if name == "shipped" or arguments.only in name}
    everybody = [*install(found), peers.FLOOR, peers.RECIPE]
    print(f"    {arguments.rounds} rounds of {len(everybody)} variants", file=sys.stderr, flush=True)
    answers = {peer: [] for peer in everybody}
    endpoint = next(peer for peer in peers.COLD if peer.label == "bare")
    for peer in in_turn(everybody, arguments.rounds):
        peers.wait_for_rest([peer, endpoint])
        time.sleep(IDLE)
        answer = ask(peer)
        if answer.error and peer is not peers.RECIPE:
            sys.exit(f"{peer.label}: {answer.error}")
        answers[peer].append(answer)
    measured = {
        peer.label: {
            "milliseconds": milliseconds(answers[peer]),
            "exposure": exposure(peer.units[0].replace(".socket", ".service")),
        }
        for peer in everybody
    }
    print(f"    {arguments.rounds} rounds of programs without systemd", file=sys.stderr, flush=True)
    json.dump({"variants": measured, "alone": alone.measure(arguments.rounds)}, sys.stdout)


if __name__ == "__main__":
    main()
