"""Sets files/intruder.py to work in different places of a host, beside an endpoint that is busy."""

import contextlib
import hashlib
import hmac
import json
import os
import re
import socket
from pathlib import Path

from host import (
    connect,
    exchange,
    job_of,
    post,
    property_of,
    read_all,
    request_id,
    run,
    wait_for_record,
    wait_until,
    wait_until_idle,
    wait_until_served,
)

INTRUDER = ["/usr/bin/python3", "-I", "/usr/local/lib/hostile/intruder.py"]
PLAN = Path("/usr/local/lib/hostile/plan.json")
SECRET = b"a secret of the victim's callers"
ROOT = "/run/trigger-root"  # what acceptors take for the root directory
VICTIM_STATE = Path("/var/lib/trigger/victim/job")
PRIVATE = ["/etc/trigger", "/var/spool/trigger", "/var/lib/trigger", "/run/trigger", "/run/credentials"]
PRIVATE += [f"{ROOT}/run/trigger"]  # the FIFOs
KEPT = [f"{place}/of-the-keeper" for place in ("/home/keeper", "/root", "/tmp", "/var/tmp", "/dev/shm", "/run/user")]
OPEN_SOCKET = "/run/of-the-keeper/socket"
JOBS = ("job-shared", "job-own", "job-nobody")
# What everybody on a host may look at: what there is, and how it is set up.
FOR_ALL = {"/etc/trigger/", "/run/credentials/", "/run/trigger/", "/var/lib/trigger/", "/var/spool/trigger/"}
FOR_ALL |= {
    place.format(name)
    for place in ("/etc/trigger/{}.json", "/var/lib/trigger/{}/")
    for name in ("victim", "taken", "forger", "planter", "slow", "shown", "corpus", *JOBS)
}
OF_TAKEN = {
    "/var/lib/trigger/taken/claimed/",
    "/var/lib/trigger/taken/runs/",
    "/var/lib/trigger/taken/runs/ID.json",
    "/var/lib/trigger/taken/runs/ID.output",
    "/var/spool/trigger/taken/",
    "/var/spool/trigger/taken/.counts",
}
# What everybody sees of processes, where /proc is mounted as Debian does.
SEEN = {f"{name}: {word}" for name in ("acceptor", "job", "runner") for word in ("see", "arguments")}
SEEN |= {"others are seen"}
# Which of these a kernel lets a process do with itself depends on the host's sysctl.
THE_KERNELS = {"io_uring", "keys of the user", "user faults", "watch performance", "message queue", "shared memory"}
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def signed(body):
    """A request to the victim."""
    return post(body, fields=["X-Hub-Signature-256: sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()])


@contextlib.contextmanager
def busy_victim():
    """One of the victim's requests is recorded, one is run, one waits; and `taken` has served one. Gives the ids of
    the two that are not recorded."""
    fields = ["Authorization: Bearer a-secret-of-the-callers-of-taken"]
    wait_for_record("taken", request_id(exchange("/run/trigger/taken.sock", post(b"", fields=fields))))
    wait_until_idle("taken")
    VICTIM_STATE.mkdir(exist_ok=True)
    end = VICTIM_STATE / "end"
    end.touch()
    wait_for_record("victim", request_id(exchange(3000, signed(os.urandom(16).hex().encode()))))
    end.unlink()
    bodies = [os.urandom(16).hex().encode() for _ in range(2)]
    running, waiting = [request_id(exchange(3000, signed(body))) for body in bodies]
    wait_until((VICTIM_STATE / "begun").exists)
    try:
        yield running, waiting
    finally:
        end.touch()
        wait_until_served("victim")


@contextlib.contextmanager
def listeners():
    """What anybody may speak to: on loopback addresses, by an abstract name, and on a socket like a database's. Gives
    port and name."""
    run("rm", "-rf", os.path.dirname(OPEN_SOCKET))
    os.mkdir(os.path.dirname(OPEN_SOCKET))
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(socket.socket(family)) for family in (socket.AF_INET6, *[socket.AF_UNIX] * 2)]
        made[0].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        for listener, address in zip(made, (("::", 0), "\0of-the-keeper", OPEN_SOCKET)):
            listener.bind(address)
            listener.listen()
        os.chmod(OPEN_SOCKET, 0o777)
        yield made[0].getsockname()[1], "of-the-keeper"


def ours(paths):
    """Those that belong to this project."""
    roots = (*PRIVATE, "/usr/local/lib/trigger", "/etc/systemd/system", "/var/lib/prometheus")
    return {path for path in paths if path.startswith(roots)}


def below(*roots):
    """All paths there, with the roots; of folders that go meanwhile what is still there."""
    found = set(roots)
    for root in roots:
        for at, folders, files in os.walk(root):
            found.update(os.path.join(at, name) for name in (*folders, *files))
    return sorted(found)


def whole_plan(mark, port, abstract):
    """What is worth an attempt, told by root, who sees all of it."""
    units = {"acceptor": "trigger@victim.service", "runner": "trigger-run@victim.service"}
    processes = {word: int(property_of(unit, "MainPID")) for word, unit in units.items()}
    processes["job"] = job_of("victim")
    parts = ("", "-dispatch", "-run")
    units = [f"trigger{part}@victim.{kind}" for part in parts for kind in ("socket", "service")]
    orders = [["systemctl", "--no-ask-password", verb, unit] for unit in units for verb in ("stop", "restart", "kill")]
    orders += [["systemctl", "--no-ask-password", "start", "trigger-run@victim.service"]]
    orders += [["systemctl", "--no-ask-password", verb] for verb in ("daemon-reload", "daemon-reexec", "reboot")]
    orders += [["systemd-run", "--no-ask-password", "true"], ["/usr/local/bin/triggerctl", "list"]]
    return {
        "mark": mark,
        "paths": below(*PRIVATE) + KEPT,
        "own": ["/home/stranger", "/var/spool/trigger/taken", *(f"/var/lib/trigger/{name}/job" for name in JOBS)],
        "processes": processes,
        "orders": orders,
        "port": port,
        "abstract": abstract,
        "crowd": 20,
    }


def as_user(name):
    """The intruder's report, as a person's on the host."""
    user, group = run("id", "-u", name).strip(), run("id", "-g", name).strip()
    return run("setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups", *INTRUDER, cwd="/")


def as_job(name):
    """As the job of an endpoint."""
    identifier = request_id(exchange(f"/run/trigger/{name}.sock"))
    assert wait_for_record(name, identifier, 60)["state"] == "succeeded"
    return Path(f"/var/lib/trigger/{name}/runs/{identifier}.output").read_text()


def in_place_of(unit, address):
    """As the program of a socket's service, whose unit keeps all its other lines."""
    drop_in = Path(f"/run/systemd/system/{unit}.d/replaced.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(f"[Service]\nExecStart=\nExecStart={' '.join(INTRUDER)}\n")
    run("systemctl", "daemon-reload")
    try:
        with connect(address) as client:
            client.settimeout(120)  # until all was tried
            return read_all(client).decode()
    finally:
        drop_in.unlink()
        run("systemctl", "daemon-reload")


def as_acceptor():
    """In the place of an acceptor."""
    return in_place_of("trigger@taken.service", "/run/trigger/taken.sock")


def as_page():
    """In the place of the page."""
    return in_place_of("trigger-frontend.service", "/run/trigger/frontend")


def attack(stand):
    """What an intruder could do: dict of an attack's name to a set of str. Ids of requests are called ID there, and
    what acceptors see goes by its name in their root directory. What was written counts where it arrived: a file in a
    place of the unit's own is no harm."""
    with listeners() as (port, abstract):
        mark = f".intruder-{os.urandom(4).hex()}"
        PLAN.write_text(json.dumps(whole_plan(mark, port, abstract)))
        report = {name: set(found) for name, found in json.loads(stand()).items()}
    marks = {path: [f"{root}{path}/{mark}" for root in ("", ROOT)] for path in report["places_to_write"]}
    report["places_to_write"] = {path for path, places in marks.items() if any(map(os.path.lexists, places))}
    for places in marks.values():
        run("rm", "-rf", *places)
    return {name: {ID.sub("ID", text.replace(ROOT, "")) for text in found} for name, found in report.items()}
