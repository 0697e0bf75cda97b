"""Who may what, looked at and tried."""

import os
import re
import stat
import subprocess
import time
from pathlib import Path

import pytest
from host import (
    exchange,
    journal,
    property_of,
    request_id,
    run,
    spooled,
    wait_for_record,
    wait_until,
    wait_until_idle,
)

AS_ACCEPTOR = ["setpriv", "--reuid=trigger-echo", "--regid=trigger-echo", "--clear-groups"]
AS_JOB = ["setpriv", "--reuid=trigger", "--regid=trigger", "--clear-groups"]
AS_NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


@pytest.mark.parametrize(("unit", "limit"), [("trigger@recipe.service", 2.5), ("trigger-dispatch@recipe.service", 5)])
def test_acceptor_and_dispatcher_are_hardly_exposed(unit, limit):
    lines = run("systemd-analyze", "security", "--no-pager", unit).splitlines()
    exposure = float(lines[-1].split(":")[1].split()[0])
    print("exposure", exposure)
    assert exposure <= limit


@pytest.mark.parametrize(
    ("path", "owner", "group", "mode"),
    [
        ("/etc/trigger/echo.json", "root", "root", 0o644),
        ("/etc/trigger/credentials", "root", "root", 0o700),
        ("/etc/trigger/credentials/echo/job/key", "root", "root", 0o600),
        ("/usr/local/lib/trigger/jobs/echo", "root", "root", 0o755),
        ("/var/spool/trigger/echo", "root", "trigger-echo", 0o770),
        ("/var/lib/trigger/echo/runs", "root", "trigger-echo", 0o2750),
        ("/var/lib/trigger/echo/claimed", "root", "trigger-echo", 0o2750),
        ("/var/lib/trigger/echo/job", "trigger", "trigger", 0o700),
        ("/run/trigger/echo.sock", "root", "root", 0o660),
        ("/run/trigger/echo.run", "root", "root", 0o600),
        ("/run/trigger-root/run/trigger", "root", "root", 0o755),
        ("/run/trigger-root/run/trigger/echo.wake", "root", "trigger-echo", 0o620),
    ],
)
def test_owners_and_modes(path, owner, group, mode):
    wait_for_record("echo", request_id(exchange("/run/trigger/echo.sock")))
    status = os.lstat(path)
    assert run("stat", "-c", "%U:%G", path).strip() == f"{owner}:{group}"
    assert stat.S_IMODE(status.st_mode) == mode


def test_records_are_for_root_and_the_acceptor():
    identifier = request_id(exchange("/run/trigger/echo.sock"))
    wait_for_record("echo", identifier)
    path = f"/var/lib/trigger/echo/runs/{identifier}.json"
    assert run("stat", "-c", "%U:%G %a", path).strip() == "root:trigger-echo 640"


@pytest.mark.parametrize("user", [AS_ACCEPTOR, AS_NOBODY])
@pytest.mark.parametrize(
    "attempt",
    [
        ["cat", "/etc/trigger/credentials/echo/job/key"],
        ["ls", "/etc/trigger/credentials"],
        ["ls", "/var/lib/trigger/echo/job"],
        ["touch", "/var/lib/trigger/echo/runs/forged.json"],
        ["touch", "/var/lib/trigger/echo/claimed/forged"],
        ["ls", "/var/spool/trigger/recipe"],
        ["touch", "/run/trigger/echo.paused"],
        ["touch", "/run/trigger/echo.cannot-start"],
        ["touch", "/run/trigger-root/run/trigger/other.wake"],
        ["rm", "-f", "/run/trigger-root/run/trigger/echo.wake"],
        ["touch", "/usr/local/lib/trigger/current/trigger/http.py"],
    ],
)
def test_neither_the_acceptor_nor_a_stranger_may(user, attempt):
    assert subprocess.run(user + attempt, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode != 0


def test_a_stranger_may_not_connect_to_the_unix_socket():
    assert "PermissionError" in _complaint(AS_NOBODY, "socket(AF_UNIX).connect('/run/trigger/echo.sock')")


@pytest.mark.parametrize("user", [AS_ACCEPTOR, AS_NOBODY, AS_JOB])
def test_only_the_dispatcher_asks_for_runs(user):
    attempt = "socket(AF_UNIX, SOCK_SEQPACKET).connect('/run/trigger/echo.run')"
    assert "PermissionError" in _complaint(user, attempt)


@pytest.mark.parametrize("user", [AS_NOBODY, AS_JOB])
def test_only_the_acceptor_wakes_the_dispatcher(user):
    assert "PermissionError" in _complaint(user, "open('/run/trigger/echo.wake', 'w')")
    assert _complaint(AS_ACCEPTOR, "open('/run/trigger/echo.wake', 'w')") == ""


def _complaint(user, attempt):
    program = "from socket import *; " + attempt
    return subprocess.run([*user, "python3", "-c", program], stderr=subprocess.PIPE, text=True).stderr


FORGED = "01a206c1-77bb-73b9-8a86-71b430456df%d"


def _entry(identifier, variables=b""):
    block = b"TRIGGER_REQUEST_ID=" + identifier.encode() + b"\0" + variables
    return block + b"%08x trigger entry\n" % len(block)


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("note.txt", "printf x > {path}", "its name is not a request id"),
        ("x" * 255, "printf x > {path}", "its name is not a request id"),
        ("full", "mkdir -p {path}/a/b", "its name is not a request id"),
        (FORGED % 0, "printf x > {path}", "it has no end mark"),
        (FORGED % 1, "mkdir {path}", "it is not a plain file"),
        (FORGED % 2, "mkfifo {path}", "it is not a plain file"),
        (FORGED % 3, "ln -s /etc/shadow {path}", "it is not a plain file"),
        (FORGED % 4, "cp {entry} {path}; ln {path} .keep", "it has a second name"),
        (FORGED % 5, "cp {other} {path}", "it carries another request's id"),
        (FORGED % 6, "cp {preload} {path}", "it sets a variable that no request sets"),
        (FORGED % 7, "truncate -s 3M {path}", "it is larger than body_limit allows"),
        (FORGED % 8, r"printf 'x-0000001 trigger entry\n' > {path}", "its end mark is malformed"),
    ],
)
def test_a_replaced_acceptor_can_do_no_more_than_ask(tmp_path, name, make, reason):
    """As the acceptor's user, in the acceptor's spool: none of these becomes a run."""
    files = {
        "entry": _entry(name),
        "other": _entry(FORGED % 9),
        "preload": _entry(name, b"LD_PRELOAD=/tmp/evil.so\0"),
    }
    paths = {"path": f"/var/spool/trigger/echo/{name}"}
    os.chmod(tmp_path, 0o755)
    for parent in list(tmp_path.parents)[:2]:
        os.chmod(parent, 0o755)
    for key, content in files.items():
        (tmp_path / key).write_bytes(content)
        paths[key] = str(tmp_path / key)
    run("systemctl", "stop", "trigger-dispatch@echo.socket")
    wait_until_idle("echo")
    run(*AS_ACCEPTOR, "sh", "-c", "cd /var/spool/trigger/echo; " + make.format(**paths))
    since = time.time()
    run("systemctl", "start", "trigger-dispatch@echo.socket")
    told = re.compile(f"'{name}' in /var/spool/trigger/echo is set aside as '.damaged-.*': {reason}")
    wait_until(lambda: told.search(journal("trigger-dispatch@echo.service", since)))
    assert spooled("echo") == []
    assert not os.path.exists(f"/var/lib/trigger/echo/job/{name}.json")
    assert property_of("trigger-dispatch@echo.socket", "ActiveState") == "active"
    wait_for_record("echo", request_id(exchange("/run/trigger/echo.sock")))
    run("sh", "-c", "rm -rf /var/spool/trigger/echo/.damaged-* /var/spool/trigger/echo/.keep")


def test_a_replaced_acceptor_changes_nothing_about_a_run_that_is_recorded():
    """Neither a proper entry with the id of that run nor garbage is run or recorded, and none with an id of the far
    future, which would be the latest for good."""
    identifier = request_id(exchange("/run/trigger/echo.sock"))
    wait_for_record("echo", identifier)
    wait_until_idle("echo")
    record, seen = (Path(f"/var/lib/trigger/echo/{path}/{identifier}.json") for path in ("runs", "job"))
    before = record.read_bytes(), record.stat().st_ino, seen.stat().st_mtime_ns
    known = sorted(os.listdir("/var/lib/trigger/echo/runs"))
    ahead = "f" + identifier[1:]
    for name, content, reason in (
        (identifier, _entry(identifier), "its run is recorded already"),
        (identifier, b"garbage", "it has no end mark"),
        (ahead, _entry(ahead), "its id lies in the future"),
        (ahead, b"garbage", "it has no end mark"),
    ):
        since = time.time()
        run(*AS_ACCEPTOR, "sh", "-c", "cat > /var/spool/trigger/echo/.x", input=content.decode())
        run(*AS_ACCEPTOR, "mv", "/var/spool/trigger/echo/.x", f"/var/spool/trigger/echo/{name}")
        run(*AS_ACCEPTOR, "sh", "-c", "echo > /run/trigger/echo.wake")
        told = re.compile(f"'{name}' in /var/spool/trigger/echo is set aside as '.damaged-.*': {reason}")
        wait_until(lambda told=told, since=since: told.search(journal("trigger-dispatch@echo.service", since)))
        wait_until_idle("echo")
    assert (record.read_bytes(), record.stat().st_ino, seen.stat().st_mtime_ns) == before
    assert sorted(os.listdir("/var/lib/trigger/echo/runs")) == known
    run("sh", "-c", "rm -rf /var/spool/trigger/echo/.damaged-*")


def test_an_idle_host_runs_nothing_of_ours():
    for name in ("recipe", "slow", "queue", "echo", "once"):
        wait_until_idle(name)
    processes = run("ps", "-eo", "user:32,args")
    assert [line for line in processes.splitlines() if "/usr/local/lib/trigger" in line] == []
    assert [line for line in processes.splitlines() if line.startswith("trigger")] == []
    assert "trigger" not in run("systemctl", "list-timers", "--all", "--no-legend")
