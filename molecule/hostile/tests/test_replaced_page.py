"""A page that was taken over: the intruder runs in its place, in its unit, as in test_replaced_acceptor.py."""

import pytest
from attackers import FOR_ALL, THE_KERNELS, as_page, attack, busy_victim
from host import run, wait_for_record, wait_until_idle

# How runs went of the endpoint that it shows. Of the spool it sees the names.
SHOWN = {
    "/var/lib/trigger/shown/claimed/",
    "/var/lib/trigger/shown/runs/",
    "/var/lib/trigger/shown/runs/ID.json",
    "/var/lib/trigger/shown/runs/ID.output",
    "/var/spool/trigger/shown/",
}


@pytest.fixture(scope="module")
def could():
    wait_for_record("shown", run("/usr/local/bin/triggerctl", "fire", "shown").strip())
    wait_until_idle("shown")
    with busy_victim():
        return attack(as_page)


def test_it_writes_nothing(could):
    assert could["places_to_write"] == set()
    assert could["files_to_change"] == set()
    assert could["files_to_take"] == set()


def test_it_reads_how_the_runs_went_that_it_shows(could):
    assert could["files_to_read"] - FOR_ALL == SHOWN


def test_it_speaks_to_the_acceptors_that_it_shows(could):
    """By their Unix sockets, which it cannot open to others, and to nobody else."""
    assert could["sockets"] == {"/run/trigger/shown.sock"}
    assert could["kinds_of_socket"] == set()
    assert could["orders"] == set()


def test_it_gains_nothing(could):
    assert could["processes"] == set()
    assert could["descriptors"] == {"3 socket"}
    assert could["calls"] - THE_KERNELS == set()
