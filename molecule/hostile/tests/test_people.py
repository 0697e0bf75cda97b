"""People and programs of the host without rights, and other acceptors' users: what of this project is within their
reach. What the host itself lets everybody do is no matter here."""

import pytest
from attackers import FOR_ALL, KEPT, OF_TAKEN, OPEN_SOCKET, SEEN, as_user, attack, busy_victim, ours, whole_plan
from host import run

OWN = {"stranger": set(), "www-data": set(), "trigger-taken": OF_TAKEN}


@pytest.fixture(scope="module", params=OWN)
def user(request):
    return request.param


@pytest.fixture(scope="module")
def could(user):
    with busy_victim():
        return attack(lambda: as_user(user))


def test_what_they_try_is_there():
    """Each of it is closed by its own mode, or by that of the folder in which it lies."""
    with busy_victim() as (running, waiting):
        modes = {
            f"/var/spool/trigger/victim/{waiting}": "trigger-victim 604",
            f"/var/lib/trigger/victim/claimed/{running}": "root 600",
            "/var/lib/trigger/victim/claimed/.output": "root 640",
            "/run/trigger/victim.run": "root 600",
            "/run/trigger-root/run/trigger/victim.wake": "root 620",
            "/etc/trigger/credentials/victim/job/key": "root 600",
        }
        copies = {
            f"/run/credentials/{unit}" for unit in ("trigger@victim.service/auth", "trigger-run@victim.service/key")
        }
        paths = set(whole_plan("", 0, "")["paths"])
        assert {path: run("stat", "-c", "%U %a", path).strip() for path in modes} == modes
        assert set(modes) | copies <= paths


def test_an_attack_succeeds_where_nothing_hinders_it(user, could):
    """So that its failure elsewhere says something."""
    assert could["sockets"] >= {"abstract", "loopback, IPv4", "loopback, IPv6", OPEN_SOCKET}
    assert could["files_to_read"] >= set(KEPT)
    assert could["places_to_write"] >= {"/tmp", "/dev/shm"}
    assert could["calls"] >= {"executable memory", "memory made executable", "message queue", "run as root"}
    assert could["calls"] >= {"other personality", "shared memory"}
    assert could["devices"] >= {"read /dev/null", "write /dev/null"}
    assert could["crowd"] == {"20"}


def test_they_write_nothing_of_ours(user, could):
    """No spool but an acceptor's own, no record, no output, no claim, no program, no unit. Nothing of ours can be
    linked, moved or given other rights."""
    spool = {"/var/spool/trigger/taken"} if user == "trigger-taken" else set()
    assert ours(could["places_to_write"]) == spool
    woken = {"/run/trigger/taken.wake"} if spool else set()  # its own FIFO
    assert ours(could["files_to_change"]) == {f"{folder}/.counts" for folder in spool} | woken
    assert could["files_to_take"] == {f"chmod {folder}/.counts" for folder in spool}


def test_they_read_no_secret_no_request_no_record(user, could):
    assert ours(could["files_to_read"]) - FOR_ALL == OWN[user]


def test_they_speak_to_no_socket_of_ours(user, could):
    """But nginx, or who shares its user, to those behind the front end, which ask for the host's secret."""
    behind = {"/run/trigger/frontend", "/run/trigger/shown.sock"} if user == "www-data" else set()
    assert ours(could["sockets"]) == behind


def test_they_see_processes_and_reach_none(user, could):
    """The names of endpoints and the arguments of jobs; not environment, memory or descriptors. No signal, no trace."""
    assert could["processes"] == SEEN


def test_they_start_and_stop_nothing(user, could):
    assert could["orders"] == set()
