"""Calls the endpoints of vars/endpoints.yml, and lets their jobs go on."""

import collections
import contextlib
import hashlib
import hmac
import http.client
import json
import re
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

from host import property_of, wait_until

SECRETS = json.loads(Path(__file__).with_name("secrets.json").read_text())["secrets"]
TOKEN = {"Authorization": f"Bearer {SECRETS['token']}"}
ASYNC = {"Prefer": "respond-async"}
# The host's ids look so, and none of them is from 2024.
UNKNOWN = "018d0000-0000-7000-8000-000000000000"

PORTS = {
    "act": 3100,
    "crowd": 3101,
    "stream": 3102,
    "much": 3103,
    "hook": 3110,
    "signed": 3111,
    "silent": 3112,
    "kept": 3113,
    "page": 3114,
    "calm": 3115,
    "lock-a": 3116,
    "lock-b": 3117,
    "rated": 3118,
    "told": 3119,
    "clock": 3120,
    "told-once": 3121,
    "tick": 3122,
    "tick-alone": 3123,
    "ring-a": 3124,
    "ring-b": 3125,
    "brief": 3126,
    "told-brief": 3127,
    "calmer": 3128,
}

# Seconds by which the kernel's stamps of files are behind the clock, and so the moment at which a run is said to have
# begun.
COARSE = 0.02

Answer = collections.namedtuple("Answer", "status headers body")


def send(name, path="/", method="GET", body=None, **headers):
    """Send a request, and return the connection and its response, of which the head has arrived."""
    connection = http.client.HTTPConnection("127.0.0.1", PORTS[name], timeout=180)
    connection.request(method, path, body, {key.replace("_", "-"): value for key, value in headers.items()})
    return connection, connection.getresponse()


def ask(name, path="/", method="GET", body=None, **headers):
    """Return the whole Answer. Raises http.client.IncompleteRead when it does not end as it should."""
    connection, response = send(name, path, method, body, **headers)
    try:
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def do(name, what="succeed", prefer=None, **parameters):
    """Have the job do something, and return the Answer."""
    headers = {"Prefer": prefer} if prefer else {}
    return ask(name, "/?" + urlencode({"do": what, **parameters}), **headers)


def fire(name, what="succeed", **parameters):
    """Have the job do something, wait for nothing, and return the request's id."""
    answer = do(name, what, "respond-async", **parameters)
    assert answer.status in (200, 202), answer
    return answer.headers["X-Request-Id"]


def told(name, request, base="", **headers):
    """What the runs API tells of a request: dict."""
    answer = ask(name, f"{base}/runs/{request}", **headers)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json"), answer
    return json.loads(answer.body)


def wait_for_state(name, request, *states, base=""):
    """Wait until the runs API tells one of the states, and return all that it tells."""
    return wait_until(lambda: next((run for run in [told(name, request, base)] if run["state"] in states), None))


def seconds(timestamp):
    """Since the epoch."""
    return datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()


def output_of(name, request, base=""):
    answer = ask(name, f"{base}/runs/{request}/output")
    assert answer.status == 200, answer
    return answer.body


def gate(name, gate="gate"):
    return Path(f"/var/lib/trigger/{name}/job", gate)


def open_gate(name, which="gate"):
    """Let a job go on that does `hold`."""
    gate(name, which).touch()


def sign(body):
    """The fields that GitHub would send with a body."""
    digest = hmac.new(SECRETS["github"].encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}"}


def acceptor_pid(name):
    return int(property_of(f"trigger@{name}.service", "MainPID"))


def peak_memory(pid):
    """What a process has needed at most, in MiB."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def pumps(name):
    """The processes of a job's unit that read what it prints, as pids: those are Python still."""
    group = property_of(f"trigger-run@{name}.service", "ControlGroup")
    if not group:
        return []  # until it is there
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, kind, *_ = line.split()
        if kind == "cgroup2":
            found = []
            with contextlib.suppress(OSError):  # of what goes meanwhile
                for pid in Path(mount + group, "cgroup.procs").read_text().split():
                    if b"launch.py" in Path("/proc", pid, "cmdline").read_bytes():
                        found.append(int(pid))
            return found
    raise AssertionError("there are no cgroups of version 2")
