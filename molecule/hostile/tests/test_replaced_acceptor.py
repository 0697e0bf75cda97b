"""An acceptor that was taken over: the intruder runs in its place, in its unit. What it could do is compared with all
that it is meant to do, so a further hole fails, and so does a line that the unit has lost."""

from pathlib import Path

import pytest
from attackers import FOR_ALL, OF_TAKEN, as_acceptor, attack, busy_victim
from host import property_of


@pytest.fixture(scope="module")
def could():
    with busy_victim():
        return attack(as_acceptor)


def test_it_writes_its_spool_and_nothing_else(could):
    """In each directory that there is a file was tried, and each file was opened. Into the FIFOs goes a byte that says
    that there is something to do."""
    assert could["places_to_write"] == {"/var/spool/trigger/taken"}
    fifos = {"/var/spool/trigger/.metrics", "/run/trigger/taken.wake"}
    assert could["files_to_change"] == {"/var/spool/trigger/taken/.counts", *fifos}
    assert could["files_to_take"] == {"chmod /var/spool/trigger/taken/.counts"}


def test_it_reads_what_is_its_own_and_what_is_for_all(could):
    """No file of another endpoint, of a job, of a home, of a place for temporary files."""
    assert could["files_to_read"] - FOR_ALL == OF_TAKEN


def test_it_speaks_to_nobody(could):
    """Neither to loopback addresses, nor to abstract sockets, nor to D-Bus, journal or systemd, nor to a socket of the
    host's that is open to everybody. It cannot even make a socket."""
    assert could["sockets"] == set()
    assert could["kinds_of_socket"] == set()
    assert could["orders"] == set()


def test_it_sees_no_process_but_its_own_and_reaches_none(could):
    assert could["processes"] == set()


def test_it_opens_no_device(could):
    assert could["devices"] == set()


def test_it_gains_no_rights(could):
    """Neither the clock, nor mounts, namespaces, modules, code of its own in memory, nor a set-user program."""
    assert could["calls"] == set()


def test_it_has_nothing_open_but_the_listening_socket(could):
    assert could["descriptors"] == {"3 socket"}


def test_its_processes_are_few(could):
    """TasksMax=, where the machine gives containers a controller for that."""
    limit = Path(f"/sys/fs/cgroup{property_of('system.slice', 'ControlGroup')}/pids.max")
    assert property_of("trigger@taken.service", "TasksMax") == "8"
    assert could["crowd"] == ({"7"} if limit.exists() else {"20"})
