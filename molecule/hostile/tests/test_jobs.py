"""A job that means harm: as the user that jobs share, as a user of its own, and as nobody."""

import json
from pathlib import Path
from pwd import getpwnam

import pytest
from attackers import FOR_ALL, JOBS, SEEN, as_job, attack, busy_victim, ours
from host import exchange, is_active, post, request_id, run, wait_for_record, wait_until, wait_until_served

RUNS = Path("/var/lib/trigger/forger/runs")
STATE = Path("/var/lib/trigger/forger/job")


@pytest.fixture(scope="module", params=JOBS)
def job(request):
    return request.param


@pytest.fixture(scope="module")
def could(job):
    with busy_victim():
        return attack(lambda: as_job(job))


def test_it_writes_its_state_and_nothing_else_of_ours(job, could):
    state = f"/var/lib/trigger/{job}/job"
    assert ours(could["places_to_write"]) == {state}
    assert ours(could["files_to_change"]) == set()
    assert could["files_to_take"] - {f"chmod {state}"} == set()


def test_it_reads_no_secret_no_spool_no_record_and_no_other_request(job, could):
    """Neither another endpoint's nor what of its own is not meant for it."""
    assert ours(could["files_to_read"]) - FOR_ALL - {f"/var/lib/trigger/{job}/job/"} == set()


def test_it_has_no_socket_of_ours(job, could):
    assert ours(could["sockets"]) == set()
    assert could["descriptors"] == set()


def test_it_reaches_neither_acceptors_nor_other_jobs(job, could):
    assert could["processes"] == SEEN


def test_it_commands_no_unit_and_leaves_no_control_group(job, could):
    assert could["orders"] == set()
    assert [path for path in could["places_to_write"] | could["files_to_change"] if path.startswith("/sys/")] == []


def test_it_gains_no_rights(job, could):
    """Nor can it leave a program behind that would give its own away."""
    wanted = {"become root", "run as root", "make a set-user program", "make a device", "mount", "load a module"}
    assert could["calls"] & wanted == set()


def forge(act):
    """Let the job do one of its acts. Returns (its run's id, what it reports)."""
    (STATE / "report").unlink() if (STATE / "report").exists() else None
    identifier = request_id(exchange("/run/trigger/forger.sock", post(b"act=" + act.encode(), fields=[FORM])))
    record = wait_for_record("forger", identifier)
    wait_until_served("forger")
    return record, json.loads((STATE / "report").read_text())


FORM = "Content-Type: application/x-www-form-urlencoded"


def output_of(record):
    return (RUNS / f"{record['id']}.output").read_bytes()


@pytest.mark.parametrize(("act", "state"), [("succeed", "succeeded"), ("fail", "failed"), ("term", "failed")])
def test_what_it_plants_on_its_path_root_does_not_run(act, state):
    """The dispatcher has nothing of the environment of the job's unit, also not after a run that a signal has ended."""
    called = Path("/var/lib/trigger/planter/job/called")
    after = Path("/run/after-planter")  # which the unit makes that the endpoint names for the end of a run
    for left in (called, after):
        left.unlink(missing_ok=True)
    for _ in range(2):  # the second claim finds what the first run has laid there
        body = post(b"act=" + act.encode(), fields=[FORM])
        identifier = request_id(exchange("/run/trigger/planter.sock", body))
        assert wait_for_record("planter", identifier)["state"] == state
        wait_until_served("planter")
    assert set(called.read_text().splitlines()) == {f"systemctl {getpwnam('planter').pw_uid}"}
    wait_until(after.exists)


def processes():
    """Those of the job's user."""
    return [line for line in run("ps", "-e", "-o", "user:32=,args=").splitlines() if line.startswith("forger ")]


def test_it_cannot_put_anything_in_the_place_of_its_output():
    record, refused = forge("replace")
    assert set(refused) == {"unlink", "rename", "link", "record"}
    assert all(refused.values()), refused
    assert output_of(record) == b"printed\n"


def test_what_it_writes_past_the_copier_is_bounded_too():
    """It may reach into the runner, and write its output itself; root keeps no more of it than output_limit."""
    record, written = forge("flood")
    assert written.get("refused") or written["size"] > 10**9
    assert record["state"] == "succeeded"
    assert len(output_of(record)) < 70 * 1024
    assert not Path("/var/lib/trigger/forger/claimed/.output").exists()


def test_what_it_leaves_running_ends_with_it():
    """A child in a session of its own that takes no notice of SIGTERM and holds the pipe open. The job itself has ended
    well, and the next run begins when its child is killed."""
    record, told = forge("linger")
    assert record["state"] == "succeeded"
    following, _ = forge("flood")
    assert following["state"] == "succeeded"
    assert not Path(f"/proc/{told['child']}").exists()
    wait_until(lambda: processes() == [])  # a runner may stand ready for a moment
    assert output_of(record).startswith(b"printed\n")
    assert all(is_active(f"trigger{part}@forger.socket") for part in ("-dispatch", "-run"))


def test_it_does_not_outlive_its_time():
    record, told = forge("hang")
    assert record["state"] == "timed-out"
    assert not Path(f"/proc/{told['child']}").exists()
    assert processes() == []
