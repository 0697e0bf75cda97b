"""triggerctl, against the endpoints of vars/triggerctl.yml."""

import argparse
import collections
import concurrent.futures
import contextlib
import fcntl
import io
import json
import os
import pty
import pwd
import random
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from host import (
    exchange,
    is_active,
    is_over,
    job_of,
    journal,
    property_of,
    record_of,
    request_id,
    run,
    spooled,
    wait_for_record,
    wait_until,
    wait_until_idle,
    wait_until_running,
)

OK, FAILED, USAGE, UNKNOWN, NOT_ALLOWED, REFUSED, NOT_IN_TIME = range(7)
NAMES = ["ctl", "ctl-calm", "ctl-off", "ctl-plain", "ctl-reject"]
NOBODY = "019f0000-0000-7000-8000-000000000000"
PLAIN = "/run/trigger/ctl-plain.sock"
AGO, TOOK = r"(just now|\d.* ago)", r"[\d.]+m?s"


def ctl(*arguments, status=OK, **options):
    """Return what triggerctl prints, and check how it ends."""
    done = subprocess.run(
        ["triggerctl", *arguments], capture_output=True, text=True, check=False, timeout=60, **options
    )
    assert done.returncode == status, f"{arguments}: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    ctl.said = done.stderr
    return done.stdout


def ask(*arguments, **options):
    return json.loads(ctl(*arguments, "--json", **options))


def fire(name, *arguments):
    return ctl("fire", name, *arguments).strip()


def state_of(name):
    return next(row for row in ask("list") if row["endpoint"] == name)["state"]


def has_run(request):
    ran = Path("/var/lib/trigger/ctl/job/ran")
    return ran.exists() and request in ran.read_text().split()


@pytest.fixture(autouse=True)
def _as_it_was():
    yield
    for name in NAMES:
        subprocess.run(["triggerctl", "resume", name], check=True, stdout=subprocess.DEVNULL)
        for row in ask("runs", name):
            if row["state"] in ("queued", "running"):
                subprocess.run(["triggerctl", "cancel", name, row["id"]], check=False, capture_output=True)
        wait_until(lambda name=name: not spooled(name))


# list, show, runs, logs


def test_list():
    rows = {row["endpoint"]: row for row in ask("list")}
    assert set(NAMES) <= set(rows)
    assert rows["ctl"]["listening"] == ["127.0.0.1:3250"]
    assert rows["ctl-plain"]["listening"] == [PLAIN]
    assert (rows["ctl-off"]["listening"], rows["ctl-off"]["state"]) == ([], "disabled")
    lines = ctl("list").splitlines()
    assert lines[0].split() == ["ENDPOINT", "LISTENING", "STATE", "PENDING", "LAST", "WHEN", "TOOK", "NEXT", "IN"]
    assert lines[-1] == f"{len(rows)} endpoints listed."


def test_list_tells_of_the_last_run():
    request = fire("ctl", "-p", "code=3")
    record = wait_for_record("ctl", request)
    last = next(row["last"] for row in ask("list") if row["endpoint"] == "ctl")
    assert (last["id"], last["state"], last["exit_code"]) == (request, "failed", 3)
    assert last["duration"] == record["duration"]
    assert re.search(rf"^ctl .* failed +{AGO} +{TOOK} +-$", ctl("list"), re.MULTILINE)


def test_show():
    shown = ask("show", "ctl")
    assert shown["description"] == "Waits and says so"
    assert shown["units"]["trigger@ctl.socket"] == "active"
    assert shown["settings"]["when_busy"] == "queue"
    assert re.search(r"^ +Command: /usr/local/lib/trigger/jobs/ctl {seconds} {code}$", ctl("show", "ctl"), re.MULTILINE)


def test_runs():
    first, second = fire("ctl"), fire("ctl", "-p", "code=1")
    wait_for_record("ctl", second)
    rows = ask("runs", "ctl", "--limit", "2")
    assert [(row["id"], row["state"]) for row in rows] == [(second, "failed"), (first, "succeeded")]
    assert re.search(rf"^{second} +failed +{AGO} +{TOOK} +1 +-$", ctl("runs", "ctl"), re.MULTILINE)


def test_logs_of_a_run():
    request = fire("ctl", "-p", "seconds=15")
    wait_until_running("ctl", request)
    wait_until(lambda: "begin" in ctl("logs", "ctl", request))
    assert "end" not in ctl("logs", "ctl", request)
    assert ctl.said == f"{request}: running\n"
    assert ctl("logs", "ctl", request, "--follow").splitlines() == ["begin none POST []", "end 0"]
    told = ask("logs", "ctl", request)
    assert (told["state"], told["output"]) == ("succeeded", "begin none POST []\nend 0\n")


def test_logs_of_all_runs_are_the_journal():
    wait_for_record("ctl", fire("ctl"))
    wait_until_idle("ctl")  # or systemd has more to say
    run("journalctl", "--sync")
    whole = ctl("logs", "ctl", "--all")
    assert "begin none POST" in whole
    assert ctl("logs", "ctl", "--lines", "2").splitlines()[-2:] == whole.splitlines()[-2:]
    assert len(ctl("logs", "ctl", "-n", "2").splitlines()) <= 3
    assert "MESSAGE" in json.loads(ctl("logs", "ctl", "--all", "--json").splitlines()[-1])
    ctl("logs", "ctl", "last", "--all", status=USAGE)


def test_logs_are_those_of_the_latest_run_and_of_no_request_that_waits():
    wait_for_record("ctl", fire("ctl"))
    running = fire("ctl", "-p", "seconds=20")
    wait_until_running("ctl", running)
    waiting = fire("ctl")
    wait_until(lambda: "begin" in ctl("logs", "ctl"))
    assert ctl.said == f"{running}: running\n"
    assert ask("logs", "ctl")["id"] == running
    ctl("logs", "ctl", "last")
    assert ctl.said == f"{waiting}: it waits, as number 1\n"


def test_an_id_may_be_shortened():
    first = fire("ctl")
    second = fire("ctl")
    wait_for_record("ctl", second)
    for short in (second[-8:], second[:-1], "last", second):
        assert ask("logs", "ctl", short)["id"] == second
    assert ask("logs", "ctl", first[-8:])["id"] == first
    ctl("logs", "ctl", "0", status=UNKNOWN)
    assert "requests of ctl begin or end with '0'" in ctl.said and second in ctl.said
    for wrong in ("", "x", second[-8:] + "0"):
        ctl("cancel", "ctl", wrong, status=UNKNOWN)
    assert f"{second} has ended already" in (ctl("cancel", "ctl", "last", status=FAILED), ctl.said)[1]
    waits = fire("ctl", "-p", "seconds=20")
    assert "cancelled" in ctl("cancel", "ctl", "last") and wait_for_record("ctl", waits)["state"] == "cancelled"


def test_several_names():
    assert [line.split(" ")[0] for line in ctl("pause", "ctl", "ctl-plain").splitlines()] == ["ctl", "ctl-plain"]
    assert state_of("ctl") == state_of("ctl-plain") == "paused"
    # Where one is misspelt nothing is done.
    ctl("resume", "ctl", "ctl-plane", status=UNKNOWN)
    assert "did you mean ctl-plain?" in ctl.said and state_of("ctl") == "paused"
    ctl("resume", "ctl", "ctl-plain")
    assert "paused" not in (state_of("ctl"), state_of("ctl-plain"))
    assert ctl("show", "ctl", "ctl-plain").count("Endpoint: ") == 2


def test_a_wrong_call_is_told_the_usage_of_its_command():
    for arguments in (["cancel", "ctl"], ["cancel", "ctl", "a", "b"], ["runs", "ctl", "--lines", "2"], ["pause"]):
        ctl(*arguments, status=USAGE)
        assert ctl.said.startswith(f"usage: triggerctl {arguments[0]} "), ctl.said


def test_its_version():
    assert re.fullmatch(r"triggerctl \d+\.\d+\.\d+\n", ctl("--version"))


# fire


def test_fire_is_a_request_of_this_host():
    body = json.dumps({"password": "of-the-body", "deep": {"word": "hidden"}})
    out = ctl("fire", "ctl", "-p", "word=typed", "--body", "-", "--wait", input=body)
    assert out.splitlines() == ["begin typed POST []", f"end {len(body)}"]
    request = ctl.said.split()[0]
    assert record_of("ctl", request)["parameters"] == {
        "seconds": "0",
        "code": "0",
        "mode": "calm",
        "word": "typed",
        "password": "(sensitive)",
    }


def test_fire_without_parameters():
    assert ctl("fire", "ctl-plain", "-p", "a=1 2", "--wait") == "a=1+2  \n"
    assert ctl("fire", "ctl-plain", "--body", "/etc/hostname", "--wait").split()[0] == "application/octet-stream"


def test_fire_ends_as_the_run():
    ctl("fire", "ctl", "-p", "code=3", "--wait", status=FAILED)
    assert re.search(rf"^ctl: failed, exit code 3, took {TOOK}$", ctl.said, re.MULTILINE)
    told = ask("fire", "ctl", "--wait")
    assert (told["state"], told["output"]) == ("succeeded", "begin none POST []\nend 0\n")


def test_fire_waits_no_longer_than_it_is_told():
    ctl("fire", "ctl", "-p", "seconds=2", "--wait", "500ms", status=NOT_IN_TIME)
    request = ctl.said.split()[0]
    assert wait_for_record("ctl", request)["state"] == "succeeded"


def test_fire_keeps_the_rules():
    ctl("fire", "ctl", "-p", "seconds=x", "-p", "code=1.5", status=REFUSED)
    assert "seconds must be a number" in ctl.said
    assert "code must be an integer" in ctl.said
    ctl("fire", "ctl", "-p", "secnds=1", status=REFUSED)
    assert "secnds is not a parameter here" in ctl.said
    ctl("fire", "ctl", "--body", "-", input="x" * (1024 * 1024 + 1), status=REFUSED)
    assert spooled("ctl") == []


def test_fire_respects_when_busy_and_the_limit_of_the_queue():
    request = fire("ctl-reject")
    ctl("fire", "ctl-reject", status=REFUSED)
    assert "already under way" in ctl.said
    ctl("cancel", "ctl-reject", request)
    ctl("pause", "ctl-plain")
    assert [bool(fire("ctl-plain")) for _ in range(2)] == [True, True]
    ctl("fire", "ctl-plain", status=REFUSED)
    assert "too many requests wait" in ctl.said


def test_fire_beside_an_acceptor_at_work():
    """Neither takes the other's drafts for its own or for a leftover."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(exchange, 3253) for _ in range(40)]
        fired = [pool.submit(fire, "ctl-calm") for _ in range(20)]
        requests = [request_id(client.result()) for client in clients] + [each.result() for each in fired]
    assert len(set(requests)) == 60
    for request in requests:
        assert wait_for_record("ctl-calm", request)["state"] == "succeeded"


def test_fire_starts_what_somebody_has_stopped():
    run("systemctl", "stop", "trigger-dispatch@ctl.socket")
    ctl("fire", "ctl", "--wait")
    assert is_active("trigger-dispatch@ctl.socket")


# cancel


def test_cancel_of_a_waiting_request():
    running = fire("ctl", "-p", "seconds=20")
    waiting = fire("ctl")
    wait_until_running("ctl", running)
    assert ctl("cancel", "ctl", waiting) == "cancelled: it had not begun\n"
    assert record_of("ctl", waiting)["state"] == "cancelled"
    assert ask("cancel", "ctl", running)["state"] == "cancelled"
    wait_until_idle("ctl")
    assert not has_run(waiting)
    ctl("cancel", "ctl", waiting, status=FAILED)
    assert "has ended already: cancelled" in ctl.said


def test_cancel_of_a_request_that_waits_for_a_quiet_time():
    request = fire("ctl-still")
    wait_until(lambda: is_active("trigger-dispatch@ctl-still.service"))
    assert ctl("cancel", "ctl-still", request) == "cancelled: it had not begun\n"
    wait_until_idle("ctl-still")
    assert ask("runs", "ctl-still", "--limit", "1")[0]["state"] == "cancelled"


def test_cancel_whatever_the_job_makes_of_the_signal():
    request = fire("ctl-reject")
    wait_until_running("ctl-reject", request)
    wait_until(lambda: Path("/var/lib/trigger/ctl-reject/claimed/.output").read_text() == "ready\n")
    assert ctl("cancel", "ctl-reject", request) == "cancelled: its run was stopped\n"
    assert ctl("logs", "ctl-reject", request) == "ready\nstopped\n"
    record = record_of("ctl-reject", request)
    assert (record["state"], record["exit_code"]) == ("cancelled", 3)


@contextlib.contextmanager
def standstill(name):
    """What cancel holds while it looks and decides."""
    fd = os.open(f"/var/lib/trigger/{name}/claimed/.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def claimed(name):
    return [entry for entry in os.listdir(f"/var/lib/trigger/{name}/claimed") if entry[0] != "."]


def test_no_request_is_claimed_in_a_standstill():
    with standstill("ctl"):
        request = fire("ctl")
        wait_until(lambda: is_active("trigger-run@ctl.service"))
        time.sleep(0.5)
        assert (spooled("ctl"), claimed("ctl")) == ([request], [])
    assert wait_for_record("ctl", request)["state"] == "succeeded"


def test_no_run_is_recorded_in_a_standstill():
    request = fire("ctl", "-p", "seconds=8")
    wait_until_running("ctl", request)
    with standstill("ctl"):
        wait_until(lambda: job_of("ctl") is None)
        time.sleep(0.5)
        assert (claimed("ctl"), record_of("ctl", request)) == ([request], None)
    assert wait_for_record("ctl", request)["state"] == "succeeded"


def test_cancel_waits_for_a_standstill():
    with standstill("ctl-plain"):
        request = fire("ctl-plain")
        cancelling = subprocess.Popen(["triggerctl", "cancel", "ctl-plain", request], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            cancelling.wait(1)
        assert spooled("ctl-plain") == [request]
    cancelling.wait(30)
    assert wait_for_record("ctl-plain", request)["state"] in ("cancelled", "succeeded")


def cancel_at_once(name, request):
    """As `triggerctl cancel`, without the time that a program takes to start. Returns what it says, or None."""
    sys.path.insert(0, "/usr/local/lib/trigger/current")
    try:
        from trigger.ctl import cancel, errors, terminal
    finally:
        del sys.path[0]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            cancel.cancel(argparse.Namespace(name=name, id=request), terminal.Screen())
    except errors.Failure:
        return None
    return said.getvalue()


def test_cancel_against_a_claim_at_the_same_moment():
    """Of each request one is true to the end: it was taken back and never ran, or its run was stopped, or it ran."""
    random.seed(4)
    told = collections.Counter()
    for _ in range(60):
        request = fire("ctl", "-p", "seconds=0.05")
        time.sleep(random.uniform(0, 0.06))
        said = cancel_at_once("ctl", request)
        told[said] += 1
        record = wait_for_record("ctl", request)
        wait_until(lambda request=request: request not in spooled("ctl"))
        assert record["state"] == ("succeeded" if said is None else "cancelled")
        if said == "cancelled: it had not begun\n":
            assert (record["started"], has_run(request)) == (None, False)
        elif said is None:
            assert has_run(request)
    wait_until_idle("ctl")
    print(told)


def test_cancel_stops_no_other_run():
    """The next run begins as soon as the one before is over, which is when a late stop would hit it."""
    for _ in range(10):
        first, second = fire("ctl", "-p", "seconds=1.5"), fire("ctl", "-p", "seconds=0.3")
        begun = wait_until(lambda first=first: record_of("ctl", first) or job_of("ctl"))
        time.sleep(random.uniform(0.2, 1) if isinstance(begun, int) else 0)
        subprocess.run(["triggerctl", "cancel", "ctl", first], capture_output=True, check=False)
        assert wait_for_record("ctl", second)["state"] == "succeeded"


def test_cancel_of_what_is_not_known():
    for request in (NOBODY, "x", "../../x"):
        ctl("cancel", "ctl", request, status=UNKNOWN)
        ctl("logs", "ctl", request, status=UNKNOWN)


# pause, resume, drain


def test_pause():
    running = fire("ctl", "-p", "seconds=15")
    wait_until_running("ctl", running)
    assert "The run under way goes on" in ctl("pause", "ctl")
    assert state_of("ctl") == "pausing"
    requests = [fire("ctl"), request_id(exchange(PLAIN))]
    assert wait_for_record("ctl", running)["state"] == "succeeded"
    assert wait_for_record("ctl-plain", requests[1])["state"] == "succeeded"
    run("systemctl", "start", "trigger-dispatch@ctl.service")
    time.sleep(1)
    assert (state_of("ctl"), spooled("ctl")) == ("paused", [requests[0]])
    assert ask("doctor", "ctl")[0]["severity"] == "note"
    assert ctl("resume", "ctl") == "ctl: runs begin again\n"
    assert wait_for_record("ctl", requests[0])["state"] == "succeeded"


def test_pause_accepts_requests_and_does_not_spin():
    """The dispatcher comes once, sees that there is a pause, and leaves."""
    dispatcher = "trigger-dispatch@ctl-plain.service"
    wait_until_idle("ctl-plain")
    ctl("pause", "ctl-plain")
    since = time.time()
    before = property_of("trigger-run@ctl-plain.service", "InvocationID")
    request = request_id(exchange(PLAIN))
    wait_until(lambda: "Started" in journal(dispatcher, since))
    wait_until(lambda: is_over(dispatcher))
    time.sleep(1)
    assert journal(dispatcher, since).count("Started") == 1
    assert property_of("trigger-run@ctl-plain.service", "InvocationID") == before
    assert spooled("ctl-plain") == [request]


def test_pause_while_a_run_waits_for_a_quiet_time():
    request = fire("ctl-calm")
    wait_until(lambda: is_active("trigger-dispatch@ctl-calm.service"))
    ctl("pause", "ctl-calm")
    paused = time.time()
    wait_until(lambda: time.time() > paused + 16)
    assert spooled("ctl-calm") == [request]
    ctl("resume", "ctl-calm")
    assert wait_for_record("ctl-calm", request)["state"] == "succeeded"


def test_drain_waits_for_all_that_was_accepted():
    requests = [fire("ctl", "-p", f"seconds={seconds}") for seconds in (12, 0.5, 0.5)]
    out = ctl("drain", "ctl")
    assert [record_of("ctl", request)["state"] for request in requests] == ["succeeded"] * 3
    assert "2 requests left to run" in ctl.said
    assert "triggerctl resume ctl" in out
    assert state_of("ctl") == "stopped"
    with pytest.raises(ConnectionRefusedError):
        exchange(3250)
    assert ctl("resume", "ctl") == "ctl: it listens again\n"
    assert exchange(3250).startswith(b"HTTP/1.1 200 ")


def test_drain_of_a_paused_endpoint_does_not_wait_for_ever():
    ctl("pause", "ctl")
    fire("ctl")
    ctl("drain", "ctl", status=FAILED)
    assert "triggerctl resume ctl" in ctl.said
    assert is_active("trigger@ctl.socket")


def test_resume_of_what_was_not_paused():
    assert ctl("resume", "ctl") == "ctl: it was neither paused nor drained\n"
    assert "state: disabled" in ctl("resume", "ctl-off")


# doctor


def wrong(name):
    return [finding["what"] for finding in ask("doctor", name, status=FAILED) if finding["severity"] == "problem"]


def test_doctor_finds_nothing_on_a_good_host():
    assert [finding for finding in ask("doctor") if finding["severity"] == "problem"] == []
    assert ": 0 problems" in ctl("doctor")


def test_doctor_finds_a_wrong_mode_and_says_how_to_mend_it():
    os.chmod("/var/spool/trigger/ctl", 0o777)
    found = ask("doctor", "ctl", status=FAILED)
    assert [finding["what"] for finding in found] == ["/var/spool/trigger/ctl has mode 0777"]
    run("sh", "-c", found[0]["mend"])
    ctl("doctor", "ctl")


def test_doctor_finds_a_wrong_owner():
    os.chown("/var/lib/trigger/ctl/runs", 0, 0)
    found = ask("doctor", "ctl", status=FAILED)
    assert [finding["what"] for finding in found] == ["/var/lib/trigger/ctl/runs belongs to root:root"]
    run("sh", "-c", found[0]["mend"])
    ctl("doctor", "ctl")


def test_doctor_finds_a_record_that_its_readers_cannot_read():
    """As a copy without -p, with a strict umask, brings it back."""
    request = fire("ctl")
    wait_for_record("ctl", request)
    record = f"/var/lib/trigger/ctl/runs/{request}.json"
    os.chown(record, 0, 0)
    os.chmod(record, 0o600)
    (found,) = ask("doctor", "ctl", status=FAILED)
    assert f"{request}.json" in found["what"]
    run("sh", "-c", found["mend"])
    ctl("doctor", "ctl")


def test_doctor_finds_a_missing_secret():
    secret = Path("/etc/trigger/credentials/ctl-reject/acceptor/auth")
    secret.rename(secret.with_name("away"))
    try:
        assert wrong("ctl-reject") == [f"{secret} is missing"]
        secret.write_text("[]")
        secret.chmod(0o600)
        assert wrong("ctl-reject") == [f"{secret} does not hold what `auth` says: nobody is let in"]
    finally:
        secret.with_name("away").rename(secret)


def test_doctor_finds_a_job_that_is_not_there():
    job = Path("/usr/local/lib/trigger/jobs/ctl")
    job.rename(job.with_name("away"))
    try:
        fire("ctl")
        wait_until(Path("/run/trigger/ctl.cannot-start").exists)
        assert f"the job's program {job} is not there, or not executable" in wrong("ctl")
        wait_until(lambda: any(what.startswith("the job cannot start, with 1 request") for what in wrong("ctl")))
        wait_until(lambda: state_of("ctl") == "failed")
    finally:
        job.with_name("away").rename(job)
    wait_until_idle("ctl")


def test_doctor_finds_units_that_somebody_has_changed():
    sockets = ["trigger-dispatch@ctl.socket", "trigger-run@ctl.socket"]
    run("systemctl", "disable", "--now", *sockets)
    try:
        found = wrong("ctl")
        for unit in sockets:
            assert f"{unit} is inactive, so no run begins" in found
            assert f"{unit} will not start with the next boot" in found
    finally:
        # No socket starts beside its service, which may not have left yet.
        run("systemctl", "stop", *(socket.replace(".socket", ".service") for socket in sockets))
        run("systemctl", "enable", "--now", *sockets)


def test_doctor_finds_a_file_that_was_set_aside():
    Path("/var/spool/trigger/ctl/no-request").write_text("x")
    run("systemctl", "start", "trigger-dispatch@ctl.service")
    damaged = wait_until(lambda: list(Path("/var/spool/trigger/ctl").glob(".damaged-*")))
    assert wrong("ctl") == [f"{damaged[0]} was no request, and was set aside"]
    damaged[0].unlink()


def test_doctor_finds_a_file_that_others_can_change():
    file = Path("/usr/local/lib/trigger/launch.py")
    file.chmod(0o666)
    try:
        assert wrong("ctl") == [f"not only root may change {file}, which root runs"]
    finally:
        file.chmod(0o644)


def test_a_damaged_configuration_is_told():
    file = Path("/etc/trigger/ctl.json")
    before = file.read_text()
    wait_until_idle("ctl")  # or what still stands ready fails at it
    file.write_text("{")
    try:
        ctl("show", "ctl", status=FAILED)
        assert "run the playbook again" in ctl.said
        assert state_of("ctl") == "idle"
        assert "/etc/trigger/ctl.json cannot be read" in wrong("ctl")[0]
    finally:
        file.write_text(before)


# how it speaks


@pytest.mark.parametrize(
    ("status", "arguments"),
    [
        (USAGE, []),
        (USAGE, ["lst"]),
        (USAGE, ["runs", "ctl", "--limit", "0"]),
        (USAGE, ["fire", "ctl", "--wait", "soon"]),
        (USAGE, ["fire", "ctl", "-p", "x"]),
        (UNKNOWN, ["show", "nothing"]),
        (UNKNOWN, ["logs", "nothing"]),
        (UNKNOWN, ["pause", "../x"]),
        (FAILED, ["fire", "ctl", "--body", "/nonexistent"]),
    ],
)
def test_what_it_cannot_do_is_told(status, arguments):
    assert ctl(*arguments, status=status) == ""
    assert ctl.said


def test_a_near_name_is_suggested():
    ctl("show", "ctl-plan", status=UNKNOWN)
    assert "did you mean ctl-plain?" in ctl.said


def test_it_is_for_root():
    nobody = pwd.getpwnam("nobody").pw_uid
    ctl("list", status=NOT_ALLOWED, user=nobody)
    assert "sudo" in ctl.said
    ctl("--help", user=nobody)


@pytest.mark.parametrize(
    "command", ["list", "show", "runs", "logs", "fire", "cancel", "drain", "pause", "resume", "doctor"]
)
def test_each_command_has_help(command):
    assert "--json" in ctl(command, "--help")


def test_a_reader_that_has_seen_enough():
    assert run("bash", "-c", "triggerctl show ctl | head -1; echo ${PIPESTATUS[0]}").splitlines()[0].endswith(" ctl")


def on_terminal(columns, *arguments, **environment):
    """Return what is printed on a terminal of so many columns, list of lines."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm", **environment}
    with subprocess.Popen(["triggerctl", *arguments], stdin=its, stdout=its, stderr=its, env=environment):
        os.close(its)
        text = b""
        with contextlib.suppress(OSError):  # which a terminal raises when its other end is closed
            while part := os.read(ours, 4096):
                text += part
    os.close(ours)
    return text.decode().splitlines()


def test_a_table_fits_the_terminal():
    wait_for_record("ctl-plain", fire("ctl-plain"))
    lines = on_terminal(72, "list", NO_COLOR="1")
    assert max(map(len, lines)) <= 72
    assert any("…" in line for line in lines)


def test_colour_is_for_terminals():
    assert "\x1b[33mdisabled" in "".join(on_terminal(80, "list"))
    assert "\x1b" not in "".join(on_terminal(80, "list", NO_COLOR="1"))
    assert "\x1b" not in ctl("list")


def test_output_of_a_job_moves_no_cursor():
    request = request_id(exchange(PLAIN, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n\x1b[2J\x07\n"))
    wait_for_record("ctl-plain", request)
    assert "\\x1b[2J\\x07" in on_terminal(80, "logs", "ctl-plain", request)[0]
    assert "\x1b[2J\x07" in ctl("logs", "ctl-plain", request)


def test_output_of_a_job_moves_no_cursor_in_whatever_parts_it_comes():
    body = b"a\xc2\x9b2J\rb\xe2\x80\xaegnp\n"
    request = request_id(
        exchange(PLAIN, b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    )
    wait_for_record("ctl-plain", request)
    run("journalctl", "--sync")
    for arguments in (["logs", "ctl-plain", request], ["logs", "ctl-plain"]):
        told = "\n".join(on_terminal(80, *arguments, NO_COLOR="1"))
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", told)
    assert "\\u202egnp" in "".join(on_terminal(80, "logs", "ctl-plain", request))


COMMANDS = [
    ["list"], ["show", "ctl"], ["runs", "ctl"], ["logs", "ctl"], ["logs", "ctl", "ID"], ["fire", "ctl"],
    ["fire", "ctl", "--wait"], ["cancel", "ctl", "ID"], ["pause", "ctl"], ["resume", "ctl"], ["drain", "ctl"],
    ["doctor"], ["list", "--json"], ["logs", "ctl", "--json"], ["--help"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_nobody_takes_what_it_says(arguments):
    """One line, and a status that tells so; what it was asked to do is done all the same."""
    request = fire("ctl")
    if arguments[0] == "cancel":
        ctl("pause", "ctl")
        request = fire("ctl")
    else:
        wait_for_record("ctl", request)
        run("journalctl", "--sync")
    arguments = [request if each == "ID" else each for each in arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            ["triggerctl", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    said = [line for line in done.stderr.splitlines() if "triggerctl: " in line]
    assert done.returncode == FAILED and "Traceback" not in done.stderr and "Exception" not in done.stderr
    assert len(said) == 1 and "No space left on device" in said[0]


# what is damaged, and what is not there


def damage(kind, path):
    if kind == "a directory":
        path.unlink()
        path.mkdir()
    else:
        path.write_text(
            {"no JSON": "{", "another shape": "[]", "a wrong type": '{"id": 5}', "deep": "[" * 100000}[kind]
        )


@pytest.mark.parametrize("kind", ["no JSON", "another shape", "a wrong type", "deep", "a directory"])
def test_a_damaged_record_disables_nothing(kind):
    good, bad = fire("ctl"), fire("ctl")
    wait_for_record("ctl", bad)
    path = Path(f"/var/lib/trigger/ctl/runs/{bad}.json")
    kept = path.read_bytes()
    damage(kind, path)
    try:
        assert {"ctl", "ctl-plain"} <= {row["endpoint"] for row in ask("list")}
        assert {row["id"]: row["state"] for row in ask("runs", "ctl", "--limit", "2")} == {
            bad: "damaged",
            good: "succeeded",
        }
        (finding,) = ask("doctor", "ctl", status=FAILED)
        assert str(path) in finding["what"] and "delete" in finding["mend"]
        ctl("show", "ctl")
        ctl("logs", "ctl", good)
        ctl("logs", "ctl", bad, status=FAILED)
        assert "Errno" not in ctl.said and str(path) in ctl.said
        ctl("fire", "ctl", "--wait")
        ctl("pause", "ctl")
        ctl("resume", "ctl")
        ctl("drain", "ctl")
    finally:
        if path.is_dir():
            path.rmdir()
        path.write_bytes(kept)
        path.chmod(0o640)


@pytest.mark.parametrize("path", ["/var/spool/trigger/ctl", "/var/spool/trigger", "/var/lib/trigger/ctl/runs"])
def test_a_place_that_is_not_mounted(path):
    place = Path(path)
    away = place.with_name(place.name + ".away")
    place.rename(away)
    try:
        found = ask("doctor", status=FAILED)
        assert [each for each in found if path in each["what"] and "mount it" in each["mend"]]
        assert not [each for each in found if "Errno" in each["what"]]
        assert state_of("ctl") == "failed"
        assert "triggerctl doctor" in ctl.said
        ctl("drain", "ctl", status=FAILED)
        assert "Errno" not in ctl.said and "triggerctl doctor" in ctl.said
        if "spool" in path:
            ctl("fire", "ctl", status=FAILED)
            assert "Errno" not in ctl.said and "triggerctl doctor" in ctl.said
    finally:
        away.rename(place)
    ctl("resume", "ctl")


def test_interrupting_a_wait_leaves_the_run_alone():
    waiting = subprocess.Popen(
        ["triggerctl", "fire", "ctl", "-p", "seconds=5", "--wait"], stderr=subprocess.PIPE, text=True
    )
    request = waiting.stderr.readline().strip()
    wait_until_running("ctl", request)
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait() == 130
    assert f"triggerctl cancel ctl {request}" in waiting.stderr.read()
    assert wait_for_record("ctl", request)["state"] == "succeeded"


def test_completion():
    script = """
      . /usr/local/share/bash-completion/completions/triggerctl
      complete_line() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _triggerctl; echo "${COMPREPLY[@]}"; }
      complete_line triggerctl pa; complete_line triggerctl show ctl-p; complete_line triggerctl fire --wa
      complete_line triggerctl logs ctl ''; complete_line triggerctl pause ctl ctl-p
      complete_line triggerctl fire ctl -p ''; complete_line triggerctl fire ctl --param se
      complete_line triggerctl fire ctl -p mode = ; complete_line triggerctl fire ctl -p mode = l
    """
    request = fire("ctl")
    pause, name, option, requests, second, *parameters = run("bash", "-c", script).splitlines()
    assert (pause, name, option, second) == ("pause", "ctl-plain", "--wait", "ctl-plain")
    assert {request, "last"} <= set(requests.split())
    assert parameters == [
        "seconds= code= mode= word= password=", "seconds=", r"calm loud \$\(touch\ /run/expanded\)", "loud",
    ]  # fmt: skip
    assert not os.path.exists("/run/expanded")
