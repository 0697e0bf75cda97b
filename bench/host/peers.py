"""Who is measured, and what can be seen of each on the host: is it at rest, what has it run, what does it need?"""

import base64
import glob
import hashlib
import hmac
import itertools
import json
import os
import subprocess
import time

SECRET = b"the secret of bench/site.yml"
TOKEN = "Authorization: Bearer the-token-of-bench-site.yml\r\n"
PASSWORD = f"Authorization: Basic {base64.b64encode(b'bench:the password of bench/site.yml').decode()}\r\n"
CGROUPS = "/sys/fs/cgroup"
COUNTER = itertools.count(time.time_ns())
AT_REST = {"listening", "running", "dead"}  # SubState of a socket, one whose service stays, a service


class Peer:
    """One address that starts a job.

    label: what it is called in the results. port, path, method, fields, tls, host: how it is called; signed: as GitHub
    does it. groups: patterns of the control groups of all its processes. units: those that rest while nobody is there;
    none where a server is always running. log: where stamp.c writes, or None.
    """

    host = "bench.test"
    spool = None
    resident = 0  # processes at rest

    def __init__(
        self, label, port, groups, path="/", method="GET", fields="", tls=False, signed=False, units=(), log=None
    ):
        self.label, self.port, self.path, self.tls, self.signed = label, port, path, tls, signed
        self.method = "POST" if signed else method
        self.fields = fields
        self.groups = groups
        self.units = list(units)
        self.log = log

    def request(self):
        """A request that nobody has sent before: bytes."""
        identity = next(COUNTER)
        fields, body = signed_push(identity) if self.signed else (self.fields, b"")
        if self.method == "POST":
            fields += f"Content-Length: {len(body)}\r\n"
        return (
            f"{self.method} {self.path} HTTP/1.1\r\nHost: {self.host}\r\nX-Request-Id: {identity}\r\n{fields}"
            "Connection: close\r\n\r\n"
        ).encode() + body

    def started(self):
        """What its job, stamp.c, has written: list of (request id, second of the monotonic clock)."""
        if not self.log or not os.path.exists(self.log):
            return []  # no run has begun yet
        with open(self.log) as log:
            lines = [line.rpartition(" ") for line in log]
        return [(request, int(nanoseconds) / 1e9) for request, _, nanoseconds in lines]

    def served(self):
        """The requests that its runs served: list of ids."""
        return [request for request, _ in self.started()]

    def is_quiet(self):
        """Whether nothing of it is at work. It asks no systemd, whose work may be what is measured."""
        return len(processes(self.groups)) == self.resident


class Endpoint(Peer):
    """One of this project's, called `name` on the host."""

    def __init__(self, label, name, port, **options):
        units = ("trigger", "trigger-dispatch", "trigger-run")
        acceptor, dispatcher, run = (f"system-trigger*.slice/{unit}@{name}.service" for unit in units)
        groups = [acceptor, dispatcher, run, *(["nginx.service"] if options.get("tls") else [])]
        super().__init__(label, port, groups, log=f"/var/lib/trigger/{name}/job/log", **options)
        self.name = name
        self.spool = f"/var/spool/trigger/{name}"
        self.is_warm = name.endswith("-warm")
        self.runner = [run]
        if self.is_warm:  # all of them stay, and a runner stands ready
            self.units = [f"trigger-dispatch@{name}.socket", f"trigger-run@{name}.socket"]
            self.leaving = []
        else:
            self.units = [f"{unit}@{name}.{kind}" for unit in units for kind in ("socket", "service")]
            self.leaving = [acceptor, dispatcher, run]

    def records(self):
        return set(glob.glob(f"/var/lib/trigger/{self.name}/runs/*.json"))

    def served(self, records=None):
        found = []
        for path in self.records() if records is None else records:
            with open(path) as file:
                found += json.load(file)["requests"]
        return found

    def has_pending(self):
        """Whether a request waits, or is served."""
        return any(name[0] != "." for name in os.listdir(self.spool))

    def is_quiet(self):
        has_runner = bool(processes(self.runner)) or not (self.is_warm and self.started())
        return not self.has_pending() and has_runner and not processes(self.leaving)


def processes(groups):
    """Those in the control groups of these patterns: list of ids."""
    found = []
    for pattern in groups:
        for path in glob.glob(f"{CGROUPS}/system.slice/{pattern}/cgroup.procs"):
            try:
                with open(path) as file:
                    found += file.read().split()
            except OSError:
                pass  # the unit has gone meanwhile
    return found


def signed_push(identity):
    """A push of GitHub's kind: header fields and body."""
    push = {
        "ref": "refs/heads/main",
        "after": "0123456789abcdef0123456789abcdef01234567",
        "commits": [{"message": "x" * 80}] * 10,
        "size": 10,
        "delivery": identity,  # no parameter: runs with equal parameters are coalesced
    }
    body = json.dumps(push).encode()
    signature = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    return f"Content-Type: application/json\r\nX-Hub-Signature-256: sha256={signature}\r\n", body


def ours(kind):
    """The endpoints of a kind, cold, warm or burst: list of Endpoint."""
    number = ["cold", "warm", "burst"].index(kind)
    front = {"path": f"/front-{kind}/", "method": "POST", "fields": PASSWORD, "tls": True}
    return [
        Endpoint("bare", f"bare-{kind}", 7200 + number),
        Endpoint("token", f"token-{kind}", 7210 + number, fields=TOKEN),
        Endpoint("signed", f"signed-{kind}", 7220 + number, signed=True),
        Endpoint("front", f"front-{kind}", 7443, **front),
    ]


WEBHOOK = ["webhook.service"]
FCGIWRAP = ["fcgiwrap.service", "nginx.service"]
FLOOR = Peer("floor", 7000, ["bench-floor.service"], units=["bench-floor.socket"])
RECIPE, RECIPE_BUSY = (
    Peer("recipe", 7100 + number, ["system-bench*.slice/*"], units=[f"bench-recipe@{number}.socket"])
    for number in (0, 1)
)
COLD = [FLOOR, RECIPE, *ours("cold")]
RUNNING = [
    Peer("webhook", 9000, WEBHOOK, "/hooks/open", log="/var/lib/bench/webhook/log"),
    # Its command writes the request, and flushes it, before it starts the job: as durable as ours.
    Peer("webhook-durable", 9000, WEBHOOK, "/hooks/durable", log="/var/lib/bench/webhook-durable/log"),
    Peer("webhook-signed", 9000, WEBHOOK, "/hooks/signed", signed=True, log="/var/lib/bench/webhook-signed/log"),
    Peer("fcgiwrap", 7400, FCGIWRAP, "/stamp", log="/var/lib/bench/fcgiwrap/log"),
]
WARM = RUNNING + ours("warm")
# Its command has systemd run the job, as the same user with the same directives, and waits for that.
CONTAINED = Peer("webhook-contained", 9000, WEBHOOK, "/hooks/contained", log="/var/lib/bench/webhook-contained/log")
BURST = [FLOOR, RECIPE, *RUNNING, *ours("burst")]
BUSY = [
    RECIPE_BUSY,
    Peer("webhook", 9000, WEBHOOK, "/hooks/busy"),
    Peer("fcgiwrap", 7400, FCGIWRAP, "/busy"),
    Endpoint("bare", "busy", 7231),
]
QUEUE = Endpoint("queue", "queue", 7230)
WAITS = Endpoint("waits", "waits-warm", 7232)


def note_residents():
    """Look which processes are always there; to be called while nobody is."""
    for peer in [*RUNNING, CONTAINED, *BUSY]:
        if not peer.units:
            peer.resident = len(processes(peer.groups))


def wait_for_rest(peers, seconds=60):
    """Wait until sockets listen, services are dead, no request waits: nothing of the last round is left."""
    units = [unit for peer in peers for unit in peer.units]
    for peer in peers:
        if peer.spool or not peer.units:
            wait_for(peer.is_quiet, f"{peer.label} is at work", seconds)
    if units:
        wait_for(lambda: AT_REST.issuperset(show(units, "SubState")), "some units do not rest", seconds)


def wait_for_state(unit, state):
    wait_for(lambda: show([unit], "SubState") == [state], f"{unit} is not {state}")


def wait_for(condition, otherwise, seconds=60, every=0.005):
    """Ends the program with a reason, str, when it does not come true in time; looked at so often."""
    if not came_true(condition, seconds, every):
        raise TimeoutError(otherwise)


def came_true(condition, seconds, every=0.005):
    """Whether it does so in time; looked at so often."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def show(units, name):
    """A property of each unit: list of str."""
    command = ["systemctl", "show", "--value", "--property", name, *units]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode().split()
