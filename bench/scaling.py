"""How long does the role take, for many endpoints and for many hosts?"""

import lab
from lab import say

ENDPOINTS = (1, 10, 100, 300)
LOOPED = (1, 10)  # endpoints; more take minutes
HOSTS = (1, 3, 6)
ON_EACH_HOST = 10  # endpoints


def measure(name, suite):
    """Seconds that ansible-playbook takes, the first time and again: on hosts of their own, which have had the role
    before, so that installing packages does not count."""
    hosts = [f"{name}-{number}" for number in range(1, max(HOSTS) + 1)]
    say(f"the role: booting {len(hosts)} hosts")
    for host in hosts:
        lab.boot(host, suite)
    lab.playbook("scaling.yml", hosts, endpoints=endpoints(1))
    try:
        return {
            "hosts": {count: of_hosts(hosts[:count]) for count in HOSTS},
            "endpoints": {count: of_endpoints(hosts[:1], count) for count in ENDPOINTS},
            **of_loop(hosts[:1]),
        }
    finally:
        for host in hosts:
            lab.remove(host)


def of_endpoints(hosts, count):
    """First and second run with so many endpoints, where there were none."""
    lab.playbook("scaling.yml", hosts, endpoints=[])
    say(f"the role, {count} endpoints on each of {len(hosts)} hosts, twice")
    return [round(lab.playbook("scaling.yml", hosts, endpoints=endpoints(count)), 2) for _ in ("first", "second")]


def of_hosts(hosts):
    return of_endpoints(hosts, ON_EACH_HOST)


def of_loop(hosts):
    """The same files by a loop of tasks. files: how many the role writes for each endpoint."""
    lab.playbook("scaling.yml", hosts, endpoints=endpoints(10))
    find = ["find", "/etc", "/usr/local", "-type", "f", "-path", "*of-10-0*"]
    files = len(lab.run(lab.PODMAN, "exec", hosts[0], *find, quiet=False).split())
    taken = {}
    for count in LOOPED:
        say(f"a loop that writes {files} files for each of {count} endpoints, twice")
        taken[count] = [
            round(lab.playbook("loop.yml", hosts, endpoints=endpoints(count), files=files), 2)
            for _ in ("first", "second")
        ]
    return {"files": files, "loop": taken}


def endpoints(count):
    return [
        {
            "name": f"of-{count}-{number}",
            "listen": [f"127.0.0.1:{20000 + number}"],
            "timeout": "1min",
            "job": {"content": "#!/bin/sh\ntrue\n"},
        }
        for number in range(count)
    ]
