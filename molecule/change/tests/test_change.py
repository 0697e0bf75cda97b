"""Each stage of verify.yml, looked at from inside."""

import fnmatch
import glob
import grp
import json
import os
import pwd
import re
import signal
import stat
import subprocess
from pathlib import Path

import load
import pytest
from host import (
    connect,
    exchange,
    inode_of,
    is_active,
    job_of,
    property_of,
    records,
    request_id,
    run,
    spooled,
    status,
    wait_for_record,
    wait_until,
    wait_until_idle,
    wait_until_running,
    wait_until_served,
)

NOTES = Path("/root/notes.json")
LOG = Path("/var/log/trigger-change")


def look():
    """What must stay as it is while something else changes."""
    return {
        "job": property_of("trigger-run@changing.service", "MainPID"),
        "socket": inode_of(3000),
        "neighbour": inode_of(3001),
        "acceptor": property_of("trigger@neighbour.service", "MainPID"),
        "unix": os.stat("/run/neighbour.sock").st_ino,
    }


def test_at_the_beginning():
    LOG.write_text("")
    Path("/run/hold").touch()
    ids = [request_id(exchange(3000)) for _ in range(3)]
    wait_until(lambda: LOG.read_text())
    request_id(exchange(3001))
    notes = look()
    assert notes["acceptor"] != "0"
    NOTES.write_text(json.dumps({"ids": ids, **notes}))


def test_a_changed_job_waits_for_the_running_one():
    """Nothing is killed, nothing lost; what waits runs as the new user with the new program."""
    notes = json.loads(NOTES.read_text())
    ids = notes.pop("ids")
    assert look() == notes
    assert len(spooled("changing")) == 3
    Path("/run/hold").unlink()
    run("systemctl", "kill", "trigger-run@changing.service")
    for identifier in ids:
        wait_for_record("changing", identifier)
    assert LOG.read_text().split("\n")[:3] == [f"{ids[0]} old root", f"{ids[1]} new other", f"{ids[2]} new other"]
    assert json.loads(Path("/etc/trigger/changing.json").read_text())["timeout"] == 3600


def test_a_refusal_leaves_all_as_it_was():
    notes = json.loads(NOTES.read_text())
    assert inode_of(3000) == notes["socket"]
    assert inode_of(3001) == notes["neighbour"]
    assert inode_of(3999) is None
    assert property_of("trigger@neighbour.service", "MainPID") == notes["acceptor"]
    assert not glob.glob("/etc/systemd/system/trigger*/*.new") and not glob.glob("/tmp/trigger-verify-*")
    assert "Bogus" not in run("systemctl", "cat", "trigger-run@changing.service")
    assert property_of("trigger@changing.socket", "NeedDaemonReload") == "no"
    wait_for_record("changing", request_id(exchange(3000)))


def test_a_changed_address():
    """The old one is closed, the new ones answer; the neighbour's socket stays, and no client noticed anything."""
    notes = json.loads(NOTES.read_text())
    with pytest.raises(ConnectionRefusedError):
        connect(3000)
    for address in (3002, ("::1", 3002)):
        wait_for_record("changing", request_id(exchange(address)))
    assert inode_of(3001) == notes["neighbour"]
    assert exchange(3001).endswith(b"changed")
    assert json.loads(Path("/etc/trigger/neighbour.json").read_text())["timeout"] == 60
    calls = load.stop()
    print(len(calls), "calls under load")
    assert calls
    assert [call for call in calls if call.get("status") not in (200, 503)] == []


def test_swapped_addresses():
    assert [record["endpoint"] for record in records("changing")][-1:] == ["changing"]
    wait_for_record("changing", request_id(exchange(3001)))
    wait_for_record("changing", request_id(exchange("/run/neighbour.sock")))
    wait_for_record("neighbour", request_id(exchange(3002)))
    NOTES.write_text(json.dumps(look_at_the_swapped()))


def look_at_the_swapped():
    """What no timer is a reason to touch, and what no timer has started."""
    return {"socket": inode_of(3001), "neighbour": inode_of(3002), "runs": len(records("changing"))}


TIMER = "trigger-fire@changing.timer"


def test_a_schedule():
    assert is_active(TIMER)
    assert property_of(TIMER, "UnitFileState") == "enabled"
    assert property_of(TIMER, "NextElapseUSecRealtime").endswith("-02-29 00:00:00 UTC")
    assert leftovers(f"stamp-{TIMER}")
    assert look_at_the_swapped() == json.loads(NOTES.read_text())


def test_another_time():
    assert property_of(TIMER, "NextElapseUSecRealtime").endswith("-01-01 00:00:00 UTC")
    assert look_at_the_swapped() == json.loads(NOTES.read_text())


def test_no_schedule():
    assert leftovers(f"*{TIMER}") == []
    assert TIMER not in run("systemctl", "list-units", "--all", "--plain", "--no-legend", "trigger*")
    assert look_at_the_swapped() == json.loads(NOTES.read_text())


def test_disabled():
    assert leftovers(f"*{TIMER}") == []
    with pytest.raises(ConnectionRefusedError):
        connect(3000)
    wait_for_record("neighbour", request_id(exchange(3001)))
    assert is_active("trigger-dispatch@changing.socket")
    wait_until_idle("changing")
    # For the next stage: a request that nobody will run.
    run("systemctl", "stop", "trigger-dispatch@changing.socket")
    # And a group that userdel leaves.
    run("sed", "-i", "s/^USERGROUPS_ENAB.*/USERGROUPS_ENAB no/", "/etc/login.defs")
    run("cp", "/etc/hostname", "/var/spool/trigger/changing/note")


def leftovers(pattern):
    """Paths whose last part matches; folders may go meanwhile."""
    return [
        os.path.join(at, name)
        for root in ("/etc", "/run", "/srv", "/usr/local", "/var")
        for at, folders, files in os.walk(root)
        for name in fnmatch.filter([*folders, *files], pattern)
    ]


def test_one_absent():
    assert leftovers("*changing*") == []
    assert "changing" not in run("systemctl", "list-units", "--all", "--plain", "--no-legend", "trigger*")
    with pytest.raises(KeyError):
        pwd.getpwnam("trigger-changing")
    with pytest.raises(KeyError):
        grp.getgrnam("trigger-changing")
    wait_for_record("neighbour", request_id(exchange(3001)))


def test_everything_absent():
    assert [path for path in leftovers("trigger*") if path not in (str(LOG), "/var/lib/dpkg/triggers")] == []
    assert run("systemctl", "list-units", "--all", "--plain", "--no-legend", "trigger*") == ""
    assert [user.pw_name for user in pwd.getpwall() if user.pw_name.startswith("trigger")] == []
    assert [group.gr_name for group in grp.getgrall() if group.gr_name.startswith("trigger")] == []
    assert not os.path.exists("/run/neighbour.sock")
    assert not os.path.exists("/usr/local/share/bash-completion") and not os.path.exists("/usr/local/share/man/man8")
    with pytest.raises(ConnectionRefusedError):
        connect(3001)


def test_a_runners_socket_of_before():
    """Its unit had other directives, and the job runs."""
    unit = UNITS / "trigger-run@.socket"
    unit.write_text(unit.read_text().replace("SocketMode=0600", "SocketMode=0640"))
    run("systemctl", "daemon-reload")
    Path("/run/hold").touch()
    identifier = request_id(exchange(3000))
    wait_until_running("changing", identifier)
    NOTES.write_text(json.dumps(identifier))


def test_inner_sockets():
    """The run goes on and is recorded, and nobody misses a socket."""
    identifier = json.loads(NOTES.read_text())
    sockets = ("trigger-dispatch@changing.socket", "trigger-run@changing.socket")
    assert [is_active(unit) for unit in sockets] == [True, True]
    assert mode_of("/run/trigger/neighbour.run") == 0o600
    Path("/run/hold").unlink()
    os.kill(job_of("changing"), signal.SIGTERM)
    assert wait_for_record("changing", identifier)["signal"] == "TERM"
    assert wait_for_record("changing", request_id(exchange(3000)))["state"] == "succeeded"
    assert [is_active(unit) for unit in sockets] == [True, True]


def test_begins_work():
    """Requests wait, one runs, and a client has not sent all of its own."""
    for _ in range(60):
        request_id(exchange(3003))
    client = "s = socket.create_connection(('127.0.0.1', 3003)); s.sendall(b'POST / HTTP/1.1\\r\\n'); time.sleep(3600)"
    run("systemd-run", "--unit=client", "python3", "-c", f"import socket, time; {client}")
    wait_until_served("neighbour")


def test_taken_off():
    assert leftovers("*busy*") == []
    assert run("systemctl", "list-units", "--all", "--plain", "--no-legend", "trigger*@busy.*") == ""
    run("systemctl", "stop", "client.service")


def test_put_back():
    wait_for_record("changing", request_id(exchange(3000)))
    wait_for_record("neighbour", request_id(exchange(3001)))
    assert status(exchange("/run/neighbour.sock")) == 200


# By the first pattern that fits.
MODES = (
    (r".*/credentials(/[^/]+(/(job|acceptor))?)?", 0o700),
    (r".*/credentials/.*", 0o600),
    (r"/usr/local/lib/trigger/jobs/.*|/usr/local/bin/triggerctl", 0o755),
    (r"/var/spool/trigger/[^/]+", 0o770),
    (r"/var/lib/trigger/[^/]+/(claimed|runs)", 0o2750),
    (r"/var/lib/trigger/[^/]+/served", 0o710),
    (r"/var/lib/trigger/[^/]+/job", 0o700),
    (r"/var/lib/trigger/[^/]+", 0o2755),
)
PLACES = ("/etc/trigger", "/usr/local/lib/trigger", "/usr/local/bin/triggerctl", "/var/spool/trigger", "/run/trigger")
UNITS = Path("/etc/systemd/system")


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def wanted_mode(path):
    fitting = [mode for pattern, mode in MODES if re.fullmatch(pattern, path)]
    return fitting[0] if fitting else 0o755 if os.path.isdir(path) else 0o644


def test_modes():
    """Those of all that is there, and that requests are answered and run with them."""
    wait_for_record("changing", request_id(exchange(3000)))
    wait_for_record("neighbour", request_id(exchange("/run/neighbour.sock")))
    for name in ("changing", "neighbour"):
        wait_until_served(name)
    found = run("find", *PLACES, "-name", ".?*", "-prune", "-o", "(", "-type", "f", "-o", "-type", "d", ")", "-print")
    found = [*found.splitlines(), *map(str, UNITS.glob("trigger*")), *map(str, UNITS.glob("trigger*.d/*"))]
    found += run("find", "/var/lib/trigger", "-maxdepth", "2", "-type", "d").splitlines()
    found += ["/usr/local/share/man/man8", "/usr/local/share/man/man8/triggerctl.8"]
    found += ["/usr/local/share/bash-completion/completions", "/etc/sysusers.d/trigger.conf"]
    assert any(path.endswith(".pyc") for path in found)
    assert {path: oct(mode_of(path)) for path in found} == {path: oct(wanted_mode(path)) for path in found}


def metrics():
    return sorted(str(path) for path in Path("/srv").glob("metrics*/*"))


def test_metrics_somewhere():
    """Directory and file come through the first run of the role alone; the service waits for the directory."""
    other = Path("/srv/metrics one/other.prom")
    other.parent.mkdir()
    Path("/srv/metrics two").mkdir()
    other.write_text("of somebody else\n")
    wait_until(lambda: metrics() == [str(other), "/srv/metrics one/trigger.prom"])


def test_metrics_elsewhere():
    wait_until(lambda: metrics() == ["/srv/metrics one/other.prom", "/srv/metrics two/trigger.prom"])
    wait_until(lambda: endpoints_with_metrics() == {"changing", "neighbour"})
    # What comes next has to make the socket anew, while acceptors and runs tell of counts without a pause.
    unit = UNITS / "trigger-metrics.socket"
    unit.write_text(unit.read_text().replace("[Socket]\n", "[Socket]\nPipeSize=65536\n"))
    run("systemd-run", "--unit=counts", "python3", "-c", COUNTS)
    wait_until(lambda: property_of("trigger-metrics.service", "ActiveState") != "inactive")


COUNTS = """
import os, time
while True:
    try:
        fifo = os.open("/var/spool/trigger/.metrics", os.O_WRONLY | os.O_NONBLOCK)
        os.write(fifo, b"x")
        os.close(fifo)
    except OSError:
        pass
    time.sleep(0.001)
"""


def test_metrics_of_those_that_stay():
    """Nobody calls the neighbour, so nobody counts."""
    run("systemctl", "stop", "counts.service")
    wait_until(lambda: endpoints_with_metrics() == {"neighbour"})


def endpoints_with_metrics():
    return set(re.findall(r'endpoint="([^"]*)"', Path("/srv/metrics two/trigger.prom").read_text()))


def test_no_metrics():
    assert metrics() == ["/srv/metrics one/other.prom"]
    assert Path("/srv/metrics two").is_dir()


ROOT = "/run/trigger-root"
OWN = [
    Path("/usr/local/own"),
    Path("/etc/trigger/own"),
    Path("/var/lib/trigger/changing/own"),
    Path("/var/spool/trigger/own"),
]


def mounted():
    """What is mounted on the host, ours and the credentials of our services apart: sorted list of str."""
    lines = [line.split(" - ")[0].split(" ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    ours = (ROOT, "/run/credentials/trigger")
    return sorted(" ".join(line[2:]) for line in lines if not line[4].startswith(ours))


def mount(path):
    path.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", "mode=0777", "of-the-host", str(path))


def test_mounts_of_the_host():
    """Some of its own, one of them with what is there already, and another service's credentials."""
    run("cp", "-a", "/usr/local", "/root/local")
    mount(Path("/usr/local"))
    run("cp", "-a", "/root/local/.", "/usr/local")
    for path in OWN:
        mount(path)
    Path("/root/secret").write_text("of another")
    load_it = ["--property=Type=oneshot", "--property=RemainAfterExit=yes", "--property=LoadCredential=x:/root/secret"]
    run("systemd-run", "--unit=other", *load_it, "true")


def test_mounts_before():
    NOTES.write_text(json.dumps(mounted()))
    assert any(field.startswith("shared:") for line in ours() for field in line[6:])


def ours():
    lines = [line.split(" - ")[0].split(" ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [line for line in lines if line[4].startswith(ROOT + "/")]


def test_mounts_after_the_upgrade():
    """Nor after a restart. What is ours is private and, with all that is mounted below, read-only."""
    before = json.loads(NOTES.read_text())
    user = pwd.getpwnam("trigger-changing")
    assert mounted() == before
    for restarts in (False, True):
        if restarts:
            run("systemctl", "restart", "trigger-root.service")
            assert mounted() == before
        assert not any(field.startswith("shared:") for line in ours() for field in line[6:])
        spool = f"{ROOT}/var/spool/trigger"
        writable = [line[4] for line in ours() if "ro" not in line[5].split(",") and not line[4].startswith(spool)]
        assert writable == []
        for path in OWN:
            write = ["/usr/bin/python3", "-I", "-S", "-c", f"open('{path}/mark', 'w')"]
            inside = ["chroot", f"--userspec={user.pw_uid}:{user.pw_gid}", ROOT, *write]
            said = subprocess.run(inside, stderr=subprocess.PIPE, text=True).stderr
            assert said.strip().endswith(f"Read-only file system: '{path}/mark'") == ("spool" not in str(path)), said
        wait_for_record("neighbour", request_id(exchange("/run/neighbour.sock")))


def test_mounts_stay_where_nothing_is_removed():
    assert mounted() == json.loads(NOTES.read_text())
    wait_for_record("neighbour", request_id(exchange("/run/neighbour.sock")))


def test_mounts_that_come_later():
    """They do not arrive, and what goes from the host goes from there alone."""
    later = Path("/usr/local/later")
    mount(later)
    (later / "file").touch()
    assert not Path(f"{ROOT}{later}/file").exists()
    run("umount", str(later))
    for path in OWN[1:]:
        run("umount", str(path))
        assert [line for line in ours() if line[4] == f"{ROOT}{path}"]


def test_mounts_that_are_gone():
    """What was still bound of them is in nobody's way."""
    assert [line for line in ours() if line[4].endswith("/own") and "/usr/" not in line[4]] == []
    assert not os.path.exists("/var/lib/trigger/changing")
    run("rmdir", str(OWN[1]), str(OWN[3]))
    wait_for_record("neighbour", request_id(exchange("/run/neighbour.sock")))


def test_mounts_after_the_removal():
    assert mounted() == json.loads(NOTES.read_text())
    assert ours() == []
    assert not os.path.exists(ROOT)
    run("systemctl", "stop", "other.service")
    run("umount", str(OWN[0]), "/usr/local")
