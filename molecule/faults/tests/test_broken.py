"""A part is missing while requests keep arriving: few tries, nothing given up, nothing lost."""

import contextlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from endpoints import ENDPOINTS, slow
from host import (
    GET,
    connect,
    exchange,
    is_active,
    journal,
    post,
    property_of,
    read_all,
    request_id,
    run,
    spooled,
    status,
    wait_for_record,
    wait_until,
    wait_until_idle,
    wait_until_running,
)

LIBRARY = Path("/usr/local/lib/trigger")
FRAIL, PLAIN, BRIEF = (ENDPOINTS[name]["port"] for name in ("frail", "plain", "brief"))
SECONDS = 4  # of requests while the part is missing


@contextlib.contextmanager
def moved_away(path):
    aside = str(path) + ".aside"
    os.rename(path, aside)
    try:
        yield
    finally:
        if os.path.isdir(path):  # a way to it was made anew meanwhile
            shutil.rmtree(path)
        os.rename(aside, path)


@contextlib.contextmanager
def without_line(path, start):
    """An account that is gone, and comes back as it was."""
    lines = Path(path).read_text()
    kept = [line for line in lines.splitlines(True) if not line.startswith(start + ":")]
    assert "".join(kept) != lines
    Path(path).write_text("".join(kept))
    try:
        yield
    finally:
        Path(path).write_text(lines)


@contextlib.contextmanager
def broken(path):
    content = Path(path).read_text()
    Path(path).write_text("this is no Python\n")
    try:
        yield
    finally:
        Path(path).write_text(content)


BREAKS_ACCEPTOR = {
    "launcher": lambda: moved_away(LIBRARY / "launch.py"),
    "module": lambda: broken(LIBRARY / "current" / "trigger" / "acceptor" / "loop.py"),
    "user": lambda: without_line("/etc/passwd", "trigger-frail"),
    "configuration": lambda: moved_away("/etc/trigger/frail.json"),
}
BREAKS_RUN = {
    "job": lambda: moved_away(LIBRARY / "jobs" / "frail"),
    "dispatcher": lambda: broken(LIBRARY / "current" / "trigger" / "dispatcher" / "claims.py"),
    "runner": lambda: broken(LIBRARY / "current" / "trigger" / "runner" / "pump.py"),
    "user": lambda: without_line("/etc/passwd", "frail"),
    "group": lambda: without_line("/etc/group", "frailgroup"),
    "working directory": lambda: moved_away("/srv/frail"),
    "writable path": lambda: moved_away("/srv/frail-data"),
    "credential": lambda: moved_away("/etc/trigger/credentials/frail/job/key"),
    "state": lambda: moved_away("/var/lib/trigger/frail/claimed"),
}


def failures(unit, since):
    """How often systemd tried a unit in vain."""
    run("journalctl", "--sync")
    done = subprocess.run(
        ["journalctl", "-q", "--since", f"@{since:.6f}", "--output", "cat", "--no-pager", f"UNIT={unit}"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return sum("Failed with result" in line for line in done.stdout.splitlines())


@pytest.mark.parametrize("part", BREAKS_ACCEPTOR)
def test_an_acceptor_that_cannot_start(part):
    wait_until_idle("frail")
    waiting = []
    with BREAKS_ACCEPTOR[part]():
        since = time.time()
        while time.time() < since + SECONDS:
            client = connect(FRAIL)
            client.sendall(GET)
            waiting.append(client)
            time.sleep(0.05)
        tries = failures("trigger@frail.service", since)
        elapsed = time.time() - since
        assert is_active("trigger@frail.socket")
    print(part, tries, "tries in", elapsed)
    assert 1 <= tries <= 2 * elapsed
    ids = [request_id(read_all(client)) for client in waiting]
    for client in waiting:
        client.close()
    assert wait_for_record("frail", ids[-1])["state"] == "succeeded"


@pytest.mark.parametrize("part", BREAKS_RUN)
def test_a_run_that_cannot_start(part):
    wait_until_idle("frail")
    ids = []
    with BREAKS_RUN[part]():
        since = time.time()
        while time.time() < since + SECONDS:
            answer = exchange(FRAIL)
            if status(answer) == 200:
                ids.append(request_id(answer))
            else:
                assert part == "state" and status(answer) == 503  # the acceptor looks there, too
            time.sleep(0.05)
        tries = [failures(f"trigger-{each}@frail.service", since) for each in ("dispatch", "run")]
        elapsed = time.time() - since
        assert all(is_active(f"trigger{each}@frail.socket") for each in ("", "-dispatch", "-run"))
    print(part, tries, "tries in", elapsed)
    assert (part != "state") <= sum(tries) <= 2 * elapsed  # in which nothing is accepted
    ids.append(request_id(exchange(FRAIL)))
    for identifier in ids:
        assert wait_for_record("frail", identifier)["state"] == "succeeded"
    wait_until_idle("frail")


@contextlib.contextmanager
def directive(line, name="frail", is_read=True):
    """What somebody writes into the job's unit, beside what the role has there. is_read: whether systemd reads it."""
    drop_in = Path(f"/run/systemd/system/trigger-run@{name}.service.d/zz-directive.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(f"[Service]\n{line}\n")
    if is_read:
        run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        drop_in.unlink()
        run("systemctl", "daemon-reload")


@pytest.mark.parametrize(
    "line",
    [
        "PrivateNetwork=yes",
        "RestrictAddressFamilies=AF_INET",
        "PrivateUsers=yes",
        "PrivateDevices=yes",
        "ProtectProc=invisible",
        "TemporaryFileSystem=/run",
        "MemoryDenyWriteExecute=yes",
        "SystemCallFilter=@system-service",
        # as the role writes it, with the calls that the runner needs
        "SystemCallFilter=~@network-io\nSystemCallFilter=accept4 getsockname getsockopt recvfrom recvmsg sendmsg",
        "StandardOutput=null",
        "UMask=0000",
        "LimitNOFILE=64",
        "PAMName=login",
        "KillMode=process",
        "CPUSchedulingPolicy=idle",
    ],
)
def test_a_directive_that_goes_with_it(line):
    wait_until_idle("frail")
    with directive(line):
        for _ in range(2):  # cold, and prepared ahead
            assert wait_for_record("frail", request_id(exchange(FRAIL)))["state"] == "succeeded"
        wait_until_idle("frail")


@pytest.mark.parametrize(
    "line",
    [
        "LimitNOFILE=8",
        "LimitAS=1M",
        "SystemCallFilter=~@network-io",
        "RootDirectory=/srv",
        "SuccessExitStatus=1 99 SIGKILL",
        "ExecStart=\nExecStart=/bin/false",
        "ExecStart=\nExecStart=/bin/sh -c 'kill -KILL $$$$'",
        "ExecStart=\nExecStart=/bin/true",
        "ExecStartPre=/bin/false",
        "RemainAfterExit=yes",
    ],
)
def test_a_directive_that_keeps_jobs_from_starting(line):
    """Nothing is claimed for good, nothing spins, and all of it goes on after the repair."""
    wait_until_idle("frail")
    ids = []
    with directive(line):
        since = time.time()
        while time.time() < since + SECONDS:
            ids.append(request_id(exchange(FRAIL)))
            time.sleep(0.1)
        starts = journal("trigger-run@frail.service", since).count("Started")
        elapsed = time.time() - since
    print(line, starts, "starts in", elapsed)
    # Three looks, the first after a tenth of a second, find it out; then it rests for a second. A start takes 10 ms.
    assert starts <= 25 * elapsed
    ids.append(request_id(exchange(FRAIL)))
    for identifier in ids:
        assert wait_for_record("frail", identifier)["state"] == "succeeded"
    assert all(is_active(f"trigger{each}@frail.socket") for each in ("", "-dispatch", "-run"))
    wait_until_idle("frail")


def test_a_runner_of_the_unit_before_serves_nothing_once_systemd_has_read_the_new_one():
    wait_until_idle("frail")
    with configured("frail", job_linger=60), directive("Nice=1", is_read=False):
        before = wait_for_record("frail", request_id(exchange(FRAIL)))["invocation_id"]

        def stands_ready():
            invocation = property_of("trigger-run@frail.service", "InvocationID")
            return is_active("trigger-run@frail.service") and invocation not in ("", before) and invocation

        ready = wait_until(stands_ready)
        assert wait_for_record("frail", request_id(exchange(FRAIL)))["invocation_id"] == ready
        ready = wait_until(lambda: stands_ready() != ready and stands_ready())
        run("systemctl", "daemon-reload")
        assert wait_until(stands_ready) == ready
        assert wait_for_record("frail", request_id(exchange(FRAIL)))["invocation_id"] != ready
    assert wait_for_record("frail", request_id(exchange(FRAIL)))["state"] == "succeeded"  # lets go what lingers
    wait_until_idle("frail")


LIES = {
    # way: the state in which the run is recorded; None where it is given back, and serves the honest runner
    "another activation": None,
    "idle again": None,
    "another run": None,
    "no message": None,
    "silence": None,
    "later": "timed-out",
    "an odd end": "failed",
    "a flood": "timed-out",
}


@contextlib.contextmanager
def liar(way):
    shutil.copy(Path(__file__).with_name("liar.py"), "/usr/local/lib/liar.py")
    with directive(f"ExecStart=\nExecStart=/usr/bin/python3 /usr/local/lib/liar.py '{way}'", "brief"):
        yield time.time()


@pytest.mark.parametrize("way", LIES)
def test_a_runner_that_lies(way):
    """Its endpoint's time limit is four seconds. It gains neither time nor a run more, and root is not busy with it."""
    wait_until_idle("brief")
    with liar(way) as since:
        request = request_id(exchange(BRIEF))
        if LIES[way]:
            assert wait_for_record("brief", request)["state"] == LIES[way]
        time.sleep(max(0, since + SECONDS - time.time()))
        elapsed = time.time() - since
        told = journal("trigger-dispatch@brief.service", since).splitlines()
        assert len(told) <= 5 * elapsed, told
        assert journal("trigger-run@brief.service", since).count("Started") <= 2 * elapsed
    if not LIES[way]:
        assert wait_for_record("brief", request, 60)["state"] == "succeeded"  # one that is silent may be for 30 s
    assert wait_for_record("brief", request_id(exchange(BRIEF)))["state"] == "succeeded"
    wait_until_idle("brief")


@pytest.mark.parametrize(
    ("way", "said", "most"),
    [("a flood", "cut off", 1), ("a flood of bytes", "full", 5 * SECONDS)],  # the FIFO is emptied four times a second
)
def test_a_runner_that_floods_is_hardly_listened_to(way, said, most):
    """It may say what an honest one says. Bytes in the FIFO may be of somebody who cancels."""
    wait_until_idle("brief")
    with liar(way) as since:
        assert wait_for_record("brief", request_id(exchange(BRIEF)))["state"] == "timed-out"
        assert 1 <= journal("trigger-run@brief.service", since).splitlines().count(said) <= most
    wait_until_idle("brief")


def test_a_runner_that_does_not_leave():
    """It tells everybody how its run ended, and that is recorded. Root asks once a second, until its patience ends."""
    wait_until_idle("brief")
    with liar("its end, to everybody") as since:
        assert wait_for_record("brief", request_id(exchange(BRIEF)))["state"] == "succeeded"
        waits = request_id(exchange(BRIEF))
        time.sleep(SECONDS)
        asked = journal("trigger-run@brief.service", since).splitlines().count("asked")
        elapsed = time.time() - since
        assert 1 <= asked <= 2 * elapsed
    assert wait_for_record("brief", waits, 60)["state"] == "succeeded"
    wait_until_idle("brief")


@pytest.mark.parametrize("signal", ["KILL", "STKFLT", "VTALRM", "PROF", "IO", "PWR", "RTMIN", "RTMIN+30"])
def test_a_runner_that_is_killed_leaves_its_unit_failed(signal):
    """Whatever ends a process by default. Were it started again, an idle one would hide the failure."""
    unit = "trigger-run@plain.service"
    wait_until_idle("plain")
    with slow():
        request = request_id(exchange(PLAIN))
        wait_until_running("plain", request)
        run("systemctl", "kill", "--kill-who=main", f"--signal={signal}", unit)
        assert wait_for_record("plain", request)["state"] == "failed"
        assert property_of(unit, "ActiveState") == "failed"


def test_a_request_that_cannot_be_run_is_cancelled_and_nobody_tries_any_more():
    wait_until_idle("frail")
    with moved_away("/srv/frail"):
        request = request_id(exchange(FRAIL))
        wait_until(Path("/run/trigger/frail.cannot-start").exists)
        run("triggerctl", "cancel", "frail", request)
        wait_until_idle("frail")
        assert not Path("/run/trigger/frail.cannot-start").exists()
        run("journalctl", "--sync")  # what is late would count as new
        since = time.time()
        time.sleep(3)
        assert failures("trigger-run@frail.service", since) == 0
        assert all(is_active(f"trigger{each}@frail.socket") for each in ("", "-dispatch", "-run"))
    assert wait_for_record("frail", request_id(exchange(FRAIL)))["state"] == "succeeded"


def test_an_entry_that_cannot_be_read_waits_and_stops_no_other():
    """As an acceptor of release 0.2 leaves it."""
    wait_until_idle("brief")
    since = time.time()
    run("triggerctl", "pause", "brief")
    hidden = request_id(exchange(BRIEF))
    os.chmod(f"/var/spool/trigger/brief/{hidden}", 0o600)
    run("triggerctl", "resume", "brief")
    assert wait_for_record("brief", request_id(exchange(BRIEF)))["state"] == "succeeded"
    wait_until(lambda: spooled("brief") == [hidden])  # a record is there a moment before its request is let go
    wait_until(lambda: not is_active("trigger-dispatch@brief.service"))
    assert journal("trigger-dispatch@brief.service", since).count("cannot be read, and waits") <= 3
    os.chmod(f"/var/spool/trigger/brief/{hidden}", 0o604)
    run("systemctl", "start", "trigger-dispatch@brief.service")
    assert wait_for_record("brief", hidden)["state"] == "succeeded"


def test_a_request_is_judged_by_the_configuration_that_it_was_accepted_by():
    """The dispatcher is there when that changes, because of a run."""
    wait_until_idle("plain")
    with contextlib.ExitStack() as changed:
        with slow():
            first = request_id(exchange(PLAIN))
            wait_until_running("plain", first)
            limit = changed.enter_context(larger_bodies("plain"))
            second = request_id(exchange(PLAIN, post(b"x" * limit)))
        assert [wait_for_record("plain", each)["state"] for each in (first, second)] == ["succeeded"] * 2


@contextlib.contextmanager
def configured(name, **keys):
    """The configuration changes as the role changes it."""
    path = Path(f"/etc/trigger/{name}.json")
    before = path.read_text()
    replace(path, json.dumps({**json.loads(before), **keys}))
    try:
        yield
    finally:
        replace(path, before)


@contextlib.contextmanager
def larger_bodies(name):
    """Gives the new limit."""
    limit = json.loads(Path(f"/etc/trigger/{name}.json").read_text())["body_limit"]
    limit += 2 * 1024 * 1024  # half of it for a request's variables
    with configured(name, body_limit=limit):
        yield limit


def replace(path, text):
    draft = path.with_name(".draft")
    draft.write_text(text)
    draft.chmod(0o644)
    draft.rename(path)


def test_systemd_keeps_nothing_for_a_dispatcher_that_waits():
    """It tells everybody who is connected whatever its units do. One that is new has asked it."""
    wait_until_idle("plain")
    with slow():
        request = request_id(exchange(PLAIN))
        wait_until_running("plain", request)
        killed = dispatcher_pid()
        run("systemctl", "kill", "--signal=KILL", "trigger-dispatch@plain.service")
        wait_until(lambda: dispatcher_pid() not in (0, killed))
        dispatcher = dispatcher_pid()
        # The journal's and the runner's are left. Three were there when it asked.
        wait_until(lambda: len(sockets_of(dispatcher)) == 2)
        time.sleep(1)
        assert len(sockets_of(dispatcher)) == 2
    assert wait_for_record("plain", request)["state"] == "succeeded"


def dispatcher_pid():
    """0 where there is none."""
    return int(property_of("trigger-dispatch@plain.service", "MainPID"))


def sockets_of(pid):
    """A process's sockets: set of their inodes."""
    links = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            links.append(os.readlink(fd))
    return {link for link in links if link.startswith("socket:")}


def test_a_spool_that_is_gone_is_503_and_comes_back():
    wait_until_idle("frail")
    with moved_away("/var/spool/trigger/frail"):
        assert status(exchange(FRAIL)) == 503
        assert status(exchange(FRAIL)) == 503
        assert is_active("trigger@frail.socket")
    wait_for_record("frail", request_id(exchange(FRAIL)))


def test_metrics_that_have_no_place():
    """Whoever counts asks for them to be written."""
    file = Path("/var/lib/prometheus/trigger.prom")
    with moved_away(file.parent):
        since = time.time()
        while time.time() < since + SECONDS:
            request_id(exchange(FRAIL))
            time.sleep(0.05)
        tries = failures("trigger-metrics.service", since)
        elapsed = time.time() - since
        assert is_active("trigger-metrics.socket")
    print(tries, "tries in", elapsed)
    assert 1 <= tries <= 2 * elapsed
    before = file.stat().st_mtime
    request_id(exchange(FRAIL))
    wait_until(lambda: file.stat().st_mtime > before)
    wait_until_idle("frail")


def test_a_run_whose_end_cannot_be_recorded_is_not_repeated():
    """The directory of records is gone when the job ends, and for some seconds more."""
    wait_until_idle("plain")
    log = Path("/var/lib/trigger/plain/job/log")
    with contextlib.ExitStack() as missing:
        with slow():
            identifier = request_id(exchange(PLAIN))
            wait_until(lambda: log.exists() and identifier in log.read_text())
            missing.enter_context(moved_away("/var/lib/trigger/plain/runs"))
        since = time.time()
        wait_until(lambda: failures("trigger-dispatch@plain.service", since) >= 3)
        assert is_active("trigger-dispatch@plain.socket")
    # It was noted with the claim.
    assert wait_for_record("plain", identifier)["state"] == "succeeded"
    assert wait_for_record("plain", request_id(exchange(PLAIN)))["state"] == "succeeded"
    assert log.read_text().split().count(identifier) == 1
